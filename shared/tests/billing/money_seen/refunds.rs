//! Money that went back: at most what was paid, and the end of the plan where staff say so.

use shared::domain::billing::decide::operation::OperationRefusal;
use shared::domain::billing::decision::HistoryEvent;
use shared::domain::billing::dunning::downgrade::{Downgrade, DowngradeReason};
use shared::domain::billing::live_orders::{LiveEntry, LiveOrder};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, Status};
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{Life, due, failing, mails, over, pending, running, t};

const NOW: &str = "2025/02/01 12:00:00";

fn refund(payment: &Payment, dollars: u32, end_access: bool) -> Operation {
    let reference = Some("R-0042".to_owned());
    Operation::Refund { payment: Box::new(payment.clone()), amount: Twd::new(dollars), reference, end_access }
}

/// Order whose first charge is paid, and that payment.
fn paid() -> (Life, Payment) {
    let mut life = pending();
    let payment = life.success(1, "2025/01/15 10:05:00").payment.unwrap();
    (life, payment)
}

#[test]
fn parts_of_a_payment_go_back_until_nothing_is_left() {
    let (mut life, mut payment) = paid();
    let before = life.value().clone();
    for (dollars, refunded, left) in [(400, 400, 499), (400, 800, 99), (99, 899, 0)] {
        let refusal = life
            .refused(&refund(&payment, payment.amount.unwrap().dollars() - payment.refunded.dollars() + 1, false), NOW);
        assert_eq!(refusal, OperationRefusal::RefundTooHigh { left: Twd::new(left + dollars) });
        let decision = life.staff(&refund(&payment, dollars, false), NOW);
        assert_eq!((decision.change.history.rule, mails(&decision), &decision.user), (Rule::Refunded, vec![], &None));
        let stored = decision.refunded.unwrap();
        assert_eq!(stored, Payment { refunded: Twd::new(refunded), ..payment });
        payment = stored;
    }
    assert_eq!(life.refused(&refund(&payment, 1, false), NOW), OperationRefusal::RefundTooHigh { left: Twd::ZERO });
    // The order runs on.
    assert_eq!(life.value(), &before);
}

#[test]
fn a_refund_of_nothing_is_refused() {
    let (life, payment) = paid();
    assert_eq!(life.refused(&refund(&payment, 0, false), NOW), OperationRefusal::RefundTooHigh { left: Twd::new(899) });
}

#[test]
fn the_history_says_which_payment_how_much_and_by_which_reference() {
    let (mut life, payment) = paid();
    let line = life.staff(&refund(&payment, 400, false), NOW).change.history;
    let expected = HistoryEvent::Refunded {
        payment: payment.id,
        amount: Twd::new(400),
        reference: Some("R-0042".to_owned()),
        end_access: false,
    };
    assert_eq!((line.event, line.at, line.why.as_deref()), (expected, t(NOW), Some("asked for")));
}

#[test]
fn only_a_success_of_known_amount_and_a_transfer_can_go_back() {
    let (life, payment) = paid();
    let unknown = Payment { amount: None, ..payment };
    assert_eq!(life.refused(&refund(&unknown, 1, false), NOW), OperationRefusal::NotRefundable);
    let mut failed = running();
    let payment = failed.failure("2025/02/15 03:05:06").payment.unwrap();
    assert_eq!(failed.refused(&refund(&payment, 1, false), "2025/02/15 12:00:00"), OperationRefusal::NotRefundable);
    let transfer = Operation::MarkPaid { amount: None, reference: None };
    let payment = failed.staff(&transfer, "2025/02/15 12:00:00").payment.unwrap();
    let decision = failed.staff(&refund(&payment, 899, false), "2025/02/15 13:00:00");
    assert_eq!(decision.refunded.unwrap().refunded, Twd::new(899));
}

#[test]
fn a_refund_that_was_due_is_settled_by_the_whole_amount_only() {
    let mut life = over(OrderEnd::Cancelled);
    let mut payment = life.success(2, "2025/02/16 12:00:00").payment.unwrap();
    assert_eq!(payment.refund_due, RefundDue::Whole);
    for (dollars, is_due) in [(898, true), (1, false)] {
        // Also of an order that is over.
        payment = life.staff(&refund(&payment, dollars, false), "2025/02/17 12:00:00").refunded.unwrap();
        assert_eq!(payment.refund_due.is_any(), is_due, "{dollars}");
    }
    assert_eq!(life.value().status, Status::Cancelled);
}

#[test]
fn a_refund_that_ends_access_takes_the_plan_now_and_cancels_the_order() {
    for start in [running(), failing(1)] {
        let (_, payment) = paid();
        let mut life = start;
        life.staff(&Operation::Pause { days: 10 }, "2025/02/15 04:00:00");
        let now = "2025/02/15 12:00:00";
        let decision = life.staff(&refund(&payment, 899, true), now);
        assert_eq!((decision.change.history.rule, mails(&decision)), (Rule::RefundedAndEnded, vec![]));
        let order = life.value();
        assert_eq!((order.status, order.plan.is_free(), order.paused), (Status::Active, true, None));
        assert_eq!(order.downgrade, Some(Downgrade { at: t(now), reason: DowngradeReason::Refunded }));
        assert_eq!((order.cancel_requested, order.dunning_notice), (Some(t(now)), None));
        assert_eq!(decision.user.unwrap().entry, LiveEntry::Live(LiveOrder::of(order)));
        assert_eq!(life.next(), due("cancel", now, ActionReason::DowngradedToFree));
    }
}

#[test]
fn an_order_that_is_over_has_no_access_to_end() {
    let mut life = over(OrderEnd::Cancelled);
    let (_, payment) = paid();
    let decision = life.staff(&refund(&payment, 899, true), "2025/02/17 12:00:00");
    assert_eq!((decision.change.history.rule, life.value().status), (Rule::Refunded, Status::Cancelled));
    assert_eq!(life.value().downgrade, None);
}
