//! Reminders as the workshop sees them: over HTTP, with what reached the owners.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::Sandbox;
use testing::support::scale::count;

const RUN_NOW: &str = "/scheduler/maintenance-reminder/run-now";
/// The message of the reminder document, for its example.
const DOCUMENTED: &str = "Bapak Budi Santoso untuk nomor kendaraan B 1234 ABC sebentar lagi tiba saat pemeliharaan rutin pada tanggal 18-12-2025, daftarkan segera melalui nomor pelayanan kami 087740659525";

/// One invented owner with one vehicle for each of the next visits.
async fn owners(sandbox: &Sandbox, visits: &[&str]) {
    for (place, visit) in visits.iter().enumerate() {
        let id = format!("c{place}");
        sandbox.customer(&id, &format!("Owner {place}"), &format!("0855000{place:04}")).await;
        sandbox.vehicle(&format!("B{}XY", 1000 + place), &id, "2025-01-10", Some(visit)).await;
    }
}

fn counts(run: &Value) -> [i64; 5] {
    ["reminder_sent", "failed", "skipped", "already_sent", "unclear"].map(|name| run[name].as_i64().unwrap())
}

fn rows<'a>(run: &'a Value, status: &str) -> Vec<&'a Value> {
    run["details"].as_array().unwrap().iter().filter(|row| row["status"] == status).collect()
}

#[tokio::test]
async fn the_documented_example_gets_the_documented_message_and_answer() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    sandbox.customer("c-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B%201234%20ABC", "c-1", "2025-08-18", None).await;
    let run = sandbox.remind().await;
    assert_eq!(sandbox.chats().await, [("628551234567".to_owned(), DOCUMENTED.to_owned())]);
    assert_eq!((&run["total_customers"], &run["reminder_sent"]), (&json!(1), &json!(1)));
    let row = json!({
        "no_pol": "B 1234 ABC", "customer_nama": "Budi Santoso", "customer_hp": "08551234567",
        "next_visit_date": "2025-12-18", "days_until_visit": 2, "status": "sent", "message": DOCUMENTED,
        "api_response": "Success sent message",
    });
    assert_eq!(run["details"], json!([row]));
    // The other documented way in, a second time: nothing more is sent.
    let (status, again) = sandbox.staff(Method::POST, "/customers/send-maintenance-reminder", None).await;
    assert_eq!((status, counts(&again["data"])), (StatusCode::OK, [0, 0, 0, 1, 0]));
    assert_eq!(sandbox.chats().await.len(), 1);
}

#[tokio::test]
async fn visits_of_today_tomorrow_and_the_day_after_are_reminded_of_and_no_others() {
    let sandbox = Sandbox::at("2026-02-27T12:00:00+07:00").await;
    owners(&sandbox, &["2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]).await;
    let run = sandbox.remind().await;
    assert_eq!((run["total_customers"].clone(), counts(&run)), (json!(3), [3, 0, 0, 0, 0]));
    let days: Vec<_> = rows(&run, "sent").iter().map(|row| row["days_until_visit"].as_i64().unwrap()).collect();
    assert_eq!(days, [0, 1, 2]);
    assert_eq!(sandbox.chats().await.len(), 3);
}

#[tokio::test]
async fn at_six_in_the_evening_of_london_it_is_tomorrow_in_jakarta() {
    let sandbox = Sandbox::at("2025-12-15T16:59:59Z").await;
    owners(&sandbox, &["2025-12-15", "2025-12-18"]).await;
    // Still the 15th there: the visit of that day is in the window, the one of the 18th is not.
    let before = sandbox.call(Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!(rows(&before, "would_send")[0]["next_visit_date"], "2025-12-15");
    assert_eq!((&before["dry_run"], &before["would_send"], counts(&before)), (&json!(true), &json!(1), [0; 5]));
    assert_eq!(sandbox.chats().await.len(), 0);
    sandbox.travel("2025-12-15T18:00:00Z").await;
    let run = sandbox.remind().await;
    assert_eq!(rows(&run, "sent")[0]["next_visit_date"], "2025-12-18");
    assert_eq!((rows(&run, "sent")[0]["days_until_visit"].clone(), counts(&run)), (json!(2), [1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn one_visit_is_reminded_of_once_and_with_daily_repetition_once_a_day() {
    for (repeat, messages) in [("once", 1), ("daily", 3)] {
        let sandbox = Sandbox::with("2025-12-16T06:30:00+07:00", &[("REMINDER_REPEAT", repeat)]).await;
        owners(&sandbox, &["2025-12-18"]).await;
        for day in 16..19 {
            for time in ["08:00:00", "12:00:00", "20:00:00"] {
                // Passing seven in the morning, the schedule runs as well.
                sandbox.travel(&format!("2025-12-{day}T{time}+07:00")).await;
                sandbox.remind().await;
            }
        }
        assert_eq!(sandbox.chats().await.len(), messages, "{repeat}");
        sandbox.travel("2025-12-25T12:00:00+07:00").await;
        assert_eq!(sandbox.chats().await.len(), messages, "{repeat}");
    }
}

#[tokio::test]
async fn two_vehicles_of_one_owner_are_two_messages() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    sandbox.customer("c-1", "Sari Dewi", "081298765432").await;
    sandbox.vehicle("B1TWO", "c-1", "2025-08-18", None).await;
    sandbox.vehicle("B2TWO", "c-1", "2025-08-17", None).await;
    let run = sandbox.remind().await;
    assert_eq!((run["total_customers"].clone(), counts(&run)), (json!(2), [2, 0, 0, 0, 0]));
    let chats = sandbox.chats().await;
    assert!(chats.iter().all(|(to, _)| to == "6281298765432"));
    assert!(chats[0].1.contains("B 2 TWO") && chats[0].1.contains("17-12-2025"), "{chats:?}");
    assert!(chats[1].1.contains("B 1 TWO") && chats[1].1.contains("18-12-2025"), "{chats:?}");
}

#[tokio::test]
async fn one_owner_of_fifty_who_cannot_be_reached_stops_no_other() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 50]).await;
    sandbox.put("/sandbox/whatsapp/628550000007", json!({ "fault": "refuse" })).await;
    let run = sandbox.remind().await;
    assert_eq!((run["total_customers"].clone(), counts(&run)), (json!(50), [49, 1, 0, 0, 0]));
    let failed = rows(&run, "failed");
    assert_eq!((&failed[0]["no_pol"], &failed[0]["customer_nama"]), (&json!("B 1007 XY"), &json!("Owner 7")));
    assert!(failed[0]["reason"].as_str().unwrap().contains("not registered"), "{failed:?}");
    assert_eq!(run["stopped"], Value::Null);
    // The owner whose number is corrected is reminded by the next run, and no other is.
    sandbox.put("/sandbox/whatsapp/628550000007", json!({ "fault": "none" })).await;
    assert_eq!(counts(&sandbox.remind().await), [1, 0, 0, 49, 0]);
}

#[tokio::test]
async fn vehicles_sold_booked_or_gone_and_unwilling_owners_get_no_reminder() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 5]).await;
    for (place, status) in [(0, "sold"), (1, "booked"), (2, "archived")] {
        let body = json!({ "customer_id": format!("c{place}"), "last_visit_date": "2025-01-10", "next_visit_date": "2025-12-17", "status": status });
        sandbox.staff(Method::PUT, &format!("/vehicles/B{}XY", 1000 + place), Some(body)).await;
    }
    let unwilling = json!({ "name": "Owner 3", "phone": "08550000003", "opted_out": true });
    sandbox.staff(Method::PUT, "/customers/c3", Some(unwilling)).await;
    sandbox.staff(Method::POST, "/vehicles/B1004XY/visits", Some(json!({ "date": "2025-12-16" }))).await;
    let run = sandbox.remind().await;
    assert_eq!(counts(&run), [0, 0, 1, 0, 0]);
    assert_eq!(rows(&run, "skipped")[0]["reason"], "opted out");
    assert_eq!(sandbox.chats().await, []);
}

#[tokio::test]
async fn a_device_or_key_that_is_refused_stops_the_batch_and_the_next_run_goes_on() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 10]).await;
    sandbox.fault("starsender", "device_off").await;
    let run = sandbox.remind().await;
    assert_eq!(counts(&run), [0, 1, 9, 0, 0]);
    assert!(run["stopped"].as_str().unwrap().contains("device"), "{run}");
    assert_eq!(sandbox.calls("starsender").await["send"], 1);
    sandbox.fault("starsender", "none").await;
    assert_eq!(counts(&sandbox.remind().await), [10, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_gateway_that_is_down_is_not_asked_for_everybody() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 10]).await;
    for fault in ["down", "html"] {
        sandbox.forget_calls().await;
        sandbox.fault("starsender", fault).await;
        let run = sandbox.remind().await;
        assert_eq!(sandbox.calls("starsender").await["send"], 3, "{fault}: {run}");
    }
    sandbox.fault("starsender", "none").await;
    // An HTML page leaves the outcome of three messages unknown: none is sent twice.
    assert_eq!(counts(&sandbox.remind().await), [7, 0, 0, 0, 3]);
    assert_eq!(sandbox.chats().await.len(), 7);
}

#[tokio::test]
async fn what_the_first_gateway_certainly_did_not_take_goes_by_the_second() {
    let variables = [("REMINDER_FALLBACK_PROVIDER", "cloud-api")];
    for (fault, by_second, unclear) in [("device_off", 7, 0), ("down", 7, 0), ("html", 4, 3), ("answer_lost", 4, 3)] {
        let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &variables).await;
        owners(&sandbox, &["2025-12-17"; 7]).await;
        sandbox.fault("starsender", fault).await;
        let run = sandbox.remind().await;
        assert_eq!(counts(&run), [by_second, 0, 0, 0, unclear], "{fault}");
        // A provider that refuses is called once, one that does not respond three times, however many reminders are
        // due.
        let asked = sandbox.calls("starsender").await["send"];
        assert_eq!(asked, if fault == "device_off" { 1 } else { 3 }, "{fault}");
        let made = sandbox.calls("whatsapp-cloud").await.get("messages").copied().unwrap_or(0);
        assert_eq!(i64::try_from(made).unwrap(), by_second, "{fault}");
    }
}

#[tokio::test]
async fn the_cloud_api_sends_the_approved_template_with_name_plate_and_date() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &[("REMINDER_PROVIDER", "cloud-api")]).await;
    sandbox.customer("c-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1234ABC", "c-1", "2025-08-18", None).await;
    assert_eq!(counts(&sandbox.remind().await), [1, 0, 0, 0, 0]);
    let chats = sandbox.chats().await;
    assert_eq!(chats[0].0, "628551234567");
    for part in ["maintenance_reminder", "Budi Santoso", "B 1234 ABC", "18-12-2025"] {
        assert!(chats[0].1.contains(part), "{part}: {chats:?}");
    }
    assert_eq!(sandbox.calls("starsender").await, BTreeMap::new());
}

#[tokio::test]
async fn enough_for_one_day_is_not_exceeded_by_several_runs() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &[("REMINDER_DAILY_CAP", "4")]).await;
    owners(&sandbox, &["2025-12-18"; 10]).await;
    let run = sandbox.remind().await;
    assert_eq!(counts(&run), [4, 0, 6, 0, 0]);
    assert_eq!(rows(&run, "skipped")[0]["reason"], "the daily cap is reached");
    assert_eq!(counts(&sandbox.remind().await), [0, 0, 6, 4, 0]);
    sandbox.travel("2025-12-17T06:00:00+07:00").await;
    assert_eq!(counts(&sandbox.remind().await), [4, 0, 2, 4, 0]);
}

#[tokio::test]
async fn more_messages_than_the_provider_schedules_ahead_wait_for_the_next_run_and_none_fails() {
    let variables = [("REMINDER_PACE_SECONDS", "60"), ("REMINDER_DAILY_CAP", "100")];
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &variables).await;
    owners(&sandbox, &["2025-12-18"; 70]).await;
    // One now, and one a minute up to an hour ahead.
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), &run["waiting"]), ([61, 0, 9, 0, 0], &json!(9)));
    let reason = "waits for the next run: the provider takes no message that far ahead";
    assert_eq!((&rows(&run, "skipped")[0]["reason"], &run["status"]), (&json!(reason), &json!("done")));
    // A minute before they would be sent without staff.
    sandbox.travel("2025-12-16T10:00:00+07:00").await;
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), &run["waiting"]), ([9, 0, 0, 61, 0], &json!(0)));
    assert_eq!(sandbox.chats().await.len(), 70);
}

#[tokio::test]
async fn a_run_that_takes_long_is_answered_by_its_address_and_a_second_one_at_once_is_refused() {
    let sandbox = Sandbox::with("2025-12-16T09:00:00+07:00", &[("INVOKE_PATIENCE_SECONDS", "1")]).await;
    owners(&sandbox, &["2025-12-17"]).await;
    sandbox.fault("starsender", "held").await;
    let (status, answer) = sandbox.staff(Method::POST, RUN_NOW, None).await;
    assert_eq!((status, &answer["success"]), (StatusCode::ACCEPTED, &json!(true)), "{answer}");
    let (status, refused) = sandbox.staff(Method::POST, RUN_NOW, None).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("already_running")), "{refused}");
    sandbox.fault("starsender", "none").await;
    let address = answer["data"]["address"].as_str().unwrap();
    let begun = shared::platform::clock::Stopwatch::start();
    let shown = loop {
        let (status, shown) = sandbox.staff(Method::GET, address, None).await;
        assert_eq!(status, 200, "{shown}");
        if shown["status"] != "running" || begun.elapsed().as_secs() > 60 {
            break shown;
        }
    };
    assert_eq!((&shown["status"], &shown["reminder_sent"]), (&json!("done"), &json!(1)), "{shown}");
    assert_eq!(sandbox.chats().await.len(), 1);
}

#[tokio::test]
async fn an_unreadable_item_keeps_no_other_owner_from_a_reminder() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 3]).await;
    let mut items = sandbox::world::table_inspect::contents(&sandbox.world);
    let broken = items.iter_mut().find(|item| item["pk"]["S"] == "CUSTOMER#c1" && item["sk"]["S"] == "STATE").unwrap();
    broken["data"]["M"]["phone"]["S"] = json!("12345");
    sandbox::world::table_inspect::put(&sandbox.world, broken).unwrap();
    assert_eq!(counts(&sandbox.remind().await), [2, 1, 0, 0, 0]);
    assert_eq!(sandbox.chats().await.len(), 2);
}

#[tokio::test]
async fn by_schedule_no_reminder_is_sent_at_night_where_the_owner_lives() {
    let sandbox = Sandbox::with("2025-12-16T06:00:00+07:00", &[("REMINDER_SEND_HOURS", "8-20")]).await;
    for (id, zone, plate) in [("west", "Asia/Jakarta", "B1W"), ("east", "Asia/Jayapura", "B1E")] {
        let body = json!({ "name": "Owner", "phone": if id == "west" { "08551110001" } else { "08551110002" }, "time_zone": zone });
        sandbox.staff(Method::PUT, &format!("/customers/{id}"), Some(body)).await;
        sandbox.vehicle(plate, id, "2025-08-17", None).await;
    }
    // Seven in Jakarta is nine in Jayapura.
    sandbox.travel("2025-12-16T07:30:00+07:00").await;
    assert_eq!(sandbox.chats().await.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["628551110002"]);
    // Reminders that staff request for one customer are sent at once.
    assert_eq!(counts(&sandbox.remind().await), [1, 0, 0, 1, 0]);
}

#[tokio::test]
async fn a_run_reads_the_days_that_are_due_and_nothing_else() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-16", "2025-12-17", "2025-12-18", "2025-12-25"]).await;
    sandbox.world.forget_calls();
    let run = sandbox.call(Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!((&run["would_send"], counts(&run)), (&json!(3), [0; 5]));
    let few = (sandbox.world.items_read(), sandbox.calls("dynamodb").await);
    let copies = count(100_000);
    assert!(sandbox::world::table_inspect::multiply_item(&sandbox.world, "VEHICLE#B 1003 XY", copies));
    sandbox.world.forget_calls();
    let run = sandbox.call(Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!((&run["would_send"], counts(&run)), (&json!(3), [0; 5]));
    let many = (sandbox.world.items_read(), sandbox.calls("dynamodb").await);
    assert_eq!(few, many);
    assert!(many.0 <= 12, "{} items were read for 3 that are due", many.0);
}

#[tokio::test]
async fn a_run_is_kept_with_its_counts_and_shows_whom_it_reminded() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    owners(&sandbox, &["2025-12-17"; 2]).await;
    sandbox.put("/sandbox/whatsapp/628550000001", json!({ "fault": "refuse" })).await;
    let run = sandbox.remind().await;
    let id = run["run"].as_str().unwrap().to_owned();
    let shown = sandbox.get(&format!("/runs/{id}")).await;
    assert_eq!((&shown["status"], &shown["jobs"]), (&json!("done"), &json!(["maintenance-reminder"])));
    let task = &shown["tasks"]["maintenance-reminder"];
    assert_eq!((&task["due"], &task["done"]), (&json!(2), &json!(1)), "{shown}");
    let told = shown["reminders"].as_array().unwrap();
    let states: Vec<_> = told.iter().map(|told| (told["plate"].clone(), told["state"].clone())).collect();
    assert_eq!(states, [(json!("B 1000 XY"), json!("sent")), (json!("B 1001 XY"), json!("failed"))]);
    let vehicle = sandbox.staff(Method::GET, "/vehicles/B1000XY", None).await.1;
    assert_eq!(vehicle["reminders"][0]["state"], "sent");
}
