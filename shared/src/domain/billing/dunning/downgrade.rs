//! Downgrade of a customer to FREE, and its cause.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

/// Downgrade of a customer to FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// Logical time of the downgrade.
    pub at: Timestamp,
    /// Cause of the downgrade.
    pub reason: DowngradeReason,
}

/// Cause of a downgrade to FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DowngradeReason {
    /// Grace period ended unpaid.
    PaymentFailure,
    /// ECPay made no charge within a week of the due date.
    NotCharged,
    /// Staff ended the plan because the money went back.
    Refunded,
}

impl DowngradeReason {
    /// The reason's name in the API, as in the older system: `payment_failure`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentFailure => "payment_failure",
            Self::NotCharged => "not_charged",
            Self::Refunded => "refunded",
        }
    }
}
