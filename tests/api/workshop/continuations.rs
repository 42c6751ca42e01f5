//! Reminders beyond what StarSender holds: they go on by themselves on the same day.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::Sandbox;

/// A minute between two messages: StarSender takes 61 in an hour.
const SLOW: [(&str, &str); 2] = [("REMINDER_PACE_SECONDS", "60"), ("REMINDER_DAILY_CAP", "200")];

/// So many invented owners with one vehicle each, due on the 18th.
async fn owners(sandbox: &Sandbox, count: usize) {
    for place in 0..count {
        let id = format!("c{place}");
        sandbox.customer(&id, &format!("Owner {place}"), &format!("0855000{place:04}")).await;
        sandbox.vehicle(&format!("B{}XY", 1000 + place), &id, "2025-01-10", Some("2025-12-18")).await;
    }
}

/// Runs on the way to `to`.
async fn runs(sandbox: &Sandbox, to: &str) -> Vec<String> {
    let ran = sandbox.travel(to).await;
    ran.into_iter().filter(|ran| ran.contains(" MaintenanceReminder ")).collect()
}

/// Numbers that got a message; each got one.
async fn reached(sandbox: &Sandbox) -> usize {
    let chats = sandbox.chats().await;
    let numbers: BTreeSet<&String> = chats.iter().map(|(number, _)| number).collect();
    assert_eq!(numbers.len(), chats.len(), "a number got two messages");
    numbers.len()
}

fn state(run: &Value) -> &Value {
    &run["continuation"]["state"]
}

#[tokio::test]
async fn a_thousand_vehicles_are_reminded_on_one_day_and_none_twice() {
    let variables = [("REMINDER_PACE_SECONDS", "5"), ("REMINDER_DAILY_CAP", "2000")];
    let sandbox = Sandbox::with("2025-12-16T06:30:00+07:00", &variables).await;
    owners(&sandbox, 1_000).await;
    // The daily run is at 07:00. Delays of 0 to 3,600 seconds are 721 messages; StarSender refuses a longer one.
    runs(&sandbox, "2025-12-16T07:30:00+07:00").await;
    assert_eq!(reached(&sandbox).await, 721);
    let ran = runs(&sandbox, "2025-12-16T09:30:00+07:00").await;
    assert_eq!((ran.len(), reached(&sandbox).await), (1, 1_000), "{ran:?}");
    assert_eq!(runs(&sandbox, "2025-12-17T06:00:00+07:00").await, [""; 0]);
}

#[tokio::test]
async fn a_run_goes_on_as_often_as_the_provider_makes_it() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &SLOW).await;
    owners(&sandbox, 130).await;
    let run = sandbox.remind().await;
    let expected = json!({ "state": "scheduled", "at": "2025-12-16T03:01:00Z" });
    assert_eq!((&run["continuation"], &run["waiting"], &run["status"]), (&expected, &json!(69), &json!("done")));
    // A minute between two messages, also across runs: the last of the first run arrives at ten.
    assert_eq!(runs(&sandbox, "2025-12-16T10:00:59+07:00").await, [""; 0]);
    assert_eq!((runs(&sandbox, "2025-12-16T10:01:00+07:00").await.len(), reached(&sandbox).await), (1, 122));
    assert_eq!((runs(&sandbox, "2025-12-16T11:02:00+07:00").await.len(), reached(&sandbox).await), (1, 130));
    assert_eq!(runs(&sandbox, "2025-12-17T06:59:00+07:00").await, [""; 0]);
    // The next day's run finds all reminded.
    assert_eq!((runs(&sandbox, "2025-12-17T07:00:00+07:00").await.len(), reached(&sandbox).await), (1, 130));
}

#[tokio::test]
async fn what_would_be_sent_too_late_in_the_day_waits_for_the_next_daily_run() {
    let sandbox = Sandbox::with("2025-12-16T19:59:00+07:00", &SLOW).await;
    owners(&sandbox, 70).await;
    let run = sandbox.remind().await;
    assert_eq!((state(&run), &run["status"]), (&json!("outside_hours"), &json!("done")));
    assert_eq!(runs(&sandbox, "2025-12-17T06:59:00+07:00").await, [""; 0]);
    assert_eq!((runs(&sandbox, "2025-12-17T07:00:00+07:00").await.len(), reached(&sandbox).await), (1, 70));
}

#[tokio::test]
async fn a_stop_by_staff_holds_for_the_rest_of_a_run_that_had_begun() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &SLOW).await;
    owners(&sandbox, 70).await;
    assert_eq!(state(&sandbox.remind().await), "scheduled");
    sandbox.schedule(Method::POST, "/stop").await;
    assert_eq!(runs(&sandbox, "2025-12-16T20:00:00+07:00").await.len(), 1);
    assert_eq!(reached(&sandbox).await, 61);
    // Staff may still send by hand; nothing goes on by itself.
    let run = sandbox.remind().await;
    assert_eq!((&run["reminder_sent"], reached(&sandbox).await), (&json!(9), 70));
}

#[tokio::test]
async fn a_run_under_a_stopped_schedule_says_that_it_does_not_go_on() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &SLOW).await;
    owners(&sandbox, 70).await;
    sandbox.schedule(Method::POST, "/stop").await;
    let run = sandbox.remind().await;
    assert_eq!((state(&run), &run["waiting"]), (&json!("stopped"), &json!(9)));
    assert_eq!(runs(&sandbox, "2025-12-16T20:00:00+07:00").await, [""; 0]);
}

#[tokio::test]
async fn a_dry_run_and_a_run_that_sends_everything_schedule_nothing() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &SLOW).await;
    owners(&sandbox, 61).await;
    let before = sandbox.calls("scheduler").await;
    let dry = sandbox.call(Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!((&dry["would_send"], dry.get("continuation")), (&json!(61), None));
    assert_eq!(sandbox.remind().await.get("continuation"), None);
    assert_eq!(sandbox.calls("scheduler").await, before);
}
