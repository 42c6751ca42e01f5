//! What staff ask for about one subscription: each with who and why, and once for each key.

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::OperationKey;
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

/// How many keyed operations an item remembers.
pub const RECENT_OPERATIONS_KEPT: usize = 12;
/// How long a pause is where staff do not say, in days.
pub const PAUSE_DAYS: u32 = 30;
/// The longest pause that staff may set, in days.
pub const LONGEST_PAUSE_DAYS: u32 = 60;

/// Dunning held by staff: no retry by schedule, no mail about failures, no downgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl Pause {
    /// Begun days of 24 hours between `from`, or the pause's begin if that is later, and `to`.
    #[must_use]
    pub fn days_from(&self, from: Timestamp, to: Timestamp) -> u32 {
        let seconds = to.unix().saturating_sub(from.max(self.since).unix()).max(0);
        u32::try_from(seconds.saturating_add(86_399) / 86_400).unwrap_or(u32::MAX)
    }
}

/// An operation that was done under a key, so that a repetition is told from another request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedOperation {
    /// The key.
    pub key: OperationKey,
    /// What was asked for, as [`Operation::fingerprint`] says it.
    pub request: String,
}

/// What staff want done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Lengthen the grace period by days of 24 hours.
    ExtendGrace {
        /// How many.
        days: u32,
    },
    /// Hold dunning for days of 24 hours.
    Pause {
        /// How many.
        days: u32,
    },
    /// Go on with dunning.
    Resume,
    /// End the order, as its customer wishes; what is paid stays until its period ends.
    Cancel,
    /// Record what the customer paid by another way, a bank transfer.
    MarkPaid {
        /// How much; the order's price if that is not said.
        amount: Option<Twd>,
        /// The bank's or the business's own reference.
        reference: Option<String>,
    },
    /// Have ECPay charge again.
    Retry,
}

/// Who wants it, why, and under which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationContext {
    /// The name of the token that was used.
    pub by: String,
    /// The reason given.
    pub why: Option<String>,
    /// Requests with one key are one request.
    pub key: Option<OperationKey>,
}

impl Operation {
    /// What is asked for, with its parameters: the same for a repetition and for nothing else.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::ExtendGrace { days } => format!("extend-grace {days}"),
            Self::Pause { days } => format!("pause {days}"),
            Self::Resume => "resume".to_owned(),
            Self::Cancel => "cancel".to_owned(),
            Self::MarkPaid { amount, reference } => {
                let amount = amount.map_or_else(String::new, |amount| amount.dollars().to_string());
                format!("mark-paid {amount} {}", reference.as_deref().unwrap_or_default())
            }
            Self::Retry => "retry".to_owned(),
        }
    }
}
