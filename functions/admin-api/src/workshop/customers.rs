//! Customers of the workshop: show and store.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::StatusCode;
use serde::Serialize;
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Zone;
use shared::domain::workshop::opt_out::{OptOut, StatedWish, Wish, WishOrigin};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::{Customer, PersonName};
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::WriteOutcome;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::given::{Given, Nothing};
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::customer_fields::{CustomerBody, MOST_LISTED, SalutationField};
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
    /// Word before the name in messages.
    salutation: SalutationField,
    /// Mobile number in international form without a plus.
    #[schema(value_type = String, example = "628551234567")]
    phone: Phone,
    /// Mail address; null if none is stored.
    #[schema(value_type = Option<String>, example = "budi@customer.example")]
    email: Option<EmailAddress>,
    /// True if the number is opted out of reminders.
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
    caller: Caller<Customers>,
    _: Given,
) -> Result<Json<CustomerAnswer>, Failure> {
    let customer = api.store.workshop.customer(&stored_id(&id)?).await?.ok_or_else(unknown_customer)?;
    let hasher = api.phone_hasher(&caller.context).await?;
    let opted_out = api.store.workshop.opt_out(&customer.value.phone, &hasher).await?.is_open();
    shown(&api, customer.value, opted_out).await.map(Json)
}

async fn shown(api: &ApiState, customer: Customer, opted_out: bool) -> Result<CustomerAnswer, Failure> {
    let mut vehicles = api.store.workshop.plates_of(&customer.id, MOST_LISTED + 1).await?;
    let more_vehicles = vehicles.len() > MOST_LISTED;
    vehicles.truncate(MOST_LISTED);
    Ok(CustomerAnswer {
        customer_id: customer.id,
        name: customer.name,
        salutation: customer.salutation.into(),
        phone: customer.phone,
        email: customer.email,
        opted_out,
        time_zone: customer.zone,
        vehicles,
        more_vehicles,
    })
}

/// Stores a customer.
///
/// Replaces the stored customer of this id. An absent field returns to its default, except `opted_out` and `salutation`: an
/// opt-out ends, and a salutation changes, only if the request says so. An opt-out belongs to the number: every customer with that
/// number has it. A customer who was erased is stored again.
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
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Customers>,
    given: Given<Nothing, CustomerBody>,
) -> Result<(StatusCode, Json<CustomerAnswer>), Failure> {
    let id = CustomerId::parse(&id).map_err(|error| Failure::invalid_value("customer_id", &error))?;
    let (opted_out, salutation) = (given.body.opted_out, given.body.salutation.map(Salutation::from));
    let wanted = &given.body.customer(id);
    let (api, context) = (&api, &caller.context);
    let hasher = &api.phone_hasher(context).await?;
    retry_on_conflict("storing a customer", (), |()| async move {
        let known = api.store.workshop.customer(&wanted.id).await?;
        let workshop = &api.store.workshop;
        let number = workshop.opt_out(&wanted.phone, hasher).await?;
        let stored = known.as_ref().map(|known| &known.value);
        let next = match (opted_out, stored.map(|stored| &stored.phone)) {
            (Some(opted_out), _) => wish(context, opted_out).applied(&wanted.phone, number.value.as_ref()),
            (None, Some(former)) if *former != wanted.phone => {
                workshop.opt_out(former, hasher).await?.carried_to(&wanted.phone, &number)
            }
            (None, _) => None,
        };
        let opted_out = next.as_ref().map_or(number.is_open(), OptOut::is_open);
        let change = next.as_ref().map(|next| (&number, next));
        let salutation = salutation.or(stored.map(|stored| stored.salutation)).unwrap_or_default();
        let customer = Customer { salutation, ..wanted.clone() };
        match workshop.put_customer(&customer, known.as_ref(), change, hasher).await? {
            // Read again: an opt-out must not be lost.
            WriteOutcome::Conflict | WriteOutcome::NoSuchCustomer => Ok(Attempt::Conflict(())),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
                tracing::info!(by = context.actor(), new = known.is_none(), "customer stored");
                Ok(Attempt::Done((status, Json(shown(api, customer, opted_out).await?))))
            }
        }
    })
    .await
}

/// Wish that staff store with a customer.
fn wish(context: &RequestContext, opted_out: bool) -> StatedWish {
    StatedWish {
        wish: if opted_out { Wish::Stop } else { Wish::Start },
        at: context.time.logical,
        origin: WishOrigin::Staff { by: context.actor().to_owned(), why: None },
    }
}
