//! Sample data of the workshop and of MMS, made through the product's API as its users make them. All invented.

use axum::extract::State;
use axum::response::Response;
use chrono::{Days, NaiveDate};
use chrono_tz::Asia::{Jakarta, Taipei};
use http::Method;
use serde_json::{Value, json};

use crate::http::answers::Shared;
use crate::http::page::call::Call;
use crate::http::page::html::{Done, Effect};
use crate::http::page::{call, html};
use crate::mms;
use crate::world::World;
use crate::world::credentials::OWNER_TOKEN;

/// Days from a visit to the next one: about the four months of a new vehicle.
const BETWEEN_VISITS: u64 = 120;

struct SampleCustomer {
    id: &'static str,
    name: &'static str,
    salutation: &'static str,
    phone: &'static str,
    vehicles: &'static [SampleVehicle],
}

struct SampleVehicle {
    plate: &'static str,
    /// Days from today to the next visit.
    due_in: u64,
}

/// Customers whose plates and numbers the demo's list does not have: a plate belongs to one customer.
const CUSTOMERS: [SampleCustomer; 4] = [
    SampleCustomer {
        id: "sample-1",
        name: "Budi Santoso",
        salutation: "bapak",
        phone: "0855-5550-101",
        vehicles: &[SampleVehicle { plate: "B 2468 KLM", due_in: 2 }],
    },
    SampleCustomer {
        id: "sample-2",
        name: "Sari Dewi",
        salutation: "ibu",
        phone: "0812-5550-1022",
        vehicles: &[SampleVehicle { plate: "D 1357 MN", due_in: 3 }, SampleVehicle { plate: "D 4321 QR", due_in: 3 }],
    },
    SampleCustomer {
        id: "sample-3",
        name: "PT Contoh Jaya",
        salutation: "none",
        phone: "0857-5550-1033",
        vehicles: &[SampleVehicle { plate: "L 7 JKL", due_in: 20 }],
    },
    SampleCustomer {
        id: "sample-4",
        name: "Agus Wijaya",
        salutation: "bapak",
        phone: "0878-5550-1044",
        vehicles: &[SampleVehicle { plate: "F 5678 GH", due_in: 60 }],
    },
];

/// Stores customers with vehicles whose next visits are near.
pub(crate) async fn workshop(State(world): Shared) -> Response {
    let done = store_customers(&world).await;
    html::back(&world, "/sandbox", done)
}

async fn store_customers(world: &World) -> Done {
    let today = world.now().with_timezone(&Jakarta).date_naive();
    let mut lines = Vec::new();
    for SampleCustomer { id, name, salutation, phone, vehicles } in &CUSTOMERS {
        let customer = json!({ "name": name, "salutation": salutation, "phone": phone });
        put(world, &format!("/customers/{id}"), customer).await?;
        for SampleVehicle { plate, due_in } in *vehicles {
            let day = |days: u64| json!(today.checked_add_days(Days::new(days)).unwrap_or(today));
            let visited = today.checked_sub_days(Days::new(BETWEEN_VISITS.saturating_sub(*due_in)));
            let vehicle = json!({
                "customer_id": id, "last_visit_date": visited.unwrap_or(today), "next_visit_date": day(*due_in),
            });
            put(world, &format!("/vehicles/{}", plate.replace(' ', "%20")), vehicle).await?;
            lines.push(format!("{name}: {plate}, next visit in {due_in} days"));
        }
    }
    Ok(Effect {
        title: "The workshop has sample customers. Reminders are sent at 08:00 Taipei time.".to_owned(),
        lines,
    })
}

async fn put(world: &World, path: &str, body: Value) -> Result<Value, String> {
    call::json(world, Call { method: Method::PUT, path, token: OWNER_TOKEN, body }).await
}

/// Has MMS list institutions that are about to expire, and scans them.
pub(crate) async fn institutions(State(world): Shared) -> Response {
    let done = scan_institutions(&world).await;
    html::back(&world, "/sandbox", done)
}

async fn scan_institutions(world: &World) -> Done {
    let today = world.now().with_timezone(&Taipei).date_naive();
    list_institutions(world, today);
    let body = json!({});
    let scan = Call { method: Method::POST, path: "/runs/mms-expiry-scan", token: OWNER_TOKEN, body };
    let ran = call::json(world, scan).await?;
    let status = ran.get("status").and_then(Value::as_str).unwrap_or("unknown");
    let known = Call { method: Method::GET, path: "/institutions/expiring", token: OWNER_TOKEN, body: Value::Null };
    let known = call::json(world, known).await?;
    let listed = known.get("institutions").and_then(Value::as_array).into_iter().flatten();
    let lines = listed.filter_map(|one| Some(format!("{}: {}", text(one, "uid")?, text(one, "name")?))).collect();
    Ok(Effect { title: format!("MMS lists sample institutions. Scan: {status}."), lines })
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// Lists the invented institutions with days from today on, beside the others that MMS has.
fn list_institutions(world: &World, today: NaiveDate) {
    let invented = mms::invented(today);
    world.change(|state| {
        let is_invented = |one: &Value| invented.iter().any(|new| new.get("uid") == one.get("uid"));
        state.institutions.retain(|one| !is_invented(one));
        state.institutions.extend(invented.iter().cloned());
    });
}
