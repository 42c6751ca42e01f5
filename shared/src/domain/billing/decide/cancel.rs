//! Cancellation of an order at ECPay: claimed before the request, in force only once a query confirms it.

use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::dunning::policy::{CANCEL_REPEAT_HOURS, UNCONFIRMED_CANCEL_DAYS};
use crate::domain::billing::next_action::{NextAction, charge_to_come};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{CancelRequest, RetryRequest, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Claims the cancellation of an order that is due, before the request is sent to ECPay. An unconfirmed one is
/// requested again after an hour: a repeated request has no further effect.
#[must_use]
pub fn claim_cancel(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let DecisionContext { policy, now, .. } = context;
    NextAction::of(&before.value, policy).filter(|action| action.kind == Task::Cancel && action.at <= now)?;
    claim(before, now)
}

/// Claims a cancellation requested by the customer that can still be undone: ahead of its time, so that ECPay has all of
/// them before Duekeeper is removed. Any other is claimed once it is due.
#[must_use]
pub fn claim_cancel_early(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let order = &before.value;
    if order.cancel_requested.is_some() && order.is_live() && !order.retry.as_ref().is_some_and(RetryRequest::is_open) {
        claim(before, context.now)
    } else {
        claim_cancel(before, context)
    }
}

fn claim(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    if before.value.ended.is_some() {
        return None;
    }
    let repeat_from = |ask: CancelRequest| ask.requested_at.plus_hours(CANCEL_REPEAT_HOURS);
    if before.value.cancel.is_some_and(|ask| now < repeat_from(ask)) {
        return None;
    }
    let mut next = before.value.clone();
    // ECPay may take a moment to confirm the first request.
    let notice = if next.cancel.is_some() { unconfirmed_notice(&mut next, now) } else { None };
    next.cancel = Some(CancelRequest { requested_at: now });
    let cause = Cause::new(HistoryEvent::CancelRequestedAtEcpay, Rule::CancelRequestedAtEcpay, Actor::Schedule);
    let mut decision = Decision::new(before, next, cause, now);
    decision.notices.extend(notice);
    Some(decision)
}

/// Notifies staff of a due cancellation while ECPay takes no calls, shortly before the next charge.
#[must_use]
pub fn cancel_unreached(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let DecisionContext { policy, now, .. } = context;
    NextAction::of(&before.value, policy).filter(|action| action.kind == Task::Cancel && action.at <= now)?;
    let mut next = before.value.clone();
    let notice = unconfirmed_notice(&mut next, now)?;
    let cause = Cause::new(HistoryEvent::EcpayUnreached, Rule::CancelUnconfirmed, Actor::Schedule);
    let mut decision = Decision::new(before, next, cause, now);
    decision.notices.push(notice);
    Some(decision)
}

/// Notice to staff of a cancellation that ECPay has not confirmed shortly before the next charge, once for each charge. Only
/// where that charge would have to be refunded: after a downgrade for a failed payment it would restore the plan.
pub(super) fn unconfirmed_notice(next: &mut Subscription, now: Timestamp) -> Option<Notice> {
    let (charge, from) = unconfirmed_from(next, now)?;
    if now < from || next.unconfirmed_notified_for == Some(charge) {
        return None;
    }
    next.unconfirmed_notified_for = Some(charge);
    // A request that follows an undone one is another occasion.
    let requested = next.cancel_requested.map_or(0, Timestamp::unix);
    let notice = Notice::about(next, NoticeKind::CancelUnconfirmed, &format!("{charge}-{requested}"), now);
    Some(notice.with_day("charge_due", charge))
}

/// The next charge of an order that is to be cancelled, and the time from which staff are notified that it is not.
pub(super) fn unconfirmed_from(order: &Subscription, now: Timestamp) -> Option<(LocalDate, Timestamp)> {
    let is_refunded = order.cancel_requested.is_some() || order.superseded_by.is_some() || order.erased.is_some();
    let charge = charge_to_come(order, now.day(Zone::Taipei));
    let from = charge.plus_days(-UNCONFIRMED_CANCEL_DAYS).start(Zone::Taipei);
    (is_refunded && order.ended.is_none()).then_some((charge, from))
}

/// Query result: the order is still active although its cancellation was requested, and the customer has paid since.
/// The order continues.
#[must_use]
pub fn cancel_overtaken(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    let order = &before.value;
    // A customer on FREE must not be charged again, so there the cancellation stands.
    let runs_on = order.status == Status::Active && !order.plan.is_free() && order.ended.is_none();
    if order.cancel.is_none() || order.cancel_requested.is_some() || !runs_on {
        return None;
    }
    let mut next = order.clone();
    next.cancel = None;
    Some(Decision::new(before, next, Cause::new(HistoryEvent::Checked, Rule::CancelOvertaken, Actor::Schedule), now))
}
