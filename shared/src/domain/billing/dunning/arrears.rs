//! Arrears of a customer, derived from the charge history on each use and never stored.

use crate::domain::billing::dunning::policy::{DunningPolicy, NOTICE_AGE_DAYS};
use crate::domain::billing::payments::charge_history::FailedCharge;
use crate::domain::billing::payments::payment::DeclineClass;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Open episode: the failed charges after the latest success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrears {
    /// ProcessDate of the first failure; retry days and grace period are counted from it.
    pub began_at: Timestamp,
    /// Due date of the failing charge.
    pub charge_due: LocalDate,
    /// Due date of the newest failed charge; equals [`Self::charge_due`] unless a later charge failed too.
    pub latest_due: LocalDate,
    /// Failed attempts of the first charge. A further due charge that fails meanwhile does not count.
    pub attempts: usize,
    /// Class of the latest decline of any charge: it describes the card, and a retry repeats that charge.
    pub last_decline: DeclineClass,
}

impl Arrears {
    /// The arrears of a subscription; `None` if no failure is newer than the latest success, or if all such charges
    /// were paid outside ECPay.
    #[must_use]
    pub fn of(subscription: &Subscription) -> Option<Self> {
        let last_success = subscription.charge_history.last_success_at;
        let calendar = subscription.calendar();
        let charge_of = |failure: &FailedCharge| calendar.charge_on(failure.at.day(Zone::Taipei));
        // A charge paid outside ECPay is not owed, even if ECPay retries it and fails.
        let paid_out_of_band = |failure: &FailedCharge| {
            subscription.charge_history.paid_out_of_band.is_some_and(|due| due == calendar.due(charge_of(failure)))
        };
        let unpaid = |failure: &&FailedCharge| {
            last_success.is_none_or(|success| failure.at > success) && !paid_out_of_band(failure)
        };
        let first = subscription.charge_history.failures.iter().find(unpaid)?;
        let charge = charge_of(first);
        // A further charge that fails meanwhile neither extends the grace period nor counts as an attempt.
        let same_charge = |failure: &&FailedCharge| charge_of(failure) == charge;
        let open: Vec<_> = subscription.charge_history.failures.iter().filter(unpaid).collect();
        let latest = open.last().map_or(charge, |failure| charge_of(failure));
        Some(Self {
            began_at: first.at,
            charge_due: calendar.due(charge),
            latest_due: calendar.due(latest),
            attempts: open.iter().copied().filter(same_charge).count(),
            last_decline: open.last().map_or(first.class, |failure| failure.class),
        })
    }

    /// First instant after the grace period, with the days that staff added.
    #[must_use]
    pub fn grace_ends_at(&self, policy: &DunningPolicy, extra_days: u32) -> Timestamp {
        self.began_at.plus_days(policy.grace_days(self.attempts) + i64::from(extra_days))
    }

    /// True after a hard decline: only a new card helps, so that no automatic retry is requested.
    #[must_use]
    pub fn needs_new_card(&self) -> bool {
        self.last_decline == DeclineClass::HardDecline
    }
}

/// Arrears ended by a payment, with the figures that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Failed attempts before the success, which is the number of the successful retry if every failure was retried.
    pub failures: usize,
    /// Class of the latest decline.
    pub class: DeclineClass,
    /// Seconds from the first failure to the charge that succeeded.
    pub seconds: u64,
    /// True if the customer had been downgraded before.
    pub after_downgrade: bool,
}

impl Recovery {
    /// The recovery between two states of an order; `None` if no arrears ended.
    #[must_use]
    pub fn between(before: &Subscription, after: &Subscription) -> Option<Self> {
        let arrears = Arrears::of(before)?;
        if Arrears::of(after).is_some() {
            return None;
        }
        let paid_at = after.charge_history.last_success_at?;
        let seconds = u64::try_from(paid_at.unix().saturating_sub(arrears.began_at.unix())).unwrap_or(0);
        Some(Self {
            failures: arrears.attempts,
            class: arrears.last_decline,
            seconds,
            after_downgrade: before.downgrade.is_some(),
        })
    }
}

/// Time of an unpaid customer's downgrade: the end of the grace period, but not before the first notice is three days
/// old. If ECPay terminated the order, at the latest the end of the paid period.
#[must_use]
pub fn downgrade_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Timestamp {
    let grace_end = arrears.grace_ends_at(policy, subscription.extra_grace_days);
    let paid_end = subscription.paid_period().map(|paid| paid.to.start(Zone::Taipei));
    // A terminated order makes no further charge, so the plan cannot outlast the paid period.
    let due = match (subscription.ended, paid_end) {
        (Some(_), Some(paid_end)) => grace_end.min(paid_end),
        _ => grace_end,
    };
    // The customer gets three days to react, also if the failures were reported late.
    let noticed = subscription.dunning_notice.map(|notice| notice.first_notice_at.plus_days(NOTICE_AGE_DAYS));
    noticed.map_or(due, |noticed| due.max(noticed))
}
