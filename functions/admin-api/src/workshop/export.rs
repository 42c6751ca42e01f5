//! Export of one customer: a CSV list that can be imported again, or all stored data as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt, stream};
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::billing::decision::Versioned;
use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::vehicles::{Customer, Vehicle};
use shared::store::erasure::Erasure;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::workshop::errors::{stored_id, unknown_customer};
use crate::workshop::import::cells::neutral;
use crate::workshop::import::columns::Column;
use crate::workshop::import::dates;

/// Vehicles whose reminders are read concurrently.
const AT_ONCE: usize = 8;

/// Query of an export.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// Form of the export. Default: `csv`.
    #[serde(default)]
    #[param(inline)]
    pub(crate) format: ExportFormat,
    /// Separator of the columns of the CSV list. Excel divides a list into columns only by the separator of its computer, which
    /// is a semicolon in Indonesia; the import takes either. Default: `comma`.
    #[serde(default)]
    #[param(inline)]
    pub(crate) separator: Separator,
}

/// Separator of the columns of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Separator {
    #[default]
    Comma,
    Semicolon,
}

/// Form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    /// List that `POST /customers/import` takes.
    #[default]
    Csv,
    /// All data that is stored about the customer.
    Json,
}

/// All data that is stored about a customer.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomerExport {
    #[schema(value_type = String, example = "C-1")]
    customer_id: CustomerId,
    /// Time of the export.
    #[schema(value_type = String, format = DateTime, example = "2025-12-16T03:00:00Z")]
    exported_at: Timestamp,
    /// The customer as stored; null for an erased one.
    #[schema(value_type = Option<Object>)]
    customer: Option<Customer>,
    /// The customer's vehicles.
    vehicles: Vec<VehicleExport>,
    /// Note of an erasure, with time, author and reason; null if there was none.
    #[schema(value_type = Option<Object>)]
    erased: Option<Erasure>,
}

/// All data that is stored about a vehicle.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleExport {
    /// The vehicle as stored.
    #[schema(value_type = Object)]
    vehicle: Vehicle,
    /// Its reminders as stored.
    #[schema(value_type = Vec<Object>)]
    reminders: Vec<Value>,
}

/// Exports a customer.
///
/// The CSV list has a row for each vehicle, or one row without a vehicle, and leads to the same data when it is imported.
/// JSON also has the reminders and, for an erased customer, the note of the erasure.
#[utoipa::path(
    get, path = "/customers/{id}/export", tag = "workshop", operation_id = "export_customer",
    params(("id" = String, Path, description = "Id of the customer.", example = "C-1"), ExportQuery),
    responses(
        (
            status = 200, description = "The customer's data.",
            content((String = "text/csv"), (CustomerExport = "application/json")),
        ),
        Refusals, Missing,
    ),
    security(("token" = ["customers"])),
)]
pub(crate) async fn export(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Customers>,
    given: Given<ExportQuery>,
) -> Result<Response, Failure> {
    let id = stored_id(&id)?;
    let context = &caller.context;
    let customer = api.store.workshop.customer(&id).await?.map(|known| known.value);
    let vehicles = api.store.workshop.vehicles_of(&id, usize::MAX).await?;
    tracing::info!(by = context.actor(), vehicles = vehicles.len(), "customer data exported");
    match given.query.format {
        ExportFormat::Csv => {
            let customer = customer.ok_or_else(unknown_customer)?;
            let list =
                listed(&customer, &vehicles, given.query.separator).map_err(|error| Failure::upstream(&error))?;
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"customer.csv\""),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                // lambda_http decodes a text without this header, and drops its byte order mark.
                (CONTENT_ENCODING, "identity"),
            ];
            Ok((headers, list).into_response())
        }
        ExportFormat::Json => {
            // JSON also answers for an erased customer: the note of the erasure is stored data.
            let erased = api.store.workshop.customer_erasure(&id).await?;
            if customer.is_none() && erased.is_none() {
                return Err(unknown_customer());
            }
            let vehicles = export_items(&api, vehicles).await?;
            let exported_at = context.time.logical;
            Ok(Json(CustomerExport { customer_id: id, exported_at, customer, vehicles, erased }).into_response())
        }
    }
}

/// Stored vehicles, each with its reminders.
async fn export_items(api: &ApiState, vehicles: Vec<Versioned<Vehicle>>) -> Result<Vec<VehicleExport>, Failure> {
    let one = |vehicle: Versioned<Vehicle>| async move {
        let reminders = api.store.workshop.reminders_as_stored(&vehicle.value.plate, usize::MAX).await?;
        Ok::<_, Failure>(VehicleExport { vehicle: vehicle.value, reminders })
    };
    stream::iter(vehicles).map(one).buffered(AT_ONCE).try_collect().await
}

/// CSV with one row for each vehicle, or one row without a vehicle, in a form that a spreadsheet of any country stores as it
/// was: all cells quoted, days with the month's name, phone numbers in groups. `next_visit_date` is filled only if staff set it: a
/// computed date would become fixed when the list is imported again.
fn listed(customer: &Customer, vehicles: &[Versioned<Vehicle>], separator: Separator) -> Result<String, csv::Error> {
    let delimiter = match separator {
        Separator::Comma => b',',
        Separator::Semicolon => b';',
    };
    // Excel takes a list for UTF-8 only after a byte order mark. RFC 4180 ends lines with CRLF.
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(Column::ALL.map(Column::name))?;
    let email = customer.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let salutation = customer.salutation.in_lists().to_owned();
    let person = [customer.id.to_string(), customer.name.to_string(), grouped(&customer.phone), email, salutation];
    let person = person.map(|cell| neutral(&cell));
    let rows = vehicles.iter().map(|vehicle| {
        let vehicle = &vehicle.value;
        let next = vehicle.own_next_visit.map(dates::write).unwrap_or_default();
        [neutral(vehicle.plate.as_str()), dates::write(vehicle.last_visit), next, vehicle.interval.to_string()]
    });
    let none = vehicles.is_empty().then(<[String; 4]>::default);
    for row in rows.chain(none) {
        writer.write_record(person.iter().chain(&row))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number in groups of at least three digits, which no spreadsheet takes for a number: `0855-1234-567`.
fn grouped(phone: &Phone) -> String {
    let number = phone.national();
    let (prefix, rest) = number.split_at_checked(4).unwrap_or((&number, ""));
    let (middle, last) = rest.split_at_checked(rest.len().saturating_sub(3).min(4)).unwrap_or((rest, ""));
    format!("{prefix}-{middle}-{last}")
}
