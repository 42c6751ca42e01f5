//! Decisions caused by time: creation, end of grace, missing charges, expiry.

use crate::domain::billing::decide::downgrade::{FirstNotice, waits_until};
use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEntry, HistoryEvent, PurchaseChange, PurchaseStep,
    SubscriptionWrite, Versioned,
};
use crate::domain::billing::dunning::arrears::{Arrears, downgrade_at};
use crate::domain::billing::dunning::downgrade::{Downgrade, DowngradeReason};
use crate::domain::billing::dunning::policy::{
    DOWNGRADE_QUERY_HOURS, LATE_CHARGE_FREE_DAYS, LATE_CHARGE_NOTICE_DAYS, PENDING_EXPIRY_HOURS,
};
use crate::domain::billing::live_orders::UserChange;
use crate::domain::billing::next_action::{ActionReason, NextAction};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::order_query::EcpayState;
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Ended, NewOrder, OrderEnd, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::{Timestamp, Zone};

/// Creates an order. The user's plan stays as it is; the commit checks that the user may order.
#[must_use]
pub fn create_order(order: NewOrder, by: Actor, now: Timestamp) -> Decision {
    let next = Subscription::ordered(order.clone(), now);
    let user = UserChange::of_new_order(&order);
    let history =
        HistoryEntry::new(now, Cause::new(HistoryEvent::Ordered(order), Rule::OrderCreated, by), None, next.status);
    Decision::of(SubscriptionWrite::created(next, history), Some(user))
}

/// Creates a further order for a purchase whose other `attempts` ECPay may have taken already: it refuses a number that was
/// submitted once with 10300028.
#[must_use]
pub fn create_attempt(order: NewOrder, attempts: Vec<SubscriptionId>, now: Timestamp) -> Decision {
    let purchase = order.purchase.clone();
    let mut decision = create_order(order, Actor::Buyer, now);
    decision.purchase = purchase.map(|purchase| PurchaseChange { purchase, step: PurchaseStep::Attempted(attempts) });
    decision
}

/// Downgrades where that is due: the grace period ended unpaid, or the paid period of a terminated order is over. To be
/// called after [`postpone_downgrade`](crate::domain::billing::decide::downgrade::postpone_downgrade).
#[must_use]
pub fn end_grace(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let DecisionContext { policy, now, .. } = context;
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

/// Downgrades although ECPay could not be queried: the query before the downgrade has been due for a day without an answer.
/// The first notice is waited for as ever.
#[must_use]
pub fn end_grace_unreached(
    before: &Versioned<Subscription>,
    notice: Option<FirstNotice>,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    let DecisionContext { policy, now, .. } = context;
    let next = NextAction::of(&before.value, policy)?;
    let is_query = next.why == ActionReason::DowngradeAhead && now >= next.at.plus_hours(DOWNGRADE_QUERY_HOURS);
    let arrears = Arrears::of(&before.value).filter(|_| is_query)?;
    let is_early = now < downgrade_at(&before.value, &arrears, policy);
    if is_early || waits_until(&before.value, &arrears, notice, context).is_some() {
        return None;
    }
    let cause = Cause::new(HistoryEvent::EcpayUnreached, Rule::GraceEnded, Actor::Schedule);
    let change = Downgrade { at: now, reason: DowngradeReason::PaymentFailure };
    Some(downgrade(before, change, cause, &arrears.charge_due.to_string()))
}

fn downgrade(before: &Versioned<Subscription>, downgrade: Downgrade, cause: Cause, occasion: &str) -> Decision {
    let mut next = before.value.clone();
    next.plan = PlanId::free();
    next.status = Status::Active;
    next.downgrade = Some(downgrade);
    next.extra_grace_days = 0;
    let at = downgrade.at;
    let kind = match downgrade.reason {
        DowngradeReason::PaymentFailure | DowngradeReason::Refunded => NoticeKind::Downgraded,
        DowngradeReason::NotCharged => NoticeKind::NotCharged,
    };
    let notice = Notice::about(&next, kind, occasion, at).with_instant("downgraded_at", at);
    let mut decision = Decision::new(before, next, cause, at);
    decision.notices.push(notice);
    decision
}

pub(super) const fn final_status(ended: Option<Ended>) -> Status {
    match ended {
        Some(Ended { how: OrderEnd::Finished, .. }) => Status::Completed,
        _ => Status::Cancelled,
    }
}

/// Query result: active order without the charge that was due. Staff are notified once; after a week the customer is
/// downgraded. Only an order that ECPay shows as running, or whose state it does not tell, can lack a charge.
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
    // A charge that must be refunded is one that ECPay made.
    let timeline = subscription.timeline();
    let refund_due_on = subscription.charge_history.last_refund_due_at.map(|at| timeline.charged_on(at));
    if refund_due_on.is_some_and(|day| day >= due.plus_days(-1)) {
        return None;
    }
    let late_since = |days| due.plus_days(days).start(Zone::Taipei);
    // A pause keeps the plan also here, as does a charge whose result is open, and for a while a log with gaps; staff are
    // notified all the same.
    let has_gap = subscription.last_query.is_some_and(|query| query.has_gap_at(now));
    let is_held = subscription.paused.is_some() || subscription.awaits_result(now) || has_gap;
    if now >= late_since(LATE_CHARGE_FREE_DAYS) && !is_held {
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

/// Query result: the order is still unpaid, as far as the answer shows. It is queried again later and expires after a day.
#[must_use]
pub fn still_pending(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    if before.value.status != Status::Pending {
        return None;
    }
    if is_expired(&before.value, now) {
        return expire(before, now);
    }
    let next = before.value.clone();
    Some(Decision::new(before, next, Cause::new(HistoryEvent::Checked, Rule::StillPending, Actor::Schedule), now))
}

/// True if a pending order is old enough to expire, unless ECPay counts a success that it does not list.
#[must_use]
pub fn is_expired(order: &Subscription, now: Timestamp) -> bool {
    let is_counted = order.last_query.is_some_and(|query| query.has_gap_at(now));
    !is_counted && now >= order.created_at.plus_hours(PENDING_EXPIRY_HOURS)
}

/// Expires a pending order: also where ECPay gave no usable answer about it twice, and an offered one, which it does not know.
#[must_use]
pub fn expire(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    if before.value.status != Status::Pending {
        return None;
    }
    let mut next = before.value.clone();
    next.status = Status::Failed;
    let declined = next.last_query.is_some_and(|query| query.state == EcpayState::Declined);
    let rule = if next.offered_until.is_some() {
        Rule::LinkEnded
    } else if declined {
        Rule::FirstChargeFailed
    } else {
        Rule::OrderExpired
    };
    Some(Decision::new(before, next, Cause::new(HistoryEvent::Checked, rule, Actor::Schedule), now))
}
