//! Feedback: bounces and complaints that SES reports about mails that it accepted, and what follows for the address.
//!
//! Reports are delivered more than once and in any order. A record is therefore merged by a rule whose result depends on
//! neither.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

/// Days after the decision that caused a mail for which an undeliverable one follows a change of the address. What an older
/// one says is no longer true as a rule.
const UNDELIVERABLE_DAYS: i64 = 14;
/// Longest sub-type that is kept; SES's own have at most 24 letters.
const LONGEST_SUB_TYPE: usize = 40;

/// Kind of a report (SES Developer Guide, "Contents of event data that Amazon SES publishes", bounce and complaint object).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// No mail to the address arrives: it does not exist, or stands on a suppression list of SES.
    PermanentBounce,
    /// The mail did not arrive, for example because the mailbox was full; a later one may.
    TransientBounce,
    /// The mail did not arrive, for a reason that SES does not know.
    UndeterminedBounce,
    /// The recipient declared the mail unwanted.
    Complaint,
    /// The recipient's provider took a complaint back (feedback type `not-spam`).
    NotSpam,
}

/// Report about one mail, without personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Feedback {
    /// Time that SES names (UTC).
    pub at: Timestamp,
    /// Kind of the report.
    pub kind: FeedbackKind,
    /// SES's sub-type, such as `NoEmail`; of a complaint its feedback type, such as `abuse`.
    #[serde(default)]
    pub sub_type: Option<String>,
    /// Status code of the recipient's server, such as `5.1.1` (RFC 3463). The rest of its answer names addresses.
    #[serde(default)]
    pub status: Option<String>,
}

/// All reports about an address, or about a mail to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRecord {
    /// Earliest report after which the address gets no mail.
    #[serde(default)]
    pub block: Option<Feedback>,
    /// Latest report.
    pub latest: Feedback,
}

/// Reports that matter for sending a notice again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressFacts {
    /// True if SES reported that the mail did not arrive.
    pub did_bounce: bool,
    /// True if the address to which it would go gets no mail.
    pub is_blocked: bool,
}

impl FeedbackKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::PermanentBounce, Self::TransientBounce, Self::UndeterminedBounce, Self::Complaint, Self::NotSpam];

    /// The kind's name in the API and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PermanentBounce => "permanent_bounce",
            Self::TransientBounce => "transient_bounce",
            Self::UndeterminedBounce => "undetermined_bounce",
            Self::Complaint => "complaint",
            Self::NotSpam => "not_spam",
        }
    }

    /// True if the address gets no mail until it is changed.
    #[must_use]
    pub const fn blocks(self) -> bool {
        match self {
            Self::PermanentBounce | Self::Complaint => true,
            Self::TransientBounce | Self::UndeterminedBounce | Self::NotSpam => false,
        }
    }

    /// True if the mail did not arrive.
    #[must_use]
    pub const fn is_bounce(self) -> bool {
        match self {
            Self::PermanentBounce | Self::TransientBounce | Self::UndeterminedBounce => true,
            Self::Complaint | Self::NotSpam => false,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::PermanentBounce => "permanent bounce",
            Self::TransientBounce => "transient bounce",
            Self::UndeterminedBounce => "bounce for an unknown reason",
            Self::Complaint => "complaint",
            Self::NotSpam => "complaint taken back",
        }
    }
}

impl Feedback {
    /// A report with the parts of SES's texts that can be kept: a sub-type of letters, digits and hyphens, and a status code.
    /// Anything else in their place may name a person, and is left out.
    #[must_use]
    pub fn new(kind: FeedbackKind, at: Timestamp, sub_type: Option<&str>, status: Option<&str>) -> Self {
        let sub_type = sub_type.filter(|text| is_sub_type(text)).map(str::to_owned);
        let status = status.filter(|text| is_status_code(text)).map(str::to_owned);
        Self { at, kind, sub_type, status }
    }
}

impl fmt::Display for Feedback {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind.words())?;
        match (&self.sub_type, &self.status) {
            (Some(sub_type), Some(status)) => write!(out, " ({sub_type}, {status})"),
            (Some(part), None) | (None, Some(part)) => write!(out, " ({part})"),
            (None, None) => Ok(()),
        }
    }
}

impl From<Feedback> for FeedbackRecord {
    fn from(feedback: Feedback) -> Self {
        Self { block: feedback.kind.blocks().then(|| feedback.clone()), latest: feedback }
    }
}

impl FeedbackRecord {
    /// The record with one more report: the same whichever came first, and unchanged by a repeated one.
    #[must_use]
    pub fn with(&self, feedback: &Feedback) -> Self {
        let other = Self::from(feedback.clone());
        Self {
            block: self.block.iter().chain(&other.block).min().cloned(),
            latest: self.latest.clone().max(other.latest),
        }
    }

    /// Report that staff are shown: the one that blocks the address, otherwise the latest.
    #[must_use]
    pub fn shown(&self) -> &Feedback {
        self.block.as_ref().unwrap_or(&self.latest)
    }
}

/// True if an undeliverable mail is sent to the address to which staff change its order at `now`.
#[must_use]
pub fn follows_change(created_at: Timestamp, now: Timestamp) -> bool {
    now <= created_at.plus_days(UNDELIVERABLE_DAYS)
}

fn is_sub_type(text: &str) -> bool {
    (1..=LONGEST_SUB_TYPE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// True for three numbers of at most three digits, joined by dots (RFC 3463, 2).
fn is_status_code(text: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').count() == 3 && text.split('.').all(is_number)
}
