//! The two callbacks that ECPay sends.

use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// ECPay's callback by which a report arrived. Stored and shown under the names of the older system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, VariantArray)]
pub enum CallbackKind {
    /// ReturnURL: the first authorisation of an order.
    #[serde(rename = "auth_callback")]
    First,
    /// PeriodReturnURL: every later charge.
    #[serde(rename = "billing_callback")]
    Period,
}

impl CallbackKind {
    /// Both callbacks, in the order in which the API lists them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The callback's name in the API and in counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "auth_callback",
            Self::Period => "billing_callback",
        }
    }
}
