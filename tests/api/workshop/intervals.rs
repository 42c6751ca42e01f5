//! Vehicles with an interval of their own: by request, by list, and back.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";
const CAR: &str = "/vehicles/B%201234%20ABC";

async fn workshop() -> Sandbox {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox
}

fn car(last: &str, months: Value) -> Value {
    json!({ "customer_id": "C-1", "last_visit_date": last, "interval_months": months })
}

/// Next visit and interval as they are shown.
async fn shown(sandbox: &Sandbox) -> (String, u64) {
    let vehicle = sandbox.seen(CAR).await;
    (vehicle["next_visit_date"].as_str().unwrap().to_owned(), vehicle["interval_months"].as_u64().unwrap())
}

#[tokio::test]
async fn a_vehicle_is_reminded_of_by_its_own_interval_and_by_a_new_one_at_once() {
    let sandbox = workshop().await;
    // Four months are over; six end on the day after tomorrow.
    sandbox.keep(CAR, car("2025-06-18", json!(6))).await;
    assert_eq!(shown(&sandbox).await, ("2025-12-18".to_owned(), 6));
    let report = sandbox.remind().await;
    assert_eq!((&report["reminder_sent"], &report["details"][0]["next_visit_date"]), (&json!(1), &json!("2025-12-18")));
    // Twelve months: no longer due. Then one month after a visit on 17 November: due, and a visit of its own.
    sandbox.keep(CAR, car("2025-06-18", json!(12))).await;
    assert_eq!(sandbox.remind().await["total_customers"], 0);
    sandbox.keep(CAR, car("2025-11-17", json!(1))).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    assert_eq!(sandbox.chats().await.len(), 2);
}

#[tokio::test]
async fn an_interval_stays_until_a_request_names_another_one() {
    let sandbox = workshop().await;
    sandbox.keep(CAR, car("2025-08-31", json!(6))).await;
    let without = json!({ "customer_id": "C-1", "last_visit_date": "2025-08-31" });
    sandbox.keep(CAR, without).await;
    assert_eq!(shown(&sandbox).await, ("2026-02-28".to_owned(), 6));
    let visit = json!({ "date": "2025-12-15" });
    let (status, after) = sandbox.staff(Method::POST, &format!("{CAR}/visits"), Some(visit)).await;
    assert_eq!((status.as_u16(), &after["next_visit_date"]), (200, &json!("2026-06-15")));
    sandbox.customer("C-2", "Sari Dewi", "08551234568").await;
    let sold = json!({ "customer_id": "C-2", "last_visit_date": "2025-12-15" });
    sandbox.keep(&format!("{CAR}?move=true"), sold).await;
    assert_eq!(shown(&sandbox).await, ("2026-06-15".to_owned(), 6));
    let list = sandbox.seen("/vehicles").await;
    assert_eq!(list["vehicles"][0]["interval_months"], 6);
}

#[tokio::test]
async fn a_list_brings_intervals_and_loses_only_the_cells_that_are_none() {
    let sandbox = workshop().await;
    let list = "nama,no hp,no polisi,tgl servis terakhir,interval (bulan)\n\
        Budi,0812-1000-001,B 1 AA,2025-08-18,6\n\
        Sari,0812-1000-002,B 2 AA,2025-08-18,12 bulan\n\
        Tono,0812-1000-003,B 3 AA,2025-08-18,3.0\n\
        Wati,0812-1000-004,B 4 AA,2025-08-18,\n\
        Joko,0812-1000-005,B 5 AA,2025-08-18,5000\n\
        Dewi,0812-1000-006,B 6 AA,2025-08-18,1.5\n\
        Agus,0812-1000-007,B 7 AA,2025-08-18,0\n\
        Rini,0812-1000-008,B 8 AA,2025-08-18,setahun\n\
        Adi,0812-1000-009,B 9 AA,2025-08-18,-6\n";
    let (status, answer) = sandbox.import(list).await;
    assert_eq!((status.as_u16(), &answer["stored"], &answer["refused_count"]), (200, &json!(9), &json!(0)), "{answer}");
    let notes = answer["notes"].as_array().unwrap().iter().map(|note| (note["line"].as_u64(), note["field"].as_str()));
    let expected = [6, 7, 8, 9, 10].map(|line| (Some(line), Some("interval_months")));
    assert_eq!(notes.collect::<Vec<_>>(), expected);
    assert!(answer["notes"][0]["reason_id"].as_str().unwrap().contains("bulan"), "{answer}");
    let months: Vec<u64> = {
        let list = sandbox.seen("/vehicles?limit=100").await;
        let mut months: Vec<_> = list["vehicles"].as_array().unwrap().iter().collect();
        months.sort_by_key(|vehicle| vehicle["plate"].as_str().unwrap().to_owned());
        months.iter().map(|vehicle| vehicle["interval_months"].as_u64().unwrap()).collect()
    };
    assert_eq!(months, [6, 12, 3, 4, 4, 4, 4, 4, 4]);
    // A list without the column, or with an empty cell, leaves an interval as it is; another one is taken.
    let again = "nama,no hp,no polisi,tgl servis terakhir\nBudi,0812-1000-001,B 1 AA,2025-08-18\n";
    assert_eq!(sandbox.import(again).await.1["unchanged"], 1);
    let other = "nama,no hp,no polisi,tgl servis terakhir,interval\nBudi,0812-1000-001,B 1 AA,2025-08-18,2\n";
    assert_eq!(sandbox.import(other).await.1["stored"], 1);
    assert_eq!(sandbox.seen("/vehicles/B%201%20AA").await["next_visit_date"], "2025-10-18");
}
