//! Imports that outlast their request: a table at its limit, and what staff see until the end.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::latest_visits::ListedRow;
use shared::store::workshop::background_import::NewImport;
use testing::support::Sandbox;

const ROWS: usize = 400;

/// A list of customers with a vehicle each; one row is refused for its date, which all others lack.
fn list() -> String {
    let mut list = "customer_id,name,phone,plate,last_visit_date\n".to_owned();
    for number in 0..ROWS {
        let day = if number == 7 { "31/02/2025" } else { "2025-08-18" };
        writeln!(list, "C-{number},Owner {number},0855{number:07},B {} XY,{day}", number + 1).unwrap();
    }
    list
}

async fn limit(sandbox: &Sandbox, units_per_second: Value) {
    sandbox.put("/sandbox/dynamodb/write-limit", json!({ "units_per_second": units_per_second })).await;
}

/// The import when it has ended.
async fn ended(sandbox: &Sandbox, id: &str) -> Value {
    loop {
        let shown = sandbox.seen(&format!("/customers/imports/{id}")).await;
        if shown["status"] == "done" {
            return shown;
        }
    }
}

#[tokio::test]
async fn an_import_that_a_table_at_its_limit_does_not_take_goes_on_in_the_background() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    // One of the customers is erased before the rest of the list is stored.
    sandbox.customer("C-399", "Owner 399", "08550000399").await;
    limit(&sandbox, json!(300)).await;
    let (status, answer) = sandbox.import(list()).await;
    assert_eq!((status.as_u16(), &answer["status"]), (202, &json!("running")), "{answer}");
    let id = answer["import_id"].as_str().unwrap();
    let remaining = answer["remaining"].as_u64().unwrap();
    let done = answer["stored"].as_u64().unwrap()
        + answer["unchanged"].as_u64().unwrap()
        + answer["refused_count"].as_u64().unwrap();
    assert!(remaining > 0 && done + remaining == ROWS as u64, "{answer}");
    limit(&sandbox, Value::Null).await;
    let shown = ended(&sandbox, id).await;
    assert_eq!((&shown["rows"], &shown["remaining"], &shown["refused_count"]), (&json!(ROWS), &json!(0), &json!(1)));
    assert_eq!(shown["refused"][0]["field"], "last_visit_date");
    assert_eq!(shown["stored"].as_u64().unwrap() + shown["unchanged"].as_u64().unwrap(), ROWS as u64 - 1);
    for place in [0, 200, ROWS - 1] {
        assert_eq!(
            sandbox.seen(&format!("/customers/C-{place}")).await["vehicles"],
            json!([format!("B {} XY", place + 1)])
        );
    }
    // Rows that were stored are kept no longer, and sending the list again changes nothing.
    let kept = json!(sandbox::world::table_inspect::contents(&sandbox.world));
    let of_import = |item: &&Value| item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("IMPORT#"));
    let left: Vec<String> = kept.as_array().unwrap().iter().filter(of_import).map(Value::to_string).collect();
    assert!(!left.is_empty() && !left.iter().any(|item| item.contains("Owner") || item.contains("0855")));
    let (status, again) = sandbox.import(list()).await;
    assert_eq!((status.as_u16(), &again["unchanged"]), (200, &json!(ROWS - 1)));
}

#[tokio::test]
async fn an_import_whose_invocation_was_lost_is_ended_by_the_next_run_of_reminders() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    let workshop = sandbox.store().workshop;
    let wall = Timestamp::parse("2025-12-16T02:00:00Z").unwrap();
    let row = ListedRow {
        line: 2,
        row: serde_json::from_value(json!({
            "customer": { "id": "C-1", "name": "Budi", "phone": "628551234567", "email": null }, "vehicle": null,
        }))
        .unwrap(),
    };
    // Notes of many rows make an answer that is longer than an item.
    let note = json!({ "line": 3, "field": "email", "reason": "é".repeat(100), "reason_id": "x" });
    let answer = json!({
        "columns": [], "rows": 1, "stored": 0, "unchanged": 0, "older_visits": 0, "refused": [], "refused_count": 0,
        "notes": vec![note; 4_000],
    });
    let new = NewImport { id: "LOST1", by: "desk", started_at: wall };
    workshop.save_import(new, &[row], &answer.to_string()).await.unwrap();
    let shown = sandbox.seen("/customers/imports/LOST1").await;
    assert_eq!((&shown["status"], &shown["remaining"]), (&json!("running"), &json!(1)));
    assert_eq!(shown["notes"].as_array().unwrap().len(), 4_000);
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.remind().await;
    let shown = sandbox.seen("/customers/imports/LOST1").await;
    assert_eq!((&shown["status"], &shown["stored"]), (&json!("done"), &json!(1)));
    assert_eq!(sandbox.seen("/customers/C-1").await["name"], "Budi");
    assert_eq!(sandbox.seen("/customers?q=santoso").await["customers"], json!([]));
    for id in ["LOST2", "a%23b", "x"] {
        assert_eq!(sandbox.staff(Method::GET, &format!("/customers/imports/{id}"), None).await.0, 404);
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_costs_its_row_and_no_other() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    let broken = json!({
        "pk": { "S": "CUSTOMER#C-2" }, "sk": { "S": "STATE" }, "schema": { "N": "1" }, "version": { "N": "1" },
        "data": { "M": { "id": { "S": "C-2" } } },
    });
    sandbox::world::table_inspect::put(&sandbox.world, &broken).unwrap();
    let list = "customer_id,name,phone\nC-1,Budi,08551234561\nC-2,Siti,08551234562\nC-3,Agus,08551234563\n";
    let (status, answer) = sandbox.import(list).await;
    assert_eq!((status.as_u16(), &answer["stored"]), (200, &json!(2)), "{answer}");
    let refused = &answer["refused"][0];
    assert_eq!((&refused["line"], &refused["field"]), (&json!(3), &json!("customer_id")));
    assert!(refused["reason"].as_str().unwrap().contains("cannot be read"));
}
