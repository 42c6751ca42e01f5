//! Lists of customers and vehicles taken over: what is good is stored, what is not is named by line, field and reason.

use std::fmt::Write;

use futures::future::join;
use serde_json::{Value, json};

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";
const HEADER: &str = "customer_id,name,phone,email,plate,last_visit_date,next_visit_date";
/// Operations of DynamoDB that write.
const WRITES: [&str; 5] = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];

fn list(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

async fn writes(sandbox: &Sandbox) -> u64 {
    let calls = sandbox.calls("dynamodb").await;
    WRITES.iter().filter_map(|name| calls.get(*name)).sum()
}

/// `[rows, stored, unchanged, refused_count]`.
fn counts(answer: &Value) -> [u64; 4] {
    ["rows", "stored", "unchanged", "refused_count"]
        .map(|name| answer[name].as_u64().unwrap_or_else(|| panic!("no {name}: {answer}")))
}

/// Lines and fields of what was refused.
fn refused(answer: &Value) -> Vec<(u64, String)> {
    remarks(&answer["refused"])
}

/// Lines and fields of remarks.
fn remarks(list: &Value) -> Vec<(u64, String)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["field"].as_str().unwrap().to_owned()))
        .collect()
}

/// Rows of so many customers with a vehicle each; every tenth has its predecessor's owner.
fn many(rows: usize) -> String {
    let mut text = format!("{HEADER}\r\n");
    for number in 0..rows {
        let owner = if number % 10 == 9 { number - 1 } else { number };
        write!(text, "C-{owner:05},Pelanggan {owner},0812{owner:07},,B {number} XY,2025-08-18,\r\n").unwrap();
    }
    text
}

#[tokio::test]
async fn five_thousand_rows_are_stored_once_within_the_time_and_a_repeat_writes_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    let list = many(5_000);
    sandbox.forget_calls().await;
    let (status, answer) = sandbox.import(list.clone()).await;
    assert_eq!((status.as_u16(), counts(&answer)), (200, [5_000, 5_000, 0, 0]), "{answer}");
    let calls = sandbox.calls("dynamodb").await;
    // 100 reads of what they name and 100 of notes of erasure; five transactions for 50 rows, and single rows that depend on
    // another transaction.
    assert!(calls["BatchGetItem"] <= 330 && calls["TransactWriteItems"] <= 600, "{calls:?}");
    let items = sandbox.items();
    let of = |prefix: &str| items.iter().filter(|item| item.starts_with(prefix)).count();
    assert_eq!((of("CUSTOMER#"), of("VEHICLE#")), (4_500 + 5_000, 5_000));
    sandbox.forget_calls().await;
    let (status, answer) = sandbox.import(list).await;
    assert_eq!((status.as_u16(), counts(&answer)), (200, [5_000, 0, 5_000, 0]));
    assert_eq!(writes(&sandbox).await, 0);
    assert_eq!(sandbox.items(), items);
    assert_eq!(sandbox.seen("/customers/C-00008").await["vehicles"], json!(["B 8 XY", "B 9 XY"]));
}

#[tokio::test]
async fn a_byte_order_mark_quotes_line_ends_and_the_order_of_columns_do_not_matter() {
    let sandbox = Sandbox::at(NOW).await;
    let quoted = format!(
        "\u{feff}{HEADER}\r\n\"C-1\",\"Santoso, \"\"Budi\"\"\",\"08551234567\",,\"B 1234 ABC\",2025-08-18,2025-12-20\r\n\r\n\
         C-2,Siti Aminah,08129876543,siti@customer.example,,,"
    );
    let (status, answer) = sandbox.import(quoted).await;
    assert_eq!((status.as_u16(), counts(&answer)), (200, [2, 2, 0, 0]), "{answer}");
    assert_eq!(sandbox.seen("/customers/C-1").await["name"], "Santoso, \"Budi\"");
    assert_eq!(sandbox.seen("/vehicles/B1234ABC").await["next_visit_date"], "2025-12-20");
    assert_eq!(sandbox.seen("/customers/C-2").await["vehicles"], json!([]));
    let turned = "next_visit_date,last_visit_date,plate,email,phone,name,customer_id\n\
        ,,,siti@customer.example,08129876543,Siti Aminah,C-2\n,2025-09-01,D 2 XY,,08129876545,Ratna,C-3\n";
    let (_, answer) = sandbox.import(turned).await;
    assert_eq!(counts(&answer), [2, 1, 1, 0], "{answer}");
    assert_eq!(sandbox.seen("/vehicles/D2XY").await["customer_id"], "C-3");
}

#[tokio::test]
async fn every_refused_row_is_named_by_the_line_it_begins_at_and_by_its_field() {
    let sandbox = Sandbox::at(NOW).await;
    let rows = list(&[
        "C-1,Budi Santoso,08551234567,,B 1234 ABC,2025-08-18,",
        ",Nobody,08551234567,,,,",
        "C 3,Nobody,08551234567,,,,",
        "C-4,\"two",
        "lines\",08551234567,,,,",
        "",
        "C-5,,08551234567,,,,",
        "C-6,Nobody,8.55E+10,,,,",
        "C-7,Nobody,,,,,",
        "C-8,Nobody,08551234567,nowhere,,,",
        "C-9,Nobody,08551234567,,ABC,2025-08-18,",
        "C-10,Nobody,08551234567,,B 1 A,,",
        "C-11,Nobody,08551234567,,,2025-08-18,",
        "C-12,Nobody,08551234567,,B 2 A,18/08/2025,",
        "C-13,Nobody,08551234567,,B 3 A,2025-12-18,",
        "C-14,Nobody,08551234567,,B 4 A,2025-08-18,2025-08-17",
        "C-15,Nobody,08551234567,,B 5 A,2025-08-18,soon",
        "C-16,Nobody,08551234567",
        "C-17,Nobody,08551234567,,b-1234-abc,2025-08-18,",
        "C-1,Budi,08551234567,,D 2 XY,2025-08-18,",
        "C-1,Budi Santoso,08551234568,,D 2 XY,2025-08-18,",
        "C-1,Budi Santoso,08551234567,b@customer.example,D 2 XY,2025-08-18,",
        "C-1,Budi Santoso,08551234567,,D 2 XY,2025-08-18,",
    ]);
    let (status, answer) = sandbox.import(rows).await;
    assert_eq!((status.as_u16(), counts(&answer)), (200, [21, 7, 0, 12]), "{answer}");
    let expected = [
        (3, "customer_id"),
        (4, "customer_id"),
        (5, "name"),
        (8, "name"),
        (9, "phone"),
        (10, "phone"),
        (12, "plate"),
        (13, "last_visit_date"),
        (14, "plate"),
        (16, "last_visit_date"),
        (20, "plate"),
        (22, "phone"),
    ];
    assert_eq!(refused(&answer), expected.map(|(line, field)| (line, field.to_owned())));
    let noted = [
        (11, "email"),
        (17, "next_visit_date"),
        (18, "next_visit_date"),
        (21, "last_visit_date"),
        (23, "last_visit_date"),
    ];
    assert_eq!(remarks(&answer["notes"]), noted.map(|(line, field)| (line, field.to_owned())));
    let shown = format!("{}{}", answer["refused"], answer["notes"]);
    for value in ["Nobody", "0855", "8.55", "nowhere", "1234", "Budi", "two"] {
        assert!(!shown.contains(value), "{value}");
    }
    assert!(answer["refused"][10]["reason"].as_str().unwrap().contains("line 2"), "{shown}");
    assert_eq!(sandbox.seen("/customers/C-1").await["vehicles"], json!(["B 1234 ABC", "D 2 XY"]));
    assert_eq!(sandbox.seen("/vehicles/B5A").await["next_visit_date"], "2025-12-18");
    let customers = sandbox.items().iter().filter(|item| item.starts_with("CUSTOMER#")).count();
    // C-1 with two vehicles, C-8, C-12, C-14, C-15 and C-16; the row without an id has the number of several.
    assert_eq!(customers, 6 + 5, "customers and the pointers to their vehicles");
}

#[tokio::test]
async fn a_list_does_not_undo_what_staff_know_better() {
    let sandbox = Sandbox::at(NOW).await;
    let person = json!({
        "name": "Budi Santoso", "phone": "08551234567", "email": "budi@customer.example", "opted_out": true,
        "time_zone": "Asia/Jayapura",
    });
    sandbox.keep("/customers/C-1", person).await;
    sandbox.keep("/customers/C-2", json!({ "name": "Siti Aminah", "phone": "08129876543" })).await;
    let vehicle = |status: &str| {
        json!({
            "customer_id": "C-1", "last_visit_date": "2025-08-18", "next_visit_date": "2025-12-20", "status": status,
        })
    };
    sandbox.keep("/vehicles/B1A", vehicle("sold")).await;
    sandbox.keep("/vehicles/B2A", vehicle("booked")).await;
    let (_, answer) = sandbox
        .import(list(&[
            "C-1,Budi S.,08551234567,,B 1 A,2025-08-18,",
            "C-1,Budi S.,08551234567,,B 2 A,2025-12-10,",
            "C-2,Siti Aminah,08129876543,,B 3 A,2025-08-18,",
        ]))
        .await;
    assert_eq!(counts(&answer), [3, 3, 0, 0], "{answer}");
    let shown = sandbox.seen("/customers/C-1").await;
    assert_eq!((&shown["name"], &shown["email"]), (&json!("Budi S."), &json!("budi@customer.example")));
    assert_eq!((&shown["opted_out"], &shown["time_zone"]), (&json!(true), &json!("Asia/Jayapura")));
    let kept = sandbox.seen("/vehicles/B1A").await;
    assert_eq!((&kept["status"], &kept["next_visit_date"]), (&json!("sold"), &json!("2025-12-20")));
    // A later visit is a visit: what was agreed was for it.
    let visited = sandbox.seen("/vehicles/B2A").await;
    assert_eq!((&visited["status"], &visited["next_visit_date"]), (&json!("active"), &json!("2026-04-10")));
    let (_, answer) = sandbox
        .import(list(&[
            "C-1,Budi S.,08551234567,,B 2 A,2025-12-09,",
            "C-1,Budi S.,08551234567,,B 3 A,2025-12-09,",
            "C-1,Budi S.,08551234567,,B 1 A,2025-08-18,2025-12-22",
        ]))
        .await;
    assert_eq!(refused(&answer), [(2, "last_visit_date".to_owned()), (3, "plate".to_owned())]);
    assert_eq!(sandbox.seen("/vehicles/B1A").await["next_visit_date"], "2025-12-22");
    assert_eq!(sandbox.seen("/vehicles/B3A").await["customer_id"], "C-2");
    assert_eq!(sandbox.seen("/vehicles/B2A").await["last_visit_date"], "2025-12-10");
}

#[tokio::test]
async fn an_exported_list_imported_again_changes_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    let (_, answer) = sandbox
        .import(list(&[
            "C-1,\"Santoso, Budi\",08551234567,budi@customer.example,B 1234 ABC,2025-08-18,2025-12-20",
            "C-1,\"Santoso, Budi\",08551234567,budi@customer.example,D 2 XY,2025-10-31,",
        ]))
        .await;
    assert_eq!(counts(&answer), [2, 2, 0, 0], "{answer}");
    let (_, exported) = sandbox.exported("C-1").await;
    sandbox.forget_calls().await;
    let (_, answer) = sandbox.import(exported).await;
    assert_eq!((counts(&answer), writes(&sandbox).await), ([2, 0, 2, 0], 0), "{answer}");
}

#[tokio::test]
async fn a_customer_with_hundreds_of_vehicles_is_imported_and_so_are_two_lists_at_once() {
    let sandbox = Sandbox::at(NOW).await;
    let fleet = |from: usize| {
        let row = |number| format!("FLEET,PT Angkut,08551234567,,B {number} XY,2025-08-18,");
        let rows: Vec<String> = (from..from + 250).map(row).collect();
        list(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (first, second) = join(sandbox.import(fleet(0)), sandbox.import(fleet(125))).await;
    for (status, answer) in [first, second] {
        let [rows, stored, unchanged, refused] = counts(&answer);
        assert_eq!((status.as_u16(), rows), (200, stored + unchanged + refused), "{answer}");
    }
    // Whatever was in the other's way is stored by a repetition.
    for from in [0, 125] {
        assert_eq!(counts(&sandbox.import(fleet(from)).await.1)[3], 0);
    }
    assert_eq!(sandbox.seen("/customers/FLEET").await["vehicles"].as_array().unwrap().len(), 375);
    let (_, exported) = sandbox.exported("FLEET").await;
    assert_eq!(exported.lines().count(), 376);
}

#[tokio::test]
async fn an_import_during_an_erasure_leaves_nothing_of_the_person() {
    let sandbox = Sandbox::at(NOW).await;
    for round in 0..10_u8 {
        let customer = format!("C-{round}");
        let phone = format!("0812000000{round}");
        let series = char::from(b'A' + round);
        let plates = |from: usize| {
            let row = |number| format!("{customer},Budi Santoso,{phone},,B {number} R{series},2025-08-18,");
            list(&(from..from + 60).map(row).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(counts(&sandbox.import(plates(0)).await.1), [60, 60, 0, 0]);
        let (imported, forgotten) =
            join(sandbox.import(plates(60)), sandbox.forget(&customer, "asked for by letter")).await;
        let [rows, stored, _, refused] = counts(&imported.1);
        assert_eq!((imported.0.as_u16(), rows, forgotten.0.as_u16()), (200, stored + refused, 200));
        let left: Vec<String> = sandbox.items().into_iter().filter(|item| !item.starts_with("ERASED#")).collect();
        assert!(!left.iter().any(|item| item.starts_with("CUSTOMER#") || item.starts_with("VEHICLE#")), "{left:?}");
    }
}
