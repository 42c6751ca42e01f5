//! Dunning policy and the fixed deadlines of billing.

/// Failed charges after which ECPay terminates an order (order form, latest version). Its page does not say whether only
/// failures in a row count, so a query decides.
pub const FAILURES_THAT_END_AN_ORDER: usize = 6;
/// Failures after which no retry is requested unless a query shows the order as running: one more may terminate it.
pub const FAILURES_WITHOUT_FURTHER_RETRY: usize = FAILURES_THAT_END_AN_ORDER - 1;
/// Minimum age of the first notice before a downgrade, in days.
pub const NOTICE_AGE_DAYS: i64 = 3;
/// Days after the end of grace for which a downgrade waits for the first notice to be sent.
pub const UNSENT_NOTICE_DAYS: i64 = 14;
/// Days for which the plan is kept at most while ECPay counts a success that its log does not list.
pub const UNLISTED_SUCCESS_DAYS: i64 = 14;
/// Hours after which a downgrade that waits for its first notice is decided again.
pub const UNSENT_NOTICE_HOURS: i64 = 6;
/// Days after a downgrade in which a payment restores the plan, before the order is cancelled.
pub const RECOVERY_WINDOW_DAYS: i64 = 14;
/// Days before the next charge at which the order of a customer on FREE is cancelled at the latest.
pub const CANCEL_LEAD_DAYS: i64 = 2;
/// Hours for which a customer's cancellation of a monthly order can be undone, before it is requested from ECPay.
pub const UNDO_HOURS: i64 = 72;
/// Days for which a customer's cancellation of an annual order can be undone.
pub const ANNUAL_UNDO_DAYS: i64 = 14;
/// Days before the next charge at which the customer's cancellation is requested from ECPay at the latest.
pub const REQUESTED_CANCEL_LEAD_DAYS: i64 = 7;
/// Days before the next charge at which staff are notified of a cancellation that ECPay has not confirmed.
pub const UNCONFIRMED_CANCEL_DAYS: i64 = 3;
/// Hours after which a retry without a result is closed.
pub const RETRY_RESULT_HOURS: i64 = 24;
/// Days for which a pending charge delays the cancellation of its order.
pub const CHARGE_RESULT_DAYS: i64 = 3;
/// Ages at which a pending order is queried, in minutes (ECPay's advice: 10, then 40).
pub const PENDING_QUERY_MINUTES: [i64; 2] = [10, 40];
/// Age at which an unpaid order expires, in hours.
pub const PENDING_EXPIRY_HOURS: i64 = 24;
/// Days after the due date at which a missing charge is queried.
pub const LATE_CHARGE_QUERY_DAYS: i64 = 1;
/// Days after the due date at which staff are notified of a missing charge.
pub const LATE_CHARGE_NOTICE_DAYS: i64 = 3;
/// Days after the due date at which a customer who was not charged is downgraded.
pub const LATE_CHARGE_FREE_DAYS: i64 = 7;
/// Days after a downgrade for lack of a charge in which the order is queried daily; from then on weekly.
pub const NOT_CHARGED_DAILY_DAYS: i64 = 14;
/// Days between two queries after [`NOT_CHARGED_DAILY_DAYS`].
pub const NOT_CHARGED_QUERY_DAYS: i64 = 7;
/// Maximum age of the latest query at a downgrade, in hours.
pub const DOWNGRADE_QUERY_HOURS: i64 = 24;
/// Hours before a downgrade at which the order is queried.
pub const DOWNGRADE_QUERY_LEAD_HOURS: i64 = 12;
/// Hours until an action that brought nothing new is tried again, by the attempts so far; the last value repeats.
pub const BACKOFF_HOURS: [i64; 5] = [2, 4, 8, 16, 24];
/// Hours until a failing task is retried, by its earlier failures; the last value repeats.
pub const TASK_BACKOFF_HOURS: [i64; 5] = [1, 2, 4, 8, 24];
/// Failures of a task after which staff are notified and other tasks no longer wait for it.
pub const NEEDS_ATTENTION_AFTER: usize = 4;
/// Days without a response of ECPay to queries after which a retry is closed.
pub const UNANSWERED_REQUEST_DAYS: i64 = 7;
/// Hours after which an unconfirmed cancellation is requested again.
pub const CANCEL_REPEAT_HOURS: i64 = 1;

/// Days before an annual charge at which the customer is notified of it.
pub const ANNUAL_NOTICE_DAYS: i64 = 14;
/// Days after a charge in which its receipt is still sent, where the charge became known late.
pub const RECEIPT_DAYS: i64 = 14;

/// Retry schedule and grace period. Days are multiples of 24 hours from the ProcessDate of the first failed charge of
/// an episode. With it goes the choice whether customers get receipts, since the same decisions make both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DunningPolicy {
    retry_days: Vec<u32>,
    grace_days: u32,
    extra_grace_days: u32,
    receipts: bool,
}

/// Rejection of a policy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPolicy {
    /// Schedule that is not an ascending list of whole days from 1.
    #[error("retry days must rise and begin at day 1 or later")]
    NotRising,
    /// Retry after the downgrade that it should prevent.
    #[error("the retry on day {retry} can fall after the downgrade, for grace may end on day {grace}")]
    RetryAfterDowngrade {
        /// First such day.
        retry: u32,
        /// Length of the grace period in days.
        grace: u32,
    },
    /// Episode that would use up the failures that ECPay allows.
    #[error("a charge and {retries} retries can fail {} times, but no retry may follow the fifth failure: ECPay ends an order at the sixth", .retries + 1)]
    TooManyFailures {
        /// Number of retries in the schedule.
        retries: usize,
    },
    /// Grace period shorter than the minimum age of a notice, or longer than 28 days.
    #[error("grace must be 3 to 28 days, all extensions included, so that it ends before the next charge")]
    GraceOutOfRange,
}

impl DunningPolicy {
    /// A validated policy.
    ///
    /// # Errors
    /// [`InvalidPolicy`] for the first broken rule.
    pub fn new(retry_days: &[u32], grace_days: u32, extra_grace_days: u32) -> Result<Self, InvalidPolicy> {
        let rising = retry_days.iter().zip(retry_days.iter().skip(1)).all(|(earlier, later)| earlier < later);
        if !rising || retry_days.first() == Some(&0) {
            return Err(InvalidPolicy::NotRising);
        }
        // The first failure counts too, and the sixth terminates the order.
        if retry_days.len() >= FAILURES_WITHOUT_FURTHER_RETRY {
            return Err(InvalidPolicy::TooManyFailures { retries: retry_days.len() });
        }
        if grace_days < 3 || grace_days.saturating_add(extra_grace_days) > 28 {
            return Err(InvalidPolicy::GraceOutOfRange);
        }
        if let Some(retry) = retry_days.iter().find(|day| **day > grace_days) {
            return Err(InvalidPolicy::RetryAfterDowngrade { retry: *retry, grace: grace_days });
        }
        Ok(Self { retry_days: retry_days.to_vec(), grace_days, extra_grace_days, receipts: false })
    }

    /// The policy with or without receipts for charges that succeed.
    #[must_use]
    pub fn with_receipts(self, receipts: bool) -> Self {
        Self { receipts, ..self }
    }

    /// True if customers get a receipt for each charge that succeeds.
    #[must_use]
    pub const fn sends_receipts(&self) -> bool {
        self.receipts
    }

    /// The days on which a retry is requested, in ascending order.
    pub fn retry_days(&self) -> impl Iterator<Item = i64> + '_ {
        self.retry_days.iter().map(|day| i64::from(*day))
    }

    /// Days of grace after `attempts` failures: only the second failure extends the grace period.
    #[must_use]
    pub fn grace_days(&self, attempts: usize) -> i64 {
        i64::from(if attempts >= 2 { self.grace_days + self.extra_grace_days } else { self.grace_days })
    }
}

impl Default for DunningPolicy {
    /// The agreed policy: retries on days 1, 3 and 7, grace period of 7 days, extended by 3.
    fn default() -> Self {
        Self { retry_days: vec![1, 3, 7], grace_days: 7, extra_grace_days: 3, receipts: false }
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
