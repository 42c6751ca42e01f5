//! Vehicles of the workshop: show, store, and record a visit.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::StatusCode;
use serde::Deserialize;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Vehicle, VehicleStatus};
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::WriteOutcome;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::given::{Given, Nothing};
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::errors::unknown_customer;
use crate::workshop::reminder_answers::with_deliveries;
use crate::workshop::vehicle_fields::{VehicleAnswer, VehicleBody, VisitBody};

/// Most reminders in one response.
const MOST_REMINDERS: usize = 100;

const OWNED_BY_ANOTHER: &str = "The vehicle of this plate belongs to another customer. Check the plate; if the vehicle was sold, \
    send the request with move=true.";

/// Routes of vehicles.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show, put)).routes(routes!(visit))
}

pub(crate) fn unknown() -> Failure {
    Failure::not_found("plate", "There is no such vehicle.")
}

/// Plate of a vehicle that is stored. A malformed plate names none, hence 404; only `PUT` explains what is wrong with it.
pub(crate) fn stored(plate: &str) -> Result<Plate, Failure> {
    Plate::parse(plate).map_err(|_| unknown())
}

/// Shows a vehicle with its reminders.
#[utoipa::path(
    get, path = "/vehicles/{plate}", tag = "workshop", operation_id = "show_vehicle",
    params(("plate" = String, Path, description = "Number plate, in any usual notation.", example = "B 1234 ABC")),
    responses((status = 200, description = "The vehicle.", body = VehicleAnswer), Refusals, Missing),
    security(("token" = ["customers"])),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(plate): Path<String>,
    _: Caller<Customers>,
    _: Given,
) -> Result<Json<VehicleAnswer>, Failure> {
    let vehicle = api.store.workshop.vehicle(&stored(&plate)?).await?.ok_or_else(unknown)?;
    shown(&api, vehicle.value).await.map(Json)
}

async fn shown(api: &ApiState, vehicle: Vehicle) -> Result<VehicleAnswer, Failure> {
    let reminders = api.store.workshop.reminders_as_stored(&vehicle.plate, MOST_REMINDERS).await?;
    Ok(VehicleAnswer::new(vehicle, with_deliveries(api, reminders).await?))
}

/// Query of storing a vehicle.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutVehicleQuery {
    /// Takes the vehicle from the customer who has it, because it was sold. Default: false.
    #[serde(default, rename = "move")]
    pub(crate) moves: bool,
}

/// Stores a vehicle.
///
/// Replaces the stored vehicle of this plate. If another customer than `customer_id` has it, it is refused with 409
/// `owned_by_another` unless `move=true` says that it was sold. Answers 404 if the customer is not stored.
#[utoipa::path(
    put, path = "/vehicles/{plate}", tag = "workshop", operation_id = "put_vehicle",
    params(PutVehicleQuery, (
        "plate" = String, Path, example = "B 1234 ABC",
        description = "Number plate: civil (`B 1234 ABC`), diplomatic with two groups of digits (`CD 12 345`), of army or police \
            (`8102-00`, `12345-III`). Letter case and the signs between the groups do not matter.",
    )),
    request_body = VehicleBody,
    responses(
        (status = 200, description = "The vehicle, which was known.", body = VehicleAnswer),
        (status = 201, description = "The new vehicle.", body = VehicleAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["customers"])),
)]
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    Path(plate): Path<String>,
    caller: Caller<Customers>,
    given: Given<PutVehicleQuery, VehicleBody>,
) -> Result<(StatusCode, Json<VehicleAnswer>), Failure> {
    let plate = &Plate::parse(&plate).map_err(|error| Failure::invalid_value("plate", &error))?;
    let (api, context, wanted, moves) = (&api, &caller.context, &given.body, given.query.moves);
    wanted.check(context.time.logical)?;
    retry_on_conflict("storing a vehicle", (), |()| async move {
        let known = api.store.workshop.vehicle(plate).await?;
        let vehicle = wanted.applied(plate, known.as_ref().map(|known| &known.value));
        // A misspelt plate is often another customer's.
        if !moves && known.as_ref().is_some_and(|known| known.value.customer != vehicle.customer) {
            return Err(Failure::conflict("owned_by_another", OWNED_BY_ANOTHER));
        }
        match api.store.workshop.put_vehicle(&vehicle, known.as_ref()).await? {
            WriteOutcome::Conflict => Ok(Attempt::Conflict(())),
            WriteOutcome::NoSuchCustomer => Err(unknown_customer()),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
                tracing::info!(by = context.actor(), new = known.is_none(), "vehicle stored");
                Ok(Attempt::Done((status, Json(shown(api, vehicle).await?))))
            }
        }
    })
    .await
}

/// Gives a vehicle another status. Its visits and its owner stay.
pub(crate) async fn set_status(
    api: &ApiState,
    context: &RequestContext,
    plate: &Plate,
    status: VehicleStatus,
) -> Result<(), Failure> {
    retry_on_conflict("changing the status of a vehicle", (), |()| async move {
        let known = api.store.workshop.vehicle(plate).await?.ok_or_else(unknown)?;
        let vehicle = Vehicle { status, ..known.value.clone() };
        match api.store.workshop.put_vehicle(&vehicle, Some(&known)).await? {
            WriteOutcome::Conflict => Ok(Attempt::Conflict(())),
            WriteOutcome::NoSuchCustomer => Err(unknown_customer()),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                tracing::info!(by = context.actor(), status = status.name(), "status of a vehicle changed");
                Ok(Attempt::Done(()))
            }
        }
    })
    .await
}

/// Records a visit.
///
/// The visit ends a booking and the date that staff set for it. A visit that is not later than the latest one changes
/// nothing; an earlier one is answered with a `note`.
#[utoipa::path(
    post, path = "/vehicles/{plate}/visits", tag = "workshop", operation_id = "record_visit",
    params(("plate" = String, Path, description = "Number plate, in any usual notation.", example = "B 1234 ABC")),
    request_body = VisitBody,
    responses((status = 200, description = "The vehicle after the visit.", body = VehicleAnswer), Refusals, Missing),
    security(("token" = ["customers"])),
)]
pub(crate) async fn visit(
    State(api): State<Arc<ApiState>>,
    Path(plate): Path<String>,
    caller: Caller<Customers>,
    given: Given<Nothing, VisitBody>,
) -> Result<Json<VehicleAnswer>, Failure> {
    let plate = &stored(&plate)?;
    let (api, context) = (&api, &caller.context);
    let day = given.body.date.past(context.time.logical).map_err(|why| Failure::invalid("date", why))?;
    retry_on_conflict("recording a visit", (), |()| async move {
        let known = api.store.workshop.vehicle(plate).await?.ok_or_else(unknown)?;
        let Some(after) = known.value.visited(day) else {
            let same = shown(api, known.value).await?;
            return Ok(Attempt::Done(Json(same.unchanged_by_visit(day))));
        };
        match api.store.workshop.put_vehicle(&after, Some(&known)).await? {
            WriteOutcome::Conflict => Ok(Attempt::Conflict(())),
            WriteOutcome::NoSuchCustomer => Err(unknown_customer()),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                tracing::info!(by = context.actor(), "visit recorded");
                Ok(Attempt::Done(Json(shown(api, after).await?)))
            }
        }
    })
    .await
}
