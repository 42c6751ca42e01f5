//! Instants and dates in the notations of ECPay, machines and people.

use shared::domain::values::time::{Error, LocalDate, Timestamp, Zone};

use crate::support::{day, instant as t};

#[test]
fn one_instant_has_these_forms() {
    let instant = t("2025-02-01T03:05:06.987+08:00");
    assert_eq!(instant.to_string(), "2025-01-31T19:05:06Z");
    assert_eq!(instant.unix(), 1_738_350_306);
    assert_eq!(Timestamp::from_unix(1_738_350_306), Some(instant));
    assert_eq!(instant.utc().timestamp_subsec_millis(), 0);
    assert_eq!(instant.utc().timestamp(), 1_738_350_306);
    assert_eq!(shared::ecpay::date::format(instant), "2025/02/01 03:05:06");
    assert_eq!(instant.to_compact(), "20250201030506");
    assert_eq!(instant.to_local(Zone::Taipei), "2025-02-01 03:05");
    assert_eq!(instant.to_local(Zone::Jakarta), "2025-02-01 02:05");
    assert_eq!(shared::ecpay::date::parse("2025/02/01 03:05:06"), Ok(instant));
    assert_eq!(serde_json::to_string(&instant).unwrap(), "\"2025-01-31T19:05:06Z\"");
    assert_eq!(serde_json::from_str::<Timestamp>("\"2025-01-31T19:05:06Z\"").unwrap(), instant);
    assert!(serde_json::from_str::<Timestamp>("\"soon\"").is_err());
    assert_eq!(Timestamp::from_unix(i64::MAX), None);
}

#[test]
fn no_instant_or_date_needs_more_than_four_digits_for_its_year() {
    let (first, last) = (-62_135_596_800, 253_402_268_399);
    for (seconds, known) in [(first, true), (first - 1, false), (last, true), (last + 1, false)] {
        assert_eq!(Timestamp::from_unix(seconds).is_some(), known, "{seconds}");
    }
    for (text, end) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T14:59:59Z"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T14:59:59Z"),
        ("9999-12-31T14:59:59Z", "9999-12-31T14:59:59Z"),
        ("0000-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
    ] {
        assert_eq!(t(text).to_string(), end, "{text}");
        for zone in Zone::ALL {
            let local = t(text).day(zone);
            assert_eq!(LocalDate::parse(&local.to_string()), Ok(local), "{text} {zone:?}");
        }
        assert_eq!(t(text).to_rfc3339(Zone::Taipei).split('-').next().map(str::len), Some(4));
        assert_eq!(Timestamp::of_compact(&t(text).to_compact()), Some(t(text)));
    }
    for date in [day("0001-01-01"), day("9999-12-31")] {
        for moved in [date, date.plus_days(1), date.plus_days(-1), date.plus_months(1), date.plus_months(u32::MAX)] {
            assert_eq!(LocalDate::parse(&moved.to_string()), Ok(moved));
            assert_eq!(Timestamp::parse(&moved.start(Zone::Taipei).to_string()), Ok(moved.start(Zone::Taipei)));
        }
    }
    assert_eq!((LocalDate::new(10_000, 1, 1), LocalDate::new(0, 12, 31)), (None, None));
    for bad in ["+10000-01-01", "10000-01-01", "0000-12-31", "-0001-01-01"] {
        assert_eq!(LocalDate::parse(bad), Err(Error::NotADay), "{bad}");
    }
}

#[test]
fn what_is_no_instant_is_refused() {
    for bad in ["", "2025-02-01", "2025-02-30T00:00:00Z", "2025-02-01T03:05:06"] {
        assert_eq!(Timestamp::parse(bad), Err(Error::NotAnInstant), "{bad:?}");
    }
    for bad in ["", "2025-02-01T03:05:06Z", "2025/02/01", "2025/02/30 00:00:00"] {
        assert_eq!(shared::ecpay::date::parse(bad), Err(shared::ecpay::date::NotAnEcpayDate), "{bad:?}");
    }
}

#[test]
fn the_calendar_day_depends_on_the_zone() {
    for (instant, taipei, jakarta) in [
        ("2025-01-31T15:59:59Z", "2025-01-31", "2025-01-31"),
        ("2025-01-31T16:00:00Z", "2025-02-01", "2025-01-31"),
        ("2025-01-31T17:00:00Z", "2025-02-01", "2025-02-01"),
    ] {
        assert_eq!(t(instant).day(Zone::Taipei), day(taipei), "{instant}");
        assert_eq!(t(instant).day(Zone::Jakarta), day(jakarta), "{instant}");
    }
    assert_eq!(day("2025-02-01").start(Zone::Taipei), t("2025-01-31T16:00:00Z"));
    assert_eq!(day("2025-02-01").start(Zone::Jakarta), t("2025-01-31T17:00:00Z"));
}

#[test]
fn an_instant_moves_by_seconds_and_stops_at_the_ends_of_the_calendar() {
    let instant = t("2025-02-28T23:59:59Z");
    assert_eq!(instant.plus_seconds(1), t("2025-03-01T00:00:00Z"));
    assert_eq!(instant.plus_seconds(-60), t("2025-02-28T23:58:59Z"));
    assert_eq!(instant.plus_minutes(2), t("2025-03-01T00:01:59Z"));
    assert_eq!(instant.plus_hours(-1), t("2025-02-28T22:59:59Z"));
    assert_eq!(instant.plus_days(2), t("2025-03-02T23:59:59Z"));
    assert_eq!(instant.plus_seconds(0), instant);
    let (first, last) = (instant.plus_seconds(i64::MIN), instant.plus_seconds(i64::MAX));
    assert_eq!((first.to_string(), last.to_string()), ("0001-01-01T00:00:00Z".into(), "9999-12-31T14:59:59Z".into()));
    assert_eq!((instant.plus_days(i64::MIN), instant.plus_days(i64::MAX)), (first, last));
    assert_eq!((last.plus_seconds(1), first.plus_seconds(-1)), (last, first));
    // At the end of the calendar the instant stays where it is.
    assert_eq!((last.plus_seconds(0), first.plus_seconds(0)), (last, first));
}

#[test]
fn a_day_is_written_one_way() {
    let first = LocalDate::new(2025, 2, 1).unwrap();
    assert_eq!((first.to_string(), day("2025-02-01")), ("2025-02-01".to_owned(), first));
    assert_eq!(serde_json::to_string(&first).unwrap(), "\"2025-02-01\"");
    assert_eq!(serde_json::from_str::<LocalDate>("\"2025-02-01\"").unwrap(), first);
    assert!(serde_json::from_str::<LocalDate>("\"2025-2-1\"").is_err());
    assert_eq!(LocalDate::new(2025, 2, 29), None);
    for bad in ["", "2025-2-1", "2025-02-29", "2025/02/01", "02025-02-01", " 2025-02-01"] {
        assert_eq!(LocalDate::parse(bad), Err(Error::NotADay), "{bad:?}");
    }
}

#[test]
fn a_day_moves_by_days_and_months_and_stops_at_the_ends_of_the_calendar() {
    assert_eq!(day("2025-02-28").plus_days(1), day("2025-03-01"));
    assert_eq!(day("2025-03-01").plus_days(-1), day("2025-02-28"));
    assert_eq!(day("2025-03-01").plus_days(0), day("2025-03-01"));
    assert_eq!(day("2024-12-31").plus_months(2), day("2025-02-28"));
    let (first, last) = (day("2025-03-01").plus_days(i64::MIN), day("2025-03-01").plus_days(i64::MAX));
    assert_eq!((first, last), (day("0001-01-01"), day("9999-12-31")));
    assert_eq!((first.plus_days(-1), last.plus_days(1)), (first, last));
    assert_eq!((first.plus_days(0), last.plus_days(0)), (first, last));
    assert_eq!(day("2025-03-01").plus_months(u32::MAX), last);
}
