//! Days as staff write them.

use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::vehicles::ZONE;

/// What else than a day between 2000 and 2100 is refused with.
const NOT_A_DAY: &str = "must be a day like 2025-08-18, from 2000-01-01 to 2100-12-31";

/// Reads a day of a visit, past or to come.
pub(crate) fn parse(text: &str) -> Result<LocalDate, &'static str> {
    let day = LocalDate::parse(text).map_err(|_| NOT_A_DAY)?;
    let first = LocalDate::new(2000, 1, 1).ok_or(NOT_A_DAY)?;
    let last = LocalDate::new(2100, 12, 31).ok_or(NOT_A_DAY)?;
    if (first..=last).contains(&day) { Ok(day) } else { Err(NOT_A_DAY) }
}

/// Reads the day of a visit that was: at the latest the day after today, for days begin earlier in the east.
pub(crate) fn parse_past(text: &str, now: Timestamp) -> Result<LocalDate, &'static str> {
    let day = parse(text)?;
    if day <= now.day(ZONE).plus_days(1) { Ok(day) } else { Err("is still to come") }
}
