//! Instants, calendar dates, and the time zones that relate them.

use std::fmt;

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Timelike, Utc,
};
use serde::{Deserialize, Serialize};

/// Instant in UTC, in whole seconds, from the year 1 to the end of 9999 in every [`Zone`]: written with four digits of the
/// year, so that whatever is written can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(DateTime<Utc>);

/// Calendar date from the year 1 to 9999; the date of an instant depends on the [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalDate(NaiveDate);

/// Time zones in which the businesses count days and the workshop's customers live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Zone {
    /// Asia/Taipei: ECPay's dates, billing, MMS.
    Taipei,
    /// Asia/Jakarta: the workshop; western Indonesia.
    Jakarta,
    /// Asia/Makassar: central Indonesia.
    Makassar,
    /// Asia/Jayapura: eastern Indonesia.
    Jayapura,
}

/// Rejection of a text as an instant, a date or a zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not in the format of RFC 3339.
    #[error("an instant is written like 2025-02-01T03:05:06+08:00")]
    NotAnInstant,
    /// Not in the format `yyyy-MM-dd`.
    #[error("a day is written like 2025-02-01")]
    NotADay,
    /// Not one of the supported zones.
    #[error("a zone is Asia/Taipei, Asia/Jakarta, Asia/Makassar or Asia/Jayapura")]
    NotAZone,
}

/// 0001-01-01T00:00:00Z in seconds of Unix time.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T14:59:59Z in seconds of Unix time: the last second of 9999 in Jayapura, the easternmost zone.
const LAST_SECOND: i64 = 253_402_268_399;
const FIRST_YEAR: i32 = 1;
const LAST_YEAR: i32 = 9999;

const COMPACT_FORMAT: &str = "%Y%m%d%H%M%S";
const DAY_FORMAT: &str = "%Y-%m-%d";

impl Zone {
    /// All supported zones.
    pub const ALL: [Self; 4] = [Self::Taipei, Self::Jakarta, Self::Makassar, Self::Jayapura];

    const fn tz(self) -> chrono_tz::Tz {
        match self {
            Self::Taipei => chrono_tz::Asia::Taipei,
            Self::Jakarta => chrono_tz::Asia::Jakarta,
            Self::Makassar => chrono_tz::Asia::Makassar,
            Self::Jayapura => chrono_tz::Asia::Jayapura,
        }
    }

    /// The zone's name in the IANA database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.tz().name()
    }

    /// Reads a name of the IANA database.
    ///
    /// # Errors
    /// [`Error::NotAZone`] for a zone that is not supported.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|zone| zone.name() == name).ok_or(Error::NotAZone)
    }
}

impl Timestamp {
    /// Instant zero of Unix time: 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// The instant, truncated to the second and limited to the range of the type.
    #[must_use]
    pub fn new(instant: DateTime<Utc>) -> Self {
        let seconds = instant.timestamp().clamp(FIRST_SECOND, LAST_SECOND);
        Self(DateTime::from_timestamp(seconds, 0).unwrap_or(instant))
    }

    /// The instant `seconds` after 1970-01-01T00:00:00Z; `None` beyond the range of the type.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        if (FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
            DateTime::from_timestamp(seconds, 0).map(Self)
        } else {
            None
        }
    }

    /// Reads RFC 3339 with any offset. An instant beyond the range of the type becomes its end.
    ///
    /// # Errors
    /// [`Error::NotAnInstant`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        DateTime::parse_from_rfc3339(text).map(|instant| Self::new(instant.to_utc())).map_err(|_| Error::NotAnInstant)
    }

    /// Taipei time as digits only, `yyyyMMddHHmmss`: part of event ids.
    #[must_use]
    pub fn to_compact(self) -> String {
        self.0.with_timezone(&Zone::Taipei.tz()).format(COMPACT_FORMAT).to_string()
    }

    /// Reads the format of [`Self::to_compact`]; `None` for any other text.
    #[must_use]
    pub fn of_compact(text: &str) -> Option<Self> {
        let local = NaiveDateTime::parse_from_str(text, COMPACT_FORMAT).ok()?;
        Some(Self::new(Zone::Taipei.tz().from_local_datetime(&local).earliest()?.to_utc()))
    }

    /// Local time for readers in the zone: `yyyy-MM-dd HH:mm`.
    #[must_use]
    pub fn to_local(self, zone: Zone) -> String {
        self.0.with_timezone(&zone.tz()).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The hour of the day in `zone`, 0 to 23.
    #[must_use]
    pub fn hour(self, zone: Zone) -> u32 {
        self.0.with_timezone(&zone.tz()).hour()
    }

    /// RFC 3339 with the offset of `zone`: `2025-12-15T07:00:00+07:00`.
    #[must_use]
    pub fn to_rfc3339(self, zone: Zone) -> String {
        self.0.with_timezone(&zone.tz()).to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0.timestamp()
    }

    /// The instant as chrono's type.
    #[must_use]
    pub const fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// The calendar date of this instant in `zone`.
    #[must_use]
    pub fn day(self, zone: Zone) -> LocalDate {
        LocalDate::limited(self.0.with_timezone(&zone.tz()).date_naive())
    }

    /// This instant moved by `seconds`, limited to the range of the type.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let moved = TimeDelta::try_seconds(seconds).and_then(|by| self.0.checked_add_signed(by));
        Self::new(moved.unwrap_or(if seconds < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC }))
    }

    /// This instant moved by minutes of 60 seconds.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        self.plus_seconds(minutes.saturating_mul(60))
    }

    /// This instant moved by hours of 60 minutes.
    #[must_use]
    pub fn plus_hours(self, hours: i64) -> Self {
        self.plus_seconds(hours.saturating_mul(3_600))
    }

    /// This instant moved by days of 24 hours.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }
}

impl LocalDate {
    /// The calendar date; `None` if it does not exist or lies beyond the range of the type.
    #[must_use]
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        NaiveDate::from_ymd_opt(year, month, day).map(Self).filter(|date| *date == Self::limited(date.0))
    }

    /// The date, limited to the range of the type.
    fn limited(date: NaiveDate) -> Self {
        let end = match date.year() {
            ..FIRST_YEAR => NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1),
            FIRST_YEAR..=LAST_YEAR => None,
            _ => NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31),
        };
        Self(end.unwrap_or(date))
    }

    /// Reads `yyyy-MM-dd`.
    ///
    /// # Errors
    /// [`Error::NotADay`], also for dates that do not exist or lie beyond the range of the type.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let day = NaiveDate::parse_from_str(text, DAY_FORMAT).map_err(|_| Error::NotADay)?;
        let is_as_written = Self::limited(day).to_string() == text;
        if is_as_written { Ok(Self(day)) } else { Err(Error::NotADay) }
    }

    /// The first instant of this date in `zone`.
    #[must_use]
    pub fn start(self, zone: Zone) -> Timestamp {
        let midnight = self.0.and_time(chrono::NaiveTime::MIN);
        let start = zone.tz().from_local_datetime(&midnight).earliest();
        Timestamp::new(start.map_or_else(|| midnight.and_utc(), |instant| instant.to_utc()))
    }

    /// The date in Indonesian notation: `18-12-2025`.
    #[must_use]
    pub fn to_day_month_year(self) -> String {
        self.0.format("%d-%m-%Y").to_string()
    }

    /// Days from this date to `other`, negative if that is earlier.
    #[must_use]
    pub fn days_until(self, other: Self) -> i64 {
        other.0.signed_duration_since(self.0).num_days()
    }

    /// This date moved by calendar days, limited to the range of the type.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let by = Days::new(days.unsigned_abs());
        let (moved, end) = if days < 0 {
            (self.0.checked_sub_days(by), NaiveDate::MIN)
        } else {
            (self.0.checked_add_days(by), NaiveDate::MAX)
        };
        Self::limited(moved.unwrap_or(end))
    }

    /// This date moved by calendar months, limited to the range of the type; a day that the month lacks becomes its last
    /// day.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        Self::limited(self.0.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX))
    }

    /// Months since year 0, for the number of months between two dates.
    pub(crate) fn month_number(self) -> i64 {
        i64::from(self.0.year()) * 12 + i64::from(self.0.month0())
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl TryFrom<String> for Zone {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format(DAY_FORMAT))
    }
}

impl From<Timestamp> for String {
    fn from(instant: Timestamp) -> Self {
        instant.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<LocalDate> for String {
    fn from(day: LocalDate) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for LocalDate {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_its_zone() {
        let day = LocalDate::parse("2025-03-01").unwrap();
        assert_eq!(day.start(Zone::Taipei).to_string(), "2025-02-28T16:00:00Z");
        assert_eq!(day.start(Zone::Jakarta).to_string(), "2025-02-28T17:00:00Z");
    }

    #[test]
    fn months_are_counted_by_the_calendar() {
        let anchor = LocalDate::parse("2024-01-31").unwrap();
        assert_eq!(anchor.plus_months(1).to_string(), "2024-02-29");
        assert_eq!(anchor.plus_months(2).to_string(), "2024-03-31");
        assert_eq!(anchor.plus_months(13).to_string(), "2025-02-28");
    }
}
