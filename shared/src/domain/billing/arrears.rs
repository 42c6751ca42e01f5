//! What a customer owes, derived from the facts each time, never counted along.

use crate::domain::billing::charge_history::FailedCharge;
use crate::domain::billing::payment::DeclineClass;
use crate::domain::billing::policy::{DunningPolicy, FAILURES_WITHOUT_FURTHER_RETRY, NOTICE_AGE_DAYS};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// The open episode: the failures after the latest success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrears {
    /// When the first charge of the episode failed; all days are counted from here.
    pub began_at: Timestamp,
    /// The due day of the charge that fails.
    pub charge_due: LocalDate,
    /// The due day of the latest charge that failed in the episode: another than [`Self::charge_due`] where a further
    /// one fails meanwhile.
    pub latest_due: LocalDate,
    /// How often that charge has failed. A further due charge that fails meanwhile does not count.
    pub attempts: usize,
    /// Code of the latest failure, of whichever charge: it tells of the card, and a retry repeats that one.
    pub last_code: String,
}

impl Arrears {
    /// The arrears of a subscription; `None` when no failure is newer than the latest success, or all such charges were
    /// paid outside ECPay.
    #[must_use]
    pub fn of(subscription: &Subscription) -> Option<Self> {
        let paid_until = subscription.charge_history.last_success_at;
        let calendar = subscription.calendar();
        let charge_of = |failure: &FailedCharge| calendar.charge_on(failure.at.day(Zone::Taipei));
        // What was paid outside ECPay is not owed, even if ECPay tries once more and fails.
        let paid_out_of_band = |failure: &FailedCharge| {
            subscription.charge_history.paid_out_of_band.is_some_and(|due| due == calendar.due(charge_of(failure)))
        };
        let unpaid = |failure: &&FailedCharge| {
            paid_until.is_none_or(|success| failure.at > success) && !paid_out_of_band(failure)
        };
        let first = subscription.charge_history.failures.iter().find(unpaid)?;
        let charge = charge_of(first);
        let same_charge = |failure: &&FailedCharge| charge_of(failure) == charge;
        let open: Vec<_> = subscription.charge_history.failures.iter().filter(unpaid).collect();
        let latest = open.last().map_or(charge, |failure| charge_of(failure));
        Some(Self {
            began_at: first.at,
            charge_due: calendar.due(charge),
            latest_due: calendar.due(latest),
            attempts: open.iter().copied().filter(same_charge).count(),
            last_code: open.last().map_or_else(String::new, |failure| failure.rtn_code.clone()),
        })
    }

    /// The first instant after the grace period, staff's extension included.
    #[must_use]
    pub fn grace_ends_at(&self, policy: &DunningPolicy, extra_days: u32) -> Timestamp {
        self.began_at.plus_days(policy.grace_days(self.attempts) + i64::from(extra_days))
    }

    /// Whether only a new card helps, so that no retry is asked by itself.
    #[must_use]
    pub fn needs_new_card(&self) -> bool {
        DeclineClass::of(&self.last_code) == DeclineClass::HardDecline
    }
}

/// When the next automatic retry is asked: the first scheduled day that no earlier ask has covered, so that
/// overdue ones collapse into one. `None` when there is none, or while the result of an ask is open.
#[must_use]
pub fn next_retry_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Option<Timestamp> {
    if arrears.needs_new_card() || subscription.paused.is_some() || retry_refusal(subscription).is_some() {
        return None;
    }
    let covered_until = subscription.retry.and_then(|ask| ask.covered_until());
    policy
        .retry_days()
        .map(|day| arrears.began_at.plus_days(day))
        .find(|at| covered_until.is_none_or(|covered| *at > covered))
}

/// Why no retry may be asked now, by schedule or by hand; `None` when it may.
#[must_use]
pub fn retry_refusal(subscription: &Subscription) -> Option<RetryRefusal> {
    let order_over = subscription.ended.is_some()
        || subscription.cancel.is_some()
        || subscription.cancel_requested.is_some()
        || subscription.superseded_by.is_some()
        || subscription.erased.is_some();
    if subscription.retry.is_some_and(|ask| ask.is_open()) {
        Some(RetryRefusal::AlreadyRequested)
    } else if Arrears::of(subscription).is_none() || subscription.charge_history.last_success_at.is_none() {
        Some(RetryRefusal::NothingOwed)
    } else if order_over {
        Some(RetryRefusal::OrderOver)
    } else if subscription.charge_history.failures.len() >= FAILURES_WITHOUT_FURTHER_RETRY {
        Some(RetryRefusal::LastFailureAllowed)
    } else {
        None
    }
}

/// Why a retry may not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryRefusal {
    /// A retry was asked and its result is still to come.
    #[error("a retry was already asked and its result is still to come")]
    AlreadyRequested,
    /// The latest charge succeeded, and ECPay repeats failed ones only.
    #[error("no failed charge is open")]
    NothingOwed,
    /// Cancelled, replaced or ended at ECPay.
    #[error("the order is over at ECPay or about to be: a new order is needed")]
    OrderOver,
    /// One more failure would end the order.
    #[error("five charges of this order failed, and a sixth failure would end it at ECPay")]
    LastFailureAllowed,
}

/// Arrears that a payment has ended: how often the charge had failed, what the last decline said, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Failures before it succeeded: the number of the retry that did, where every failure was retried.
    pub failures: usize,
    /// Of the latest failure.
    pub class: DeclineClass,
    /// From the first failure to the charge that succeeded.
    pub seconds: u64,
    /// Whether the plan was already taken away.
    pub after_downgrade: bool,
}

impl Recovery {
    /// What was recovered between two states of an order, if anything was.
    #[must_use]
    pub fn between(before: &Subscription, after: &Subscription) -> Option<Self> {
        let arrears = Arrears::of(before)?;
        if Arrears::of(after).is_some() {
            return None;
        }
        let paid_at = after.charge_history.last_success_at?;
        let seconds = u64::try_from(paid_at.unix().saturating_sub(arrears.began_at.unix())).unwrap_or(0);
        let class = DeclineClass::of(&arrears.last_code);
        Some(Self { failures: arrears.attempts, class, seconds, after_downgrade: before.downgrade.is_some() })
    }
}

/// When an unpaid customer goes to FREE: when grace ends, yet not before the first notice is three days old.
/// An order that ECPay has ended waits no longer than the paid period.
#[must_use]
pub fn downgrade_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Timestamp {
    let grace_end = arrears.grace_ends_at(policy, subscription.extra_grace_days);
    let paid_end = subscription.paid_period().map(|paid| paid.to.start(Zone::Taipei));
    let due = match (subscription.ended, paid_end) {
        (Some(_), Some(paid_end)) => grace_end.min(paid_end),
        _ => grace_end,
    };
    let noticed = subscription.dunning_notice.map(|told| told.first_notice_at.plus_days(NOTICE_AGE_DAYS));
    noticed.map_or(due, |noticed| due.max(noticed))
}
