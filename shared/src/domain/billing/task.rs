//! The scheduled tasks.

use serde::{Deserialize, Serialize};

/// A task. The order of the variants is the order of work: what ECPay knows first, mail last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Ask ECPay what became of charges that are late and of retries.
    Reconcile,
    /// Ask ECPay about orders that are not paid yet.
    CheckPending,
    /// Go on with dunning whose pause is over.
    Resume,
    /// Ask ECPay to charge again.
    Retry,
    /// Take plans away whose grace ended.
    EndGrace,
    /// End orders at ECPay.
    Cancel,
    /// Delete old callback logs, tell staff what was set aside.
    CleanUp,
    /// Send mail.
    SendMail,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Reconcile,
        Self::CheckPending,
        Self::Resume,
        Self::Retry,
        Self::EndGrace,
        Self::Cancel,
        Self::CleanUp,
        Self::SendMail,
    ];

    /// The name in schedules, reports and URLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::CheckPending => "check-pending",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::EndGrace => "end-grace",
            Self::Cancel => "cancel",
            Self::CleanUp => "clean-up",
            Self::SendMail => "send-mail",
        }
    }
}
