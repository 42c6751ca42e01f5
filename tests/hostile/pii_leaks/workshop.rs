//! The workshop's customers: nothing of them in what the functions write, in errors, and in the reports of runs.

use serde_json::{Value, json};
use shared::domain::values::time::LocalDate;

use super::{Heard, JSON, MAIL, WRONG, with_level, world};
use testing::support::Sandbox;
use testing::support::lambda::{Bootstrap, http_event};

const NAME: &str = "Kanarienvogel Santoso";
const PHONE: &str = "0813-7776-6655";
const PLATE: &str = "QX4242YY";
const CUSTOMER: &str = "canary-customer-9d1";

/// Stores the customer as no version of ours would have; gives the item as it was.
fn break_customer(sandbox: &Sandbox) -> Value {
    let key = format!("CUSTOMER#{CUSTOMER}");
    let mut items = sandbox::world::table_inspect::contents(&sandbox.world).into_iter();
    let sound = items.find(|item| item["pk"]["S"] == *key && item["sk"]["S"] == "STATE").unwrap();
    let mut broken = sound.clone();
    broken["data"]["M"]["phone"]["S"] = json!(PHONE);
    sandbox::world::table_inspect::put(&sandbox.world, &broken).unwrap();
    sound
}

/// A vehicle of the customer's for each way in which a gateway answers.
async fn reminded_under_faults(sandbox: &Sandbox, reminders: &mut Bootstrap, day: LocalDate) {
    let faults = ["device_off", "down", "refuse", "limit", "answer_lost", "none"];
    for (place, fault) in faults.into_iter().enumerate() {
        sandbox.put("/sandbox/faults", json!({ "starsender": { "fault": fault, "times": 1 } })).await;
        let second = if matches!(fault, "answer_lost" | "limit") { "none" } else { fault };
        sandbox.put("/sandbox/faults", json!({ "whatsapp_cloud": { "fault": second, "times": 1 } })).await;
        let own =
            json!({ "customer_id": CUSTOMER, "last_visit_date": "2024-01-10", "next_visit_date": day.plus_days(1) });
        sandbox.keep(&format!("/vehicles/{PLATE}{}", char::from(b'A' + u8::try_from(place).unwrap())), own).await;
        let event = json!({ "task": "maintenance-reminder", "run_id": fault, "requested_by": "support" });
        // Both accounts are refused: no provider is left.
        let status = if fault == "device_off" { "failed" } else { "done" };
        assert_eq!(reminders.invoke(&event).await["status"], status, "{fault}");
    }
}

#[tokio::test]
async fn the_workshops_customers_appear_nowhere() {
    let mut heard = Heard::default();
    for level in super::levels() {
        let (sandbox, _) = world().await;
        let mut admin = Bootstrap::start("admin-api", &with_level(&sandbox, "AdminApi", level, None)).await;
        let bearer = format!("Bearer {}", sandbox.jwt().await);
        let headers = [("authorization", bearer.as_str()), JSON];
        let day = shared::platform::clock::now().day(shared::domain::values::time::Zone::Jakarta);
        let customer = json!({ "name": NAME, "phone": PHONE, "email": MAIL });
        let vehicle =
            json!({ "customer_id": CUSTOMER, "last_visit_date": "2024-01-10", "next_visit_date": day.plus_days(1) });
        let of_customer = format!("/customers/{CUSTOMER}");
        let of_vehicle = format!("/vehicles/{PLATE}");
        let list = format!(
            "customer_id,name,phone,email,plate,last_visit_date,next_visit_date\n\
             {CUSTOMER},{NAME},{PHONE}0000,{MAIL},{PLATE},2024-01-10,\n{CUSTOMER},other,{PHONE},{MAIL},{PLATE},soon,\n"
        );
        let put = |path: &str, body: &Value| http_event(&format!("PUT {path}"), &headers, body.to_string().as_bytes());
        let wrong = format!("Bearer {WRONG}");
        let csv = [("authorization", bearer.as_str()), ("content-type", "text/csv")];
        let requests = [
            (201, put(&of_customer, &customer)),
            (201, put(&of_vehicle, &vehicle)),
            (400, put(&of_customer, &json!({ "name": NAME, "phone": format!("{PHONE}0000") }))),
            (400, put(&of_customer, &json!({ "name": NAME, "phone": PHONE, "email": format!("{MAIL} {NAME}") }))),
            (400, put(&of_vehicle, &json!({ "customer_id": NAME, "last_visit_date": PHONE }))),
            (400, put(&format!("/vehicles/{PLATE}{PLATE}{PLATE}"), &vehicle)),
            (400, put(&of_customer, &json!({ "name": NAME, "phone": PHONE, MAIL: NAME }))),
            (200, http_event("POST /customers/import", &csv, list.as_bytes())),
            (401, http_event(&format!("GET {of_customer}"), &[("authorization", &wrong)], b"")),
        ];
        for (expected, event) in &requests {
            let (status, _, body) = admin.request(event).await;
            assert_eq!(status, *expected, "{body}");
            // Which field is not known has to be named.
            if *expected >= 400 && !body.contains("is not a field") {
                heard.note(format!("{expected} to {}", event["rawPath"]), body);
            }
        }
        let variables =
            with_level(&sandbox, "MaintenanceReminder", level, Some(("REMINDER_FALLBACK_PROVIDER", "cloud-api")));
        let mut reminders = Bootstrap::start("maintenance-reminder", &variables).await;
        reminded_under_faults(&sandbox, &mut reminders, day).await;
        let sound = break_customer(&sandbox);
        let run = reminders.invoke(&json!({ "task": "maintenance-reminder", "run_id": "broken" })).await;
        assert!(run["failed"].as_u64() > Some(0), "{run}");
        let (status, _, body) = admin.request(&http_event(&format!("GET {of_customer}"), &headers, b"")).await;
        assert_eq!(status, 500, "{body}");
        heard.note("an item that cannot be read", body);
        sandbox::world::table_inspect::put(&sandbox.world, &sound).unwrap();
        heard.stop("maintenance-reminder", reminders).await;
        let (status, _, body) =
            admin.request(&http_event(&format!("DELETE {of_customer}"), &headers, br#"{"why":"asked"}"#)).await;
        assert_eq!(status, 200, "{body}");
        heard.stop("admin-api", admin).await;
        let items = sandbox::world::table_inspect::contents(&sandbox.world).into_iter();
        for item in
            items.filter(|item| !["SUB#", "USER#"].iter().any(|own| item["pk"]["S"].as_str().unwrap().starts_with(own)))
        {
            heard.note(format!("item {}", item["pk"]), item.to_string());
        }
    }
    heard.is_silent();
}
