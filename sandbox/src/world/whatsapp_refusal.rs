//! Response with which a simulated WhatsApp provider refuses messages, set by the controls.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Response that a WhatsApp provider gives in place of accepting a message, until another is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatsappRefusal {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Body, as JSON.
    pub body: Value,
    /// Numbers to which messages are refused, as digits with country code; all where empty.
    #[serde(default)]
    pub to: Vec<String>,
}

impl WhatsappRefusal {
    /// True if messages to this number are refused.
    #[must_use]
    pub fn is_for(&self, recipient: &str) -> bool {
        self.to.is_empty() || self.to.iter().any(|number| number == recipient)
    }
}
