//! Receipts: one for each charge that succeeded, whatever reports it and how often.

use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{Decision, DecisionContext, PaymentDecision, Snapshot};
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use shared::domain::values::ids::EventId;
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{Life, failing, fallen, pending, policy, replaced, report, running, t};

fn charge(life: &Life, number: u32, at: &str) -> PaymentReport {
    report(life.value(), EventId::success(number), PaymentOutcome::Succeeded { number }, at)
}

/// The decision about a report at `now`, where customers get receipts.
fn decided(life: &Life, report: &PaymentReport, now: &str) -> Decision {
    let policy = policy().with_receipts(true);
    let snapshot = Snapshot { subscription: life.order.clone(), replaced: None, paid_order: None };
    let context = DecisionContext::new(&policy, t(now)).at_wall(t(now));
    match decide_payment(&snapshot, report, context) {
        PaymentDecision::Apply(decision) => *decision,
        other => panic!("{other:?}"),
    }
}

fn receipts(decision: &Decision) -> Vec<&Notice> {
    decision.notices.iter().filter(|notice| notice.kind == NoticeKind::Receipt).collect()
}

/// Amount, day of the charge and end of its period.
fn says(notice: &Notice) -> String {
    ["amount", "charged_on", "paid_until"].map(|name| notice.fields[name].clone()).join(", ")
}

#[test]
fn the_first_and_each_later_charge_has_a_receipt_of_its_own() {
    let mut life = pending();
    let charges = [
        (1, "2025/01/15 10:05:00", "NT$899, 2025-01-15, 2025-02-15"),
        (2, "2025/02/15 03:00:00", "NT$899, 2025-02-15, 2025-03-15"),
        (3, "2025/03/15 23:59:00", "NT$899, 2025-03-15, 2025-04-15"),
    ];
    let mut ids = Vec::new();
    for (number, at, said) in charges {
        let decision = decided(&life, &charge(&life, number, at), at);
        let [receipt] = receipts(&decision)[..] else { panic!("{:?}", decision.notices) };
        assert_eq!(says(receipt), said);
        ids.push(receipt.id.to_string());
        life.take(&decision);
    }
    assert_eq!(ids, ["ORDER1/receipt/S:1", "ORDER1/receipt/S:2", "ORDER1/receipt/S:3"]);
}

#[test]
fn one_mail_goes_out_about_a_charge_that_ends_arrears_or_a_downgrade() {
    for (life, at) in [(failing(1), "2025/02/17 12:00:00"), (fallen(), "2025/02/26 12:00:00")] {
        let decision = decided(&life, &charge(&life, 2, at), at);
        let kinds: Vec<_> = decision.notices.iter().map(|notice| notice.kind).collect();
        assert_eq!(kinds, [NoticeKind::Recovered]);
    }
}

#[test]
fn a_mail_says_the_amount_that_was_paid_and_none_is_sent_about_an_unknown_one() {
    let at = "2025/02/15 03:00:00";
    let life = running();
    let mut other = charge(&life, 2, at);
    other.amount = Some(Twd::new(999));
    assert_eq!(says(receipts(&decided(&life, &other, at))[0]), "NT$999, 2025-02-15, 2025-03-15");
    let mut unknown = charge(&life, 2, at);
    unknown.amount = None;
    assert_eq!(receipts(&decided(&life, &unknown, at)).len(), 0);
    let failing = failing(1);
    let mut late = charge(&failing, 2, "2025/02/17 12:00:00");
    late.amount = Some(Twd::new(999));
    let decision = decided(&failing, &late, "2025/02/17 12:00:00");
    assert_eq!(decision.notices[0].fields["amount"], "NT$999");
}

#[test]
fn a_charge_that_became_known_after_two_weeks_has_none() {
    let life = running();
    let report = charge(&life, 2, "2025/02/15 03:00:00");
    for (now, count) in [("2025/03/01 03:00:00", 1), ("2025/03/01 03:00:01", 0)] {
        assert_eq!(receipts(&decided(&life, &report, now)).len(), count, "{now}");
    }
}

#[test]
fn a_charge_that_must_be_refunded_has_none_and_neither_has_a_failed_one() {
    let old = replaced(running());
    let at = "2025/03/15 03:00:00";
    let decision = decided(&old, &charge(&old, 2, at), at);
    let kinds: Vec<_> = decision.notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::RefundDue]);
    let life = running();
    let failed =
        report(life.value(), EventId::failure(t("2025/02/15 03:00:00")), PaymentOutcome::Failed, "2025/02/15 03:00:00");
    assert_eq!(receipts(&decided(&life, &failed, "2025/02/15 03:00:00")).len(), 0);
}

#[test]
fn without_the_setting_no_receipt_is_written() {
    let mut life = pending();
    assert_eq!(life.success(1, "2025/01/15 10:05:00").notices, []);
}
