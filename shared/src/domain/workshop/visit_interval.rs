//! Months from a visit of a vehicle to the next one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Interval of the reminder document.
const DEFAULT_MONTHS: u32 = 4;
/// Longest interval: five years.
const MOST_MONTHS: u32 = 60;

/// Months from a visit to the next one: 1 to 60, 4 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct VisitInterval(u32);

/// Rejection of a number as an interval.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to {MOST_MONTHS} months")]
pub struct InvalidInterval;

impl VisitInterval {
    /// Accepts 1 to 60 months.
    ///
    /// # Errors
    /// [`InvalidInterval`] for any other number.
    pub fn new(months: u32) -> Result<Self, InvalidInterval> {
        if (1..=MOST_MONTHS).contains(&months) { Ok(Self(months)) } else { Err(InvalidInterval) }
    }

    /// Number of months.
    #[must_use]
    pub const fn months(self) -> u32 {
        self.0
    }

    /// True for the interval of the reminder document, with which a vehicle is stored without a number of its own.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for VisitInterval {
    fn default() -> Self {
        Self(DEFAULT_MONTHS)
    }
}

impl fmt::Display for VisitInterval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl TryFrom<u32> for VisitInterval {
    type Error = InvalidInterval;
    fn try_from(months: u32) -> Result<Self, InvalidInterval> {
        Self::new(months)
    }
}

impl From<VisitInterval> for u32 {
    fn from(interval: VisitInterval) -> Self {
        interval.0
    }
}
