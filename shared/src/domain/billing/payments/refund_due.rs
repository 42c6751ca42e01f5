//! Money of a payment that must still go back to the customer.

use serde::{Deserialize, Serialize};

use crate::domain::values::money::Twd;

/// Share of a payment that staff must return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum RefundDue {
    /// None of it.
    #[default]
    Nothing,
    /// The whole payment, also where its amount is unknown: it pays no period.
    Whole,
    /// This many TWD more than what went back so far: a part of its period is unused.
    Part(Twd),
}

/// Form in which it is stored with its payment. A version before parts were known reads the flag alone.
#[derive(Serialize, Deserialize)]
struct Stored {
    refund_due: bool,
    /// TWD that are left of a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_due_part: Option<Twd>,
}

impl From<Stored> for RefundDue {
    fn from(stored: Stored) -> Self {
        match (stored.refund_due, stored.refund_due_part) {
            (false, _) => Self::Nothing,
            (true, None) => Self::Whole,
            (true, Some(left)) => Self::part(left),
        }
    }
}

impl From<RefundDue> for Stored {
    fn from(due: RefundDue) -> Self {
        let part = if let RefundDue::Part(left) = due { Some(left) } else { None };
        Self { refund_due: due.is_any(), refund_due_part: part }
    }
}

impl RefundDue {
    /// A part of that amount; nothing where it is zero.
    #[must_use]
    pub const fn part(left: Twd) -> Self {
        if left.is_zero() { Self::Nothing } else { Self::Part(left) }
    }

    /// True if any money must go back.
    #[must_use]
    pub const fn is_any(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Whole | Self::Part(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_payment_says_yes_or_no_and_how_much() {
        for (due, stored) in [
            (RefundDue::Nothing, r#"{"refund_due":false}"#),
            (RefundDue::Whole, r#"{"refund_due":true}"#),
            (RefundDue::Part(Twd::new(464)), r#"{"refund_due":true,"refund_due_part":464}"#),
        ] {
            assert_eq!(serde_json::to_string(&due).unwrap(), stored);
            assert_eq!(serde_json::from_str::<RefundDue>(stored).unwrap(), due);
        }
    }
}
