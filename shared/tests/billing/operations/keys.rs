//! Idempotency keys: the receipt that an operation leaves, and what distinguishes two requests.

use shared::domain::billing::operations::{KeyReceipt, KeyStep, KeyedRequest, Operation};
use shared::domain::billing::payments::payment::Payment;
use shared::domain::values::ids::{EmailAddress, PaymentId, RequestHash, SubscriptionId};
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{cause, day, failing, pending, t};

/// Refund of 400 TWD of the payment `ORDER1.S:1`, with `change` applied to the values.
fn refund(change: impl FnOnce(&mut Refunded)) -> Operation {
    let mut refunded = Refunded { payment: "ORDER1.S:1", dollars: 400, reference: Some("R-1"), end_access: false };
    change(&mut refunded);
    let Refunded { payment, dollars, reference, end_access } = refunded;
    let paid = pending().success(1, "2025/01/15 10:05:00").payment.unwrap();
    let payment = Box::new(Payment { id: PaymentId::parse(payment).unwrap(), ..paid });
    Operation::Refund { payment, amount: Twd::new(dollars), reference: reference.map(str::to_owned), end_access }
}

/// Values of a refund.
struct Refunded {
    payment: &'static str,
    dollars: u32,
    reference: Option<&'static str>,
    end_access: bool,
}

/// Every operation, and variants that differ in one value, with the end of their fingerprints.
fn operations() -> Vec<(Operation, &'static str)> {
    let paid = |dollars, reference: &str| Operation::MarkPaid {
        amount: Some(Twd::new(dollars)),
        reference: Some(reference.to_owned()),
    };
    let moved = |email: &str| Operation::ChangeEmail { email: EmailAddress::parse(email).unwrap() };
    vec![
        (Operation::ExtendGrace { days: 5 }, "extend-grace\nORDER1\nso\n5"),
        (Operation::ExtendGrace { days: 6 }, "extend-grace\nORDER1\nso\n6"),
        (Operation::Pause { days: 5 }, "pause\nORDER1\nso\n5"),
        (Operation::Resume, "resume\nORDER1\nso"),
        (Operation::Cancel, "cancel\nORDER1\nso"),
        (Operation::UndoCancel, "undo-cancel\nORDER1\nso"),
        (paid(899, "bank 0042"), "mark-paid\nORDER1\nso\n899\nbank 0042"),
        (paid(899, "bank 0043"), "mark-paid\nORDER1\nso\n899\nbank 0043"),
        (paid(900, "bank 0042"), "mark-paid\nORDER1\nso\n900\nbank 0042"),
        (Operation::MarkPaid { amount: None, reference: None }, "mark-paid\nORDER1\nso\n\n"),
        (Operation::Terms { amount: Some(Twd::new(999)), next_charge_on: None }, "terms\nORDER1\nso\n999\n"),
        (Operation::Terms { amount: None, next_charge_on: Some(day("2025-03-01")) }, "terms\nORDER1\nso\n\n2025-03-01"),
        (refund(|_| ()), "refund\nORDER1\nso\nORDER1.S:1\n400\nfalse\nR-1"),
        (refund(|refund| refund.payment = "ORDER1.S:2"), "refund\nORDER1\nso\nORDER1.S:2\n400\nfalse\nR-1"),
        (refund(|refund| refund.dollars = 401), "refund\nORDER1\nso\nORDER1.S:1\n401\nfalse\nR-1"),
        (refund(|refund| refund.reference = Some("R-2")), "refund\nORDER1\nso\nORDER1.S:1\n400\nfalse\nR-2"),
        (refund(|refund| refund.reference = None), "refund\nORDER1\nso\nORDER1.S:1\n400\nfalse\n"),
        (refund(|refund| refund.end_access = true), "refund\nORDER1\nso\nORDER1.S:1\n400\ntrue\nR-1"),
        (moved("a@customer.example"), "email\nORDER1\nso\na@customer.example"),
        (moved("b@customer.example"), "email\nORDER1\nso\nb@customer.example"),
        (Operation::Note, "note\nORDER1\nso"),
        (Operation::Retry, "retry\nORDER1\nso"),
    ]
}

fn order(id: &str) -> SubscriptionId {
    SubscriptionId::parse(id).unwrap()
}

#[test]
fn the_fingerprint_of_a_request_covers_operation_order_reason_and_all_values() {
    for (operation, fingerprint) in operations() {
        assert_eq!(operation.fingerprint(&order("ORDER1"), "so"), fingerprint);
        assert_ne!(operation.fingerprint(&order("ORDER2"), "so"), fingerprint);
        assert_ne!(operation.fingerprint(&order("ORDER1"), "otherwise"), fingerprint);
    }
    let distinct: std::collections::BTreeSet<_> = operations().into_iter().map(|(_, text)| text).collect();
    assert_eq!(distinct.len(), operations().len());
}

#[test]
fn an_operation_under_a_key_leaves_a_receipt_with_its_order_and_time() {
    let five = Operation::ExtendGrace { days: 5 };
    let mut life = failing(1);
    let keyed = cause(Some("1")).key.unwrap();
    let decision = life.keyed(&five, Some("1"), "2025/02/16 09:00:00");
    let receipt =
        KeyReceipt { keyed: keyed.clone(), subscription: Some(order("ORDER1")), at: t("2025/02/16 09:00:00") };
    assert_eq!(decision.key, Some(KeyStep::Used(receipt.clone())));
    assert!(receipt.is_of(&keyed));
    let other = KeyedRequest { request: RequestHash::parse(&"1".repeat(64)).unwrap(), ..keyed.clone() };
    assert!(!receipt.is_of(&other));
    // Given back, if the request turns out to have had no effect.
    assert_eq!(KeyStep::Used(receipt).released(), Some(KeyStep::Released(keyed.key)));
    assert_eq!(life.keyed(&five, None, "2025/02/16 09:00:00").key, None);
}
