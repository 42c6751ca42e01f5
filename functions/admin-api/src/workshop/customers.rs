//! Customers of the workshop: show and store.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Zone;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Customer, PersonName};
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::WriteOutcome;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::given::{Given, Nothing};
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::customer_fields::{CustomerBody, MOST_LISTED};
use crate::workshop::errors::{stored_id, unknown_customer};
use crate::workshop::{erasure, export};

/// Routes of one customer.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show, put, erasure::erase)).routes(routes!(export::export))
}

/// Customer of the workshop, with the plates of the vehicles.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomerAnswer {
    /// Id given by the workshop.
    #[schema(value_type = String, example = "C-1")]
    customer_id: CustomerId,
    /// Name used in messages.
    #[schema(value_type = String, example = "Budi Santoso")]
    name: PersonName,
    /// Mobile number in international form without a plus.
    #[schema(value_type = String, example = "628551234567")]
    phone: Phone,
    /// Mail address; null if none is stored.
    #[schema(value_type = Option<String>, example = "budi@customer.example")]
    email: Option<EmailAddress>,
    /// True if the customer does not want reminders.
    #[schema(example = false)]
    opted_out: bool,
    /// Time zone in which reminders have their send hours.
    #[schema(value_type = String, example = "Asia/Jakarta")]
    time_zone: Zone,
    /// Plates of the customer's vehicles, at most 1,000.
    #[schema(value_type = Vec<String>, example = json!(["B 1234 ABC"]))]
    vehicles: Vec<Plate>,
    /// True if the customer has more vehicles than are listed.
    #[schema(example = false)]
    more_vehicles: bool,
}

/// Shows a customer with the plates of the vehicles.
#[utoipa::path(
    get, path = "/customers/{id}", tag = "workshop", operation_id = "show_customer",
    params(("id" = String, Path, description = "Id of the customer.", example = "C-1")),
    responses((status = 200, description = "The customer.", body = CustomerAnswer), Refusals, Missing),
    security(("token" = ["customers"])),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    _: Caller<Customers>,
    _: Given,
) -> Result<Json<CustomerAnswer>, Failure> {
    let customer = api.store.workshop.customer(&stored_id(&id)?).await?.ok_or_else(unknown_customer)?;
    shown(&api, customer.value).await.map(Json)
}

async fn shown(api: &ApiState, customer: Customer) -> Result<CustomerAnswer, Failure> {
    let mut vehicles = api.store.workshop.plates_of(&customer.id, MOST_LISTED + 1).await?;
    let more_vehicles = vehicles.len() > MOST_LISTED;
    vehicles.truncate(MOST_LISTED);
    Ok(CustomerAnswer {
        customer_id: customer.id,
        name: customer.name,
        phone: customer.phone,
        email: customer.email,
        opted_out: customer.opted_out,
        time_zone: customer.zone,
        vehicles,
        more_vehicles,
    })
}

/// Stores a customer.
///
/// Replaces the stored customer of this id. An absent field returns to its default, except `opted_out`: an opt-out ends only
/// if the request says so. A customer who was erased is stored again.
#[utoipa::path(
    put, path = "/customers/{id}", tag = "workshop", operation_id = "put_customer",
    params((
        "id" = String, Path, min_length = 1, max_length = 64, example = "C-1",
        description = "Id that the workshop gives: letters, digits, dots, hyphens and underscores.",
    )),
    request_body = CustomerBody,
    responses(
        (status = 200, description = "The customer, who was known.", body = CustomerAnswer),
        (status = 201, description = "The new customer.", body = CustomerAnswer),
        Refusals,
    ),
    security(("token" = ["customers"])),
)]
async fn put(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Customers>,
    given: Given<Nothing, CustomerBody>,
) -> Result<(StatusCode, Json<CustomerAnswer>), Failure> {
    let id = CustomerId::parse(&id).map_err(|error| Failure::invalid_value("customer_id", &error))?;
    let opted_out = given.body.opted_out;
    let wanted = &given.body.customer(id);
    let (api, context) = (&api, &caller.context);
    retry_on_conflict("storing a customer", (), |()| async move {
        let known = api.store.workshop.customer(&wanted.id).await?;
        let opted_out = opted_out.unwrap_or_else(|| known.as_ref().is_some_and(|known| known.value.opted_out));
        let customer = Customer { opted_out, ..wanted.clone() };
        match api.store.workshop.put_customer(&customer, known.as_ref()).await? {
            // Read again: `opted_out` may have changed in between, and an opt-out must not be lost.
            WriteOutcome::Conflict | WriteOutcome::NoSuchCustomer => Ok(Attempt::Conflict(())),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
                tracing::info!(by = context.actor, new = known.is_none(), "customer stored");
                Ok(Attempt::Done((status, Json(shown(api, customer).await?))))
            }
        }
    })
    .await
}
