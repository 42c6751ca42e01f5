//! Export of one customer: a CSV list that can be imported again, or all stored data as JSON.

use futures::{StreamExt, TryStreamExt, stream};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::decision::Versioned;
use shared::domain::values::ids::CustomerId;
use shared::domain::workshop::vehicles::{Customer, Vehicle};

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::workshop::csv::{COLUMNS, neutral};
use crate::workshop::errors::unknown_customer;

/// Vehicles whose reminders are read concurrently.
const AT_ONCE: usize = 8;

/// `GET /customers/{id}/export?format=csv|json`: exports a customer, by default as CSV.
pub(crate) async fn export(
    api: &AdminApi,
    id: &CustomerId,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    let customer = api.store.workshop.customer(id).await?;
    let vehicles = api.store.workshop.vehicles_of(id, usize::MAX).await?;
    tracing::info!(by = context.actor, vehicles = vehicles.len(), "customer data exported");
    match input.query("format") {
        None | Some("csv") => {
            let customer = customer.ok_or_else(unknown_customer)?.value;
            Ok(response::list(listed(&customer, &vehicles).map_err(|error| Failure::upstream(&error))?))
        }
        Some("json") => {
            // JSON also answers for an erased customer: the note of the erasure is stored data.
            let erased = api.store.workshop.customer_erasure(id).await?;
            if customer.is_none() && erased.is_none() {
                return Err(unknown_customer());
            }
            Ok(response::ok(&json!({
                "customer_id": id, "exported_at": context.time.logical, "customer": customer.map(|known| known.value),
                "vehicles": export_items(api, vehicles).await?, "erased": erased,
            })))
        }
        Some(_) => Err(Failure::invalid("format", "must be csv or json")),
    }
}

/// Stored vehicles, each with its reminders.
async fn export_items(api: &AdminApi, vehicles: Vec<Versioned<Vehicle>>) -> Result<Vec<Value>, Failure> {
    let one = |vehicle: Versioned<Vehicle>| async move {
        let reminders = api.store.workshop.reminders_as_stored(&vehicle.value.plate, usize::MAX).await?;
        Ok::<_, Failure>(json!({ "vehicle": vehicle.value, "reminders": reminders }))
    };
    stream::iter(vehicles).map(one).buffered(AT_ONCE).try_collect().await
}

/// CSV with one row for each vehicle, or one row without a vehicle. `next_visit_date` is filled only if staff set it: a
/// computed date would become fixed when the list is imported again.
fn listed(customer: &Customer, vehicles: &[Versioned<Vehicle>]) -> Result<String, csv::Error> {
    // RFC 4180 ends lines with CRLF.
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    let email = customer.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let person = [customer.id.to_string(), customer.name.to_string(), customer.phone.to_string(), email]
        .map(|cell| neutral(&cell));
    let rows = vehicles.iter().map(|vehicle| {
        let vehicle = &vehicle.value;
        let next = vehicle.own_next_visit.map(|day| day.to_string()).unwrap_or_default();
        [vehicle.plate.to_string(), vehicle.last_visit.to_string(), next]
    });
    let none = vehicles.is_empty().then(<[String; 3]>::default);
    for row in rows.chain(none) {
        writer.write_record(person.iter().chain(&row))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
