//! Time of a cancellation at the customer's request: late enough to be undone, early enough before the next charge; and what
//! happens where ECPay does not confirm it.

use shared::domain::billing::decide::cancel::{cancel_unreached, claim_cancel, claim_cancel_early};
use shared::domain::billing::decide::operation::OperationRefusal;
use shared::domain::billing::decide::order::{charge_missing, end_grace};
use shared::domain::billing::decide::retry::{RetryRefusal, retry_refusal};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{OrderEnd, RetryState, Status};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::EventId;

use crate::operations::fixtures::{Life, annual, asked, day, due, failing, fallen, mails, policy, report, running, t};

const CANCEL: Operation = Operation::Cancel;
const UNDO: Operation = Operation::UndoCancel;

#[test]
fn a_wish_waits_for_72_hours_but_never_into_the_last_week_before_a_charge() {
    for (wished, due_at) in [
        ("2025/02/05 00:00:00", "2025/02/08 00:00:00"),
        ("2025/02/05 00:00:01", "2025/02/08 00:00:00"),
        ("2025/02/07 23:59:59", "2025/02/08 00:00:00"),
        ("2025/02/08 00:00:00", "2025/02/08 00:00:00"),
        ("2025/02/14 12:00:00", "2025/02/14 12:00:00"),
        // On the due date the charge may still come.
        ("2025/02/15 12:00:00", "2025/02/15 12:00:00"),
    ] {
        let mut life = running();
        life.staff(&CANCEL, wished);
        assert_eq!(life.next(), due("cancel", due_at, ActionReason::CancelRequested), "{wished}");
        let second_before = t(due_at).plus_seconds(-1);
        assert_eq!(claim_cancel(&life.order, DecisionContext::new(&policy(), second_before)), None, "{wished}");
    }
    // On the day of a charge that was made, the next one is a month away.
    let mut first_day = running();
    first_day.staff(&CANCEL, "2025/01/15 10:06:00");
    assert_eq!(first_day.next(), due("cancel", "2025/01/18 10:06:00", ActionReason::CancelRequested));
    let mut renewed = running();
    renewed.success(2, "2025/02/14 23:00:00");
    renewed.staff(&CANCEL, "2025/02/14 23:30:00");
    assert_eq!(renewed.next(), due("cancel", "2025/02/17 23:30:00", ActionReason::CancelRequested));
}

#[test]
fn an_annual_order_can_be_kept_for_14_days() {
    for (wished, due_at) in [
        ("2025/01/20 12:00:00", "2025/02/03 12:00:00"),
        ("2025/12/25 12:00:00", "2026/01/08 00:00:00"),
        ("2026/01/08 00:00:00", "2026/01/08 00:00:00"),
        ("2026/01/10 12:00:00", "2026/01/10 12:00:00"),
    ] {
        let mut life = annual();
        life.staff(&CANCEL, wished);
        assert_eq!(life.next(), due("cancel", due_at, ActionReason::CancelRequested), "{wished}");
    }
}

#[test]
fn until_it_is_requested_from_ecpay_a_wish_can_be_undone() {
    let mut life = running();
    let before = life.next();
    assert_eq!(life.refused(&UNDO, "2025/01/20 12:00:00"), OperationRefusal::NoCancel);
    life.staff(&CANCEL, "2025/01/20 12:00:00");
    let undone = life.staff(&UNDO, "2025/01/23 11:59:59");
    let line = undone.change.history;
    assert_eq!(
        (line.event, line.rule, life.value().cancel_requested),
        (HistoryEvent::CancelUndone, Rule::CancelUndone, None)
    );
    assert_eq!(life.next(), before);
    assert_eq!(life.refused(&UNDO, "2025/01/23 12:00:00"), OperationRefusal::NoCancel);
    // A second wish waits again, and cannot be undone once it was requested from ECPay.
    life.staff(&CANCEL, "2025/01/24 12:00:00");
    asked(&mut life, "2025/01/27 12:00:00");
    assert_eq!(life.refused(&UNDO, "2025/01/27 12:00:01"), OperationRefusal::CancelSent);
    life.ended(OrderEnd::Cancelled, "2025/01/27 12:00:10");
    assert_eq!(life.refused(&UNDO, "2025/01/28 12:00:00"), OperationRefusal::OrderOver);
}

#[test]
fn an_undone_wish_of_a_failing_customer_lets_dunning_go_on() {
    let mut life = failing(1);
    life.staff(&CANCEL, "2025/02/15 12:00:00");
    assert_eq!(retry_refusal(life.value()), Some(RetryRefusal::OrderOver));
    life.staff(&UNDO, "2025/02/16 12:00:00");
    assert_eq!(life.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
}

#[test]
fn what_falls_due_before_the_wish_is_done_before_it() {
    // Grace ends on the 25th at 03:05:06; the query before it is due twelve hours earlier.
    let mut life = failing(2);
    life.staff(&CANCEL, "2025/02/24 12:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/02/24 15:05:06", ActionReason::DowngradeAhead));
    life.queried(EcpayState::Running, "2025/02/24 15:05:06");
    assert_eq!(life.next(), due("end-grace", "2025/02/25 03:05:06", ActionReason::GraceEnds));
    let fall = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/25 03:05:06"))).unwrap();
    life.take(&fall);
    assert_eq!(life.next(), due("cancel", "2025/02/27 12:00:00", ActionReason::CancelRequested));
    // The charge of February was never reported and may come any day.
    let mut late = running();
    late.staff(&CANCEL, "2025/02/17 12:00:00");
    assert_eq!(late.next(), due("reconcile", "2025/02/16 00:00:00", ActionReason::ChargeOverdue));
    late.queried(EcpayState::Running, "2025/02/17 12:00:00");
    assert_eq!(late.next(), due("cancel", "2025/02/17 12:00:00", ActionReason::CancelRequested));
}

#[test]
fn a_charge_after_the_wish_is_a_refund_due_and_a_late_payment_is_not() {
    let mut charged = running();
    charged.staff(&CANCEL, "2025/02/14 12:00:00");
    asked(&mut charged, "2025/02/14 12:00:00");
    let refund = charged.success(2, "2025/02/15 03:05:06");
    assert_eq!((refund.change.history.rule, mails(&refund)), (Rule::RefundDue, vec!["refund-due"]));
    assert_eq!(charged.next(), due("cancel", "2025/02/14 12:00:00", ActionReason::CancelUnconfirmed));
    // Made before the wish and reported after it.
    let mut before = running();
    before.staff(&CANCEL, "2025/02/15 03:05:07");
    assert_eq!(before.success_seen(2, "2025/02/15 03:05:06", "2025/02/15 04:00:00").change.history.rule, Rule::Renewed);
    // The result of a retry that was requested before the wish.
    let mut owed = failing(1);
    owed.asked("2025/02/16 12:00:00", RetryState::Accepted);
    owed.staff(&CANCEL, "2025/02/16 12:30:00");
    assert_eq!(owed.success(2, "2025/02/16 13:00:00").change.history.rule, Rule::ArrearsPaid);
    assert_eq!(owed.next(), due("cancel", "2025/02/19 12:30:00", ActionReason::CancelRequested));
}

#[test]
fn a_charge_that_must_be_refunded_is_not_said_to_be_missing() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/14 12:00:00");
    asked(&mut life, "2025/02/14 12:00:00");
    assert_eq!(life.success(2, "2025/02/15 03:05:06").change.history.rule, Rule::RefundDue);
    assert_eq!(charge_missing(&life.order, t("2025/02/28 00:00:00")), None);
}

#[test]
fn staff_are_notified_once_of_a_cancellation_that_is_open_3_days_before_the_charge() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/11 12:00:00");
    asked(&mut life, "2025/02/11 12:00:00");
    let claim = |life: &Life, now: &str| claim_cancel(&life.order, DecisionContext::new(&policy(), t(now))).unwrap();
    let early = claim(&life, "2025/02/11 23:59:59");
    assert_eq!(mails(&early), [""; 0]);
    let near = claim(&life, "2025/02/12 00:00:00");
    assert_eq!(
        (mails(&near), &near.notices[0].fields["charge_due"]),
        (vec!["cancel-unconfirmed"], &"2025-02-15".to_owned())
    );
    life.take(&near);
    assert_eq!(mails(&claim(&life, "2025/02/12 06:00:00")), [""; 0]);
    // The first request may take a moment at ECPay.
    let mut nearer = running();
    nearer.staff(&CANCEL, "2025/02/13 12:00:00");
    assert_eq!(mails(&claim(&nearer, "2025/02/13 12:00:00")), [""; 0]);
}

#[test]
fn staff_are_notified_of_a_late_cancellation_also_while_ecpay_does_not_answer() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/08 12:00:00");
    let policy = policy();
    let context = |now| DecisionContext::new(&policy, t(now));
    assert_eq!(cancel_unreached(&life.order, context("2025/02/11 23:59:59")), None);
    let notified = cancel_unreached(&life.order, context("2025/02/12 00:00:00")).unwrap();
    assert_eq!((mails(&notified), notified.change.history.rule), (vec!["cancel-unconfirmed"], Rule::CancelUnconfirmed));
    let failed = record_task_failure(&life.order, Task::Cancel, "HTTP 500", t("2025/02/12 00:00:00"));
    assert_eq!(mails(&failed), ["cancel-unconfirmed"]);
    life.take(&notified);
    assert_eq!(cancel_unreached(&life.order, context("2025/02/12 02:00:00")), None);
}

#[test]
fn ahead_of_time_only_wishes_are_claimed() {
    let early =
        |life: &Life| claim_cancel_early(&life.order, DecisionContext::new(&policy(), t("2025/02/16 14:00:00")));
    let mut life = failing(1);
    assert_eq!(early(&life), None);
    life.staff(&CANCEL, "2025/02/16 12:00:00");
    assert_eq!(early(&life).unwrap().change.history.rule, Rule::CancelRequestedAtEcpay);
    assert_eq!(early(&fallen()), None);
    let mut open = failing(1);
    open.asked("2025/02/16 12:00:00", RetryState::Unknown);
    open.staff(&CANCEL, "2025/02/16 13:00:00");
    assert_eq!(early(&open), None);
}

#[test]
fn the_day_that_staff_announced_is_that_of_the_next_charge() {
    let mut life = running();
    life.staff(&Operation::Terms { amount: None, next_charge_on: Some(day("2025-04-15")) }, "2025/02/01 12:00:00");
    life.staff(&CANCEL, "2025/02/10 12:00:00");
    assert_eq!(life.next(), due("cancel", "2025/02/13 12:00:00", ActionReason::CancelRequested));
}

#[test]
fn after_a_charge_that_is_to_be_refunded_the_wish_cannot_be_undone() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/14 12:00:00");
    life.success(2, "2025/02/15 03:05:06");
    assert_eq!(life.refused(&UNDO, "2025/02/15 12:00:00"), OperationRefusal::ChargedSince);
    // The notice to staff is about the charge after that one.
    life.queried(EcpayState::Running, "2025/02/17 12:00:00");
    asked(&mut life, "2025/02/17 12:30:00");
    let claim = claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/02/17 14:00:00"))).unwrap();
    assert_eq!(mails(&claim), [""; 0]);
}

#[test]
fn the_result_of_a_charge_that_was_open_at_the_wish_pays_its_period() {
    // Reported as pending before the wish; the success is dated after it.
    let mut open = running();
    let event = EventId::pending(t("2025/02/15 03:05:06"));
    let pending = report(open.value(), event, PaymentOutcome::Pending, "2025/02/15 03:05:06");
    open.reported(&pending, "2025/02/15 03:06:00");
    open.staff(&CANCEL, "2025/02/15 04:00:00");
    assert_eq!(open.success(2, "2025/02/15 04:30:00").change.history.rule, Rule::Renewed);
    // Failed two days before its due date, which belongs to the window of the period before.
    let mut early = running();
    early.failure("2025/02/13 03:05:06");
    early.asked("2025/02/14 10:00:00", RetryState::Accepted);
    early.staff(&CANCEL, "2025/02/14 10:30:00");
    assert_eq!(early.success(2, "2025/02/14 11:00:00").change.history.rule, Rule::ArrearsPaid);
}

#[test]
fn a_charge_that_fails_after_the_wish_starts_no_dunning() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/14 12:00:00");
    let failed = life.failure("2025/02/15 03:05:06");
    assert_eq!((mails(&failed), failed.change.history.rule), (vec![], Rule::FailureRecorded));
    assert_eq!((life.value().status, life.value().plan.as_str()), (Status::Active, "PRO"));
    // ECPay is queried as about any charge that was not reported as paid; then the next one is a month away.
    assert_eq!(life.next(), due("reconcile", "2025/02/16 00:00:00", ActionReason::ChargeOverdue));
    // Undone, the customer owes it.
    let undone = life.staff(&UNDO, "2025/02/15 12:00:00");
    assert_eq!(mails(&undone), ["first-payment-failure"]);
    assert_eq!(life.value().status, Status::PastDue { grace_ends_at: t("2025/02/22 03:05:06") });
}

#[test]
fn what_was_owed_at_the_wish_stays_owed_though_ecpay_dates_it_after_the_wish() {
    let mut life = running();
    life.failure_seen("2025/02/15 03:05:06", "2025/02/15 03:05:00");
    life.staff(&CANCEL, "2025/02/15 03:05:01");
    assert_eq!(life.next(), due("cancel", "2025/02/18 03:05:01", ActionReason::CancelRequested));
    assert_eq!(life.grace_end().unwrap(), "2025/02/22 03:05:06");
}

#[test]
fn a_second_wish_is_another_occasion_for_the_notice() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/10 12:00:00");
    let policy = policy();
    let context = |now| DecisionContext::new(&policy, t(now));
    let first = cancel_unreached(&life.order, context("2025/02/12 00:00:00")).unwrap();
    life.take(&first);
    life.staff(&UNDO, "2025/02/12 12:00:00");
    life.staff(&CANCEL, "2025/02/13 12:00:00");
    let second = cancel_unreached(&life.order, context("2025/02/13 12:00:00")).unwrap();
    assert_ne!(first.notices[0].id, second.notices[0].id);
}

#[test]
fn a_failing_cancellation_is_tried_again_when_the_notice_is_due() {
    let mut life = running();
    life.staff(&CANCEL, "2025/02/08 12:00:00");
    let mut now = t("2025/02/11 03:00:00");
    for _ in 0..5 {
        let failed = record_task_failure(&life.order, Task::Cancel, "the answer is malformed", now);
        life.take(&failed);
        now = life.value().task_failure.as_ref().unwrap().again_at;
    }
    assert_eq!(now, t("2025/02/12 00:00:00"));
}

#[test]
fn after_a_downgrade_for_a_failed_payment_no_notice_says_that_a_charge_must_be_refunded() {
    let mut life = fallen();
    asked(&mut life, "2025/03/13 00:00:00");
    let claim = claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/03/13 02:00:00"))).unwrap();
    assert_eq!(mails(&claim), [""; 0]);
}
