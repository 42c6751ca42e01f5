//! Operations on one subscription, of staff or of its customer: each with its author and reason, and applied once for each key.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::payment::Payment;
use crate::domain::values::ids::{EmailAddress, OperationKey, RequestHash, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Days for which a receipt of a keyed request is kept at least; DynamoDB deletes it up to days later.
pub const KEY_RECEIPT_DAYS: i64 = 30;
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

/// Request under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyedRequest {
    /// Hash of caller and key.
    pub key: OperationKey,
    /// Hash of the whole request, equal for a repetition only.
    pub request: RequestHash,
}

/// Receipt of a keyed request, stored with its effect: a repetition is distinguished from another request by it. Without
/// personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReceipt {
    /// Key and request.
    pub keyed: KeyedRequest,
    /// Order that the request created or changed; `None` for a request about a vehicle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// Logical time of the effect (UTC).
    pub at: Timestamp,
}

/// Step of a decision that concerns an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// The key is used by the decision's request.
    Used(KeyReceipt),
    /// The request under the key had no effect after all, so that a repetition may have one.
    Released(OperationKey),
}

impl KeyStep {
    /// The step that takes this one back; `None` where it used no key.
    #[must_use]
    pub fn released(self) -> Option<Self> {
        match self {
            Self::Used(receipt) => Some(Self::Released(receipt.keyed.key)),
            Self::Released(_) => None,
        }
    }
}

impl KeyReceipt {
    /// True for the request of which this is the receipt, false for another one under its key.
    #[must_use]
    pub fn is_of(&self, request: &KeyedRequest) -> bool {
        self.keyed == *request
    }
}

/// Operation requested by staff, or by the customer on the customer page.
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

/// Actor that caused a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// ECPay, through a callback or the response to a query.
    Ecpay,
    /// Scheduled task of a run.
    Schedule,
    /// The buyer on the checkout page, or the customer on the customer page.
    Buyer,
    /// Staff, by the name of the API token.
    Staff(String),
}

impl Actor {
    /// The name in logs: that of the API token for staff.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Ecpay => "ecpay",
            Self::Schedule => "schedule",
            Self::Buyer => "buyer",
            Self::Staff(name) => name,
        }
    }
}

/// Author, reason and key of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationContext {
    /// Author of the operation.
    pub by: Actor,
    /// Reason given by staff.
    pub why: Option<String>,
    /// Idempotency key: requests under one key are one request.
    pub key: Option<KeyedRequest>,
}

impl OperationContext {
    /// Receipt of the request, if it has a key.
    #[must_use]
    pub fn receipt(&self, subscription: &SubscriptionId, at: Timestamp) -> Option<KeyReceipt> {
        let keyed = self.key.clone()?;
        Some(KeyReceipt { keyed, subscription: Some(subscription.clone()), at })
    }
}

impl Operation {
    /// Operation, order, reason and parameters as text, one a line since none of them has two: equal for a repetition only.
    #[must_use]
    pub fn fingerprint(&self, order: &SubscriptionId, why: &str) -> String {
        let dollars = |amount: &Option<Twd>| amount.map_or_else(String::new, |amount| amount.dollars().to_string());
        let (name, parameters) = match self {
            Self::ExtendGrace { days } => ("extend-grace", vec![days.to_string()]),
            Self::Pause { days } => ("pause", vec![days.to_string()]),
            Self::Resume => ("resume", Vec::new()),
            Self::Cancel => ("cancel", Vec::new()),
            Self::UndoCancel => ("undo-cancel", Vec::new()),
            Self::MarkPaid { amount, reference } => {
                ("mark-paid", vec![dollars(amount), reference.clone().unwrap_or_default()])
            }
            Self::Retry => ("retry", Vec::new()),
            Self::ChangeEmail { email } => ("email", vec![email.as_str().to_owned()]),
            Self::Note => ("note", Vec::new()),
            Self::Terms { amount, next_charge_on } => {
                ("terms", vec![dollars(amount), next_charge_on.map_or_else(String::new, |day| day.to_string())])
            }
            Self::Refund { payment, amount, reference, end_access } => (
                "refund",
                vec![
                    payment.id.to_string(),
                    amount.dollars().to_string(),
                    end_access.to_string(),
                    reference.clone().unwrap_or_default(),
                ],
            ),
        };
        [vec![name.to_owned(), order.to_string(), why.to_owned()], parameters].concat().join("\n")
    }
}
