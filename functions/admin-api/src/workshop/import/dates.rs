//! Dates in the cells of a list, as Indonesians and spreadsheets write them.

use std::collections::BTreeSet;

use serde::Deserialize;
use shared::domain::values::text::to_ascii;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::vehicles::ZONE;
use utoipa::ToSchema;

use crate::http::dates;
use crate::workshop::import::reasons::Reason;

/// Serial number of 2000-01-01 in Excel's count of days (ECMA-376 part 1, 18.17.4.1).
const SERIAL_OF_2000: i64 = 36_526;
/// Serial number of 2100-12-31.
const LAST_SERIAL: i64 = 73_415;
/// Names of each month, and the one that is written.
const MONTHS: [(&[&str], &str); 12] = [
    (&["january", "januari"], "Januari"),
    (&["february", "februari", "pebruari"], "Februari"),
    (&["march", "maret", "mrt"], "Maret"),
    (&["april"], "April"),
    (&["may", "mei"], "Mei"),
    (&["june", "juni"], "Juni"),
    (&["july", "juli"], "Juli"),
    (&["august", "agustus", "agt", "ags"], "Agustus"),
    (&["september", "sept"], "September"),
    (&["october", "oktober"], "Oktober"),
    (&["november", "nopember"], "November"),
    (&["december", "desember"], "Desember"),
];
/// Shortest beginning of a month's name that stands for it.
const SHORT: usize = 3;
const WEEKDAYS: [&str; 16] = [
    "senin",
    "selasa",
    "rabu",
    "kamis",
    "jumat",
    "jum'at",
    "sabtu",
    "minggu",
    "ahad",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Order of day and month in dates like `05/06/2025`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DateOrder {
    /// Day, month, year, as in Indonesia.
    Dmy,
    /// Month, day, year, as in the United States.
    Mdy,
}

impl DateOrder {
    /// Order of a name in requests.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "dmy" => Some(Self::Dmy),
            "mdy" => Some(Self::Mdy),
            _ => None,
        }
    }
}

/// How the dates of a column are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellRules {
    pub(crate) order: Option<DateOrder>,
    /// True if numbers may be days as Excel counts them; in a column that does not say that it has dates they may be kilometres.
    pub(crate) takes_serials: bool,
}

/// Part of a date.
enum Part {
    Number { value: u32, digits: usize },
    Month(u32),
}

/// Reads a date; a time of day after it is ignored.
///
/// # Errors
/// A reason for what is not a date from 2000 to 2100, or can be read as several: then with the readings.
pub(crate) fn read(text: &str, rules: CellRules) -> Result<LocalDate, Reason> {
    let text: String = text.chars().map(to_ascii).collect();
    // An instant, as programs write it: the day is that of the workshop.
    if let Ok(instant) = Timestamp::parse(text.trim()) {
        return Some(instant.day(ZONE)).filter(in_range).ok_or_else(not_a_date);
    }
    let date = without_time(&text);
    if let Some(day) = serial(date).filter(|_| rules.takes_serials) {
        return Ok(day);
    }
    let parts = parts(date).ok_or_else(not_a_date)?;
    let found: BTreeSet<LocalDate> = readings(&parts, rules.order).into_iter().flatten().filter(in_range).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(not_a_date()),
        (Some(day), None) => Ok(day),
        (Some(one), Some(other)) => Err(ambiguous(one, other)),
    }
}

/// True for a date that only the order of day and month decides, such as `05/06/2025`.
pub(crate) fn has_two_readings(text: &str) -> bool {
    let is_read = |order| read(text, CellRules { order, takes_serials: false }).is_ok();
    !is_read(None) && is_read(Some(DateOrder::Dmy)) && is_read(Some(DateOrder::Mdy))
}

/// A date in a form that no spreadsheet takes for another one: with the month's name.
pub(crate) fn write(day: LocalDate) -> String {
    let text = day.to_string();
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(date)) = (parts.next(), parts.next(), parts.next()) else { return text };
    let name = month.parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?)).map(|(_, name)| *name);
    name.map_or_else(|| text.clone(), |name| format!("{date} {name} {year}"))
}

fn not_a_date() -> Reason {
    Reason::new(
        "is not a date like 2025-08-18 or 18 Agustus 2025, from 2000 to 2100",
        "bukan tanggal seperti 2025-08-18 atau 18 Agustus 2025, dari tahun 2000 sampai 2100",
    )
}

fn ambiguous(one: LocalDate, other: LocalDate) -> Reason {
    Reason::new(
        format!("may be {one} or {other}: write it like {one}, or send the list with date_order=dmy (or mdy)"),
        format!(
            "bisa berarti {} atau {}: tulis seperti {one}, atau kirim daftar dengan date_order=dmy (atau mdy)",
            write(one),
            write(other)
        ),
    )
}

fn in_range(day: &LocalDate) -> bool {
    dates::parse(&day.to_string()).is_ok()
}

/// The text before a time of day: `2025-08-18T00:00:00`, `18/8/2025 10.30`.
fn without_time(text: &str) -> &str {
    let text = text.trim();
    let is_time = |rest: &str| {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < rest.len() && digits.starts_with([':', '.']) && rest.len() - digits.len() <= 2
    };
    let place = text.char_indices().find(|(place, c)| {
        let rest = text.get(place + c.len_utf8()..).unwrap_or_default();
        let follows_digit = text.get(..*place).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()));
        matches!(c, 'T' | 't' | ' ') && follows_digit && is_time(rest)
    });
    place.and_then(|(place, _)| text.get(..place)).unwrap_or(text)
}

/// A number of days as Excel counts them, perhaps with a time of day as its fraction.
fn serial(text: &str) -> Option<LocalDate> {
    let (days, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = days.len() == 5 && days.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    // `40825` may be 4 August 2025 without its first zero.
    let is_day_month_year =
        days.get(1..3).and_then(|month| month.parse().ok()).is_some_and(|month| (1..=12).contains(&month));
    let days: i64 = days.parse().ok().filter(|_| is_number && !is_day_month_year)?;
    let first = LocalDate::new(2000, 1, 1)?;
    (SERIAL_OF_2000..=LAST_SERIAL).contains(&days).then(|| first.plus_days(days - SERIAL_OF_2000))
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let words = text
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | '-' | '.' | ',' | '–'))
        .filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).filter(|word| !is_weekday(word)).collect();
    // `18Agu2025`
    let words = words.iter().flat_map(|word| split_at_letters(word));
    words.map(part).collect()
}

fn is_weekday(word: &str) -> bool {
    word.chars().count() >= SHORT && WEEKDAYS.iter().any(|day| day.starts_with(word)) && month(word).is_none()
}

fn split_at_letters(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        parts.push(part);
        rest = after;
    }
    parts
}

fn part(word: &str) -> Option<Part> {
    match word.parse() {
        Ok(value) => Some(Part::Number { value, digits: word.len() }),
        Err(_) => month(word).map(Part::Month),
    }
}

fn month(word: &str) -> Option<u32> {
    let is_it =
        |names: &[&str]| names.iter().any(|name| word.len() >= SHORT && name.starts_with(word) || *name == word);
    let place = MONTHS.iter().position(|(names, _)| is_it(names))?;
    u32::try_from(place + 1).ok()
}

/// The dates that the parts may mean.
fn readings(parts: &[Part], order: Option<DateOrder>) -> Vec<Option<LocalDate>> {
    use Part::{Month, Number};
    match parts {
        [Number { value: all, digits: 8 }] => {
            let (first, second, rest) = (all / 1_000_000, all / 10_000 % 100, all % 10_000);
            let ymd = date(all / 10_000, all / 100 % 100, all % 100);
            match order {
                Some(DateOrder::Dmy) => vec![ymd, date(rest, second, first)],
                Some(DateOrder::Mdy) => vec![ymd, date(rest, first, second)],
                None => vec![ymd, date(rest, second, first), date(rest, first, second)],
            }
        }
        [Number { value: year, digits: 4 }, Number { value: month, .. }, Number { value: day, .. }]
        | [Number { value: year, digits: 4 }, Month(month), Number { value: day, .. }] => {
            vec![date(*year, *month, *day)]
        }
        [Number { value: day, .. }, Month(month), Number { value: year, digits }]
        | [Month(month), Number { value: day, .. }, Number { value: year, digits }] => {
            vec![date(full_year(*year, *digits), *month, *day)]
        }
        [
            Number { value: first, digits: 1..=2 },
            Number { value: second, digits: 1..=2 },
            Number { value: last, digits },
        ] => {
            let year = full_year(*last, *digits);
            let (dmy, mdy) = (date(year, *second, *first), date(year, *first, *second));
            match order {
                Some(DateOrder::Dmy) => vec![dmy],
                Some(DateOrder::Mdy) => vec![mdy],
                None => vec![dmy, mdy, (*digits <= 2).then(|| date(full_year(*first, 2), *second, *last)).flatten()],
            }
        }
        _ => Vec::new(),
    }
}

/// A year of two digits is one of this century.
fn full_year(year: u32, digits: usize) -> u32 {
    if digits == 2 { 2_000 + year } else { year }
}

fn date(year: u32, month: u32, day: u32) -> Option<LocalDate> {
    LocalDate::new(i32::try_from(year).ok()?, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: CellRules = CellRules { order: None, takes_serials: true };

    fn ordered(order: DateOrder) -> CellRules {
        CellRules { order: Some(order), takes_serials: true }
    }

    #[test]
    fn one_day_in_every_unambiguous_notation() {
        for text in [
            "2025-08-18",
            "2025-8-18",
            "2025/08/18",
            "2025.08.18",
            "20250818",
            "18082025",
            "2025-08-18 00:00:00",
            "2025-08-18T00:00:00",
            "2025-08-18T10:30:00.000Z",
            "2025-08-17T17:00:00.000Z",
            "08182025",
            "18/08/2025",
            "18-08-2025",
            "18.8.2025",
            "8/18/2025",
            "18/08/2025 10.30",
            "18 Agustus 2025",
            "18 Agu 2025",
            "18-Agt-2025",
            "18 Aug 2025",
            "18-Aug-25",
            "Aug 18, 2025",
            "Senin, 18 Agustus 2025",
            "Monday, August 18, 2025",
            "18Agu2025",
            "45887",
            "45887.5",
            "8/18/2025 10:30 AM",
        ] {
            assert_eq!(read(text, ANY).map(|day| day.to_string()), Ok("2025-08-18".to_owned()), "{text}");
        }
        for (text, day) in [
            ("5/5/2025", "2025-05-05"),
            ("20-Mei-2025", "2025-05-20"),
            ("1 Des 2025", "2025-12-01"),
            ("2 Maret 2025", "2025-03-02"),
            ("3 Mar 25", "2025-03-03"),
            ("7-Jun-2025", "2025-06-07"),
            ("7 Jul 2025", "2025-07-07"),
        ] {
            assert_eq!(read(text, ANY).map(|day| day.to_string()), Ok(day.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused_with_both_unless_the_order_is_given() {
        for (text, readings) in [
            ("05/06/2025", ["2025-05-06", "2025-06-05"]),
            ("1-12-2024", ["2024-01-12", "2024-12-01"]),
            ("18/08/25", ["2018-08-25", "2025-08-18"]),
            ("05062025", ["2025-05-06", "2025-06-05"]),
        ] {
            let reason = read(text, ANY).unwrap_err();
            for reading in readings {
                assert!(reason.english.contains(reading), "{text}: {}", reason.english);
            }
        }
        assert!(read("05/06/2025", ANY).unwrap_err().indonesian.contains("05 Juni 2025"));
        assert_eq!(read("05062025", ordered(DateOrder::Mdy)).unwrap().to_string(), "2025-05-06");
        assert!(read("45887", CellRules { order: None, takes_serials: false }).is_err());
        assert_eq!(read("05/06/2025", ordered(DateOrder::Dmy)).unwrap().to_string(), "2025-06-05");
        assert_eq!(read("05/06/2025", ordered(DateOrder::Mdy)).unwrap().to_string(), "2025-05-06");
    }

    #[test]
    fn no_other_text_is_a_date() {
        for text in [
            "",
            "soon",
            "Agustus 2025",
            "2025",
            "29/02/2025",
            "31-Apr-2025",
            "0000-00-00",
            "1900-01-00",
            "0",
            "12345",
            "2025-13-01",
            "18/08/1999",
            "08551234567",
            "18/08/2025/1",
            "-",
            "May",
            "18 Foo 2025",
            "2101-01-01",
            "40825",
            "99999",
        ] {
            assert!(read(text, ANY).is_err(), "{text}");
        }
    }

    #[test]
    fn a_written_date_is_read_again() {
        let mut day = LocalDate::new(2024, 1, 1).unwrap();
        for _ in 0..400 {
            assert_eq!(read(&write(day), ANY), Ok(day));
            day = day.plus_days(1);
        }
        assert_eq!(write(LocalDate::new(2025, 8, 18).unwrap()), "18 Agustus 2025");
    }
}
