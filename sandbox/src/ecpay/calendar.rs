//! Taiwan's calendar: how dates are written and when charges fall due.

use chrono::{DateTime, Days, Months, TimeZone, Utc};
use chrono_tz::Asia::Taipei;
use serde::{Deserialize, Serialize};

/// Unit of the period between two charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PeriodType {
    D,
    M,
    Y,
}

impl PeriodType {
    /// The letter on the wire.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::D => "D",
            Self::M => "M",
            Self::Y => "Y",
        }
    }
}

/// The date and time as ECPay writes them.
pub(super) fn taipei_text(at: DateTime<Utc>) -> String {
    taipei_format(at, "%Y/%m/%d %H:%M:%S")
}

/// The Taipei date and time in a given format.
pub(super) fn taipei_format(at: DateTime<Utc>, format: &str) -> String {
    at.with_timezone(&Taipei).format(format).to_string()
}

/// ECPay knows no fractions of a second.
pub(super) fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// The instant `steps` days, months or years after the anchor.
///
/// Always counted from the anchor, so that the 31st comes back after February.
pub(super) fn after_anchor(anchor: DateTime<Utc>, period: PeriodType, steps: u32) -> Option<DateTime<Utc>> {
    let local = anchor.with_timezone(&Taipei).naive_local();
    let due = match period {
        PeriodType::D => local.checked_add_days(Days::new(u64::from(steps))),
        PeriodType::M => local.checked_add_months(Months::new(steps)),
        PeriodType::Y => local.checked_add_months(Months::new(steps.checked_mul(12)?)),
    }?;
    let due = Taipei.from_local_datetime(&due).earliest()?;
    Some(due.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::super::test_support::at;
    use super::*;

    fn dates(anchor: &str, period: PeriodType) -> Vec<String> {
        (1..=4).filter_map(|n| after_anchor(at(anchor), period, n)).map(taipei_text).collect()
    }

    #[test]
    fn the_31st_is_clamped_and_comes_back() {
        assert_eq!(
            dates("2026-01-31T10:00:00+08:00", PeriodType::M),
            ["2026/02/28 10:00:00", "2026/03/31 10:00:00", "2026/04/30 10:00:00", "2026/05/31 10:00:00"]
        );
    }

    #[test]
    fn the_day_is_the_one_in_taipei() {
        assert_eq!(dates("2026-01-30T17:00:00Z", PeriodType::M).first(), Some(&"2026/02/28 01:00:00".to_owned()));
    }

    #[test]
    fn a_leap_day_comes_back_after_four_years() {
        let years = dates("2024-02-29T10:00:00+08:00", PeriodType::Y);
        assert_eq!(years.first().map(String::as_str), Some("2025/02/28 10:00:00"));
        assert_eq!(years.last().map(String::as_str), Some("2028/02/29 10:00:00"));
    }
}
