//! Customers and vehicles as staff keep them: put, visited, moved, exported, erased and brought back.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

const NOW: &str = "2025-12-16T10:00:00+07:00";
const CAR: &str = "/vehicles/B%201234%20ABC";

fn budi() -> Value {
    json!({ "name": "Budi Santoso", "phone": "08551234567", "email": "budi@customer.example" })
}

fn car(customer: &str) -> Value {
    json!({ "customer_id": customer, "last_visit_date": "2025-08-18" })
}

async fn workshop() -> Sandbox {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.keep("/customers/C-1", budi()).await;
    sandbox.keep(CAR, car("C-1")).await;
    sandbox
}

/// The items of customers and vehicles.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    let ours = |item: &String| ["CUSTOMER#", "VEHICLE#", "ERASED#"].iter().any(|prefix| item.starts_with(prefix));
    sandbox.items().into_iter().filter(ours).collect()
}

/// A vehicle's item as it is stored.
fn stored(sandbox: &Sandbox, plate: &str) -> Value {
    let items = sandbox::world::table_inspect::contents(&sandbox.world);
    items.into_iter().find(|item| item["pk"]["S"] == format!("VEHICLE#{plate}") && item["sk"]["S"] == "STATE").unwrap()
}

fn reminder(visit: &str) -> Value {
    json!({
        "pk": { "S": "VEHICLE#B 1234 ABC" }, "sk": { "S": format!("REMINDER#{visit}") }, "schema": { "N": "1" },
        "data": { "M": { "visit": { "S": visit }, "state": { "S": "sent" } } },
    })
}

#[tokio::test]
async fn a_customer_and_a_vehicle_are_shown_as_they_were_put() {
    let sandbox = Sandbox::at(NOW).await;
    let (status, made) = sandbox.staff(Method::PUT, "/customers/C-1", Some(budi())).await;
    let expected = json!({
        "customer_id": "C-1", "name": "Budi Santoso", "salutation": "bapak", "phone": "628551234567", "email": "budi@customer.example",
        "opted_out": false, "time_zone": "Asia/Jakarta", "vehicles": [], "more_vehicles": false,
    });
    assert_eq!((status.as_u16(), &made), (201, &expected));
    let (status, again) = sandbox.staff(Method::PUT, "/customers/C-1", Some(budi())).await;
    assert_eq!((status.as_u16(), &again), (200, &expected));
    let (status, made) = sandbox.staff(Method::PUT, "/vehicles/b-1234-abc", Some(car("C-1"))).await;
    let expected = json!({
        "plate": "B 1234 ABC", "customer_id": "C-1", "last_visit_date": "2025-08-18", "next_visit_date": "2025-12-18",
        "next_visit_set_by_staff": false, "interval_months": 4, "status": "active", "reminders": [],
    });
    assert_eq!((status.as_u16(), &made), (201, &expected));
    assert_eq!(sandbox.seen(CAR).await, expected);
    assert_eq!(sandbox.seen("/customers/C-1").await["vehicles"], json!(["B 1234 ABC"]));
    for path in ["/customers/C-2", "/customers/%20", "/vehicles/B%209999%20ABC", "/vehicles/nobody"] {
        let (status, answer) = sandbox.staff(Method::GET, path, None).await;
        assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (404, Some("not_found")), "{path}");
    }
}

#[tokio::test]
async fn what_is_left_out_returns_to_its_default_but_no_customer_is_opted_in_by_omission() {
    let sandbox = workshop().await;
    let mut all = budi();
    all["opted_out"] = json!(true);
    all["time_zone"] = json!("Asia/Makassar");
    let shown = sandbox.keep("/customers/C-1", all).await;
    assert_eq!((&shown["opted_out"], &shown["time_zone"]), (&json!(true), &json!("Asia/Makassar")));
    let some = json!({ "name": "Budi Santoso", "phone": "628551234567", "email": null });
    let shown = sandbox.keep("/customers/C-1", some.clone()).await;
    assert_eq!((&shown["opted_out"], &shown["time_zone"]), (&json!(true), &json!("Asia/Jakarta")));
    assert_eq!(shown["email"], Value::Null);
    let mut lifted = some;
    lifted["opted_out"] = json!(false);
    assert_eq!(sandbox.keep("/customers/C-1", lifted).await["opted_out"], false);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_by_its_field() {
    let sandbox = workshop().await;
    let person = |field: &str, value: Value| {
        let mut body = budi();
        body[field] = value;
        ("/customers/C-1", body, field.to_owned())
    };
    let vehicle = |field: &str, value: Value| {
        let mut body = car("C-1");
        body[field] = value;
        (CAR, body, field.to_owned())
    };
    let wrong = [
        person("name", json!("Budi\nSantoso")),
        person("name", json!("")),
        person("name", json!(7)),
        person("phone", json!("nobody")),
        person("salutation", json!("Bapak")),
        person("email", json!("budi")),
        person("opted_out", json!("maybe")),
        person("time_zone", json!("Asia/Taipei")),
        person("time_zone", json!("Jakarta")),
        person("nickname", json!("Bud")),
        vehicle("customer_id", json!("C 1")),
        vehicle("last_visit_date", json!("18-08-2025")),
        vehicle("last_visit_date", json!("2025-02-29")),
        vehicle("last_visit_date", json!("1999-12-31")),
        vehicle("last_visit_date", json!("2025-12-18")),
        vehicle("next_visit_date", json!("2025-08-17")),
        vehicle("next_visit_date", json!("2101-01-01")),
        vehicle("interval_months", json!(0)),
        vehicle("interval_months", json!(61)),
        vehicle("interval_months", json!("6")),
        vehicle("status", json!("lost")),
        vehicle("colour", json!("red")),
    ];
    let before = sandbox::world::table_inspect::contents(&sandbox.world).len();
    let shown = (sandbox.seen("/customers/C-1").await, sandbox.seen(CAR).await);
    for (path, body, field) in wrong {
        let (status, answer) = sandbox.staff(Method::PUT, path, Some(body.clone())).await;
        assert_eq!(
            (status.as_u16(), answer["error"]["param"].as_str()),
            (400, Some(field.as_str())),
            "{body} {answer}"
        );
    }
    let (status, answer) = sandbox.staff(Method::PUT, "/vehicles/D9XY", Some(car("C-9"))).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (404, Some("customer_id")));
    let (status, answer) = sandbox.staff(Method::PUT, "/vehicles/ABC", Some(car("C-1"))).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("plate")));
    let (status, answer) = sandbox.staff(Method::PUT, "/customers/a%2Fb", Some(budi())).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("customer_id")));
    assert_eq!(sandbox::world::table_inspect::contents(&sandbox.world).len(), before);
    assert_eq!((sandbox.seen("/customers/C-1").await, sandbox.seen(CAR).await), shown);
}

#[tokio::test]
async fn a_visit_moves_the_next_one_and_an_older_visit_changes_nothing() {
    let sandbox = workshop().await;
    let mut agreed = car("C-1");
    agreed["next_visit_date"] = json!("2025-12-20");
    agreed["status"] = json!("booked");
    let shown = sandbox.keep(CAR, agreed).await;
    assert_eq!((&shown["next_visit_date"], &shown["next_visit_set_by_staff"]), (&json!("2025-12-20"), &json!(true)));
    let visits = format!("{CAR}/visits");
    let visit = |day: &str| sandbox.staff(Method::POST, &visits, Some(json!({ "date": day })));
    let (status, shown) = visit("2025-12-16").await;
    assert_eq!((status.as_u16(), &shown["last_visit_date"]), (200, &json!("2025-12-16")));
    assert_eq!((&shown["next_visit_date"], &shown["status"]), (&json!("2026-04-16"), &json!("active")));
    assert_eq!(shown["next_visit_set_by_staff"], false);
    sandbox.forget_calls().await;
    assert_eq!(visit("2025-12-16").await.1, shown);
    let (status, mut older) = visit("2025-11-01").await;
    assert_eq!((status.as_u16(), older["note"].as_str().is_some()), (200, true));
    older.as_object_mut().unwrap().remove("note");
    assert_eq!(older, shown);
    assert_eq!(sandbox.calls("dynamodb").await.get("TransactWriteItems"), None);
    // The day after today in Jakarta has begun somewhere; the one after that has not.
    let (status, answer) = visit("2025-12-18").await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("date")));
    assert_eq!(visit("2025-12-17").await.1["last_visit_date"], "2025-12-17");
    let (status, _) = sandbox.staff(Method::POST, "/vehicles/B1X/visits", Some(json!({ "date": "2025-12-16" }))).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn only_an_active_vehicle_waits_for_its_visit() {
    let sandbox = workshop().await;
    let item = stored(&sandbox, "B 1234 ABC");
    // Midnight in Jakarta is 17:00 the day before in UTC.
    assert_eq!((&item["queue"]["S"], &item["due_at"]["S"]), (&json!("visit"), &json!("2025-12-17T17:00:00Z")));
    for status in ["booked", "sold", "archived"] {
        let mut body = car("C-1");
        body["status"] = json!(status);
        sandbox.keep(CAR, body).await;
        let item = stored(&sandbox, "B 1234 ABC");
        assert_eq!((item.get("queue"), item.get("due_at")), (None, None), "{status}");
        // A status that is left out stays.
        assert_eq!(sandbox.keep(CAR, car("C-1")).await["status"], status);
    }
    let mut body = car("C-1");
    body["status"] = json!("active");
    sandbox.keep(CAR, body).await;
    assert_eq!(stored(&sandbox, "B 1234 ABC")["queue"]["S"], "visit");
}

#[tokio::test]
async fn a_vehicle_that_is_sold_to_another_customer_moves_with_its_pointer() {
    let sandbox = workshop().await;
    sandbox.keep("/customers/C-2", json!({ "name": "Siti Aminah", "phone": "08129876543" })).await;
    let mut sold = car("C-1");
    sold["status"] = json!("sold");
    sandbox.keep(CAR, sold).await;
    let before = sandbox.seen(CAR).await;
    for query in ["", "?move=false"] {
        let (status, answer) = sandbox.staff(Method::PUT, &format!("{CAR}{query}"), Some(car("C-2"))).await;
        assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (409, Some("owned_by_another")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("move=true"), "{answer}");
    }
    assert_eq!(sandbox.seen(CAR).await, before);
    let shown = sandbox.keep(&format!("{CAR}?move=true"), car("C-2")).await;
    assert_eq!((&shown["customer_id"], &shown["status"]), (&json!("C-2"), &json!("active")));
    assert_eq!(sandbox.seen("/customers/C-1").await["vehicles"], json!([]));
    assert_eq!(sandbox.seen("/customers/C-2").await["vehicles"], json!(["B 1234 ABC"]));
    let (status, _) = sandbox.staff(Method::PUT, &format!("{CAR}?move=true"), Some(car("C-9"))).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn two_diplomatic_vehicles_are_two_and_a_plate_that_may_be_either_is_refused() {
    let sandbox = workshop().await;
    sandbox.keep("/customers/C-2", json!({ "name": "Siti Aminah", "phone": "08129876543" })).await;
    sandbox.keep("/vehicles/CD%2012%20345", car("C-1")).await;
    sandbox.keep("/vehicles/CD-123-45", car("C-2")).await;
    assert_eq!(sandbox.seen("/vehicles/cd%2012%20345").await["customer_id"], "C-1");
    assert_eq!(sandbox.seen("/customers/C-2").await["vehicles"], json!(["CD 123 45"]));
    for (path, part) in [("/vehicles/CD%2012345", "two groups"), ("/vehicles/B%201234%20ABC%20BRIO", "stands alone")] {
        let (status, answer) = sandbox.staff(Method::PUT, path, Some(car("C-1"))).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("plate")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{answer}");
    }
    let army = sandbox.keep("/vehicles/8102%2F00", car("C-1")).await;
    assert_eq!(army["plate"], "8102-00");
}

#[tokio::test]
async fn invisible_characters_are_no_part_of_what_is_stored_or_asked_for() {
    let sandbox = workshop().await;
    let hidden = json!({
        "name": "\u{202e}Siti\u{200b} Aminah\u{3164}", "phone": "+62\u{fe0e}855\u{200e}1234569", "email": "si\u{200b}ti@customer.example",
    });
    let stored = sandbox.keep("/customers/C%E2%80%8B-2", hidden).await;
    assert_eq!(
        [&stored["customer_id"], &stored["name"], &stored["phone"], &stored["email"]],
        ["C-2", "Siti Aminah", "628551234569", "siti@customer.example"]
    );
    let mut body = car("C\u{feff}-2");
    body["last_visit_date"] = json!("2025-\u{200e}08-18");
    sandbox.keep("/vehicles/D%EF%BB%BF2XY", body).await;
    assert_eq!(sandbox.seen("/vehicles/D2XY").await["customer_id"], "C-2");
    let found = sandbox.seen("/customers?q=siti%E2%80%8B").await;
    assert_eq!(found["customers"][0]["customer_id"], "C-2", "{found}");
    let nameless = json!({ "name": "\u{3164}\u{115f}", "phone": "08551234569" });
    let (status, answer) = sandbox.staff(Method::PUT, "/customers/C-2", Some(nameless)).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("name")), "{answer}");
}

#[tokio::test]
async fn concurrent_puts_of_one_vehicle_leave_exactly_one_pointer() {
    let sandbox = Sandbox::at(NOW).await;
    let names: Vec<String> = (0..4).map(|number| format!("C-{number}")).collect();
    for name in &names {
        sandbox.keep(&format!("/customers/{name}"), budi()).await;
    }
    for _ in 0..5 {
        let path = format!("{CAR}?move=true");
        let puts = names.iter().map(|name| sandbox.staff(Method::PUT, &path, Some(car(name))));
        let statuses: Vec<u16> = join_all(puts).await.into_iter().map(|(status, _)| status.as_u16()).collect();
        assert!(statuses.iter().all(|status| [200, 201, 503].contains(status)), "{statuses:?}");
        assert!(statuses.iter().any(|status| *status < 300));
        let items = kept(&sandbox);
        let pointers: Vec<&String> = items.iter().filter(|item| item.ends_with(" VEHICLE#B 1234 ABC")).collect();
        let owner = sandbox.seen(CAR).await["customer_id"].as_str().unwrap().to_owned();
        assert_eq!(pointers, [&format!("CUSTOMER#{owner} VEHICLE#B 1234 ABC")]);
    }
}

#[tokio::test]
async fn an_export_contains_everything_and_no_cell_is_a_formula() {
    let sandbox = workshop().await;
    sandbox::world::table_inspect::put(&sandbox.world, &reminder("2025-12-18")).unwrap();
    assert_eq!(sandbox.seen(CAR).await["reminders"], json!([{ "visit": "2025-12-18", "state": "sent" }]));
    let mut second = car("C-1");
    second["next_visit_date"] = json!("2026-01-05");
    sandbox.keep("/vehicles/D2XY", second).await;
    let (headers, list) = sandbox.exported("C-1").await;
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let expected = "\u{feff}customer_id,name,phone,email,salutation,plate,last_visit_date,next_visit_date,interval_months\r\n\
        C-1,Budi Santoso,0855-1234-567,budi@customer.example,Bapak,B 1234 ABC,18 Agustus 2025,,4\r\n\
        C-1,Budi Santoso,0855-1234-567,budi@customer.example,Bapak,D 2 XY,18 Agustus 2025,05 Januari 2026,4\r\n";
    assert_eq!(list.replace('"', ""), expected);
    let whole = sandbox.seen("/customers/C-1/export?format=json").await;
    assert_eq!(whole["customer"]["name"], "Budi Santoso");
    assert_eq!(column(&whole["vehicles"], "reminders")[0], r#"[{"state":"sent","visit":"2025-12-18"}]"#);
    assert_eq!(whole["vehicles"][1]["vehicle"]["plate"], "D 2 XY");
    for (id, name, cells) in [
        ("F-1", "=1+1", "\"F-1\",\"'=1+1\","),
        ("F-2", "+x, \"y\"", "\"F-2\",\"'+x, \"\"y\"\"\","),
        ("-F", "@x", "\"'-F\",\"'@x\","),
        ("F-3", "'=x", "\"F-3\",\"''=x\","),
        ("F-4", "'s Gravenhage", "\"F-4\",\"'s Gravenhage\","),
    ] {
        sandbox.keep(&format!("/customers/{id}"), json!({ "name": name, "phone": "08551234567" })).await;
        let (_, list) = sandbox.exported(id).await;
        assert_eq!(
            list.lines().nth(1).unwrap(),
            format!("{cells}\"0855-1234-567\",\"\",\"Bapak\",\"\",\"\",\"\",\"\"")
        );
        let (status, answer) = sandbox.import(list).await;
        assert_eq!((status.as_u16(), &answer["unchanged"]), (200, &json!(1)), "{answer}");
    }
    let (status, answer) = sandbox.staff(Method::GET, "/customers/C-1/export?format=xml", None).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("format")));
}

#[tokio::test]
async fn an_erased_customer_leaves_a_mark_without_a_name_and_only_staff_bring_them_back() {
    let sandbox = workshop().await;
    sandbox.keep("/vehicles/D2XY", car("C-1")).await;
    sandbox.keep("/customers/C-2", json!({ "name": "Siti Aminah", "phone": "08129876543" })).await;
    sandbox.keep("/vehicles/E3XY", car("C-2")).await;
    sandbox::world::table_inspect::put(&sandbox.world, &reminder("2025-12-18")).unwrap();
    for why in [
        "C-1 asked",
        "Mr. Santoso asked",
        "budi@customer.example asked",
        "call of 0855-1234-567",
        "the owner of B1234ABC",
        "",
    ] {
        let (status, answer) = sandbox.forget("C-1", why).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("why")), "{why}");
    }
    let (status, erased) = sandbox.forget("C-1", "asked for by letter").await;
    let expected = json!({
        "customer_id": "C-1", "erased_at": "2025-12-16T03:00:00Z", "by": "sandbox", "already_erased": false,
    });
    assert_eq!((status.as_u16(), &erased), (200, &expected));
    let left = kept(&sandbox);
    let (marks, others): (Vec<&String>, Vec<&String>) = left.iter().partition(|item| item.starts_with("ERASED#"));
    assert_eq!(marks.len(), 2);
    assert_eq!(others, ["CUSTOMER#C-2 STATE", "CUSTOMER#C-2 VEHICLE#E 3 XY", "VEHICLE#E 3 XY STATE"]);
    let table = json!(sandbox::world::table_inspect::contents(&sandbox.world)).to_string();
    for trace in ["Santoso", "8551234567", "budi@", "1234 ABC", "2 XY\"}", "C-1"] {
        assert!(!table.contains(trace), "{trace}");
    }
    let (status, again) = sandbox.forget("C-1", "once more").await;
    assert_eq!((status.as_u16(), &again["already_erased"], &again["by"]), (200, &json!(true), &json!("sandbox")));
    assert_eq!(sandbox.forget("C-9", "asked for").await.0, 404);
    let (status, _) = sandbox.staff(Method::GET, "/customers/C-1", None).await;
    assert_eq!(status, 404);

    let header = "customer_id,name,phone,email,plate,last_visit_date,next_visit_date\n";
    let list = format!("{header}C-1,Somebody,08111111111,,B 1234 ABC,2025-08-18,\nC-7,Budi,628551234567,,,,\n");
    let (_, answer) = sandbox.import(list.clone()).await;
    assert_eq!(
        answer["refused"],
        json!([
            { "line": 2, "field": "customer_id", "reason": "was erased", "reason_id": "sudah dihapus atas permintaan" },
            { "line": 3, "field": "phone", "reason": "was erased", "reason_id": "sudah dihapus atas permintaan" },
        ])
    );
    assert_eq!(kept(&sandbox), left);

    let (status, _) = sandbox.staff(Method::PUT, "/customers/C-1", Some(budi())).await;
    assert_eq!(status, 201);
    assert_eq!(sandbox.seen("/customers/C-1").await["vehicles"], json!([]));
    assert!(!kept(&sandbox).iter().any(|item| item.starts_with("ERASED#")));
    let (_, answer) = sandbox.import(list).await;
    assert_eq!((&answer["stored"], &answer["refused_count"]), (&json!(2), &json!(0)), "{answer}");
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_is_finished_by_the_same_request() {
    let sandbox = workshop().await;
    sandbox::world::table_inspect::put(&sandbox.world, &reminder("2025-12-18")).unwrap();
    let id = shared::domain::values::ids::CustomerId::parse("C-1").unwrap();
    let known = sandbox.store().workshop.customer(&id).await.unwrap().unwrap();
    let at = shared::domain::values::time::Timestamp::parse(NOW).unwrap();
    let erasure = shared::store::erasure::Erasure { at, by: "somebody".to_owned(), why: None };
    // The first step, and nothing after it.
    let hasher = sandbox.phone_hasher();
    assert!(sandbox.store().workshop.delete_customer(&known, &erasure, &hasher).await.unwrap());
    let (status, _) = sandbox.staff(Method::PUT, "/vehicles/D2XY", Some(car("C-1"))).await;
    assert_eq!(status, 404, "nothing new is stored under them");
    let (status, finished) = sandbox.forget("C-1", "asked for by letter").await;
    assert_eq!((status.as_u16(), &finished["already_erased"]), (200, &json!(false)));
    assert_eq!(finished["by"], "somebody");
    let left = kept(&sandbox);
    assert!(left.len() == 2 && left.iter().all(|item| item.starts_with("ERASED#")), "{left:?}");
}
