//! Decisions caused by time and queries: creation, end of grace, missing charges, end of an order at ECPay.

use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEntry, HistoryEvent, LiveOrderCondition, SubscriptionWrite,
    UserChange, Versioned,
};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::policy::{
    CANCEL_REPEAT_HOURS, LATE_CHARGE_FREE_DAYS, LATE_CHARGE_NOTICE_DAYS, PENDING_EXPIRY_HOURS,
};
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{
    CancelRequest, Downgrade, DowngradeReason, Ended, NewOrder, OrderEnd, Status, Subscription,
};
use crate::domain::billing::task::Task;
use crate::domain::values::time::{Timestamp, Zone};

/// Creates an order. The user's plan stays as it is; the commit checks that the user may order.
#[must_use]
pub fn create_order(order: NewOrder, by: Actor, now: Timestamp) -> Decision {
    let next = Subscription::ordered(order.clone(), now);
    let user = UserChange {
        user: order.user.clone(),
        subscription: order.id.clone(),
        user_plan: None,
        condition: LiveOrderCondition::NoneOrOneOf(order.replaces.clone().into_iter().collect()),
    };
    let history =
        HistoryEntry::new(now, Cause::new(HistoryEvent::Ordered(order), Rule::OrderCreated, by), None, next.status);
    let change = SubscriptionWrite { next, expected: None, history };
    Decision { change, replaced: None, user: Some(user), receipt: None, payment: None, notices: Vec::new() }
}

/// Downgrades where that is due: the grace period ended unpaid, or the paid period of a terminated order is over.
#[must_use]
pub fn end_grace(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let DecisionContext { policy, now } = context;
    let subscription = &before.value;
    NextAction::of(subscription, policy).filter(|action| action.kind == Task::EndGrace && action.at <= now)?;
    match subscription.status {
        Status::PastDue { .. } => {
            let charge_due = Arrears::of(subscription)?.charge_due.to_string();
            let cause = Cause::new(HistoryEvent::ActionDue, Rule::GraceEnded, Actor::Schedule);
            Some(downgrade(before, Downgrade { at: now, reason: DowngradeReason::PaymentFailure }, cause, &charge_due))
        }
        Status::Active | Status::Cancelled | Status::Completed => {
            let mut next = subscription.clone();
            next.plan = PlanId::free();
            next.status = final_status(subscription.ended);
            let notice = Notice::about(&next, NoticeKind::PlanEnded, "period", now);
            let mut decision = Decision::new(
                before,
                next,
                Cause::new(HistoryEvent::ActionDue, Rule::PaidPeriodEnded, Actor::Schedule),
                now,
            );
            decision.notices.push(notice);
            Some(decision)
        }
        Status::Pending | Status::Failed => None,
    }
}

fn downgrade(before: &Versioned<Subscription>, downgrade: Downgrade, cause: Cause, occasion: &str) -> Decision {
    let mut next = before.value.clone();
    next.plan = PlanId::free();
    next.status = Status::Active;
    next.downgrade = Some(downgrade);
    next.extra_grace_days = 0;
    let at = downgrade.at;
    let notice = Notice::about(&next, NoticeKind::Downgraded, occasion, at).with_instant("downgraded_at", at);
    let mut decision = Decision::new(before, next, cause, at);
    decision.notices.push(notice);
    decision
}

const fn final_status(ended: Option<Ended>) -> Status {
    match ended {
        Some(Ended { how: OrderEnd::Finished, .. }) => Status::Completed,
        _ => Status::Cancelled,
    }
}

/// Query result: active order without the charge that was due. Staff are notified once; after a week the customer is
/// downgraded.
#[must_use]
pub fn charge_missing(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    let subscription = &before.value;
    let watched = subscription.status == Status::Active
        && subscription.downgrade.is_none()
        && subscription.superseded_by.is_none()
        && subscription.erased.is_none()
        && subscription.ended.is_none();
    if !watched {
        return None;
    }
    let due = subscription.paid_period()?.to;
    let late_since = |days| due.plus_days(days).start(Zone::Taipei);
    // A pause keeps the plan also here, but staff are notified all the same.
    if now >= late_since(LATE_CHARGE_FREE_DAYS) && subscription.paused.is_none() {
        let cause = Cause::new(HistoryEvent::MissingChargeObserved, Rule::NotCharged, Actor::Schedule);
        let change = Downgrade { at: now, reason: DowngradeReason::NotCharged };
        return Some(downgrade(before, change, cause, &due.to_string()));
    }
    if now < late_since(LATE_CHARGE_NOTICE_DAYS) || subscription.missing_charge_notified_for == Some(due) {
        return None;
    }
    let mut next = subscription.clone();
    next.missing_charge_notified_for = Some(due);
    let notice = Notice::about(&next, NoticeKind::Uncharged, &due.to_string(), now).with_day("charge_due", due);
    let mut decision = Decision::new(
        before,
        next,
        Cause::new(HistoryEvent::MissingChargeObserved, Rule::ChargeLate, Actor::Schedule),
        now,
    );
    decision.notices.push(notice);
    Some(decision)
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

/// Query result: the missing success is not in ECPay's log. It is not searched for again.
#[must_use]
pub fn success_missing(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    if !before.value.charge_history.has_unreported_success() {
        return None;
    }
    let mut next = before.value.clone();
    next.charge_history.reconciled_up_to = next.charge_history.successes;
    Some(Decision::new(before, next, Cause::new(HistoryEvent::Checked, Rule::SuccessMissing, Actor::Schedule), now))
}

/// Query result: ECPay makes no further charges for this order.
#[must_use]
pub fn order_ended(before: &Versioned<Subscription>, how: OrderEnd, now: Timestamp) -> Option<Decision> {
    let subscription = &before.value;
    // The first known end stays: charges are judged by its time.
    let known = subscription.ended.unwrap_or(Ended { at: now, how });
    let mut next = subscription.clone();
    next.ended = Some(known);
    if subscription.status == Status::Active && subscription.plan.is_free() {
        if known.how == OrderEnd::SixFailures {
            // Until now this end was inferred from six failures; a later charge was still possible.
            next.ended = Some(Ended { at: now, how: known.how });
        }
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

/// Claims the cancellation of an order that is due, before the request is sent to ECPay. An unconfirmed one is
/// requested again after an hour: a repeated request has no further effect.
#[must_use]
pub fn claim_cancel(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let DecisionContext { policy, now } = context;
    NextAction::of(&before.value, policy).filter(|action| action.kind == Task::Cancel && action.at <= now)?;
    // After six failures the end is inferred only, so the cancellation is requested nevertheless.
    if before.value.ended.is_some_and(|ended| ended.how != OrderEnd::SixFailures) {
        return None;
    }
    let repeat_from = |ask: CancelRequest| ask.requested_at.plus_hours(CANCEL_REPEAT_HOURS);
    if before.value.cancel.is_some_and(|ask| now < repeat_from(ask)) {
        return None;
    }
    let mut next = before.value.clone();
    next.cancel = Some(CancelRequest { requested_at: now });
    Some(Decision::new(
        before,
        next,
        Cause::new(HistoryEvent::CancelRequestedAtEcpay, Rule::CancelRequestedAtEcpay, Actor::Schedule),
        now,
    ))
}

/// Query result: the order is still unpaid. It is queried again later and expires after a day.
#[must_use]
pub fn still_pending(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    if before.value.status != Status::Pending {
        return None;
    }
    let mut next = before.value.clone();
    next.checked_at = Some(now);
    let expired = now >= next.created_at.plus_hours(PENDING_EXPIRY_HOURS);
    let rule = if expired { Rule::OrderExpired } else { Rule::StillPending };
    if expired {
        next.status = Status::Failed;
    }
    Some(Decision::new(before, next, Cause::new(HistoryEvent::Checked, rule, Actor::Schedule), now))
}
