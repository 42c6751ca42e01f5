//! Dates in requests of staff.

use serde::Deserialize;
use shared::domain::values::text::visible;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::vehicles::ZONE;

/// Reason for anything but a date from 2000 to 2100.
const NOT_A_DAY: &str = "must be a date like 2025-08-18, from 2000-01-01 to 2100-12-31";

/// A date from 2000 to 2100 in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Day(pub(crate) LocalDate);

/// A month from 2000 to 2100 in a request, by its first day.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Month(pub(crate) LocalDate);

/// Refusal of a text as a [`Month`].
#[derive(Debug, thiserror::Error)]
#[error("a month is like 2025-08, from 2000-01 to 2100-12")]
pub(crate) struct NotAMonth;

/// Refusal of a text as a [`Day`].
#[derive(Debug, thiserror::Error)]
#[error("a date is like 2025-08-18, from 2000-01-01 to 2100-12-31")]
pub(crate) struct NotADay;

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        parse(&text).map(Self).map_err(|_| NotADay)
    }
}

impl TryFrom<String> for Month {
    type Error = NotAMonth;

    fn try_from(text: String) -> Result<Self, NotAMonth> {
        parse(&format!("{text}-01")).map(Self).map_err(|_| NotAMonth)
    }
}

impl Day {
    /// The date of a past visit. Tomorrow in Jakarta is accepted, because the day begins up to two hours earlier in the east
    /// of Indonesia.
    pub(crate) fn past(self, now: Timestamp) -> Result<LocalDate, &'static str> {
        if self.0 <= now.day(ZONE).plus_days(1) { Ok(self.0) } else { Err("must not be in the future") }
    }
}

/// Parses a past or future date.
pub(crate) fn parse(text: &str) -> Result<LocalDate, &'static str> {
    let day = LocalDate::parse(&visible(text)).map_err(|_| NOT_A_DAY)?;
    let first = LocalDate::new(2000, 1, 1).ok_or(NOT_A_DAY)?;
    let last = LocalDate::new(2100, 12, 31).ok_or(NOT_A_DAY)?;
    if (first..=last).contains(&day) { Ok(day) } else { Err(NOT_A_DAY) }
}
