//! State of a subscription.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::domain::values::time::Timestamp;

/// State of an order. The plan is a separate field: after a downgrade an order is active on FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created; no charge reported.
    Pending,
    /// Charged as agreed, or on FREE after a downgrade.
    Active,
    /// Latest charge failed; the grace period runs.
    PastDue {
        /// First instant after the grace period.
        grace_ends_at: Timestamp,
    },
    /// Cancellation confirmed by ECPay.
    Cancelled,
    /// All ordered charges made.
    Completed,
    /// First authorisation failed, or not paid within a day.
    Failed,
}

/// [`Status`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StatusKind {
    /// See [`Status::Pending`].
    Pending,
    /// See [`Status::Active`].
    Active,
    /// See [`Status::PastDue`].
    PastDue,
    /// See [`Status::Cancelled`].
    Cancelled,
    /// See [`Status::Completed`].
    Completed,
    /// See [`Status::Failed`].
    Failed,
}

impl StatusKind {
    /// All states, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The state's name in the API: `past_due`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Status {
    /// The state without its data.
    #[must_use]
    pub const fn kind(self) -> StatusKind {
        match self {
            Self::Pending => StatusKind::Pending,
            Self::Active => StatusKind::Active,
            Self::PastDue { .. } => StatusKind::PastDue,
            Self::Cancelled => StatusKind::Cancelled,
            Self::Completed => StatusKind::Completed,
            Self::Failed => StatusKind::Failed,
        }
    }

    /// The state's name in the API: `past_due`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.kind().name()
    }

    /// The end of the grace period, while it runs.
    #[must_use]
    pub const fn grace_ends_at(self) -> Option<Timestamp> {
        match self {
            Self::PastDue { grace_ends_at } => Some(grace_ends_at),
            Self::Pending | Self::Active | Self::Cancelled | Self::Completed | Self::Failed => None,
        }
    }
}
