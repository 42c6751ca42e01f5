//! Reasons why a scan ends early.

use shared::domain::values::time::Timestamp;
use shared::exclusive_run;
use shared::platform::metrics::ScanOutcome;
use shared::store;

use crate::mms::error as mms;
use crate::mms::error::ReadError;

/// Seconds within which Lambda repeats a failed event: after one minute and after two more (AWS Lambda, "How Lambda
/// handles errors and retries with asynchronous invocation").
const REPEATED_WITHIN: i64 = 180;

/// Reason why a scan ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Mms(#[from] mms::Error),
    #[error("Slack did not accept a message: {reason}")]
    Slack {
        reason: String,
        is_retryable: bool,
        is_about_one_message: bool,
        /// Earliest time of the next attempt, by Slack's Retry-After.
        not_before: Option<Timestamp>,
    },
}

impl From<ReadError> for ScanError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Run(error) => Self::Run(error),
            ReadError::Mms(error) => Self::Mms(error),
        }
    }
}

impl ScanError {
    /// Name of the failing service in the report.
    pub(crate) const fn service(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Store(_) => "store",
            Self::Mms(_) => "mms",
            Self::Slack { .. } => "slack",
        }
    }

    /// Returns true if Slack refused one message for its content.
    pub(crate) const fn is_about_one_message(&self) -> bool {
        matches!(self, Self::Slack { is_about_one_message: true, .. })
    }

    /// Returns true if Lambda's repetitions of the event may succeed. A Retry-After at `now` that outlasts them is left to
    /// a later run of the day.
    pub(crate) fn is_worth_repeating(&self, now: Timestamp) -> bool {
        match self {
            Self::Run(_) | Self::Store(_) => true,
            Self::Mms(error) => error.is_retryable(),
            Self::Slack { is_retryable, not_before, .. } => {
                *is_retryable && not_before.is_none_or(|until| until <= now.plus_seconds(REPEATED_WITHIN))
            }
        }
    }

    /// Outcome for metrics; `None` for failures of the table or of Lambda, which have metrics of their own.
    pub(crate) const fn outcome(&self) -> Option<ScanOutcome> {
        match self {
            Self::Mms(error) if error.is_retryable() => Some(ScanOutcome::MmsUnavailable),
            Self::Mms(mms::Error::Unreadable { .. }) => Some(ScanOutcome::MmsUnreadable),
            Self::Mms(_) => Some(ScanOutcome::MmsRefused),
            Self::Slack { is_retryable: true, .. } => Some(ScanOutcome::SlackUnavailable),
            Self::Slack { .. } => Some(ScanOutcome::SlackRefused),
            Self::Run(_) | Self::Store(_) => None,
        }
    }
}
