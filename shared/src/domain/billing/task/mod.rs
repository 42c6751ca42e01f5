//! The scheduled tasks.

pub mod failure;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Scheduled task. The order of the variants is the order of work in a run: first what needs no ECPay, mail last.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantArray, IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Task {
    /// Resumes dunning whose pause is over.
    Resume,
    /// Downgrades customers whose grace period or paid period ended.
    EndGrace,
    /// Queries ECPay about overdue charges and about retries without a result.
    Reconcile,
    /// Queries ECPay about orders that are not paid yet.
    CheckPending,
    /// Requests another charge attempt from ECPay.
    Retry,
    /// Cancels orders at ECPay.
    Cancel,
    /// Deletes old callback logs and mails staff the list of quarantined reports.
    CleanUp,
    /// Sends queued mail, and posts queued events to the business's app.
    SendMail,
}

impl Task {
    /// All tasks, in the order of work.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The task's name in schedules, run reports and URLs: `check-pending`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the seconds for which the oldest item of the queue may have been due: some runs of the task's schedules. `None` where
    /// the age says nothing: the cancellation of a replaced order is due since the order was made.
    #[must_use]
    pub const fn longest_wait_seconds(self) -> Option<u64> {
        const HOUR: u64 = 3_600;
        Some(match self {
            Self::CheckPending | Self::SendMail => HOUR / 2,
            Self::Retry => 4 * HOUR,
            Self::Resume | Self::EndGrace => 12 * HOUR,
            Self::CleanUp => 48 * HOUR,
            // An order that is not charged is queried for seven days, and has been due all that time.
            Self::Reconcile => 8 * 24 * HOUR,
            Self::Cancel => return None,
        })
    }

    /// True for the one task of each schedule whose figures say that the schedule runs, also while nothing is due.
    #[must_use]
    pub const fn tells_that_a_schedule_runs(self) -> bool {
        matches!(self, Self::Retry | Self::EndGrace | Self::CleanUp | Self::SendMail)
    }
}
