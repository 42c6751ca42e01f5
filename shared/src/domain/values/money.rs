//! Amounts in whole New Taiwan dollars.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Amount in whole TWD. ECPay accepts and reports integers only (facts: order form, `TotalAmount`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Twd(u32);

/// Rejection of a text as an amount.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an amount is whole dollars in plain digits")]
pub struct NotAnAmount;

impl Twd {
    /// Zero TWD, the price of the FREE plan.
    pub const ZERO: Self = Self(0);

    /// An amount of whole dollars.
    #[must_use]
    pub const fn new(dollars: u32) -> Self {
        Self(dollars)
    }

    /// The number of whole dollars.
    #[must_use]
    pub const fn dollars(self) -> u32 {
        self.0
    }

    /// True for an amount of zero.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The sum, at most `u32::MAX`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Reads plain ASCII digits without sign, blank, point or separator.
    ///
    /// # Errors
    /// [`NotAnAmount`] for any other text and for amounts over `u32::MAX`.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAnAmount);
        }
        text.parse().map(Self).map_err(|_| NotAnAmount)
    }
}

impl fmt::Display for Twd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NT${}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_are_an_amount() {
        assert_eq!(Twd::parse("899"), Ok(Twd::new(899)));
        assert_eq!(Twd::parse("0"), Ok(Twd::ZERO));
        for bad in ["", "-1", "+1", "1.0", "8 99", "８９９", "4294967296"] {
            assert_eq!(Twd::parse(bad), Err(NotAnAmount), "{bad:?}");
        }
    }
}
