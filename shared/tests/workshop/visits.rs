//! Due dates of visits.

use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::message_kind::MessageKind;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{InvalidName, PersonName, Vehicle, VehicleStatus, ZONE};
use shared::domain::workshop::visit_interval::VisitInterval;

use crate::support::day;

fn vehicle(last_visit: &str) -> Vehicle {
    Vehicle {
        plate: Plate::parse("B 1234 ABC").unwrap(),
        customer: CustomerId::parse("c-1").unwrap(),
        last_visit: day(last_visit),
        own_next_visit: None,
        interval: VisitInterval::default(),
        status: VehicleStatus::Active,
    }
}

#[test]
fn the_next_visit_is_four_calendar_months_after_the_last() {
    for (last, next) in [
        ("2025-08-18", "2025-12-18"),
        ("2025-10-31", "2026-02-28"),
        ("2023-10-31", "2024-02-29"),
        ("2024-10-29", "2025-02-28"),
        ("2024-10-30", "2025-02-28"),
        ("2025-12-31", "2026-04-30"),
        ("2024-02-29", "2024-06-29"),
        ("2023-10-29", "2024-02-29"),
    ] {
        assert_eq!(vehicle(last).next_visit().to_string(), next, "{last}");
    }
    let own = Vehicle { own_next_visit: Some(day("2026-01-05")), ..vehicle("2025-08-18") };
    assert_eq!(own.next_visit(), day("2026-01-05"));
}

#[test]
fn the_next_visit_is_as_many_calendar_months_after_the_last_as_the_vehicle_has() {
    for (last, months, next) in [
        ("2025-08-31", 1, "2025-09-30"),
        ("2025-08-31", 6, "2026-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2025-08-18", 60, "2030-08-18"),
    ] {
        let vehicle = Vehicle { interval: VisitInterval::new(months).unwrap(), ..vehicle(last) };
        assert_eq!(vehicle.next_visit().to_string(), next, "{last} {months}");
        let visited = vehicle.visited(day("2030-01-31")).unwrap();
        assert_eq!(visited.interval, vehicle.interval);
    }
    for months in [0, 61, u32::MAX] {
        assert!(VisitInterval::new(months).is_err(), "{months}");
    }
}

#[test]
fn a_vehicle_stored_without_an_interval_has_four_months() {
    let stored = r#"{"plate":"B 1234 ABC","customer":"c-1","last_visit":"2025-08-18","status":"active"}"#;
    let read: Vehicle = serde_json::from_str(stored).unwrap();
    assert_eq!(read, vehicle("2025-08-18"));
    let own = Vehicle { interval: VisitInterval::new(6).unwrap(), ..vehicle("2025-08-18") };
    let written = serde_json::to_string(&own).unwrap();
    assert_eq!(serde_json::from_str::<Vehicle>(&written).unwrap(), own);
}

#[test]
fn today_tomorrow_and_the_day_after_are_reminded_of() {
    for (days, reminded) in [(-1, false), (0, true), (1, true), (2, true), (3, false), (365, false)] {
        let (today, visit) = (day("2025-12-18"), day("2025-12-18").plus_days(days));
        assert_eq!(MessageKind::Reminder.visits(today).contain(visit), reminded, "{days}");
    }
    let next = vehicle("2025-08-18").next_visit();
    for (today, days) in
        [("2025-12-19", -1), ("2025-12-18", 0), ("2025-12-16", 2), ("2025-12-15", 3), ("2024-12-18", 365)]
    {
        assert_eq!(day(today).days_until(next), days, "{today}");
    }
    assert_eq!(day("2024-02-28").days_until(day("2024-03-01")), 2);
    assert_eq!(day("2025-12-31").days_until(day("2026-01-01")), 1);
}

#[test]
fn at_18_utc_it_is_tomorrow_in_jakarta() {
    let at = |text: &str| Timestamp::parse(text).unwrap().day(ZONE).to_string();
    assert_eq!(at("2025-12-15T16:59:59Z"), "2025-12-15");
    assert_eq!(at("2025-12-15T17:00:00Z"), "2025-12-16");
    assert_eq!(at("2025-12-15T18:00:00Z"), "2025-12-16");
}

#[test]
fn a_visit_takes_the_place_of_what_was_set_before_it() {
    let booked =
        Vehicle { own_next_visit: Some(day("2025-12-20")), status: VehicleStatus::Booked, ..vehicle("2025-08-18") };
    assert_eq!(booked.visited(day("2025-12-20")), Some(vehicle("2025-12-20")));
    for status in [VehicleStatus::Sold, VehicleStatus::Archived] {
        let gone = Vehicle { status, ..vehicle("2025-08-18") };
        assert_eq!(gone.visited(day("2025-12-20")).unwrap().status, status);
    }
}

#[test]
fn a_visit_that_is_known_or_older_changes_nothing() {
    let set_after = Vehicle { own_next_visit: Some(day("2025-11-01")), ..vehicle("2025-08-18") };
    assert_eq!(set_after.visited(day("2025-08-18")), None);
    assert_eq!(set_after.visited(day("2025-08-17")), None);
}

#[test]
fn a_name_is_one_line_that_says_something() {
    assert_eq!(PersonName::parse("  Budi Santoso ").unwrap().as_str(), "Budi Santoso");
    assert_eq!(PersonName::parse("\u{202e}Bu\u{200b}di\u{fe0f} \u{3164}").unwrap().as_str(), "Budi");
    assert!(PersonName::parse(&"é".repeat(100)).is_ok());
    for bad in ["", "  ", "-", "a\nb", "a\u{2028}b", "\u{3164}\u{115f}", "\u{200b}", &"é".repeat(101)] {
        assert_eq!(PersonName::parse(bad), Err(InvalidName), "{bad:?}");
    }
    assert_eq!(format!("{:?}", PersonName::parse("Budi Santoso").unwrap()), "PersonName(***)");
}

#[test]
fn a_status_is_known_by_its_name() {
    for (status, name) in VehicleStatus::ALL.into_iter().zip(["active", "booked", "sold", "archived"]) {
        assert_eq!((status.name(), VehicleStatus::of_name(name)), (name, Some(status)));
        assert_eq!(serde_json::to_value(status).unwrap(), name);
    }
    assert_eq!(VehicleStatus::of_name("Active"), None);
}
