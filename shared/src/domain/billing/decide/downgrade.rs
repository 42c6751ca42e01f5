//! Conditions of a downgrade for a failed payment besides its time: ECPay was queried, no charge is pending, and the customer
//! was notified.

use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::dunning::arrears::{Arrears, downgrade_at};
use crate::domain::billing::dunning::policy::{
    CHARGE_RESULT_DAYS, DOWNGRADE_QUERY_HOURS, NOTICE_AGE_DAYS, UNSENT_NOTICE_DAYS, UNSENT_NOTICE_HOURS,
};
use crate::domain::billing::notices::{NoticeKind, NoticeState};
use crate::domain::billing::payments::order_query::OrderQuery;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::billing::task::failure::Backoff;
use crate::domain::values::ids::NotificationId;
use crate::domain::values::time::Timestamp;

/// State of the first notice about an unpaid charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstNotice {
    /// State of its sending.
    pub state: NoticeState,
    /// Time at which it was sent, may have been sent, or was refused for good.
    pub ended_at: Option<Timestamp>,
}

/// The id of the first notice about the charge that an order owes; `None` where no mail was queued.
#[must_use]
pub fn first_notice_id(order: &Subscription) -> Option<NotificationId> {
    let notice = order.dunning_notice.filter(|_| matches!(order.status, Status::PastDue { .. }))?;
    let kind = NoticeKind::of_attempt(notice.first_attempt)?;
    Some(NotificationId::of(order.id.as_str(), kind.name(), &notice.charge_due.to_string()))
}

/// Postpones a downgrade that is due: until ECPay was queried within a day, until the result of a pending charge is known, at
/// most three days, and until the first notice was sent three days ago. A notice that is unsent through our own fault, and a
/// log that lists every success that ECPay counts, are waited for, at most 14 days. `None` where the downgrade may happen.
#[must_use]
pub fn postpone_downgrade(
    before: &Versioned<Subscription>,
    notice: Option<FirstNotice>,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    let now = context.now;
    let arrears = Arrears::of(&before.value).filter(|_| matches!(before.value.status, Status::PastDue { .. }))?;
    // The query is then due at once.
    let until =
        if is_query_too_old(&before.value, now) { now } else { waits_until(&before.value, &arrears, notice, context)? };
    let mut next = before.value.clone();
    next.backoff = Some(Backoff { task: Task::EndGrace, attempts: 1, again_at: until });
    let event = HistoryEvent::DowngradePostponed { until };
    Some(Decision::new(before, next, Cause::new(event, Rule::DowngradePostponed, Actor::Schedule), now))
}

/// The time until which a downgrade that is due waits: for the first notice, for the result of a charge, and for a log without
/// a gap. `None` where it need not wait.
pub(super) fn waits_until(
    order: &Subscription,
    arrears: &Arrears,
    notice: Option<FirstNotice>,
    context: DecisionContext<'_>,
) -> Option<Timestamp> {
    let last_day = downgrade_at(order, arrears, context.policy).plus_days(UNSENT_NOTICE_DAYS);
    let for_notice = notice.and_then(|notice| wait_for(notice, context.now)).map(|until| until.min(last_day));
    // A success would restore the plan within the hour, after a mail that says FREE.
    let for_result = order.pending_since().map(|at| at.plus_days(CHARGE_RESULT_DAYS));
    // A log with a gap does not show that the charge is unpaid. The second makes the query too old, so that the next run asks.
    let read_again =
        |query: OrderQuery| Some(query.at.plus_hours(DOWNGRADE_QUERY_HOURS).plus_seconds(1)).min(query.gap_until());
    let for_gap = order.last_query.and_then(read_again);
    for_notice.max(for_result).max(for_gap).filter(|until| *until > context.now)
}

/// True if ECPay was not queried about the order within a day, although it could be reached.
fn is_query_too_old(order: &Subscription, now: Timestamp) -> bool {
    let oldest = now.plus_hours(-DOWNGRADE_QUERY_HOURS);
    let was_given_up = order.task_failure.as_ref().is_some_and(|failure| failure.since <= oldest);
    !was_given_up && order.last_query.is_none_or(|query| query.at < oldest)
}

/// The time until which the downgrade waits for the notice.
fn wait_for(notice: FirstNotice, now: Timestamp) -> Option<Timestamp> {
    match notice.state {
        NoticeState::Queued | NoticeState::Claimed => Some(now.plus_hours(UNSENT_NOTICE_HOURS)),
        // Refused for good, or not sent because the customer's mailbox takes no mail: no fault of ours, and no wait would bring
        // it to the customer. Staff were notified, and a new address queues it again, so that the downgrade waits for it.
        NoticeState::Sent
        | NoticeState::Unclear
        | NoticeState::Dead
        | NoticeState::Undeliverable
        | NoticeState::Obsolete => notice.ended_at.map(|ended| ended.plus_days(NOTICE_AGE_DAYS)),
    }
}
