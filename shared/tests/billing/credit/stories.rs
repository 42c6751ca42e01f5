//! What a replacement leaves due: at the old payment, in the history, for staff; once, and only of money that paid for the period.

use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::decide::erasure::erase;
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{Decision, DecisionContext, PaymentDecision, Replaced, Snapshot, Versioned};
use shared::domain::billing::notices::{Notice, NoticeKind, Recipient};
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::payments::unused_part::{Credit, pays_latest};
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::OrderEnd;
use shared::domain::values::ids::{EventId, SubscriptionId};
use shared::domain::values::money::Twd;

use super::{credits, replace};
use crate::operations::fixtures::{Life, cause, failing, fallen, mails, new_order, pending, policy, report, t};

/// Order paid on 15 January 2025 until 15 February, with its payment.
fn paid() -> (Life, Payment) {
    let mut life = pending();
    let payment = life.success(1, "2025/01/15 10:05:00").payment.unwrap();
    (life, payment)
}

fn refund_notice(decision: &Decision) -> &Notice {
    decision.notices.iter().find(|notice| notice.kind == NoticeKind::RefundDue).unwrap()
}

/// The old order as the decision leaves it.
fn left_by(decision: &Decision) -> Life {
    let write = decision.replaced.as_ref().unwrap();
    Life { order: Versioned { value: write.next.clone(), version: write.version() } }
}

fn refund(payment: &Payment, dollars: u32) -> Operation {
    let payment = Box::new(payment.clone());
    Operation::Refund { payment, amount: Twd::new(dollars), reference: None, end_access: false }
}

#[test]
fn the_first_success_records_what_is_unused() {
    let (old, payment) = paid();
    // 15 of 31 days: 899 * 15 / 31 = 435.
    let decision = replace(&old.order, &[&payment], "2025/01/31 12:00:00");
    let credit = Credit {
        payment: payment.id.clone(),
        replaced_by: SubscriptionId::parse("ORDER2").unwrap(),
        amount: Twd::new(435),
        days: 15,
        of_days: 31,
    };
    let history = &decision.replaced.as_ref().unwrap().history;
    assert_eq!((history.rule, &history.credits[..]), (Rule::Superseded, &[credit][..]));
    assert_eq!(decision.change.history.credits, []);
    let credited = decision.credited[0].clone();
    assert_eq!(credited, Payment { refund_due: RefundDue::Part(Twd::new(435)), ..payment });
    assert_eq!(mails(&decision), ["refund-due"]);
    let notice = refund_notice(&decision);
    assert_eq!((notice.id.as_str(), &notice.to), ("ORDER1/refund-due/S:1", &Recipient::Staff));
    let said =
        ["amount", "charged", "charged_at", "outside_ecpay", "payment", "reason"].map(|name| &notice.fields[name]);
    assert_eq!(
        said,
        [
            "NT$435",
            "NT$899",
            "2025-01-15 10:05",
            "false",
            credited.id.as_str(),
            "order ORDER2 replaced this one on 2025-01-31, so that 15 of the 31 days paid are unused",
        ]
    );
    let counted = BusinessEvent::of(&decision, None);
    assert!(!counted.contains(&BusinessEvent::RefundDue), "an ordinary change raises no alarm");
}

#[test]
fn a_second_new_order_and_a_second_report_credit_nothing() {
    let (old, payment) = paid();
    let first = replace(&old.order, &[&payment], "2025/01/31 12:00:00");
    let again = replace(&left_by(&first).order, &[&first.credited[0]], "2025/01/31 13:00:00");
    assert_eq!((again.replaced.is_none(), &again.credited[..], credits(&again).count()), (true, &[][..], 0));
    assert_eq!(mails(&again), Vec::<&str>::new());
    let new = first.after();
    let report =
        report(&new.value, EventId::success(1), PaymentOutcome::Succeeded { number: 1 }, "2025/01/31 12:00:00");
    let replaced = Some(Replaced { order: old.order, payments: vec![payment] });
    let snapshot = Snapshot { subscription: new, replaced, paid_order: None };
    let repeated = decide_payment(&snapshot, &report, DecisionContext::new(&policy(), t("2025/02/01 12:00:00")));
    assert_eq!(repeated, PaymentDecision::Repeat);
}

#[test]
fn what_was_not_paid_gives_nothing() {
    let (_, payment) = paid();
    let lapsed = paid().0;
    let mut ended = paid().0;
    ended.ended(OrderEnd::Cancelled, "2025/02/01 12:00:00");
    let mut refunded = paid().0;
    let operation = Operation::Refund {
        payment: Box::new(payment.clone()),
        amount: Twd::new(400),
        reference: None,
        end_access: true,
    };
    let part = refunded.staff(&operation, "2025/01/20 12:00:00").refunded.unwrap();
    let all = Payment { refunded: Twd::new(899), ..payment.clone() };
    let due = Payment { refund_due: RefundDue::Whole, ..payment.clone() };
    for (old, payment, at, is_credited) in [
        // Past due, on FREE after it, and over without a further charge.
        (failing(1), &payment, "2025/02/16 12:00:00", false),
        (fallen(), &payment, "2025/02/26 12:00:00", false),
        (lapsed.clone(), &payment, "2025/02/15 00:00:00", false),
        // On FREE since a refund that ended the plan, and refunded as a whole.
        (refunded, &part, "2025/01/25 12:00:00", false),
        (lapsed, &all, "2025/01/25 12:00:00", false),
        // Terminated at ECPay, with its plan until the end of the period.
        (ended, &payment, "2025/02/05 12:00:00", true),
    ] {
        let decision = replace(&old.order, &[payment], at);
        assert_eq!((credits(&decision).count() > 0), is_credited, "{at}");
        assert_eq!(mails(&decision).len(), usize::from(is_credited), "{at}");
    }
    assert!(!pays_latest(paid().0.value(), &due), "one that must go back pays no period");
    assert_eq!(credits(&replace(&paid().0.order, &[], "2025/01/25 12:00:00")).count(), 0);
}

#[test]
fn a_payment_outside_ecpay_is_credited_as_one_by_card() {
    let mut old = failing(1);
    let transfer = Operation::MarkPaid { amount: Some(Twd::new(560)), reference: None };
    let payment = old.staff(&transfer, "2025/02/17 12:00:00").payment.unwrap();
    assert!(pays_latest(old.value(), &payment) && !pays_latest(old.value(), &paid().1));
    // 7 of 28 days.
    let decision = replace(&old.order, &[&payment], "2025/03/08 12:00:00");
    let credited = &decision.credited[0];
    assert_eq!((credited.event.as_str(), credited.refund_due), ("O:2025-02-15", RefundDue::Part(Twd::new(140))));
    assert_eq!(refund_notice(&decision).fields["outside_ecpay"], "true");
}

#[test]
fn a_transfer_for_several_periods_is_reckoned_with_the_price_of_one() {
    let mut old = failing(1);
    let transfer = Operation::MarkPaid { amount: Some(Twd::new(1_798)), reference: None };
    let payment = old.staff(&transfer, "2025/02/17 12:00:00").payment.unwrap();
    // 7 of 28 days of NT$899, also where a period before went back.
    let back = old.staff(&refund(&payment, 899), "2025/02/18 12:00:00").refunded.unwrap();
    for payment in [payment, back] {
        let decision = replace(&old.order, &[&payment], "2025/03/08 12:00:00");
        assert_eq!(decision.credited[0].refund_due, RefundDue::Part(Twd::new(225)));
    }
}

#[test]
fn a_second_charge_of_a_period_that_went_back_hides_the_first_one_no_longer() {
    let (mut old, _) = paid();
    let kept = old.success(2, "2025/02/15 03:05:00").payment.unwrap();
    let twice = old.success(3, "2025/02/15 03:06:00").payment.unwrap();
    let back = old.staff(&refund(&twice, 899), "2025/02/16 12:00:00").refunded.unwrap();
    // 13 of 28 days: 899 * 13 / 28 = 417.4.
    let decision = replace(&old.order, &[&kept, &back], "2025/03/02 12:00:00");
    let due: Vec<_> = decision.credited.iter().map(|payment| (&payment.id, payment.refund_due)).collect();
    assert_eq!(due, [(&kept.id, RefundDue::Part(Twd::new(417)))]);
}

#[test]
fn days_that_were_paid_when_the_other_order_took_over_are_due_also_if_that_is_known_later() {
    // On FREE by now, since the charge of 15 February failed. 15 of 31 days, as on the day itself.
    let decision = replace(&fallen().order, &[&paid().1], "2025/01/31 12:00:00");
    assert_eq!(decision.credited[0].refund_due, RefundDue::Part(Twd::new(435)));
}

#[test]
fn an_unknown_amount_counts_with_the_price_and_can_be_settled() {
    let (old, payment) = paid();
    let unknown = Payment { amount: None, ..payment };
    let decision = replace(&old.order, &[&unknown], "2025/01/31 12:00:00");
    let mut payment = decision.credited[0].clone();
    assert_eq!((payment.refund_due, payment.refund_due_twd()), (RefundDue::Part(Twd::new(435)), Some(Twd::new(435))));
    assert_eq!(refund_notice(&decision).fields["charged"], "an unknown amount");
    let mut old = left_by(&decision);
    old.refused(&refund(&payment, 436), "2025/02/01 12:00:00");
    for (dollars, left) in [(400, RefundDue::Part(Twd::new(35))), (35, RefundDue::Nothing)] {
        payment = old.staff(&refund(&payment, dollars), "2025/02/01 12:00:00").refunded.unwrap();
        assert_eq!(payment.refund_due, left);
    }
    assert_eq!(payment.refunded, Twd::new(435));
}

#[test]
fn more_than_what_is_due_can_go_back_and_leaves_nothing_due() {
    let (old, payment) = paid();
    let decision = replace(&old.order, &[&payment], "2025/01/31 12:00:00");
    let back = left_by(&decision).staff(&refund(&decision.credited[0], 899), "2025/02/01 12:00:00").refunded.unwrap();
    assert_eq!((back.refund_due, back.refunded), (RefundDue::Nothing, Twd::new(899)));
}

#[test]
fn a_charge_that_becomes_known_after_the_replacement_gives_its_own_part() {
    for is_erased in [false, true] {
        let (old, payment) = paid();
        // Renewed on 15 February without a report, and replaced on the 20th.
        let mut old = left_by(&replace(&old.order, &[&payment], "2025/02/20 12:00:00"));
        if is_erased {
            old.ended(OrderEnd::Cancelled, "2025/02/21 10:00:00");
            let gone = erase(&old.order, &cause(None), t("2025/02/21 12:00:00")).unwrap();
            old.take(&gone);
        }
        let late = old.success_seen(2, "2025/02/15 03:00:00", "2025/02/22 12:00:00");
        // 23 of 28 days: 738.5 of 899.
        let credit = late.change.history.credits[0].clone();
        assert_eq!((late.change.history.rule, credit.amount, credit.days), (Rule::LateSuccess, Twd::new(738), 23));
        assert_eq!(late.payment.as_ref().unwrap().refund_due, RefundDue::Part(Twd::new(738)));
        assert_eq!((credits(&late).collect::<Vec<_>>(), late.credited.len()), (vec![&credit], 0));
        let staff: Vec<_> = late.notices.iter().filter(|notice| notice.to == Recipient::Staff).collect();
        assert_eq!((staff.len(), staff[0].id.as_str()), (1, "ORDER1/refund-due/S:2"));
        assert_eq!(late.notices.len(), 1, "a customer has no mail about it");
        // One of an earlier period, and a failure, owe nothing.
        let earlier = old.success_seen(3, "2025/01/15 12:00:00", "2025/02/23 12:00:00");
        assert_eq!((credits(&earlier).count(), earlier.payment.as_ref().unwrap().refund_due), (0, RefundDue::Nothing));
        assert_eq!(credits(&old.failure_seen("2025/02/16 03:00:00", "2025/02/24 12:00:00")).count(), 0);
    }
}

#[test]
fn the_order_of_the_reports_does_not_change_what_is_due() {
    let due = |known_first: bool| {
        let (mut old, payment) = paid();
        let charge = "2025/02/15 03:00:00";
        if known_first {
            let second = old.success(2, charge).payment.unwrap();
            replace(&old.order, &[&second], "2025/02/20 12:00:00").credited[0].refund_due
        } else {
            let mut old = left_by(&replace(&old.order, &[&payment], "2025/02/20 12:00:00"));
            old.success_seen(2, charge, "2025/02/22 12:00:00").payment.unwrap().refund_due
        }
    };
    assert_eq!((due(true), due(false)), (RefundDue::Part(Twd::new(738)), RefundDue::Part(Twd::new(738))));
}

#[test]
fn a_new_order_whose_second_charge_is_reported_first_counts_from_its_creation() {
    let (mut old, _) = paid();
    let payment = old.success(2, "2025/02/15 03:00:00").payment.unwrap();
    let new = Life::of(new_order("ORDER2", Some("ORDER1")), "2025/02/20 12:00:00").order;
    let outcome = PaymentOutcome::Succeeded { number: 2 };
    let second = report(&new.value, EventId::success(2), outcome, "2025/03/20 03:00:00");
    let snapshot = Snapshot {
        subscription: new,
        replaced: Some(Replaced { order: old.order, payments: vec![payment] }),
        paid_order: None,
    };
    let policy = policy();
    let context = DecisionContext::new(&policy, t("2025/03/20 12:00:00"));
    let PaymentDecision::Apply(decision) = decide_payment(&snapshot, &second, context) else { panic!("not applied") };
    // 23 of 28 days, not the none that are left on 20 March.
    assert_eq!(
        credits(&decision).map(|credit| (credit.amount, credit.days)).collect::<Vec<_>>(),
        [(Twd::new(738), 23)]
    );
}

#[test]
fn a_pending_order_that_was_replaced_and_then_turns_out_paid_gives_all_of_it_back() {
    let old = Life::of(new_order("ORDER1", None), "2025/01/15 10:00:00");
    let mut old = left_by(&replace(&old.order, &[], "2025/01/15 11:00:00"));
    let late = old.success_seen(1, "2025/01/15 10:30:00", "2025/01/15 12:00:00");
    assert_eq!(late.payment.unwrap().refund_due, RefundDue::Part(Twd::new(899)));
}

#[test]
fn a_renewal_before_the_new_order_became_known_goes_back_beside_the_last_days_of_the_period_before() {
    let (mut old, first) = paid();
    let second = old.success(2, "2025/02/15 03:00:00").payment.unwrap();
    // Paid on the 13th, reported on the 16th: 2 of the first 31 days, and all of the next 28.
    for payments in [[&first, &second], [&second, &first]] {
        let decision = replace(&old.order, &payments, "2025/02/13 12:00:00");
        let due: Vec<_> = credits(&decision).map(|credit| (credit.amount, credit.days, credit.of_days)).collect();
        assert_eq!(due, [(Twd::new(899), 28, 28), (Twd::new(58), 2, 31)]);
        let ids: Vec<_> = decision.credited.iter().map(|payment| (&payment.id, payment.refund_due)).collect();
        assert_eq!(ids, [(&second.id, RefundDue::Part(Twd::new(899))), (&first.id, RefundDue::Part(Twd::new(58)))]);
        assert_eq!(mails(&decision), ["refund-due", "refund-due"]);
    }
    // Where the renewal becomes known last, it is a charge of a replaced order.
    let mut old = left_by(&replace(&paid().0.order, &[&first], "2025/02/13 12:00:00"));
    let late = old.success_seen(2, "2025/02/15 03:00:00", "2025/02/17 12:00:00");
    assert_eq!((late.change.history.rule, late.payment.unwrap().refund_due), (Rule::RefundDue, RefundDue::Whole));
}
