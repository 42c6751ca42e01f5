//! Reads the day of an expiry from a text in the forms of ISO 8601 and RFC 9557. Texts that have two readings, such as
//! `02/12/2026`, and numbers without a unit are refused.

use shared::domain::institutions::ZONE;
use shared::domain::values::time::{LocalDate, Timestamp};

/// Offset of Asia/Taipei since 1980, in seconds.
const TAIPEI_OFFSET: i64 = 8 * 3_600;
const DAY_SECONDS: i64 = 86_400;

/// Zone in the brackets behind a date or time (RFC 9557, section 3.1).
enum Suffix {
    Taipei,
    /// Offset in seconds, as in `[+08:00]`.
    Offset(i64),
    /// Another zone, which counts only where the time has an offset.
    Other,
}

/// Returns the day in Taipei. A time without offset is Taipei's; a plain day is itself.
pub(crate) fn expiry_day(text: &str) -> Option<LocalDate> {
    let (moment, suffix) = without_suffixes(text.trim())?;
    let Some((date, time)) = moment.split_once(['T', 't', ' ']) else {
        return plain_day(moment).filter(|_| matches!(suffix, None | Some(Suffix::Taipei)));
    };
    let date = plain_day(date)?;
    let at = time.find(['Z', 'z', '+', '-', '\u{2212}']).unwrap_or(time.len());
    let (clock, offset) = time.split_at_checked(at)?;
    let second = second_of_day(clock.trim_end())?;
    let offset = match (offset, &suffix) {
        ("", None | Some(Suffix::Taipei)) => TAIPEI_OFFSET,
        ("", Some(Suffix::Offset(seconds))) => *seconds,
        // Z says that the offset of the place is unknown, so that no zone contradicts it (RFC 9557, section 2.2).
        ("Z" | "z", _) => 0,
        (written, suffix) => offset_seconds(written).filter(|seconds| match suffix {
            None | Some(Suffix::Other) => true,
            Some(Suffix::Taipei) => *seconds == TAIPEI_OFFSET,
            Some(Suffix::Offset(zone)) => seconds == zone,
        })?,
    };
    let days = Timestamp::EPOCH.day(ZONE).days_until(date);
    Timestamp::from_unix(days * DAY_SECONDS + second - offset).map(|instant| instant.day(ZONE))
}

/// Separates the suffixes in brackets. Those of the form `[key=value]` do not change the instant.
fn without_suffixes(text: &str) -> Option<(&str, Option<Suffix>)> {
    let Some((moment, suffixes)) = text.split_once('[') else { return Some((text, None)) };
    let mut zone = None;
    for (place, suffix) in suffixes.strip_suffix(']')?.split("][").enumerate() {
        // With a `!` a reader must understand the suffix or refuse the text (RFC 9557, section 3.3).
        let (is_critical, suffix) = suffix.strip_prefix('!').map_or((false, suffix), |suffix| (true, suffix));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "/_+-:.=".contains(c);
        if suffix.is_empty() || !suffix.chars().all(is_name) {
            return None;
        }
        let read = match suffix {
            "Asia/Taipei" => Some(Suffix::Taipei),
            "UTC" | "Etc/UTC" | "Z" => Some(Suffix::Offset(0)),
            _ if suffix.starts_with(['+', '-']) => Some(Suffix::Offset(offset_seconds(suffix)?)),
            _ if is_critical => return None,
            _ => (!suffix.contains('=')).then_some(Suffix::Other),
        };
        if let Some(read) = read {
            // A zone stands first, and once.
            if place > 0 {
                return None;
            }
            zone = Some(read);
        }
    }
    Some((moment, zone))
}

/// Reads `2026-12-02`, `20261202` or `2026/12/02`.
fn plain_day(text: &str) -> Option<LocalDate> {
    if let Some([year, month, day]) = groups(text, &['-', '/'], [4, 2, 2]) {
        // The same separator twice.
        let is_uniform = !(text.contains('-') && text.contains('/'));
        return LocalDate::parse(&format!("{year}-{month}-{day}")).ok().filter(|_| is_uniform);
    }
    let [century, year, month, day] = pairs(text)?;
    LocalDate::parse(&format!("{century}{year}-{month}-{day}")).ok()
}

/// Reads `04`, `04:30`, `04:30:05`, `0430` or `043005`, the last part with or without a fraction, and `24:00`. Returns
/// the seconds since midnight.
fn second_of_day(clock: &str) -> Option<i64> {
    let (clock, fraction) = clock.split_once(['.', ',']).map_or((clock, None), |(clock, rest)| (clock, Some(rest)));
    // A fraction of a second or a minute ends before the next minute, where the earliest other day begins.
    let fraction_fits = match fraction {
        None => true,
        Some(fraction) => clock.len() > 2 && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()),
    };
    let [hour, minute, second] = groups(clock, &[':'], [2, 2, 2])
        .or_else(|| groups(clock, &[':'], [2, 2]).map(|[hour, minute]| [hour, minute, "0"]))
        .or_else(|| pairs(clock))
        .or_else(|| pairs(clock).map(|[hour, minute]| [hour, minute, "0"]))
        .or_else(|| pairs(clock).map(|[hour]| [hour, "0", "0"]))?;
    let [hour, minute, second] = [hour, minute, second].map(str::parse::<i64>);
    let (hour, minute, second) = (hour.ok()?, minute.ok()?, second.ok()?);
    let is_end_of_day =
        hour == 24 && minute == 0 && second == 0 && fraction.is_none_or(|f| f.bytes().all(|b| b == b'0'));
    let is_leap_second = minute == 59 && second == 60;
    let fits = is_end_of_day || (hour < 24 && minute < 60 && (second < 60 || is_leap_second));
    // A leap second is in the day that it ends.
    (fits && fraction_fits).then_some(hour * 3_600 + minute * 60 + second.min(59))
}

/// Reads `+08`, `+0800` or `+08:00`, in seconds.
fn offset_seconds(text: &str) -> Option<i64> {
    let west = text.strip_prefix(['-', '\u{2212}']).map(|digits| (-1, digits));
    let (sign, digits) = west.or_else(|| text.strip_prefix('+').map(|digits| (1, digits)))?;
    let [hours, minutes] = groups(digits, &[':'], [2, 2])
        .or_else(|| pairs(digits))
        .or_else(|| pairs(digits).map(|[hours]| [hours, "0"]))?;
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Splits at separators into groups of so many digits.
fn groups<'a, const COUNT: usize>(
    text: &'a str,
    separators: &[char],
    lengths: [usize; COUNT],
) -> Option<[&'a str; COUNT]> {
    let groups: Vec<&str> = text.split(separators).collect();
    let groups: [&str; COUNT] = groups.try_into().ok()?;
    let fits = groups
        .iter()
        .zip(lengths)
        .all(|(group, length)| group.len() == length && group.bytes().all(|byte| byte.is_ascii_digit()));
    fits.then_some(groups)
}

/// Splits digits into pairs.
fn pairs<const COUNT: usize>(digits: &str) -> Option<[&str; COUNT]> {
    if digits.len() != 2 * COUNT || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let pairs: Vec<&str> = (0..COUNT).filter_map(|place| digits.get(2 * place..2 * place + 2)).collect();
    pairs.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{Config, RngSeed};

    use super::*;

    /// A form in which a known instant is written.
    #[derive(Clone, Debug)]
    struct Form {
        date_separator: &'static str,
        separator: char,
        /// Parts of the clock: 1 to 3.
        parts: usize,
        clock_separator: &'static str,
        fraction: &'static str,
        /// Ends the day before with 24:00 where the instant is a midnight.
        as_end_of_day: bool,
        /// Offset in minutes; none: Taipei's time, unwritten.
        offset: Option<i64>,
        offset_form: usize,
        suffix: bool,
    }

    /// Year, month and day of the days since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn civil(days: i64) -> (i64, i64, i64) {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    impl Form {
        /// Writes the instant, which is a whole number of the form's smallest part in its offset.
        fn write(&self, seconds: i64) -> String {
            let local = seconds + self.offset.unwrap_or(480) * 60;
            let (mut days, mut second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
            if second == 0 && self.as_end_of_day {
                (days, second) = (days - 1, 86_400);
            }
            let (year, month, day) = civil(days);
            let date = [format!("{year:04}"), format!("{month:02}"), format!("{day:02}")].join(self.date_separator);
            let clock = [second / 3_600, second / 60 % 60, second % 60].map(|part| format!("{part:02}"));
            let clock = clock[..self.parts].join(self.clock_separator);
            let fraction = if self.parts == 3 && second < 86_400 { self.fraction } else { "" };
            let offset = self.offset.map_or(String::new(), |minutes| {
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
                match (self.offset_form, minutes, rest) {
                    (0, 0, _) => "Z".to_owned(),
                    (1, _, 0) => format!("{sign}{hours:02}"),
                    (2, _, _) => format!("{sign}{hours:02}{rest:02}"),
                    _ => format!("{sign}{hours:02}:{rest:02}"),
                }
            });
            let is_taipei = self.offset.is_none_or(|minutes| minutes == 480) || offset == "Z";
            let suffix = if self.suffix && is_taipei { "[Asia/Taipei]" } else { "" };
            format!("{date}{}{clock}{fraction}{offset}{suffix}", self.separator)
        }
    }

    fn form() -> impl Strategy<Value = Form> {
        let offset = prop_oneof![
            2 => Just(None),
            2 => Just(Some(0)),
            2 => Just(Some(480)),
            3 => (-14 * 60..=14 * 60_i64).prop_map(Some),
        ];
        let date = (select(vec!["-", "/", ""]), select(vec!['T', 't', ' ']));
        let clock = (1..=3_usize, select(vec![":", ""]), select(vec!["", ".0", ".5", ",123", ".999999999"]));
        (date, clock, any::<bool>(), (offset, 0..4_usize, any::<bool>())).prop_map(
            |(
                (date_separator, separator),
                (parts, clock_separator, fraction),
                as_end_of_day,
                (offset, offset_form, suffix),
            )| {
                Form {
                    date_separator,
                    separator,
                    parts,
                    clock_separator,
                    fraction,
                    as_end_of_day,
                    offset,
                    offset_form,
                    suffix,
                }
            },
        )
    }

    proptest! {
        #![proptest_config(Config { cases: 20_000, rng_seed: RngSeed::Fixed(8), failure_persistence: None, ..Config::default() })]

        /// Since 1980 Taipei is eight hours ahead of UTC.
        #[test]
        fn an_instant_is_its_day_in_taipei_however_it_is_written(
            seconds in 315_532_800_i64..4_102_444_800, form in form(), is_midnight in any::<bool>()
        ) {
            let offset = form.offset.unwrap_or(480) * 60;
            // Down to the smallest part that the form writes, or to midnight.
            let step = if is_midnight { 86_400 } else { [3_600, 60, 1][form.parts - 1] };
            let instant = (seconds + offset).div_euclid(step) * step - offset;
            let (year, month, day) = civil((instant + 8 * 3_600).div_euclid(86_400));
            let text = form.write(instant);
            let read = expiry_day(&text).map(|day| day.to_string());
            prop_assert_eq!(read, Some(format!("{year:04}-{month:02}-{day:02}")), "{}", text);
        }
    }

    #[test]
    fn a_day_is_itself_and_the_public_forms_are_read() {
        for (text, expected) in [
            ("2026-12-02", "2026-12-02"),
            ("20261202", "2026-12-02"),
            ("2026/12/02", "2026-12-02"),
            ("2026-12-02[Asia/Taipei]", "2026-12-02"),
            // Java's OffsetDateTime and LocalDateTime leave out seconds of zero.
            ("2026-12-02T00:00", "2026-12-02"),
            ("2026-12-01T16:00Z", "2026-12-02"),
            ("2026-12-01T15:59Z", "2026-12-01"),
            ("2026-12-02T23:59:59+0800", "2026-12-02"),
            ("2026-12-01T16:00:00.000+0000", "2026-12-02"),
            ("2026-12-02 23:59", "2026-12-02"),
            ("2026-12-02 00:00:00 +0900", "2026-12-01"),
            ("2026-12-02T00:00+08:00[Asia/Taipei]", "2026-12-02"),
            ("2026-12-01T16:00:00Z[Asia/Taipei][u-ca=gregory]", "2026-12-02"),
            ("2026-12-02T00:00[!Asia/Taipei]", "2026-12-02"),
            ("2026-12-01T23:00-05:00[America/New_York]", "2026-12-02"),
            ("2026-12-01T24:00", "2026-12-02"),
            ("2026-12-01T24:00:00.000+08:00", "2026-12-02"),
            ("2026-11-30T15:59:60Z", "2026-11-30"),
            ("20261201T160000Z", "2026-12-02"),
            (" 2026-12-02T04\n", "2026-12-02"),
            ("2028-02-29", "2028-02-29"),
        ] {
            assert_eq!(expiry_day(text).map(|day| day.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_text_with_two_readings_or_none_is_refused() {
        for text in [
            "",
            "soon",
            "02/12/2026",
            "12/02/2026",
            "02-12-2026",
            "02.12.2026",
            "2.12.26",
            "26-12-02",
            "2026-12",
            "2026",
            "2026-12/02",
            "2026-1-2",
            "2026-02-30",
            "2027-02-29",
            "20260230",
            "02122026",
            "1764547200",
            "1764547200000",
            "2026-12-02T",
            "2026-12-02T25:00",
            "2026-12-02T24:01",
            "2026-12-02T24:00:00.1",
            "2026-12-02T12:60",
            "2026-12-02T12:00:61",
            "2026-12-02T1:00",
            "2026-12-02T12.5",
            "2026-12-02T12:00:00.",
            "2026-12-02T12:00+8",
            "2026-12-02T12:00+24:00",
            "2026-12-02T12:00+08:60",
            "2026-12-02T12:00 CST",
            "2026-12-02Z",
            "2026-12-02T04:00 PM",
            // The offset is not that of the zone, or the zone is needed and unknown here.
            "2026-12-02T00:00+09:00[Asia/Taipei]",
            "2026-12-02T00:00+09:00[+08:00]",
            "2026-12-02T00:00[Europe/Paris]",
            "2026-12-02T00:00+08:00[!u-ca=roc]",
            "2026-12-02T00:00[Asia/Taipei",
            "2026-12-02T00:00[]",
            "2026-12-02T00:00[Asia/Taipei][Asia/Tokyo]",
            "2026-12-02[Asia/Tokyo]",
        ] {
            assert_eq!(expiry_day(text), None, "{text}");
        }
    }
}
