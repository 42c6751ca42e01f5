//! Reasons why the list could not be read.

use shared::exclusive_run;

/// Reason why a page could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// MMS rejects the request, most likely because the key expired.
    #[error("MMS refused: {0}")]
    Refused(String),
    /// MMS was not reached, or its response is not a page.
    #[error("MMS is unavailable: {0}")]
    Unavailable(String),
    /// MMS returns the same institutions on page after page.
    #[error("MMS repeats page {0} without end")]
    Endless(u32),
    /// The list is longer than any real one.
    #[error("MMS has more than {0} pages")]
    TooManyPages(u32),
    /// Most records of the list cannot be read, so that it says nothing about the institutions.
    #[error("{unreadable} of {records} records of MMS cannot be read")]
    Unreadable { unreadable: usize, records: usize },
}

/// Reason why reading the list ended early.
#[derive(Debug)]
pub(crate) enum ReadError {
    Mms(Error),
    Run(exclusive_run::Error),
}

impl Error {
    /// Returns true if the same request may succeed later.
    pub(crate) const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(_) | Self::Endless(_) | Self::TooManyPages(_) | Self::Unreadable { .. } => false,
        }
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Mms(error)
    }
}

impl From<exclusive_run::Error> for ReadError {
    fn from(error: exclusive_run::Error) -> Self {
        Self::Run(error)
    }
}
