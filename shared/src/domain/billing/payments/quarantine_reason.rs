//! Reasons for which a verified report is quarantined.

use strum::{IntoStaticStr, VariantArray};

use crate::domain::values::money::Twd;

/// Reason for which a verified report is quarantined instead of applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineReason {
    /// Field required by the protocol missing or malformed.
    #[error("unusable: {0}")]
    Unusable(String),
    /// Form that can be read in more than one way. It is never applied, also not by a replay.
    #[error("ambiguous: {0}")]
    Ambiguous(String),
    /// Date in the future, or before the order.
    #[error("implausible date: more than a day ahead, or before the order was made")]
    ImplausibleDate,
    /// Success number above the number of charges.
    #[error("implausible success number: the order has at most {most} charges")]
    ImplausibleNumber {
        /// Number of charges that the order can have.
        most: u32,
    },
    /// MerchantTradeNo of no stored order.
    #[error("unknown order")]
    UnknownOrder,
    /// MerchantID other than the order's.
    #[error("wrong merchant")]
    WrongMerchant,
    /// Amount other than the order's price.
    #[error("wrong amount: the order says {expected}")]
    WrongAmount {
        /// The order's price.
        expected: Twd,
    },
    /// Test notification of ECPay (`SimulatePaid=1`): no money moved.
    #[error("simulated payment")]
    Simulated,
    /// Another authorisation or amount than an event that was applied.
    #[error("conflict: this event was applied with another authorisation or amount")]
    Conflict,
}

/// [`QuarantineReason`] without its data: the part that is counted, stored and filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum QuarantineReasonKind {
    /// See [`QuarantineReason::Unusable`].
    Unusable,
    /// See [`QuarantineReason::Ambiguous`].
    Ambiguous,
    /// See [`QuarantineReason::ImplausibleDate`].
    ImplausibleDate,
    /// See [`QuarantineReason::ImplausibleNumber`].
    ImplausibleNumber,
    /// See [`QuarantineReason::UnknownOrder`].
    UnknownOrder,
    /// See [`QuarantineReason::WrongMerchant`].
    WrongMerchant,
    /// See [`QuarantineReason::WrongAmount`].
    WrongAmount,
    /// See [`QuarantineReason::Simulated`].
    Simulated,
    /// See [`QuarantineReason::Conflict`].
    Conflict,
}

impl QuarantineReason {
    /// The reason without its data.
    #[must_use]
    pub const fn kind(&self) -> QuarantineReasonKind {
        match self {
            Self::Unusable(_) => QuarantineReasonKind::Unusable,
            Self::Ambiguous(_) => QuarantineReasonKind::Ambiguous,
            Self::ImplausibleDate => QuarantineReasonKind::ImplausibleDate,
            Self::ImplausibleNumber { .. } => QuarantineReasonKind::ImplausibleNumber,
            Self::UnknownOrder => QuarantineReasonKind::UnknownOrder,
            Self::WrongMerchant => QuarantineReasonKind::WrongMerchant,
            Self::WrongAmount { .. } => QuarantineReasonKind::WrongAmount,
            Self::Simulated => QuarantineReasonKind::Simulated,
            Self::Conflict => QuarantineReasonKind::Conflict,
        }
    }

    /// True if a quarantined success proves nevertheless that its period was paid: it is ECPay's word about this order, and
    /// only its number, authorisation number or amount is in doubt.
    #[must_use]
    pub const fn leaves_a_proof(&self) -> bool {
        match self {
            Self::Conflict | Self::WrongAmount { .. } | Self::ImplausibleNumber { .. } => true,
            Self::Unusable(_)
            | Self::Ambiguous(_)
            | Self::ImplausibleDate
            | Self::UnknownOrder
            | Self::WrongMerchant
            | Self::Simulated => false,
        }
    }

    /// The reason's name in the API and in counters: `unknown_order`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.kind().as_str()
    }
}

impl QuarantineReasonKind {
    /// All reasons, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The reason's name in the API and in counters: `unknown_order`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
