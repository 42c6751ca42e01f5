//! Failing task of one order: retried with backoff; staff are notified once; other tasks are not blocked.

use shared::domain::billing::decide::cancel::claim_cancel;
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::notices::Recipient;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::RetryState;
use shared::domain::billing::task::Task;

use crate::operations::fixtures::{Life, answer, due, failing, mails, policy, running, t};

const WHY: &str = "ECPay's answer is unusable";

fn fails(life: &mut Life, task: Task, now: &str) -> shared::domain::billing::decision::Decision {
    let decision = record_task_failure(&life.order, task, WHY, t(now));
    life.take(&decision);
    decision
}

#[test]
fn a_task_is_retried_after_1_2_4_8_and_then_every_24_hours_and_staff_are_notified_at_the_fourth() {
    let mut life = failing(1);
    let before = life.value().clone();
    for (number, now, again, rule) in [
        (1, "2025/02/16 04:30:00", "2025/02/16 05:30:00", Rule::TaskFailed),
        (2, "2025/02/16 06:30:00", "2025/02/16 08:30:00", Rule::TaskFailed),
        (3, "2025/02/16 08:30:00", "2025/02/16 12:30:00", Rule::TaskFailed),
        (4, "2025/02/16 12:30:00", "2025/02/16 20:30:00", Rule::NeedsAttention),
        (5, "2025/02/16 20:30:00", "2025/02/17 20:30:00", Rule::NeedsAttention),
        (6, "2025/02/17 20:30:00", "2025/02/18 20:30:00", Rule::NeedsAttention),
        (7, "2025/02/18 20:30:00", "2025/02/19 20:30:00", Rule::NeedsAttention),
    ] {
        let decision = fails(&mut life, Task::Retry, now);
        let failure = life.value().task_failure.clone().unwrap();
        assert_eq!((failure.task, failure.attempts, failure.reason.as_str()), (Task::Retry, number, WHY));
        assert_eq!((failure.since, failure.again_at), (t("2025/02/16 04:30:00"), t(again)), "{now}");
        assert_eq!(failure.needs_attention(), number >= 4, "{now}");
        let staff_mails = if number == 4 { vec!["needs-attention"] } else { vec![] };
        assert_eq!((mails(&decision), decision.change.history.rule), (staff_mails, rule), "{now}");
        let line = decision.change.history;
        assert_eq!(line.event, HistoryEvent::TaskFailed { task: Task::Retry, reason: WHY.to_owned() });
        assert_eq!((line.by, line.from, line.to), (Actor::Schedule, Some(before.status), before.status));
        if number == 4 {
            let notice = &decision.notices[0];
            assert_eq!(notice.to, Recipient::Staff);
            assert_eq!(notice.id.as_str(), "ORDER1/needs-attention/2025-02-15T20:30:00Z");
            assert_eq!((&*notice.fields["task"], &*notice.fields["reason"]), ("retry", WHY));
        }
    }
    assert_eq!((life.value().retry, life.value().status), (before.retry, before.status));
}

#[test]
fn failures_of_another_task_are_counted_from_one() {
    let mut life = failing(1);
    for now in ["2025/02/16 04:30:00", "2025/02/16 05:30:00", "2025/02/16 08:30:00"] {
        fails(&mut life, Task::Retry, now);
    }
    fails(&mut life, Task::Cancel, "2025/02/16 09:00:00");
    let failure = life.value().task_failure.clone().unwrap();
    assert_eq!((failure.task, failure.attempts), (Task::Cancel, 1));
    assert_eq!((failure.since, failure.again_at), (t("2025/02/16 09:00:00"), t("2025/02/16 10:00:00")));
}

#[test]
fn what_is_next_waits_for_the_task_that_failed_and_for_no_other() {
    let mut life = failing(1);
    fails(&mut life, Task::Retry, "2025/02/16 02:05:05");
    // Retried before the schedule's time.
    assert_eq!(life.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
    let mut same = failing(1);
    fails(&mut same, Task::Retry, "2025/02/16 02:05:06");
    assert_eq!(same.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
    let mut later = failing(1);
    fails(&mut later, Task::Retry, "2025/02/16 02:05:07");
    assert_eq!(later.next(), due("retry", "2025/02/16 03:05:07", ActionReason::PreviousAttemptFailed));
    let mut other = failing(1);
    fails(&mut other, Task::Cancel, "2025/02/16 12:00:00");
    assert_eq!(other.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
}

#[test]
fn a_task_that_can_be_done_again_or_any_change_forgets_that_it_failed() {
    let mut life = failing(1);
    let mut well = failing(1);
    let answer = answer(EcpayState::Running, "2025/02/16 05:30:00");
    assert_eq!(well.answered(Task::Retry, &answer).change.history.rule, Rule::NothingNew);
    fails(&mut life, Task::Retry, "2025/02/16 04:30:00");
    let decision = life.clone().answered(Task::Retry, &answer);
    assert_eq!((mails(&decision), decision.change.next.task_failure.clone()), (vec![], None));
    let line = decision.change.history;
    assert_eq!((line.rule, line.by), (Rule::TaskRecovered, Actor::Schedule));
    assert_eq!(line.event, HistoryEvent::NothingNew { task: Task::Retry });
    let mut paused = life.clone();
    paused.staff(&Operation::Pause { days: 1 }, "2025/02/16 05:00:00");
    assert_eq!(paused.value().task_failure, None);
    life.failure("2025/02/16 05:00:00");
    assert_eq!(life.value().task_failure, None);
}

/// Order with one failure whose retries on days 1 and 3 are done: its only task is a retry on the 22nd at 03:05:06, the
/// instant at which the grace period ends.
fn last_retry() -> Life {
    let mut life = failing(1);
    life.asked("2025/02/18 12:00:00", RetryState::Refused);
    assert_eq!(life.next(), due("retry", "2025/02/22 03:05:06", ActionReason::RetryScheduled));
    life
}

#[test]
fn a_failing_retry_yields_to_the_downgrade_once_ecpay_gave_no_answer_for_a_day() {
    // Each fourth failure puts the next attempt at 03:05:05, 03:05:06 and 03:05:07.
    for (fourth, yields) in
        [("2025/02/21 19:05:05", false), ("2025/02/21 19:05:06", true), ("2025/02/21 19:05:07", true)]
    {
        let mut life = last_retry();
        for now in ["2025/02/21 12:00:00", "2025/02/21 13:00:00", "2025/02/21 15:00:00", fourth] {
            fails(&mut life, Task::Retry, now);
        }
        let expected = if yields {
            due("end-grace", "2025/02/22 12:00:00", ActionReason::GraceEnds)
        } else {
            due("retry", "2025/02/22 03:05:06", ActionReason::RetryScheduled)
        };
        assert_eq!(life.next(), expected, "{fourth}");
        let early = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/22 11:59:59")));
        assert_eq!(early, None, "{fourth}");
        let falls = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/22 12:00:00")));
        assert_eq!(falls.is_some(), yields, "{fourth}");
        if let Some(fall) = falls {
            assert_eq!((mails(&fall), fall.change.next.task_failure), (vec!["downgraded"], None));
        }
    }
}

#[test]
fn a_retry_that_failed_three_times_is_still_waited_for() {
    let mut life = last_retry();
    for now in ["2025/02/22 03:30:00", "2025/02/22 04:30:00", "2025/02/22 06:30:00"] {
        fails(&mut life, Task::Retry, now);
        assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/30 12:00:00"))), None, "{now}");
    }
    assert_eq!(life.next(), due("retry", "2025/02/22 10:30:00", ActionReason::PreviousAttemptFailed));
    for now in ["2025/02/22 10:30:00", "2025/02/22 18:30:00"] {
        fails(&mut life, Task::Retry, now);
    }
    assert_eq!(life.next(), due("end-grace", "2025/02/23 03:30:00", ActionReason::GraceEnds));
}

/// "Before FREE the order was queried within 24 h, unless ECPay could not be reached for 24 h."
#[test]
fn a_day_without_an_answer_is_asked_for_until_it_is_over() {
    let mut life = last_retry();
    life.asked("2025/02/22 03:05:06", RetryState::Refused);
    assert_eq!(life.next(), due("reconcile", "2025/02/21 15:05:06", ActionReason::DowngradeAhead));
    for (now, again) in [
        ("2025/02/22 03:30:00", "2025/02/22 04:30:00"),
        ("2025/02/22 04:30:00", "2025/02/22 06:30:00"),
        ("2025/02/22 06:30:00", "2025/02/22 10:30:00"),
        ("2025/02/22 10:30:00", "2025/02/22 18:30:00"),
    ] {
        fails(&mut life, Task::Reconcile, now);
        assert_eq!(life.next(), due("reconcile", again, ActionReason::PreviousAttemptFailed), "{now}");
    }
    // The fifth failure puts the next attempt behind the end of the day without an answer.
    fails(&mut life, Task::Reconcile, "2025/02/22 18:30:00");
    assert_eq!(life.next(), due("end-grace", "2025/02/23 03:30:00", ActionReason::GraceEnds));
    // An answer before that ends the failure, and the downgrade follows from it at once.
    let mut answered = life.clone();
    answered.queried(EcpayState::Running, "2025/02/22 20:00:00");
    assert_eq!(answered.next(), due("end-grace", "2025/02/22 03:05:06", ActionReason::GraceEnds));
}

#[test]
fn only_the_failing_task_itself_yields() {
    // A failing cancellation does not affect the retry.
    let mut life = last_retry();
    for _ in 0..4 {
        fails(&mut life, Task::Cancel, "2025/02/22 03:00:00");
    }
    assert_eq!(life.next(), due("retry", "2025/02/22 03:05:06", ActionReason::RetryScheduled));
}

#[test]
fn a_failing_cancellation_yields_to_the_downgrade_and_is_retried_after_it() {
    let mut life = failing(2);
    life.staff(&Operation::Cancel, "2025/02/21 12:00:00");
    for (now, again) in [
        ("2025/02/24 12:00:00", "2025/02/24 13:00:00"),
        ("2025/02/24 13:00:00", "2025/02/24 15:00:00"),
        ("2025/02/24 15:00:00", "2025/02/24 19:00:00"),
        ("2025/02/24 19:00:00", "2025/02/25 03:00:00"),
    ] {
        fails(&mut life, Task::Cancel, now);
        assert_eq!(life.next(), due("cancel", again, ActionReason::PreviousAttemptFailed));
    }
    fails(&mut life, Task::Cancel, "2025/02/25 03:00:00");
    // A day after the first failure, during which ECPay gave no answer.
    assert_eq!(life.next(), due("end-grace", "2025/02/25 12:00:00", ActionReason::GraceEnds));
    let fall = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).unwrap();
    life.take(&fall);
    assert_eq!(life.next(), due("cancel", "2025/02/24 12:00:00", ActionReason::CancelRequested));
    assert!(claim_cancel(&life.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).is_some());
}

#[test]
fn an_open_retry_that_cannot_be_asked_about_is_given_up_after_7_days() {
    for (answer, now, state) in [
        (RetryState::Unknown, "2025/02/23 11:59:59", RetryState::Unknown),
        (RetryState::Unknown, "2025/02/23 12:00:00", RetryState::NoResult),
        (RetryState::Accepted, "2025/02/23 11:59:59", RetryState::Accepted),
        (RetryState::Accepted, "2025/02/23 12:00:00", RetryState::NoResult),
        (RetryState::Accepted, "2025/02/28 12:00:00", RetryState::NoResult),
        (RetryState::Refused, "2025/02/28 12:00:00", RetryState::Refused),
        (RetryState::NotSent, "2025/02/28 12:00:00", RetryState::NotSent),
    ] {
        let mut life = failing(1);
        life.asked("2025/02/16 12:00:00", answer);
        fails(&mut life, Task::Reconcile, now);
        let ask = life.value().retry.unwrap();
        assert_eq!((ask.state, ask.requested_at), (state, t("2025/02/16 12:00:00")), "{answer:?} {now}");
    }
    // From then on other tasks no longer wait: the retry of day 3 is overdue.
    let mut life = failing(1);
    life.asked("2025/02/16 12:00:00", RetryState::Accepted);
    fails(&mut life, Task::Reconcile, "2025/02/23 12:00:00");
    assert_eq!(life.next(), due("retry", "2025/02/18 03:05:06", ActionReason::RetryScheduled));
}

#[test]
fn an_order_that_cannot_be_asked_about_is_asked_later() {
    let mut life = running();
    assert_eq!(life.next(), due("reconcile", "2025/02/16 00:00:00", ActionReason::ChargeOverdue));
    fails(&mut life, Task::Reconcile, "2025/02/16 00:30:00");
    assert_eq!(life.next(), due("reconcile", "2025/02/16 01:30:00", ActionReason::PreviousAttemptFailed));
}
