//! Cancellation at the customer's request: can be undone for a while, then precedes every other action, is confirmed by
//! ECPay, and leaves the paid period.

use shared::domain::billing::decide::cancel::{cancel_overtaken, claim_cancel};
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal};
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decide::retry::{RetryRefusal, claim_retry};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{CancelRequest, OrderEnd, RetryState, Status};
use shared::domain::billing::task::Task;

use crate::operations::fixtures::{
    Life, asked, due, failing, fallen, given_up, mails, over, pending, policy, replaced, running, t,
};

const CANCEL: Operation = Operation::Cancel;

/// Records failures of a task, the first at the given time and each further one at its next attempt.
fn fails_repeatedly(life: &mut Life, task: Task, times: usize, first: &str) {
    let mut now = t(first);
    for _ in 0..times {
        let decision = record_task_failure(&life.order, task, "ECPay's answer is unusable", now);
        now = decision.change.next.task_failure.as_ref().unwrap().again_at;
        life.take(&decision);
    }
}

#[test]
fn a_customer_downgraded_on_the_day_of_a_charge_that_is_still_to_come_is_cancelled_at_once() {
    // The grace period ended on 25 February; the run that finds it comes on the due date of the next charge.
    for (before, fallen_at, cancel_at) in [
        (None, "2025/03/12 23:59:59", "2025/03/13 00:00:00"),
        (None, "2025/03/14 00:00:00", "2025/03/14 00:00:00"),
        (None, "2025/03/15 00:00:00", "2025/03/15 00:00:00"),
        (Some("2025/03/15 03:00:00"), "2025/03/15 12:00:00", "2025/03/29 12:00:00"),
        (Some("2025/03/14 03:00:00"), "2025/03/14 12:00:00", "2025/03/28 12:00:00"),
        (None, "2025/03/16 00:00:00", "2025/03/30 00:00:00"),
    ] {
        let mut life = failing(2);
        life.asked("2025/02/22 12:00:00", RetryState::Refused);
        life.queried(EcpayState::Running, "2025/02/24 15:05:06");
        if let Some(failed) = before {
            life.failure(failed);
        }
        let decision = end_grace(&life.order, DecisionContext::new(&policy(), t(fallen_at))).unwrap();
        life.take(&decision);
        assert_eq!(life.next(), due("cancel", cancel_at, ActionReason::DowngradedToFree), "{fallen_at}");
    }
}

#[test]
fn a_wish_is_due_after_72_hours_and_access_lasts_until_the_paid_period_ends() {
    let mut life = running();
    let decision = life.staff(&CANCEL, "2025/01/20 12:00:00");
    assert_eq!((mails(&decision), &decision.user), (vec![], &None));
    let line = decision.change.history;
    assert_eq!((line.event, line.rule), (HistoryEvent::CancelRequested, Rule::CancelRequested));
    assert_eq!(
        (line.by, line.from, line.to),
        (Actor::Staff("support".to_owned()), Some(Status::Active), Status::Active)
    );
    assert_eq!(life.value().cancel_requested, Some(t("2025/01/20 12:00:00")));
    assert_eq!(life.next(), due("cancel", "2025/01/23 12:00:00", ActionReason::CancelRequested));
    asked(&mut life, "2025/01/23 12:00:00");
    assert_eq!(life.next(), due("cancel", "2025/01/23 12:00:00", ActionReason::CancelUnconfirmed));
    let confirmed = life.ended(OrderEnd::Cancelled, "2025/01/23 12:00:10");
    assert_eq!((mails(&confirmed), confirmed.change.history.rule), (vec!["cancel-confirmed"], Rule::OrderOver));
    assert_eq!(confirmed.notices[0].fields["access_until"], "2025-02-15");
    assert_eq!((life.value().status, life.value().plan.as_str()), (Status::Active, "PRO"));
    assert_eq!(life.next(), due("end-grace", "2025/02/15 00:00:00", ActionReason::PaidPeriodEnds));
    assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/14 23:59:59"))), None);
    let end = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/15 00:00:00"))).unwrap();
    assert_eq!((mails(&end), end.change.history.rule), (vec!["plan-ended"], Rule::PaidPeriodEnded));
    assert_eq!((end.change.next.status, end.change.next.plan.as_str()), (Status::Cancelled, "FREE"));
}

#[test]
fn a_cancellation_that_is_not_confirmed_is_asked_again_an_hour_later() {
    let mut life = running();
    life.staff(&CANCEL, "2025/01/20 12:00:00");
    assert_eq!(claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/01/23 11:59:59"))), None);
    asked(&mut life, "2025/01/23 12:30:00");
    assert_eq!(claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/01/23 13:29:59"))), None);
    asked(&mut life, "2025/01/23 13:30:00");
    assert_eq!(life.value().cancel, Some(CancelRequest { requested_at: t("2025/01/23 13:30:00") }));
    life.ended(OrderEnd::Cancelled, "2025/01/23 13:30:10");
    assert_eq!(claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/01/23 16:00:00"))), None);
}

#[test]
fn the_same_wish_again_is_no_other_wish() {
    let mut life = running();
    life.staff(&CANCEL, "2025/01/20 12:00:00");
    assert_eq!(life.verdict(&CANCEL, None, "2025/01/21 12:00:00"), OperationDecision::Unchanged);
    asked(&mut life, "2025/01/23 12:30:00");
    assert_eq!(life.verdict(&CANCEL, None, "2025/01/24 12:00:00"), OperationDecision::Unchanged);
}

#[test]
fn only_an_order_that_was_paid_and_is_not_over_can_be_ended() {
    let confirmed = |how| {
        let mut life = running();
        life.ended(how, "2025/01/20 12:00:00");
        life
    };
    let late = |how| {
        let mut life = failing(1);
        life.ended(how, "2025/02/16 12:00:00");
        life
    };
    for (life, refusal) in [
        (pending(), OperationRefusal::NotPaid),
        (given_up(), OperationRefusal::OrderOver),
        (over(OrderEnd::Cancelled), OperationRefusal::OrderOver),
        (over(OrderEnd::Finished), OperationRefusal::OrderOver),
        (replaced(running()), OperationRefusal::OrderOver),
        (replaced(failing(1)), OperationRefusal::OrderOver),
        (confirmed(OrderEnd::Cancelled), OperationRefusal::OrderOver),
        (confirmed(OrderEnd::Finished), OperationRefusal::OrderOver),
        (late(OrderEnd::Cancelled), OperationRefusal::OrderOver),
    ] {
        assert_eq!(life.refused(&CANCEL, "2025/02/26 12:00:00"), refusal, "{:?}", life.value());
    }
    // After six failures ECPay may have ended the order: until a query confirms it, it can be cancelled.
    let mut six = failing(6);
    assert_eq!(six.value().ended, None);
    six.staff(&CANCEL, "2025/02/24 12:00:00");
    assert!(six.value().cancel_requested.is_some());
}

#[test]
fn a_failing_customer_who_leaves_is_not_charged_again() {
    let mut life = failing(1);
    life.staff(&CANCEL, "2025/02/15 12:00:00");
    // The next charge is that of 15 March.
    assert_eq!(life.next(), due("cancel", "2025/02/18 12:00:00", ActionReason::CancelRequested));
    let retry = claim_retry(&life.order, Actor::Schedule, t("2025/02/16 12:00:00"));
    assert_eq!(retry, Err(RetryRefusal::OrderOver));
    assert_eq!(
        life.refused(&Operation::Retry, "2025/02/16 12:00:00"),
        OperationRefusal::Retry(RetryRefusal::OrderOver)
    );
    asked(&mut life, "2025/02/18 12:00:00");
    let confirmed = life.ended(OrderEnd::Cancelled, "2025/02/18 12:00:10");
    // The failed charge was due on the 15th.
    assert_eq!(confirmed.notices[0].fields["access_until"], "2025-02-18");
    // The paid period is over, but the mail about the failure promised the plan until the 22nd.
    assert_eq!(life.next(), due("reconcile", "2025/02/21 15:05:06", ActionReason::DowngradeAhead));
    life.ended(OrderEnd::Cancelled, "2025/02/21 15:05:06");
    assert_eq!(life.next(), due("end-grace", "2025/02/22 03:05:06", ActionReason::GraceEnds));
    let end = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/22 03:05:06"))).unwrap();
    assert_eq!((mails(&end), end.change.next.plan.as_str()), (vec!["downgraded"], "FREE"));
}

#[test]
fn an_open_retry_comes_first() {
    let mut life = failing(1);
    life.asked("2025/02/16 12:00:00", RetryState::Unknown);
    life.staff(&CANCEL, "2025/02/16 13:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/02/16 12:00:00", ActionReason::RetryResultPending));
    assert_eq!(claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/02/19 14:00:00"))), None);
    life.failure("2025/02/16 14:00:00");
    assert_eq!(life.next(), due("cancel", "2025/02/19 13:00:00", ActionReason::CancelRequested));
}

#[test]
fn on_free_the_wish_does_not_wait_for_the_window_in_which_a_payment_brings_the_plan_back() {
    let mut life = fallen();
    // 14 days after 25 February 12:00.
    assert_eq!(life.next(), due("cancel", "2025/03/11 12:00:00", ActionReason::DowngradedToFree));
    life.staff(&CANCEL, "2025/02/26 12:00:00");
    assert_eq!(life.next(), due("cancel", "2025/03/01 12:00:00", ActionReason::CancelRequested));
    asked(&mut life, "2025/03/01 12:00:00");
    let confirmed = life.ended(OrderEnd::Cancelled, "2025/03/02 00:30:00");
    // Nothing was paid, so no plan remains.
    assert_eq!(confirmed.notices[0].fields["access_until"], "2025-03-02");
    assert_eq!((life.value().status, mails(&confirmed)), (Status::Cancelled, vec!["cancel-confirmed"]));
}

#[test]
fn a_pause_does_not_hold_the_wish() {
    let mut paid = running();
    paid.success(2, "2025/02/15 03:05:06");
    for life in [paid, failing(1)] {
        let mut life = life;
        life.staff(&Operation::Pause { days: 30 }, "2025/02/15 12:00:00");
        life.staff(&CANCEL, "2025/02/16 12:00:00");
        let expected = due("cancel", "2025/02/19 12:00:00", ActionReason::CancelRequested);
        assert_eq!(life.next(), expected, "{:?}", life.value().status);
        asked(&mut life, "2025/02/19 12:00:00");
        life.ended(OrderEnd::Cancelled, "2025/02/19 12:00:10");
    }
}

#[test]
fn a_wish_that_cannot_be_done_does_not_hold_the_end_of_a_pause() {
    let mut life = failing(1);
    life.staff(&Operation::Pause { days: 10 }, "2025/02/15 12:00:00");
    life.staff(&CANCEL, "2025/02/21 12:00:00");
    fails_repeatedly(&mut life, Task::Cancel, 3, "2025/02/24 12:00:00");
    assert_eq!(life.next(), due("cancel", "2025/02/24 19:00:00", ActionReason::PreviousAttemptFailed));
    fails_repeatedly(&mut life, Task::Cancel, 1, "2025/02/25 03:59:59");
    assert_eq!(life.next(), due("cancel", "2025/02/25 11:59:59", ActionReason::PreviousAttemptFailed));
    fails_repeatedly(&mut life, Task::Cancel, 1, "2025/02/25 11:59:59");
    assert_eq!(life.next(), due("resume", "2025/02/25 12:00:00", ActionReason::PauseEnds));
}

#[test]
fn only_without_a_wish_an_order_that_was_paid_again_runs_on() {
    let mut life = fallen();
    asked(&mut life, "2025/03/11 12:00:00");
    assert_eq!(cancel_overtaken(&life.order, t("2025/03/11 13:00:00")), None);
    life.success(2, "2025/03/11 14:00:00");
    assert_eq!(life.next(), due("reconcile", "2025/03/11 12:00:00", ActionReason::CancelRequestedBeforePayment));
    let overtaken = cancel_overtaken(&life.order, t("2025/03/11 15:00:00")).unwrap();
    assert_eq!((overtaken.change.history.rule, overtaken.change.next.cancel), (Rule::CancelOvertaken, None));
    life.staff(&CANCEL, "2025/03/11 14:30:00");
    assert_eq!(cancel_overtaken(&life.order, t("2025/03/11 15:00:00")), None);
    assert_eq!(life.next(), due("cancel", "2025/03/11 12:00:00", ActionReason::CancelUnconfirmed));
    assert_eq!(mails(&life.ended(OrderEnd::Cancelled, "2025/03/11 15:00:10")), ["cancel-confirmed"]);
}

#[test]
fn an_end_that_was_not_requested_or_was_known_sends_no_mail_to_the_customer() {
    let mut life = running();
    assert_eq!(mails(&life.ended(OrderEnd::Cancelled, "2025/01/20 12:00:00")), [""; 0]);
    let again = life.ended(OrderEnd::Cancelled, "2025/01/21 12:00:00");
    assert_eq!((mails(&again), again.change.history.rule), (vec![], Rule::NothingNew));
    // Ended in arrears, and confirmed again on FREE.
    let mut late = failing(2);
    assert_eq!(mails(&late.ended(OrderEnd::Cancelled, "2025/02/24 15:05:06")), [""; 0]);
    let fall = end_grace(&late.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).unwrap();
    late.take(&fall);
    assert_eq!(mails(&late.ended(OrderEnd::Cancelled, "2025/02/26 12:00:00")), [""; 0]);
    assert_eq!(late.value().status, Status::Cancelled);
}
