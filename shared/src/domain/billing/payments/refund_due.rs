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

/// Form in which it is stored: `true` for a whole payment, `false` for nothing, and the TWD that are left of a part.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Flag(bool),
    Part(Twd),
}

impl From<Stored> for RefundDue {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Flag(true) => Self::Whole,
            Stored::Flag(false) => Self::Nothing,
            Stored::Part(left) => Self::part(left),
        }
    }
}

impl From<RefundDue> for Stored {
    fn from(due: RefundDue) -> Self {
        match due {
            RefundDue::Nothing => Self::Flag(false),
            RefundDue::Whole => Self::Flag(true),
            RefundDue::Part(left) => Self::Part(left),
        }
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
    fn a_stored_item_says_yes_no_or_how_much() {
        for (due, stored) in
            [(RefundDue::Nothing, "false"), (RefundDue::Whole, "true"), (RefundDue::Part(Twd::new(464)), "464")]
        {
            assert_eq!(serde_json::to_string(&due).unwrap(), stored);
            assert_eq!(serde_json::from_str::<RefundDue>(stored).unwrap(), due);
        }
        assert_eq!(serde_json::from_str::<RefundDue>("0").unwrap(), RefundDue::Nothing);
    }
}
