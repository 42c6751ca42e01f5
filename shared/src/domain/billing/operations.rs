//! Operations of staff on one subscription: each with its author and reason, and applied once for each key.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::payment::Payment;
use crate::domain::values::ids::{EmailAddress, OperationKey};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Keyed operations kept with an order, for the detection of repeats.
pub const RECENT_OPERATIONS_KEPT: usize = 12;
/// Default length of a pause, in days.
pub const PAUSE_DAYS: u32 = 30;

/// Longest time ahead for which staff may announce the next charge, in days: a year and a month.
pub const NEXT_CHARGE_DAYS: i64 = 396;

/// Pause of dunning by staff: no automatic retries, no mails about failures, no downgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Start of the pause.
    pub since: Timestamp,
    /// Automatic end of the pause.
    pub until: Timestamp,
}

impl Pause {
    /// Started days of 24 hours from `from`, or from the pause's start if that is later, to `to`.
    #[must_use]
    pub fn days_from(&self, from: Timestamp, to: Timestamp) -> u32 {
        let seconds = to.unix().saturating_sub(from.max(self.since).unix()).max(0);
        u32::try_from(seconds.saturating_add(86_399) / 86_400).unwrap_or(u32::MAX)
    }
}

/// Applied operation, so that a repetition under its key is distinguished from another request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedOperation {
    /// Hash of the Idempotency-Key.
    pub key: OperationKey,
    /// Operation and parameters as [`Operation::fingerprint`].
    pub request: String,
}

/// Operation requested by staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Extends the grace period.
    ExtendGrace {
        /// Days of 24 hours.
        days: u32,
    },
    /// Pauses dunning.
    Pause {
        /// Days of 24 hours.
        days: u32,
    },
    /// Resumes dunning.
    Resume,
    /// Ends the order at the customer's request; the plan stays until the paid period ends.
    Cancel,
    /// Takes the customer's request to end the order back.
    UndoCancel,
    /// Records a payment outside ECPay, e.g. a bank transfer.
    MarkPaid {
        /// Amount in TWD; the order's price if absent.
        amount: Option<Twd>,
        /// Reference of the bank or the business.
        reference: Option<String>,
    },
    /// Requests a retry from ECPay.
    Retry,
    /// Changes the recipient of the order's mails.
    ChangeEmail {
        /// New address.
        email: EmailAddress,
    },
    /// Adds a remark to the history: the reason of the operation.
    Note,
    /// Records terms that staff changed in ECPay's console.
    Terms {
        /// Price of each charge from now on, in TWD.
        amount: Option<Twd>,
        /// Day of the next charge (Asia/Taipei).
        next_charge_on: Option<LocalDate>,
    },
    /// Records money that went back to the customer, by refund or chargeback.
    Refund {
        /// The payment as stored.
        payment: Box<Payment>,
        /// Amount in TWD.
        amount: Twd,
        /// Reference of ECPay or the business.
        reference: Option<String>,
        /// True if the plan ends now and the order is to be cancelled.
        end_access: bool,
    },
}

/// Author, reason and key of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationContext {
    /// Name of the API token.
    pub by: String,
    /// Reason given by staff.
    pub why: Option<String>,
    /// Idempotency key: requests under one key are one request.
    pub key: Option<OperationKey>,
}

impl Operation {
    /// Operation and parameters as text: equal for a repetition only.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        match self {
            Self::ExtendGrace { days } => format!("extend-grace {days}"),
            Self::Pause { days } => format!("pause {days}"),
            Self::Resume => "resume".to_owned(),
            Self::Cancel => "cancel".to_owned(),
            Self::UndoCancel => "undo-cancel".to_owned(),
            Self::MarkPaid { amount, reference } => {
                let amount = amount.map_or_else(String::new, |amount| amount.dollars().to_string());
                format!("mark-paid {amount} {}", reference.as_deref().unwrap_or_default())
            }
            Self::Retry => "retry".to_owned(),
            Self::ChangeEmail { email } => format!("change-email {}", email.as_str()),
            Self::Note => "note".to_owned(),
            Self::Terms { amount, next_charge_on } => {
                let amount = amount.map_or_else(String::new, |amount| amount.dollars().to_string());
                format!("terms {amount} {}", next_charge_on.map_or_else(String::new, |day| day.to_string()))
            }
            Self::Refund { payment, amount, reference, end_access } => {
                let reference = reference.as_deref().unwrap_or_default();
                format!("refund {} {} {end_access} {reference}", payment.id, amount.dollars())
            }
        }
    }
}
