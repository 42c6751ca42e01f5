//! Customers in the console.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HOSTILE, after, desk};

#[tokio::test]
async fn a_customer_is_added_found_and_changed() {
    let (sandbox, owner) = desk().await;
    assert!(owner.get("/console/customers").await.text().contains("Search by name, phone, plate"));
    let new =
        [("name", HOSTILE), ("phone", "0855-1234-567"), ("salutation", "ibu"), ("email", ""), ("customer_id", "")];
    let added = owner.submit("/console/customers", "/console/customers", &new).await;
    let page = after(&owner, &added).await;
    assert!(page.text().contains(HOSTILE) && !page.body.contains("<b onclick"), "{}", page.body);
    let found = owner.get("/console/customers?q=sari").await;
    let address = added.location().split('?').next().unwrap();
    assert!(found.body.contains(&format!("href=\"{address}\"")), "{}", found.body);
    // The number and the id of a customer are not taken over by another one.
    let again = owner.post("/console/customers", &[("name", "Other"), ("phone", "08551234567")]).await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("Another customer has this number"), "{}", again.text());
    assert!(again.body.contains(&format!("href=\"{address}\"")) && again.body.contains("value=\"Other\""));
    let id = address.rsplit('/').next().unwrap();
    let taken = [("name", "Other"), ("phone", "08559999999"), ("customer_id", id)];
    assert_eq!(owner.post("/console/customers", &taken).await.status, 409);
    let refused = owner.post(&format!("{address}/edit"), &[("name", "Sari"), ("phone", "12")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("an Indonesian mobile number") && refused.body.contains("value=\"12\""));
    let changed = [("name", "Sari Lestari"), ("phone", "0855-7654-321"), ("time_zone", "Asia/Makassar")];
    after(&owner, &owner.submit(address, "/edit", &changed).await).await;
    let stored = sandbox.seen(&format!("/customers/{id}")).await;
    assert_eq!((&stored["name"], &stored["phone"]), (&json!("Sari Lestari"), &json!("628557654321")));
    assert_eq!(stored["salutation"], "ibu", "an absent salutation stays");
}

#[tokio::test]
async fn a_customers_page_has_vehicles_messages_with_their_delivery_and_the_wish_with_its_author() {
    let (sandbox, owner) = desk().await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.customer("C-2", "Sari", "08551234568").await;
    let first = [("plate", "b 1 aa"), ("last_visit_date", "2025-08-18"), ("next_visit_date", "2025-12-18")];
    after(&owner, &owner.submit("/console/customers/C-1", "/add-vehicle", &first).await).await;
    // A vehicle of another customer is moved only by a form that says so.
    let of_other = [("plate", "B1AA"), ("last_visit_date", "2025-08-18"), ("interval_months", "")];
    let refused = owner.submit("/console/customers/C-2", "/add-vehicle", &of_other).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("belongs to another customer") && refused.body.contains("value=\"B1AA\""));
    sandbox.remind().await;
    let page = owner.get("/console/customers/C-1").await.text();
    for part in ["gets reminders", "B 1 AA", "2025-08-18", "2025-12-18", "2025-12-16 09:00 Jakarta", "Success sent"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let out = owner.submit("/console/customers/C-1", "/opt-out", &[("why", "asked on the phone")]).await;
    let page = after(&owner, &out).await.text();
    assert!(page.contains("gets no reminders") && page.contains("By: owner · Reason: asked on the phone"), "{page}");
    let back = owner.submit("/console/customers/C-1", "/opt-in", &[("why", "wants them again")]).await;
    let page = after(&owner, &back).await.text();
    assert!(page.contains("gets reminders") && page.contains("Reason: wants them again"), "{page}");
    let moved: Vec<(&str, &str)> = of_other.into_iter().chain([("move", "true")]).collect();
    after(&owner, &owner.submit("/console/customers/C-2", "/add-vehicle", &moved).await).await;
    assert_eq!(sandbox.seen("/customers/C-2").await["vehicles"], json!(["B 1 AA"]));
}

#[tokio::test]
async fn an_erasure_lists_what_it_deletes_before_it_does() {
    let (sandbox, owner) = desk().await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1AA", "C-1", "2025-08-18", Some("2025-12-18")).await;
    let export = owner.get("/console/customers/C-1/export").await;
    assert_eq!(export.headers["content-disposition"], "attachment; filename=\"customer.json\"");
    let export: Value = serde_json::from_str(&export.body).unwrap();
    assert_eq!(export["vehicles"][0]["vehicle"]["plate"], "B 1 AA");
    let list = owner.submit("/console/customers/C-1", "/erase", &[]).await;
    assert_eq!(list.status, 200);
    for part in ["Budi Santoso", "08551234567", "B 1 AA", "erased for good"] {
        assert!(list.text().contains(part), "{part}: {}", list.text());
    }
    sandbox.seen("/customers/C-1").await;
    let (action, hidden) = list.form("/erase").unwrap();
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("why", "Budi asked for it"));
    let refused = owner.post(&action, &fields).await;
    assert_eq!(refused.status, 400, "the reason names the customer");
    assert!(refused.body.contains("value=\"Budi asked for it\""), "{}", refused.body);
    fields.pop();
    fields.push(("why", "requested by letter"));
    assert!(after(&owner, &owner.post(&action, &fields).await).await.text().contains("The personal data is erased."));
    assert_eq!(sandbox.staff(Method::GET, "/customers/C-1", None).await.0, 404);
    let note = owner.get("/console/customers/C-1").await;
    assert_eq!(note.status, 200);
    assert!(note.text().contains("requested by letter") && !note.text().contains("Budi"), "{}", note.text());
    assert_eq!(owner.get("/console/customers/C-9").await.status, 404);
}
