//! Decisions about failing tasks: retried with backoff; staff are notified once; other tasks are not blocked.

use crate::domain::billing::decide::cancel::{unconfirmed_from, unconfirmed_notice};
use crate::domain::billing::decision::{Actor, Cause, Decision, HistoryEvent, Versioned};
use crate::domain::billing::dunning::policy::{NEEDS_ATTENTION_AFTER, TASK_BACKOFF_HOURS, UNANSWERED_REQUEST_DAYS};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{RetryRequest, RetryState, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::billing::task::failure::TaskFailure;
use crate::domain::values::time::Timestamp;

/// Records a failure of a task; the next attempt follows the backoff. A retry whose result cannot be queried for a week
/// is closed.
#[must_use]
pub fn record_task_failure(before: &Versioned<Subscription>, task: Task, reason: &str, now: Timestamp) -> Decision {
    let mut next = before.value.clone();
    // Failures are counted per task: another task starts its own backoff.
    let known = next.task_failure.take().filter(|failure| failure.task == task);
    let (since, failed) = known.map_or((now, 0), |failure| (failure.since, failure.attempts));
    let attempts = failed.saturating_add(1);
    let [.., longest] = TASK_BACKOFF_HOURS;
    let wait = TASK_BACKOFF_HOURS.get(failed).copied().unwrap_or(longest);
    let again_at = now.plus_hours(wait);
    // Not later than staff are to be notified of a cancellation that stays unconfirmed.
    let notified_from = unconfirmed_from(&next, now).filter(|(_, from)| task == Task::Cancel && *from > now);
    let again_at = notified_from.map_or(again_at, |(_, from)| from.min(again_at));
    let failure = TaskFailure { task, since, attempts, again_at, reason: reason.to_owned() };
    let needs_attention = failure.needs_attention();
    // An unpaid order expires by itself, so staff need not look at it.
    let is_notified_now = attempts == NEEDS_ATTENTION_AFTER && task != Task::CheckPending;
    next.task_failure = Some(failure);
    let unanswered =
        |ask: &&mut RetryRequest| ask.is_open() && now >= ask.requested_at.plus_days(UNANSWERED_REQUEST_DAYS);
    // Otherwise an order that ECPay never answers about would keep its retry pending for ever.
    if let Some(ask) = next.retry.as_mut().filter(unanswered) {
        ask.state = RetryState::NoResult;
    }
    // The start of the failure is the occasion, so that one series leads to one mail.
    let notice = Notice::about(&next, NoticeKind::NeedsAttention, &since.to_string(), now)
        .with("task", task.as_str())
        .with("reason", reason);
    let fact = HistoryEvent::TaskFailed { task, reason: reason.to_owned() };
    let rule = if needs_attention { Rule::NeedsAttention } else { Rule::TaskFailed };
    let unconfirmed = if task == Task::Cancel { unconfirmed_notice(&mut next, now) } else { None };
    let mut decision = Decision::new(before, next, Cause::new(fact, rule, Actor::Schedule), now);
    decision.notices.extend(is_notified_now.then_some(notice));
    decision.notices.extend(unconfirmed);
    decision
}
