//! Reports with which the simulated SES follows mails that it accepted, set by the controls or by the recipient.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Domain of SES's mailbox simulator (SES Developer Guide, "Using the mailbox simulator").
const SIMULATOR: &str = "simulator.amazonses.com";

/// Fate of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailFeedback {
    /// Mailbox that does not exist.
    PermanentBounce,
    /// Address on the account's suppression list: SES sends nothing, and reports a permanent bounce.
    SuppressedBounce,
    /// Full mailbox.
    TransientBounce,
    /// Bounce for a reason that SES does not know.
    UndeterminedBounce,
    /// The mail arrives, and its recipient declares it unwanted.
    Complaint,
    /// The mail arrives, and the recipient's provider reports that it is no spam.
    NotSpam,
}

/// Mail that SES accepted last for an address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceptedMail {
    /// Message id of SES.
    pub id: String,
    /// Configuration set that the request named.
    pub configuration_set: Option<String>,
    /// Tags of the request, by name.
    pub tags: BTreeMap<String, String>,
    /// Sender.
    pub from: String,
    /// Recipient.
    pub to: String,
}

/// Mails and reports about them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MailState {
    /// Report that follows each mail to an address.
    #[serde(default)]
    pub feedback: BTreeMap<String, MailFeedback>,
    /// Number of mails that SES accepted.
    #[serde(default)]
    pub accepted: u64,
    /// Latest mail to each address.
    #[serde(default)]
    pub latest: BTreeMap<String, AcceptedMail>,
}

impl MailFeedback {
    /// True if the mail does not reach its recipient.
    #[must_use]
    pub const fn is_bounce(self) -> bool {
        match self {
            Self::PermanentBounce | Self::SuppressedBounce | Self::TransientBounce | Self::UndeterminedBounce => true,
            Self::Complaint | Self::NotSpam => false,
        }
    }

    /// Report that SES's mailbox simulator has for an address.
    fn of_simulator(address: &str) -> Option<Self> {
        match address.strip_suffix(SIMULATOR)?.strip_suffix('@')?.split('+').next()? {
            "bounce" => Some(Self::PermanentBounce),
            "suppressionlist" => Some(Self::SuppressedBounce),
            "complaint" => Some(Self::Complaint),
            _ => None,
        }
    }
}

impl MailState {
    /// Report that follows a mail to an address; `None` for a mail that arrives.
    #[must_use]
    pub fn feedback_for(&self, address: &str) -> Option<MailFeedback> {
        self.feedback.get(address).copied().or_else(|| MailFeedback::of_simulator(address))
    }
}
