//! Decisions about ECPay's answer to the query of an order, beyond the charges in its log: state, number of charges, and
//! successes that cannot be recorded.

use crate::domain::billing::decide::cancel::unconfirmed_from;
use crate::domain::billing::decide::order::{expire, final_status};
use crate::domain::billing::decide::proof::proven;
use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::policy::{
    BACKOFF_HOURS, CANCEL_REPEAT_HOURS, LATE_CHARGE_FREE_DAYS, LATE_CHARGE_NOTICE_DAYS, RETRY_RESULT_HOURS,
};
use crate::domain::billing::dunning::state::refresh_dunning_state;
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::charge_history::ProofSource;
use crate::domain::billing::payments::order_query::{EcpayState, LogGap, OrderQuery, QueryAnswer};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Ended, OrderEnd, RetryRequest, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::billing::task::failure::Backoff;
use crate::domain::values::time::{Timestamp, Zone};

/// The order with the answer noted.
#[must_use]
pub fn note_query(order: &Subscription, answer: &QueryAnswer) -> Subscription {
    let mut next = order.clone();
    let recorded = order.charge_history.successes;
    // Since a success was recorded it is another gap.
    let known = order.last_query.and_then(|query| query.gap).filter(|gap| gap.recorded == recorded);
    let has_gap = answer.higher_count.is_some_and(|count| count > recorded);
    let gap = has_gap.then(|| known.unwrap_or(LogGap { since: answer.at, recorded }));
    next.last_query = Some(OrderQuery { at: answer.at, state: answer.state, gap });
    next.terms.exec_times = answer.exec_times.unwrap_or(next.terms.exec_times);
    next.charge_history.set_unrecorded(ProofSource::Query, answer.unrecorded.iter().copied());
    next
}

/// Decides what follows from the answer itself: the order ended, was declined, or has a success that cannot be recorded
/// but proves that its period is paid. `None` where the answer only has to be noted.
#[must_use]
pub fn decide_query(
    before: &Versioned<Subscription>,
    answer: &QueryAnswer,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    let noted = Versioned { value: note_query(&before.value, answer), version: before.version };
    match answer.state {
        EcpayState::Stopped => order_ended(&noted, OrderEnd::Cancelled, context.now),
        EcpayState::Finished => order_ended(&noted, OrderEnd::Finished, context.now),
        EcpayState::Declined => expire(&noted, context.now),
        EcpayState::Running | EcpayState::Unpaid | EcpayState::Other => None,
    }
    .or_else(|| success_proven(&before.value, &noted, context))
}

/// A success that ECPay lists without a number or an authorisation number.
fn success_proven(
    before: &Subscription,
    noted: &Versioned<Subscription>,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    let listed = noted.value.charge_history.unrecorded_successes.iter().map(|success| success.at);
    // Anything up to the newest success that was known proves nothing new, however that one was paid.
    let newest = listed.max().filter(|at| before.charge_history.last_paid_at() < Some(*at))?;
    proven(noted, newest, context)
}

/// Query result: ECPay makes no further charges for this order.
fn order_ended(before: &Versioned<Subscription>, how: OrderEnd, now: Timestamp) -> Option<Decision> {
    let subscription = &before.value;
    if subscription.status == Status::Pending {
        return None;
    }
    // The first known end stays: charges are judged by its time.
    let known = subscription.ended.unwrap_or(Ended { at: now, how });
    let mut next = subscription.clone();
    next.ended = Some(known);
    // A success that the same answer proves may have ended the arrears.
    if matches!(next.status, Status::PastDue { .. }) && Arrears::of(&next).is_none() {
        next.status = Status::Active;
        next.dunning_notice = None;
        next.extra_grace_days = 0;
    }
    if subscription.status == Status::Active && subscription.plan.is_free() {
        next.status = final_status(next.ended);
    }
    if next == *subscription {
        return None;
    }
    let wished = subscription.cancel_requested.is_some() && subscription.ended.is_none();
    let today = now.day(Zone::Taipei);
    let paid_period = if subscription.plan.is_free() { None } else { subscription.paid_period() };
    let access_until = paid_period.map_or(today, |paid| paid.to.max(today));
    let notice = Notice::about(&next, NoticeKind::CancelConfirmed, "order", now).with_day("access_until", access_until);
    let mut decision =
        Decision::new(before, next, Cause::new(HistoryEvent::OrderEnded(how), Rule::OrderOver, Actor::Ecpay), now);
    decision.notices.extend(wished.then_some(notice));
    Some(decision)
}

/// Notes a query that brought nothing new. If `task` is still due, it is tried again with backoff, at the latest at the next
/// deadline of the order; otherwise the order waits for its next action.
#[must_use]
pub fn nothing_new(before: &Versioned<Subscription>, task: Task, context: DecisionContext<'_>) -> Decision {
    let DecisionContext { policy, now, .. } = context;
    let mut next = before.value.clone();
    // A usable answer ends the failure, and the backoff is counted from the attempts in vain alone.
    next.task_failure = None;
    let known = next.backoff.take().filter(|backoff| backoff.task == task);
    if NextAction::of(&next, policy).is_some_and(|action| action.kind == task && action.at <= now) {
        let attempts = known.map_or(0, |backoff| backoff.attempts);
        let [.., longest] = BACKOFF_HOURS;
        let wait = usize::try_from(attempts).ok().and_then(|attempts| BACKOFF_HOURS.get(attempts)).copied();
        let again_at = now.plus_hours(wait.unwrap_or(longest));
        // The result of a charge comes within the hour.
        let result_at = next.awaits_result(now).then(|| now.plus_hours(1));
        let notified_from = unconfirmed_from(&next, now).filter(|_| task == Task::Cancel).map(|(_, from)| from);
        let deadlines = deadlines(&next).chain(result_at).chain(notified_from).filter(|deadline| *deadline > now);
        let again_at = deadlines.fold(again_at, Timestamp::min);
        next.backoff = Some(Backoff { task, attempts: attempts.saturating_add(1), again_at });
    }
    // The log may have shown a new charge day, and with it another end of grace.
    let is_dunned = next.is_live() && next.downgrade.is_none();
    let notice = if is_dunned { refresh_dunning_state(&mut next, context) } else { None };
    let recovered = before.value.task_failure.is_some();
    let rule = if recovered { Rule::TaskRecovered } else { Rule::NothingNew };
    let cause = Cause::new(HistoryEvent::NothingNew { task }, rule, Actor::Schedule);
    let mut decision = Decision::new(before, next, cause, now);
    decision.notices.extend(notice);
    decision
}

/// Instants at which something is decided about an order whose charge, retry or cancellation is late.
fn deadlines(order: &Subscription) -> impl Iterator<Item = Timestamp> {
    let late = [LATE_CHARGE_NOTICE_DAYS, LATE_CHARGE_FREE_DAYS];
    let due = order.paid_period().map(|paid| paid.to);
    let of_charge = due.into_iter().flat_map(move |due| late.map(|days| due.plus_days(days).start(Zone::Taipei)));
    let of_retry = order.retry.filter(RetryRequest::is_open).map(|ask| ask.requested_at.plus_hours(RETRY_RESULT_HOURS));
    let of_cancel = order.cancel.map(|cancel| cancel.requested_at.plus_hours(CANCEL_REPEAT_HOURS));
    of_charge.chain(of_retry).chain(of_cancel)
}
