//! How long a failing customer is waited for, as one validated document.

/// Failed charges after which ECPay ends an order for good (order form, newest text).
pub const FAILURES_THAT_END_AN_ORDER: usize = 6;
/// Failures after which no retry is asked any more: one more would end the order.
pub const FAILURES_WITHOUT_FURTHER_RETRY: usize = FAILURES_THAT_END_AN_ORDER - 1;
/// No downgrade before the first notice is this many days old.
pub const NOTICE_AGE_DAYS: i64 = 3;
/// Days after a downgrade in which a payment brings the customer back, before the order is cancelled.
pub const RECOVERY_WINDOW_DAYS: i64 = 14;
/// The order of a customer on FREE is cancelled at least this many days before its next charge.
pub const CANCEL_LEAD_DAYS: i64 = 2;
/// An accepted retry without a result is given up after this many hours.
pub const RETRY_RESULT_HOURS: i64 = 24;
/// A charge that ECPay reports as pending is waited for so many days before its order is cancelled.
pub const CHARGE_RESULT_DAYS: i64 = 3;
/// A pending order is asked about at these ages, in minutes (ECPay's advice: 10, then 40).
pub const PENDING_QUERY_MINUTES: [i64; 2] = [10, 40];
/// A pending order is given up at this age, in hours.
pub const PENDING_EXPIRY_HOURS: i64 = 24;
/// A charge this many days late is asked about.
pub const LATE_CHARGE_QUERY_DAYS: i64 = 1;
/// A charge this many days late is told to staff.
pub const LATE_CHARGE_NOTICE_DAYS: i64 = 3;
/// A customer who was not charged for this many days goes to FREE.
pub const LATE_CHARGE_FREE_DAYS: i64 = 7;
/// Hours until a task that failed for one order is tried again, by how often it failed before; then always the last.
pub const TASK_BACKOFF_HOURS: [i64; 5] = [1, 2, 4, 8, 24];
/// A task that failed this often for one order is told to staff, and nothing else waits for it.
pub const NEEDS_ATTENTION_AFTER: usize = 4;
/// A retry is given up after this many days in which ECPay could not be asked for its result.
pub const UNANSWERED_REQUEST_DAYS: i64 = 7;
/// A cancel that ECPay has not confirmed is asked again after this many hours.
pub const CANCEL_REPEAT_HOURS: i64 = 1;

/// The retry schedule and the grace period. Days are multiples of 24 hours from the ProcessDate of the
/// first failed charge of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DunningPolicy {
    retry_days: Vec<u32>,
    grace_days: u32,
    extra_grace_days: u32,
}

/// Why a policy is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPolicy {
    /// The schedule is not a rising list of whole days from 1.
    #[error("retry days must rise and begin at day 1 or later")]
    NotRising,
    /// A retry would come after the downgrade it should prevent.
    #[error("the retry on day {retry} can fall after the downgrade, for grace may end on day {grace}")]
    RetryAfterDowngrade {
        /// The first such day.
        retry: u32,
        /// Length of the grace period.
        grace: u32,
    },
    /// A single episode would use up the failures that ECPay allows.
    #[error("a charge and {retries} retries can fail {} times, but no retry may follow the fifth failure: ECPay ends an order at the sixth", .retries + 1)]
    TooManyFailures {
        /// Number of retries.
        retries: usize,
    },
    /// A grace period shorter than the age a notice must have, or longer than a month.
    #[error("grace must be 3 to 28 days, all extensions included, so that it ends before the next charge")]
    GraceOutOfRange,
}

impl DunningPolicy {
    /// A policy, if it can be kept.
    ///
    /// # Errors
    /// [`InvalidPolicy`] with the first rule broken.
    pub fn new(retry_days: &[u32], grace_days: u32, extra_grace_days: u32) -> Result<Self, InvalidPolicy> {
        let rising = retry_days.iter().zip(retry_days.iter().skip(1)).all(|(earlier, later)| earlier < later);
        if !rising || retry_days.first() == Some(&0) {
            return Err(InvalidPolicy::NotRising);
        }
        if retry_days.len() >= FAILURES_WITHOUT_FURTHER_RETRY {
            return Err(InvalidPolicy::TooManyFailures { retries: retry_days.len() });
        }
        if grace_days < 3 || grace_days.saturating_add(extra_grace_days) > 28 {
            return Err(InvalidPolicy::GraceOutOfRange);
        }
        if let Some(retry) = retry_days.iter().find(|day| **day > grace_days) {
            return Err(InvalidPolicy::RetryAfterDowngrade { retry: *retry, grace: grace_days });
        }
        Ok(Self { retry_days: retry_days.to_vec(), grace_days, extra_grace_days })
    }

    /// The days on which a retry is asked.
    pub fn retry_days(&self) -> impl Iterator<Item = i64> + '_ {
        self.retry_days.iter().map(|day| i64::from(*day))
    }

    /// Days of grace once a charge has failed `attempts` times: the second failure lengthens it, no other does.
    #[must_use]
    pub fn grace_days(&self, attempts: usize) -> i64 {
        i64::from(if attempts >= 2 { self.grace_days + self.extra_grace_days } else { self.grace_days })
    }
}

impl Default for DunningPolicy {
    /// The settled policy: retries on days 1, 3 and 7, grace of 7 days and 3 more.
    fn default() -> Self {
        Self { retry_days: vec![1, 3, 7], grace_days: 7, extra_grace_days: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settled_policy_passes_its_own_rules() {
        assert_eq!(DunningPolicy::new(&[1, 3, 7], 7, 3), Ok(DunningPolicy::default()));
    }

    #[test]
    fn an_impossible_policy_is_refused_with_the_reason() {
        let cases: [(&[u32], u32, u32, &str); 7] = [
            (&[1, 3, 8], 7, 3, "the retry on day 8 can fall after the downgrade, for grace may end on day 7"),
            (&[3, 1], 7, 3, "retry days must rise and begin at day 1 or later"),
            (&[1, 1], 7, 3, "retry days must rise and begin at day 1 or later"),
            (&[0, 1], 7, 3, "retry days must rise and begin at day 1 or later"),
            (
                &[1, 2, 3, 4, 5],
                7,
                3,
                "a charge and 5 retries can fail 6 times, but no retry may follow the fifth failure: ECPay ends an order at the sixth",
            ),
            (&[1], 2, 0, "grace must be 3 to 28 days, all extensions included, so that it ends before the next charge"),
            (
                &[1],
                20,
                9,
                "grace must be 3 to 28 days, all extensions included, so that it ends before the next charge",
            ),
        ];
        for (days, grace, extra, reason) in cases {
            assert_eq!(DunningPolicy::new(days, grace, extra).unwrap_err().to_string(), reason);
        }
        assert!(DunningPolicy::new(&[1, 2, 3, 4], 7, 0).is_ok());
        assert!(DunningPolicy::new(&[], 7, 0).is_ok());
    }
}
