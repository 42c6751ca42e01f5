//! Vehicles by the day of their next visit.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, column};

const NOW: &str = "2025-12-16T10:00:00+07:00";

async fn workshop() -> Sandbox {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.keep("/customers/C-1", json!({ "name": "Budi Santoso", "phone": "08551234567" })).await;
    for (plate, last, status) in [
        ("B 1 AA", "2025-08-15", "active"),
        ("B 2 AA", "2025-08-18", "active"),
        ("B 3 AA", "2025-08-21", "booked"),
        ("B 4 AA", "2025-08-22", "active"),
        ("B 5 AA", "2025-08-20", "sold"),
    ] {
        let car = json!({ "customer_id": "C-1", "last_visit_date": last, "status": status });
        sandbox.keep(&format!("/vehicles/{}", plate.replace(' ', "")), car).await;
    }
    sandbox
}

async fn plates(sandbox: &Sandbox, query: &str) -> Vec<String> {
    column(&sandbox.seen(&format!("/vehicles{query}")).await["vehicles"], "plate")
}

#[tokio::test]
async fn the_vehicles_of_next_week_are_listed_by_day_with_their_owners() {
    let sandbox = workshop().await;
    assert_eq!(plates(&sandbox, "?due_from=2025-12-15&due_to=2025-12-21&state=active").await, ["B 1 AA", "B 2 AA"]);
    let expected: [(&str, &[&str]); 7] = [
        ("", &["B 1 AA", "B 2 AA", "B 5 AA", "B 3 AA", "B 4 AA"]),
        ("?due_from=2025-12-18&due_to=2025-12-18", &["B 2 AA"]),
        ("?due_from=2025-12-22", &["B 4 AA"]),
        ("?due_to=2025-12-15", &["B 1 AA"]),
        ("?state=booked", &["B 3 AA"]),
        ("?state=sold&due_to=2025-12-19", &[]),
        ("?state=archived", &[]),
    ];
    for (query, wanted) in expected {
        assert_eq!(plates(&sandbox, query).await, wanted, "{query}");
    }
    let first = sandbox.seen("/vehicles?limit=1").await;
    assert_eq!(
        first["vehicles"],
        json!([{
            "plate": "B 1 AA", "status": "active", "last_visit_date": "2025-08-15", "next_visit_date": "2025-12-15",
            "interval_months": 4, "customer_id": "C-1", "customer_name": "Budi Santoso", "phone": "628551234567",
        }])
    );
}

#[tokio::test]
async fn a_visit_moves_a_vehicle_in_the_list() {
    let sandbox = workshop().await;
    let (status, _) = sandbox.staff(Method::POST, "/vehicles/B1AA/visits", Some(json!({ "date": "2025-12-16" }))).await;
    assert_eq!(status, 200);
    assert_eq!(plates(&sandbox, "?due_to=2025-12-31&state=active").await, ["B 2 AA", "B 4 AA"]);
    assert_eq!(plates(&sandbox, "?due_from=2026-04-16&due_to=2026-04-16").await, ["B 1 AA"]);
    assert_eq!(sandbox.forget("C-1", "asked for").await.0, 200);
    assert_eq!(plates(&sandbox, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_hold_every_vehicle_once_and_cursors_hold_no_plate() {
    let sandbox = Sandbox::at(NOW).await;
    let mut list = "customer_id,name,phone,email,plate,last_visit_date,next_visit_date\n".to_owned();
    for number in 0..60 {
        list += &format!("C-1,Budi Santoso,08551234567,,B {} ZZ,2025-09-{:02},\n", 1000 + number, 1 + number % 20);
    }
    assert_eq!(sandbox.import(list).await.0, 200);
    for size in [1, 9, 59, 60, 61] {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = sandbox.seen(&format!("/vehicles?limit={size}{after}")).await;
            all.extend(page["vehicles"].as_array().unwrap().clone());
            let Value::String(next) = &page["next"] else { break };
            let cursor = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, next).unwrap();
            assert!(!String::from_utf8(cursor).unwrap().contains("ZZ"));
            after = format!("&after={next}");
        }
        let plates: BTreeSet<&str> = all.iter().map(|vehicle| vehicle["plate"].as_str().unwrap()).collect();
        assert_eq!((all.len(), plates.len()), (60, 60), "{size}");
        let days: Vec<&str> = all.iter().map(|vehicle| vehicle["next_visit_date"].as_str().unwrap()).collect();
        assert!(days.is_sorted(), "{size}");
    }
}

#[tokio::test]
async fn days_in_the_wrong_order_are_refused() {
    let sandbox = Sandbox::at(NOW).await;
    let (status, answer) = sandbox.staff(Method::GET, "/vehicles?due_from=2025-12-20&due_to=2025-12-19", None).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("due_to")));
}
