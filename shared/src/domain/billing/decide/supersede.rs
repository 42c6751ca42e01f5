//! Replacement of an order by another one, and the refund due for what is unused of the period that it had paid.

use std::slice;

use crate::domain::billing::decide::charge_notices::{RefundReason, refund_notice};
use crate::domain::billing::decision::{
    Actor, Cause, HistoryEntry, HistoryEvent, Replaced, SubscriptionWrite, Versioned,
};
use crate::domain::billing::notices::Notice;
use crate::domain::billing::payments::payment::{Payment, PaymentOutcome, PaymentReport};
use crate::domain::billing::payments::refund_due::RefundDue;
use crate::domain::billing::payments::unused_part::{Credit, UnusedPart, unused_parts};
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::time::{Timestamp, Zone};

/// Replaced order, with the refunds that are due for its unused parts.
pub(super) struct Superseded {
    pub(super) order: SubscriptionWrite,
    pub(super) owed: Vec<Owed>,
}

/// Refund due for an unused part.
pub(super) struct Owed {
    /// Payment as it is stored from now on.
    pub(super) payment: Payment,
    /// For the order's history.
    pub(super) credit: Credit,
    /// Mail to staff.
    pub(super) notice: Notice,
}

/// Time of an order's first charge, as the first report of a success shows it. Where that is of a later charge, the first one was
/// made when the buyer ordered.
pub(super) fn first_charged_at(order: &Subscription, report: &PaymentReport) -> Timestamp {
    match report.outcome {
        PaymentOutcome::Succeeded { number } if number > 1 => order.created_at.min(report.processed_at),
        PaymentOutcome::Succeeded { .. }
        | PaymentOutcome::Failed
        | PaymentOutcome::Pending
        | PaymentOutcome::PaidOutOfBand => report.processed_at,
    }
}

/// The replaced order: dunning ends and its cancellation falls due. From the day of the new order's first charge on, what it paid
/// is unused.
pub(super) fn supersede(old: &Replaced, by: &Subscription, since: Timestamp, now: Timestamp) -> Option<Superseded> {
    let before = &old.order;
    if before.value.superseded_by.is_some() {
        return None;
    }
    let next = replaced_by(before, by, since);
    let unused = old.unused_since(since.day(Zone::Taipei)).into_iter();
    let owed: Vec<Owed> = unused.filter_map(|(payment, unused)| owed(&next, payment, unused, now)).collect();
    let cause = Cause::new(HistoryEvent::SupersededBy(by.id.clone()), Rule::Superseded, Actor::Ecpay);
    let mut history = HistoryEntry::new(now, cause, Some(before.value.status), next.status);
    history.credits = owed.iter().map(|owed| owed.credit.clone()).collect();
    Some(Superseded { order: SubscriptionWrite::changed(before, next, history), owed })
}

fn replaced_by(before: &Versioned<Subscription>, by: &Subscription, since: Timestamp) -> Subscription {
    let mut next = before.value.clone();
    next.superseded_by = Some(by.id.clone());
    next.superseded_at = Some(since);
    next.plan = PlanId::free();
    next.dunning_notice = None;
    next.downgrade = None;
    next.paused = None;
    next.task_failure = None;
    if matches!(next.status, Status::PastDue { .. }) {
        next.status = Status::Active;
    }
    next
}

/// Refund due of a charge that was made before its order was replaced and became known afterwards. `next` has the charge. Any
/// other payment had its part at the replacement.
pub(super) fn late_credit(next: &Subscription, payment: &Payment, now: Timestamp) -> Option<Owed> {
    let since = next.superseded_at?.day(Zone::Taipei);
    let (_, unused) = unused_parts(next, slice::from_ref(payment), since).pop()?;
    owed(next, payment, unused, now)
}

fn owed(order: &Subscription, payment: &Payment, unused: UnusedPart, now: Timestamp) -> Option<Owed> {
    let UnusedPart { amount, days, of_days } = unused;
    let since = order.superseded_at?.day(Zone::Taipei);
    let replaced_by = order.superseded_by.clone().filter(|_| !amount.is_zero())?;
    let credit = Credit { payment: payment.id.clone(), replaced_by, amount, days, of_days };
    let payment = Payment { refund_due: RefundDue::Part(amount), ..payment.clone() };
    let notice = refund_notice(order, &payment, &RefundReason::Unused { credit: &credit, since }, now);
    Some(Owed { payment, credit, notice })
}
