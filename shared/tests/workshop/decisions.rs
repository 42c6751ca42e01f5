//! Decision to send a reminder, from the data read just before sending.

use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::{Timestamp, Zone};
use shared::domain::workshop::message_kind::{FollowUpDays, MessageKind, ReminderKind};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::reminders::{
    Reminder, ReminderAction, ReminderInput, ReminderState, SendHours, SkipReason, continuation_at, plan,
};
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::{Customer, PersonName, Vehicle, VehicleStatus};
use shared::domain::workshop::visit_interval::VisitInterval;

use crate::support::day;

fn customer() -> Customer {
    Customer {
        id: CustomerId::parse("c-1").unwrap(),
        name: PersonName::parse("Budi Santoso").unwrap(),
        phone: Phone::parse("08551234567").unwrap(),
        email: None,
        salutation: Salutation::Bapak,
        zone: Zone::Jakarta,
    }
}

/// Vehicle due on 18 December.
fn vehicle() -> Vehicle {
    Vehicle {
        plate: Plate::parse("B 1234 ABC").unwrap(),
        customer: CustomerId::parse("c-1").unwrap(),
        last_visit: day("2025-08-18"),
        own_next_visit: None,
        interval: VisitInterval::default(),
        status: VehicleStatus::Active,
    }
}

fn reminder(state: ReminderState) -> Reminder {
    Reminder {
        kind: ReminderKind::Reminder,
        plate: Plate::parse("B 1234 ABC").unwrap(),
        visit: day("2025-12-18"),
        day: None,
        state,
        run: "a run".to_owned(),
        owner: "another-run".to_owned(),
        attempts: 1,
        claimed_at: Timestamp::parse("2025-12-16T07:00:00+07:00").unwrap(),
        provider: None,
        message_id: None,
        detail: None,
        send_again: false,
        before: Vec::new(),
    }
}

/// Decision at a time, in the scheduled run of `today` with sending hours 6 to 21.
fn planned(
    vehicle: &Vehicle,
    customer: Option<&Customer>,
    reminder: Option<&Reminder>,
    today: &str,
    wall: &str,
) -> ReminderAction {
    let hours = SendHours::parse("6-21").unwrap();
    plan(
        ReminderInput { message: MessageKind::Reminder, vehicle, customer, is_opted_out: false, reminder },
        day(today),
        Some(hours),
        Timestamp::parse(wall).unwrap(),
    )
}

const MORNING: &str = "2025-12-16T07:00:00+07:00";

#[test]
fn in_the_three_days_before_a_visit_its_owner_is_reminded() {
    for (today, is_sent) in
        [("2025-12-15", false), ("2025-12-16", true), ("2025-12-17", true), ("2025-12-18", true), ("2025-12-19", false)]
    {
        let wall = format!("{today}T07:00:00+07:00");
        let expected = if is_sent { ReminderAction::Send } else { ReminderAction::Skip(SkipReason::NotDue) };
        assert_eq!(planned(&vehicle(), Some(&customer()), None, today, &wall), expected, "{today}");
    }
}

#[test]
fn what_changed_since_the_vehicle_was_found_counts() {
    for (status, skip) in [
        (VehicleStatus::Booked, SkipReason::Booked),
        (VehicleStatus::Sold, SkipReason::Sold),
        (VehicleStatus::Archived, SkipReason::Archived),
    ] {
        let changed = Vehicle { status, ..vehicle() };
        assert_eq!(planned(&changed, Some(&customer()), None, "2025-12-16", MORNING), ReminderAction::Skip(skip));
    }
    let visited = vehicle().visited(day("2025-12-15")).unwrap();
    assert_eq!(
        planned(&visited, Some(&customer()), None, "2025-12-16", MORNING),
        ReminderAction::Skip(SkipReason::NotDue)
    );
    let unwilling = ReminderInput {
        message: MessageKind::Reminder,
        vehicle: &vehicle(),
        customer: Some(&customer()),
        is_opted_out: true,
        reminder: None,
    };
    let wall = Timestamp::parse(MORNING).unwrap();
    assert_eq!(plan(unwilling, day("2025-12-16"), None, wall), ReminderAction::Skip(SkipReason::OptedOut));
    assert_eq!(planned(&vehicle(), None, None, "2025-12-16", MORNING), ReminderAction::Skip(SkipReason::NoCustomer));
}

#[test]
fn what_is_known_of_the_reminder_comes_first() {
    for (state, expected) in [
        (ReminderState::Sent, ReminderAction::AlreadySent),
        (ReminderState::Unclear, ReminderAction::Unclear),
        (ReminderState::Claimed, ReminderAction::Skip(SkipReason::InProgress)),
        (ReminderState::Failed, ReminderAction::Send),
    ] {
        let known = reminder(state);
        let found = planned(&vehicle(), Some(&customer()), Some(&known), "2025-12-16", MORNING);
        assert_eq!(found, expected, "{state:?}");
    }
}

#[test]
fn the_hours_are_those_where_the_customer_lives_and_count_for_the_schedule_only() {
    let eastern = Customer { zone: Zone::Jayapura, ..customer() };
    // Jayapura is two hours ahead of Jakarta.
    for (wall, in_jakarta, in_jayapura) in [
        ("2025-12-16T03:59:59+07:00", false, false),
        ("2025-12-16T04:00:00+07:00", false, true),
        ("2025-12-16T06:00:00+07:00", true, true),
        ("2025-12-16T19:00:00+07:00", true, false),
        ("2025-12-16T20:59:59+07:00", true, false),
        ("2025-12-16T21:00:00+07:00", false, false),
    ] {
        for (customer, expected) in [(customer(), in_jakarta), (eastern.clone(), in_jayapura)] {
            let found = planned(&vehicle(), Some(&customer), None, "2025-12-16", wall);
            let wanted = if expected { ReminderAction::Send } else { ReminderAction::Skip(SkipReason::Hours) };
            assert_eq!(found, wanted, "{wall} {:?}", customer.zone);
            let case = ReminderInput {
                message: MessageKind::Reminder,
                vehicle: &vehicle(),
                customer: Some(&customer),
                is_opted_out: false,
                reminder: None,
            };
            let by_hand = plan(case, day("2025-12-16"), None, Timestamp::parse(wall).unwrap());
            assert_eq!(by_hand, ReminderAction::Send, "{wall}");
        }
    }
}

#[test]
fn a_run_that_comes_late_announces_no_visit_whose_day_is_over() {
    let found = |wall| planned(&vehicle(), Some(&customer()), None, "2025-12-16", wall);
    assert_eq!(found("2025-12-18T20:59:59+07:00"), ReminderAction::Send);
    assert_eq!(found("2025-12-19T06:00:00+07:00"), ReminderAction::Skip(SkipReason::NotDue));
}

#[test]
fn a_missed_visit_is_followed_up_on_three_days_and_only_if_it_was_missed() {
    let planned = |vehicle: &Vehicle, today: &str, days: &str| {
        let message = MessageKind::FollowUp(FollowUpDays::parse(days).unwrap());
        let case = ReminderInput { message, vehicle, customer: Some(&customer()), is_opted_out: false, reminder: None };
        plan(case, day(today), None, Timestamp::parse(&format!("{today}T09:00:00+07:00")).unwrap())
    };
    let not_due = ReminderAction::Skip(SkipReason::NotDue);
    for (today, days, expected) in [
        ("2025-12-18", "1", not_due),
        ("2025-12-19", "1", ReminderAction::Send),
        ("2025-12-21", "1", ReminderAction::Send),
        ("2025-12-22", "1", not_due),
        ("2025-12-24", "7", not_due),
        ("2025-12-25", "7", ReminderAction::Send),
        ("2025-12-27", "7", ReminderAction::Send),
        ("2025-12-28", "7", not_due),
        ("2026-02-16", "60", ReminderAction::Send),
    ] {
        assert_eq!(planned(&vehicle(), today, days), expected, "{today} {days}");
    }
    // The visit took place on its day, or on the day after.
    let on_the_day = Vehicle { own_next_visit: Some(day("2025-12-18")), last_visit: day("2025-12-18"), ..vehicle() };
    assert_eq!(planned(&on_the_day, "2025-12-25", "7"), not_due);
    assert_eq!(planned(&vehicle().visited(day("2025-12-19")).unwrap(), "2025-12-25", "7"), not_due);
    let sold = Vehicle { status: VehicleStatus::Sold, ..vehicle() };
    assert_eq!(planned(&sold, "2025-12-25", "7"), ReminderAction::Skip(SkipReason::Sold));
    for bad in ["", "0", "61", "-1", "7.5", "seven"] {
        assert!(FollowUpDays::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_run_goes_on_at_a_full_minute_of_the_same_day_within_the_hours() {
    for (hours, wall, delay, expected) in [
        ("6-21", "09:00:00", 3_660, Some("10:01:00")),
        ("6-21", "09:00:30", 3_660, Some("10:02:00")),
        ("6-21", "09:00:01", 3_659, Some("10:01:00")),
        // Without a delay, since another provider sends: never a time that is over when EventBridge reads it.
        ("6-21", "09:00:00", 0, Some("09:01:00")),
        ("6-21", "09:00:01", 0, Some("09:02:00")),
        ("6-21", "19:58:00", 3_660, Some("20:59:00")),
        ("6-21", "19:59:00", 3_660, None),
        ("0-24", "23:30:00", 3_600, None),
    ] {
        let at = |time: &str| Timestamp::parse(&format!("2025-12-16T{time}+07:00")).unwrap();
        let going_on = continuation_at(at(wall), delay, SendHours::parse(hours).unwrap());
        assert_eq!(going_on, expected.map(at), "{hours} {wall} {delay}");
    }
}
