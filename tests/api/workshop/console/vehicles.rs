//! Vehicles due in the console, and what the desk does with them.

use serde_json::json;
use testing::support::Sandbox;
use testing::support::console::{Page, Staff};

use super::{HOSTILE, after, desk};

/// A workshop with a vehicle for each state of a reminder.
async fn workshop() -> (Sandbox, Staff) {
    let (sandbox, owner) = desk().await;
    for (id, name, phone, plate, next) in [
        ("C-1", "Budi Santoso", "08551234561", "B1AA", "2025-12-17"),
        ("C-2", HOSTILE, "08551234562", "B2AA", "2025-12-17"),
        ("C-3", "Tono", "08551234563", "B3AA", "2025-12-18"),
        ("C-4", "Rina", "08551234564", "B4AA", "2025-12-24"),
        ("C-5", "Agus", "08551234565", "B5AA", "2026-02-01"),
    ] {
        sandbox.customer(id, name, phone).await;
        sandbox.vehicle(plate, id, "2025-08-18", Some(next)).await;
    }
    (sandbox, owner)
}

/// Text of the row of a plate.
fn row(page: &Page, plate: &str) -> String {
    let row = page.body.split("<tr>").find(|row| row.contains(&format!("<strong>{plate}</strong>")));
    Page { body: row.unwrap_or_else(|| panic!("{plate}: {}", page.text())).to_owned(), ..page.clone() }.text()
}

#[tokio::test]
async fn each_vehicle_of_the_next_fourteen_days_says_whether_its_owner_was_reminded_or_why_not() {
    let (sandbox, owner) = workshop().await;
    owner.post("/console/vehicles/B2AA/opt-out", &[("why", "asked at the desk")]).await;
    owner.post("/console/vehicles/B3AA/booked", &[]).await;
    sandbox.remind().await;
    let page = owner.get("/console/vehicles").await;
    assert_eq!(page.status, 200);
    for (plate, said) in [
        ("B 1 AA", "reminded 2025-12-16 09:00 Jakarta"),
        ("B 2 AA", "the owner wants no reminders"),
        ("B 3 AA", "booked, so not reminded"),
        ("B 4 AA", "not due yet; reminded from 2025-12-22"),
    ] {
        assert!(row(&page, plate).contains(said), "{said}: {}", row(&page, plate));
    }
    let text = page.text();
    assert!(text.contains("2025-12-17 tomorrow") && text.contains("2025-12-24 8 days ahead"), "{text}");
    assert!(row(&page, "B 1 AA").contains("Budi Santoso 08551234561 2025-08-18 2025-12-17"), "{text}");
    assert!(text.contains(HOSTILE) && !page.body.contains("<b onclick"), "{}", page.body);
    assert!(!text.contains("B 5 AA"), "it is due after the fourteen days: {text}");
    let later = owner.get("/console/vehicles?due_from=2026-02-01&due_to=2026-02-01&state=active").await;
    assert!(later.text().contains("B 5 AA") && !later.text().contains("B 1 AA"), "{}", later.text());
    let wrong = owner.get("/console/vehicles?due_from=2026-02-01&due_to=2026-01-01").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("value=\"2026-01-01\"") && wrong.text().contains("not before the first one"));
}

#[tokio::test]
async fn the_desk_records_visits_bookings_and_sales_and_comes_back_to_its_page() {
    let (sandbox, owner) = workshop().await;
    let page = "/console/vehicles?due_from=2025-12-16&due_to=2025-12-29";
    let visited = owner.submit(page, "/B%201%20AA/visit", &[("date", "2025-12-16"), ("why", "")]).await;
    let back = after(&owner, &visited).await;
    assert!(back.text().contains("The visit is recorded."), "{}", back.text());
    assert!(visited.location().starts_with("/console/vehicles?due_from=2025-12-16"), "{}", visited.location());
    assert_eq!(sandbox.seen("/vehicles/B1AA").await["last_visit_date"], "2025-12-16");
    for (operation, status) in [("booked", "booked"), ("active", "active"), ("sold", "sold")] {
        after(&owner, &owner.post(&format!("/console/vehicles/B3AA/{operation}"), &[]).await).await;
        let vehicle = sandbox.seen("/vehicles/B3AA").await;
        assert_eq!((&vehicle["status"], &vehicle["next_visit_date"]), (&json!(status), &json!("2025-12-18")));
    }
    let refused = owner.post("/console/vehicles/B4AA/visit", &[("date", "2026-12-16")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("value=\"2026-12-16\""), "what was typed is kept: {}", refused.body);
    let elsewhere = owner.post("/console/vehicles/B4AA/booked", &[("back", "//evil.example/console/vehicles")]).await;
    assert_eq!(elsewhere.location(), "/console/vehicles?said=vehicle_booked");
    assert_eq!(owner.post("/console/vehicles/ZZ/booked", &[]).await.status, 404);
    assert_eq!(owner.post("/console/vehicles/B4AA/explode", &[]).await.status, 404);
}

#[tokio::test]
async fn a_further_reminder_is_offered_once_one_was_sent_and_needs_a_reason() {
    let (sandbox, owner) = workshop().await;
    assert!(!owner.get("/console/vehicles").await.body.contains("remind-again"));
    sandbox.remind().await;
    assert!(owner.get("/console/vehicles").await.body.contains("/B%201%20AA/remind-again"));
    let refused = owner.post("/console/vehicles/B1AA/remind-again", &[("why", "")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Reason: one line"), "{}", refused.text());
    let allowed = owner.post("/console/vehicles/B1AA/remind-again", &[("why", "wrong number")]).await;
    let page = after(&owner, &allowed).await;
    assert!(row(&page, "B 1 AA").contains("once more with the next run"), "{}", row(&page, "B 1 AA"));
    sandbox.remind().await;
    assert_eq!(sandbox.chats().await.iter().filter(|(to, _)| to == "628551234561").count(), 2);
}

#[tokio::test]
async fn a_page_of_vehicles_needs_few_rounds_and_has_a_link_to_the_next() {
    let (sandbox, owner) = desk().await;
    for number in 1..=30 {
        let id = format!("C-{number}");
        sandbox.customer(&id, HOSTILE, &format!("085512345{number:02}")).await;
        sandbox.vehicle(&format!("B {number} ZZ"), &id, "2025-08-18", Some("2025-12-20")).await;
    }
    sandbox.world.forget_calls();
    let page = owner.get("/console/vehicles").await;
    let calls = sandbox.calls("dynamodb").await;
    // The lists of four statuses have four shards each, which are read at once; the rest is read in batches.
    assert_eq!((calls["Query"], calls["BatchGetItem"], calls["GetItem"]), (16, 4, 1), "{calls:?}");
    assert!(page.body.len() < 100_000, "{}", page.body.len());
    assert_eq!(page.body.matches("<strong>B ").count(), 25);
    let next = page.body.split("href=\"").find(|rest| rest.contains("after=")).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    assert_eq!(owner.get(&next).await.body.matches("<strong>B ").count(), 5);
}

#[tokio::test]
async fn a_token_without_the_scopes_sees_no_page_of_the_workshop_and_changes_nothing() {
    let (sandbox, _) = workshop().await;
    let reader = sandbox.signed_in("read-only").await;
    let first = reader.get("/console").await;
    for path in ["vehicles", "customers", "customers/C-1", "customers/C-1/export", "import", "schedule"] {
        let path = format!("/console/{path}");
        assert!(!first.body.contains(&format!("href=\"{path}\"")), "{path}");
        assert_eq!(reader.get(&path).await.status, 403, "{path}");
    }
    for path in [
        "vehicles/B1AA/booked",
        "vehicles/B1AA/remind-again",
        "customers",
        "customers/C-1/edit",
        "customers/C-1/erase",
        "customers/C-1/opt-out",
        "import",
        "schedule/stop",
        "schedule/run",
        "schedule/sample",
    ] {
        assert_eq!(reader.post(&format!("/console/{path}"), &[("confirmed", "yes")]).await.status, 403, "{path}");
    }
    assert_eq!(sandbox.seen("/vehicles/B1AA").await["status"], "active");
    assert!(sandbox.running().await.0);
}
