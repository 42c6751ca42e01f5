//! Dates in ECPay's notation: `yyyy/MM/dd HH:mm:ss`, Taipei time without an offset.
//!
//! Other spellings of the same are read where they have one meaning, because a charge whose date cannot be read is a charge
//! that is missed.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Asia::Taipei;

use crate::domain::values::time::Timestamp;

const FORMAT: &str = "%Y/%m/%d %H:%M:%S";

/// Rejection of a text as a date in ECPay's notation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("ECPay's dates are written like 2025/02/01 03:05:06")]
pub struct NotAnEcpayDate;

/// Half of the day on a clock of twelve hours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    BeforeNoon,
    AfterNoon,
}

/// Words for the halves of the day, in English and as .NET writes them in zh-TW.
const HALVES: [(&str, Half); 4] =
    [("AM", Half::BeforeNoon), ("PM", Half::AfterNoon), ("上午", Half::BeforeNoon), ("下午", Half::AfterNoon)];

/// Reads a date in ECPay's notation. Hyphens instead of slashes, parts of one digit, `AM`, `PM`, `上午` or `下午` before or
/// after the time, and fractions of a second are accepted.
///
/// # Errors
/// [`NotAnEcpayDate`], also for dates and hours that do not exist.
pub fn parse(text: &str) -> Result<Timestamp, NotAnEcpayDate> {
    let local = local(text).ok_or(NotAnEcpayDate)?;
    let instant = Taipei.from_local_datetime(&local).earliest().ok_or(NotAnEcpayDate)?;
    Ok(Timestamp::new(instant.to_utc()))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let (day, time) = text.split_once(' ')?;
    Some(date(day)?.and_time(time_of_day(time)?))
}

fn date(text: &str) -> Option<NaiveDate> {
    let separator = if text.contains('/') { '/' } else { '-' };
    let (year, rest) = text.split_once(separator)?;
    let (month, day) = rest.split_once(separator)?;
    // Two digits would leave the century open, three are a year of the Republic of China.
    let year = if year.len() == 4 { digits(year, 4)? } else { return None };
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, digits(month, 2)?, digits(day, 2)?)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (clock, half) = without_half(text);
    let (hour, rest) = clock.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    digits(fraction, 9)?;
    let hour = match (digits(hour, 2)?, half) {
        (12, Some(Half::BeforeNoon)) => 0,
        (hour @ 1..=11, Some(Half::AfterNoon)) => hour + 12,
        // "00 PM" and "15 AM" contradict themselves.
        (0, Some(Half::AfterNoon)) | (13.., Some(Half::BeforeNoon)) => return None,
        (hour, _) => hour,
    };
    NaiveTime::from_hms_opt(hour, digits(minute, 2)?, digits(second, 2)?)
}

/// The time without the word for its half of the day, and that half.
fn without_half(text: &str) -> (&str, Option<Half>) {
    for (word, half) in HALVES {
        let before = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word));
        if let Some(time) = before.and_then(|_| text.get(word.len()..)) {
            return (time.trim_start_matches(' '), Some(half));
        }
        let place = text.len().saturating_sub(word.len());
        let after = text.get(place..).filter(|end| end.eq_ignore_ascii_case(word));
        if let Some(time) = after.and_then(|_| text.get(..place)) {
            return (time.trim_end_matches(' '), Some(half));
        }
    }
    (text, None)
}

/// A number of one to `longest` digits.
fn digits(text: &str, longest: usize) -> Option<u32> {
    let is_number = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Writes a date in ECPay's notation.
#[must_use]
pub fn format(at: Timestamp) -> String {
    at.utc().with_timezone(&Taipei).format(FORMAT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::values::time::Zone;

    #[test]
    fn ecpay_dates_are_taipei_time() {
        let instant = parse("2025/02/01 03:05:06").unwrap();
        assert_eq!(instant.to_string(), "2025-01-31T19:05:06Z");
        assert_eq!(format(instant), "2025/02/01 03:05:06");
        assert_eq!(instant.day(Zone::Taipei).to_string(), "2025-02-01");
    }

    #[test]
    fn other_spellings_of_one_meaning_are_read() {
        for (text, read) in [
            ("2025-02-01 03:05:06", "2025/02/01 03:05:06"),
            ("2025/2/1 3:5:6", "2025/02/01 03:05:06"),
            ("2025-2-1 13:05:06", "2025/02/01 13:05:06"),
            ("2025/02/01 03:05:06.997", "2025/02/01 03:05:06"),
            ("2025/02/01 03:05:06 AM", "2025/02/01 03:05:06"),
            ("2025/02/01 03:05:06 pm", "2025/02/01 15:05:06"),
            ("2025/02/01 03:05:06PM", "2025/02/01 15:05:06"),
            ("2025/02/01 15:05:06 PM", "2025/02/01 15:05:06"),
            ("2025/02/01 12:05:06 AM", "2025/02/01 00:05:06"),
            ("2025/02/01 12:05:06 PM", "2025/02/01 12:05:06"),
            ("2025/02/01 00:05:06 AM", "2025/02/01 00:05:06"),
            ("2025/2/1 上午 03:05:06", "2025/02/01 03:05:06"),
            ("2025/2/1 下午 03:05:06", "2025/02/01 15:05:06"),
            ("2025/2/1 下午03:05:06.5", "2025/02/01 15:05:06"),
            ("2025/2/1 上午 12:00:00", "2025/02/01 00:00:00"),
            ("2025/2/1 3:05:06 下午", "2025/02/01 15:05:06"),
        ] {
            assert_eq!(parse(text).map(format), Ok(read.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_text_of_no_or_of_several_meanings_is_no_date() {
        for bad in [
            "",
            "now",
            "2025/02/01",
            "03:05:06",
            "2025/02/30 00:00:00",
            "2025/02/01 24:00:00",
            "2025/02/01 03:60:00",
            "2025/02/01 03:05:60",
            " 2025/02/01 03:05:06",
            "2025/02/01 03:05:06 ",
            "2025/02/01  03:05:06",
            "2025/02/01 03:05",
            "2025/02/01 030506",
            "20250201 03:05:06",
            "25/02/01 03:05:06",
            "114/02/01 03:05:06",
            "02025/02/01 03:05:06",
            "01/02/2025 03:05:06",
            "2025/02-01 03:05:06",
            "2025.02.01 03:05:06",
            "2025/002/01 03:05:06",
            "2025/+2/01 03:05:06",
            "2025/02/01 -3:05:06",
            "2025/02/01 03:05:06.",
            "2025/02/01 03:05:06.1234567890",
            "2025/02/01 03:05:06Z",
            "2025/02/01T03:05:06",
            "2025/02/01 03:05:06+08:00",
            "2025/02/01 15:05:06 AM",
            "2025/02/01 00:05:06 PM",
            "2025/02/01 AM 03:05:06 PM",
            "2025/02/01 03:05:06 XM",
            "２０２５/02/01 03:05:06",
        ] {
            assert_eq!(parse(bad), Err(NotAnEcpayDate), "{bad:?}");
        }
    }
}
