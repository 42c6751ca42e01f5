//! Error response with which the simulated SES refuses mails, set by the controls.

use serde::{Deserialize, Serialize};

/// Error response that SES gives in place of accepting a mail, until another is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailRefusal {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Error code of AWS; without one the response is an HTML page, as a proxy sends it.
    pub code: Option<String>,
    /// Text of the error.
    #[serde(default)]
    pub message: String,
    /// Recipient whose mails are refused; all where absent.
    pub to: Option<String>,
}

impl MailRefusal {
    /// True if mails to this address are refused.
    #[must_use]
    pub fn is_for(&self, recipient: Option<&str>) -> bool {
        self.to.is_none() || self.to.as_deref() == recipient
    }
}
