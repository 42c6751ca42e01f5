//! Reasons why a scan ends early.

use shared::exclusive_run;
use shared::platform::metrics::ScanOutcome;
use shared::store;

use crate::mms::error as mms;
use crate::mms::error::ReadError;

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
    Slack { reason: String, is_retryable: bool, is_about_one_message: bool },
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
