//! Arrears of a customer, derived from the charge history on each use and never stored.

use crate::domain::billing::dunning::policy::{DunningPolicy, NOTICE_AGE_DAYS};
use crate::domain::billing::payments::charge_history::FailedCharge;
use crate::domain::billing::payments::payment::DeclineClass;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::time::{LocalDate, Timestamp};

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
        let history = &subscription.charge_history;
        let last_paid_at = history.last_paid_at();
        let timeline = subscription.timeline();
        // A charge paid outside ECPay is not owed, even if ECPay retries it and fails.
        let unpaid = |failure: &&FailedCharge| {
            last_paid_at.is_none_or(|paid| failure.at > paid) && !timeline.is_paid_out_of_band(history, failure)
        };
        let open: Vec<_> = history.failures.iter().filter(unpaid).collect();
        // A charge that first failed after the customer had cancelled is not owed. What was owed then stays owed.
        let is_past_due = matches!(subscription.status, Status::PastDue { .. });
        let is_owed = |first: &&&FailedCharge| {
            is_past_due || subscription.cancel_requested.is_none_or(|requested_at| first.at <= requested_at)
        };
        let first = open.first().filter(is_owed)?;
        let charge_due = timeline.failed_due(first);
        // A further charge that fails meanwhile neither extends the grace period nor counts as an attempt.
        let attempts = open.iter().filter(|failure| timeline.failed_due(failure) == charge_due).count();
        let latest = open.last().unwrap_or(first);
        Some(Self {
            began_at: first.at,
            charge_due,
            latest_due: timeline.failed_due(latest),
            attempts,
            last_decline: latest.class,
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

/// Time of an unpaid customer's downgrade: the end of the grace period, but neither before the end that a mail promised
/// nor before the first notice is three days old. The end of the order at ECPay does not shorten it.
#[must_use]
pub fn downgrade_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Timestamp {
    let grace_end = arrears.grace_ends_at(policy, subscription.extra_grace_days);
    let Some(notice) = subscription.dunning_notice else { return grace_end };
    // The customer gets three days to react, also if the failures were reported late.
    grace_end.max(notice.promised_until.unwrap_or(grace_end)).max(notice.first_notice_at.plus_days(NOTICE_AGE_DAYS))
}
