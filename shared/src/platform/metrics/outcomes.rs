//! Outcomes that metrics have as dimensions.

use crate::domain::billing::notices::NoticeState;

/// Outcome of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// Stored with all that follows.
    Applied,
    /// Stored already by an earlier callback.
    Repeat,
    /// Quarantined now.
    Quarantined,
    /// Signed and not stored: quarantined before, or beyond the limit of an order or a day.
    NotKept,
    /// Form that ECPay did not sign, or that belongs to the other address.
    Refused,
    /// Not stored: ECPay should send it again.
    NotStored,
}

/// Outcome of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeOutcome {
    /// Accepted by the provider.
    Sent,
    /// Not accepted; will be retried.
    Later,
    /// Outcome unknown: the response was lost.
    Unclear,
    /// Refused, or out of attempts.
    Dead,
    /// Not sent, because the address takes no mail.
    Undeliverable,
    /// Not sent, because it was no longer true.
    Obsolete,
}

/// Recipient of a mail about which SES reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAudience {
    /// Customer of an order.
    Customer,
    /// Staff.
    Staff,
    /// Recipient of a mail that is not, or no longer, stored as one of ours.
    Unknown,
}

/// Outcome for a vehicle in the window of reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderOutcome {
    /// Reminder accepted by the provider.
    Sent,
    /// Not accepted by any provider.
    Failed,
    /// Without a reminder, for a reason in the report.
    Skipped,
    /// Reminded by an earlier run.
    AlreadySent,
    /// Outcome unknown: the response was lost.
    Unclear,
}

/// Result of a run of reminders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Reminders were sent, or none was due.
    Done,
    /// No provider was left, or every reminder failed.
    Failed,
}

/// Result of a run of the expiry scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOutcome {
    /// Digest posted by this run.
    Posted,
    /// Digest posted by an earlier run.
    AlreadyPosted,
    /// Refusal by MMS, which no repetition changes.
    MmsRefused,
    /// Timeout or temporary failure of MMS.
    MmsUnavailable,
    /// List of MMS of which most records cannot be read.
    MmsUnreadable,
    /// Refusal by Slack, which no repetition changes.
    SlackRefused,
    /// Temporary failure of Slack; a repetition posts the rest.
    SlackUnavailable,
}

/// Reasons why a task stopped before its queue was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Circuit breaker of ECPay is open.
    EcpayBlocked,
    /// Several timeouts of ECPay in a row.
    EcpayUnanswered,
    /// Limit of time or items for one run.
    Limit,
    /// No WhatsApp provider accepts messages.
    WhatsappProvider,
    /// Several mails in a row failed for one reason.
    MailProvider,
}

impl CallbackOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeat => "repeat",
            Self::Quarantined => "quarantined",
            Self::NotKept => "not_kept",
            Self::Refused => "refused",
            Self::NotStored => "not_stored",
        }
    }
}

impl From<NoticeState> for NoticeOutcome {
    fn from(state: NoticeState) -> Self {
        match state {
            NoticeState::Sent => Self::Sent,
            NoticeState::Queued | NoticeState::Claimed => Self::Later,
            NoticeState::Unclear => Self::Unclear,
            NoticeState::Dead => Self::Dead,
            NoticeState::Undeliverable => Self::Undeliverable,
            NoticeState::Obsolete => Self::Obsolete,
        }
    }
}

impl NoticeOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Later => "later",
            Self::Unclear => "unclear",
            Self::Dead => "dead",
            Self::Undeliverable => "undeliverable",
            Self::Obsolete => "obsolete",
        }
    }
}

impl MailAudience {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Unknown => "unknown",
        }
    }
}

impl ScanOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::AlreadyPosted => "already_posted",
            Self::MmsRefused => "mms_refused",
            Self::MmsUnavailable => "mms_unavailable",
            Self::MmsUnreadable => "mms_unreadable",
            Self::SlackRefused => "slack_refused",
            Self::SlackUnavailable => "slack_unavailable",
        }
    }
}

impl RunOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl ReminderOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::AlreadySent => "already_sent",
            Self::Unclear => "unclear",
        }
    }
}

impl StopReason {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EcpayBlocked => "ecpay_blocked",
            Self::EcpayUnanswered => "ecpay_unanswered",
            Self::Limit => "limit",
            Self::WhatsappProvider => "whatsapp_provider",
            Self::MailProvider => "mail_provider",
        }
    }
}
