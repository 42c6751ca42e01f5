//! Unused part of a paid period: the days from the one on which another order takes over, and the money that was paid for them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::dunning::downgrade::DowngradeReason;
use crate::domain::billing::payments::payment::{Payment, PaymentOutcome};
use crate::domain::billing::payments::refund_due::RefundDue;
use crate::domain::billing::subscription::{PaidPeriod, Subscription};
use crate::domain::values::ids::{EventId, PaymentId, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::LocalDate;

/// Days at the end of a paid period that the order no longer serves, and their share of what was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnusedPart {
    /// Whole TWD, rounded half up.
    pub amount: Twd,
    /// Unused days.
    pub days: u32,
    /// Days of the whole period.
    pub of_days: u32,
}

/// Refund due for the unused part of a replaced order's paid period, as its history has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Payment of which that amount must go back.
    pub payment: PaymentId,
    /// Order that took over the unused days.
    pub replaced_by: SubscriptionId,
    /// Amount in TWD.
    pub amount: Twd,
    /// Unused days.
    pub days: u32,
    /// Days of the whole period.
    pub of_days: u32,
}

impl UnusedPart {
    /// Both parts together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            amount: self.amount.plus(other.amount),
            days: self.days.saturating_add(other.days),
            of_days: self.of_days.saturating_add(other.of_days),
        }
    }
}

/// The part of `paid` that falls on the days of a period from `since` on (Asia/Taipei); `since` itself is unused.
#[must_use]
pub fn unused_part(paid: Twd, period: PaidPeriod, since: LocalDate) -> UnusedPart {
    let days_from = |day: LocalDate| u32::try_from(day.days_until(period.to)).unwrap_or(0);
    let of_days = days_from(period.from);
    let days = days_from(since).min(of_days);
    if of_days == 0 {
        return UnusedPart::default();
    }
    let share = u64::from(paid.dollars()) * u64::from(days);
    let rounded = (2 * share + u64::from(of_days)) / (2 * u64::from(of_days));
    // At most what was paid.
    UnusedPart { amount: Twd::new(u32::try_from(rounded).unwrap_or(paid.dollars())), days, of_days }
}

/// The due date of the latest paid period, if it was paid outside ECPay.
#[must_use]
pub fn paid_outside(order: &Subscription) -> Option<LocalDate> {
    let due = order.timeline().paid_due;
    order.charge_history.paid_out_of_band.filter(|paid| Some(*paid) == due)
}

/// True for the payment of an order that paid its latest period. A success that is quarantined has none: it gives its part back
/// once it is recorded.
#[must_use]
pub fn pays_latest(order: &Subscription, payment: &Payment) -> bool {
    if let Some(due) = paid_outside(order) {
        return payment.event == EventId::paid_out_of_band(due);
    }
    // One that must go back as a whole pays no period.
    let is_success =
        matches!(payment.outcome, PaymentOutcome::Succeeded { .. }) && payment.refund_due != RefundDue::Whole;
    is_success && order.charge_history.paid_at().last() == Some(&payment.processed_at)
}

/// The order as it is, and as it was before its latest payments, as far back as a period has days from `since` on. More than one
/// period has where the order was charged before it became known that another one had replaced it.
pub fn periods_since(order: &Subscription, since: LocalDate) -> impl Iterator<Item = Subscription> {
    std::iter::successors(Some(order.clone()), move |known| {
        let before = before_latest_payment(known);
        before.paid_period().filter(|period| since < period.to)?;
        Some(before)
    })
}

fn before_latest_payment(order: &Subscription) -> Subscription {
    let mut before = order.clone();
    let history = &mut before.charge_history;
    if paid_outside(order).is_some() {
        history.paid_out_of_band = None;
    } else {
        let latest = history.paid_at().pop();
        history.recent_successes.retain(|at| Some(*at) != latest);
        history.unrecorded_successes.retain(|known| Some(known.at) != latest);
    }
    history.last_success_at = history.recent_successes.last().copied();
    before
}

/// The unused parts of an order's payments if another order takes over on that day, each with its payment, the latest first. None of
/// an order whose plan ended with a refund, which settled its period. A payment of unknown amount
/// counts with the price.
#[must_use]
pub fn unused_parts<'a>(
    order: &Subscription,
    payments: &'a [Payment],
    since: LocalDate,
) -> Vec<(&'a Payment, UnusedPart)> {
    let mut parts = Vec::new();
    if order.downgrade.is_some_and(|downgrade| downgrade.reason == DowngradeReason::Refunded) {
        return parts;
    }
    let mut until: Option<LocalDate> = None;
    for known in periods_since(order, since) {
        let Some(mut period) = known.paid_period() else { break };
        let payment = payments.iter().find(|payment| pays_latest(&known, payment));
        let left = payment.map(|payment| kept(payment, order.terms.price));
        // A payment that went back pays no period: the one before it counts.
        if payment.is_some_and(|payment| !payment.refunded.is_zero()) && left == Some(Twd::ZERO) {
            continue;
        }
        period.to = until.map_or(period.to, |until| period.to.min(until));
        until = Some(period.from);
        if let (Some(payment), Some(left)) = (payment, left) {
            parts.push((payment, unused_part(left, period, since)));
        }
        if period.from <= since {
            break;
        }
    }
    parts
}

/// The money of a payment that the business keeps for its latest period. A payment outside ECPay may have covered earlier ones.
fn kept(payment: &Payment, price: Twd) -> Twd {
    let left = payment.amount.unwrap_or(price).minus(payment.refunded);
    if payment.outcome == PaymentOutcome::PaidOutOfBand { left.min(price) } else { left }
}
