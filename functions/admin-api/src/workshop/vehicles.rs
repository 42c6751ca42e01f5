//! Vehicles of the workshop: show, store, and record a visit.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Vehicle, VehicleStatus};
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::WriteOutcome;

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::dates;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::workshop::errors::unknown_customer;

/// Most reminders in one response.
const MOST_REMINDERS: usize = 100;

/// Fields of a `PUT` request.
struct Wanted {
    customer: CustomerId,
    last_visit: LocalDate,
    next_visit: Option<LocalDate>,
    status: Option<VehicleStatus>,
}

/// Routes below `/vehicles`.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    match (method, rest) {
        // A malformed plate names no stored vehicle, hence 404; only PUT explains what is wrong with it.
        ("GET", [plate]) => show(api, &parse(plate).map_err(|_| unknown())?).await,
        ("PUT", [plate]) => put(api, &parse(plate)?, input, context).await,
        ("POST", [plate, "visits"]) => visit(api, &parse(plate).map_err(|_| unknown())?, input, context).await,
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

fn unknown() -> Failure {
    Failure::not_found("plate", "no such vehicle")
}

fn parse(plate: &str) -> Result<Plate, Failure> {
    Plate::parse(&decoded(plate)).map_err(|error| Failure::invalid("plate", error.to_string()))
}

async fn show(api: &AdminApi, plate: &Plate) -> Result<Response<Body>, Failure> {
    let vehicle = api.store.workshop.vehicle(plate).await?.ok_or_else(unknown)?;
    Ok(response::ok(&shown(api, &vehicle.value).await?))
}

async fn shown(api: &AdminApi, vehicle: &Vehicle) -> Result<Value, Failure> {
    let reminders = api.store.workshop.reminders_as_stored(&vehicle.plate, MOST_REMINDERS).await?;
    Ok(json!({
        "plate": vehicle.plate, "customer_id": vehicle.customer, "last_visit_date": vehicle.last_visit,
        "next_visit_date": vehicle.next_visit(), "next_visit_set_by_staff": vehicle.own_next_visit.is_some(),
        "status": vehicle.status, "reminders": reminders,
    }))
}

/// `PUT /vehicles/{plate}`: stores a vehicle. `customer_id` may differ from the stored one: the vehicle was sold.
async fn put(
    api: &AdminApi,
    plate: &Plate,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    let wanted = Wanted::read(input, context.time.logical)?;
    let wanted = &wanted;
    retry_on_conflict("storing a vehicle", (), |()| async move {
        let known = api.store.workshop.vehicle(plate).await?;
        let vehicle = wanted.applied(plate, known.as_ref().map(|known| &known.value));
        match api.store.workshop.put_vehicle(&vehicle, known.as_ref()).await? {
            WriteOutcome::Conflict => Ok(Attempt::Conflict(())),
            WriteOutcome::NoSuchCustomer => Err(unknown_customer()),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
                tracing::info!(by = context.actor, new = known.is_none(), "vehicle stored");
                Ok(Attempt::Done(response::json_reply(status, &shown(api, &vehicle).await?)))
            }
        }
    })
    .await
}

/// `POST /vehicles/{plate}/visits`: records a visit. A visit before the latest one changes nothing.
async fn visit(
    api: &AdminApi,
    plate: &Plate,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["date"])?;
    let day = dates::parse_past(input.required("date")?, context.time.logical)
        .map_err(|why| Failure::invalid("date", why))?;
    retry_on_conflict("recording a visit", (), |()| async move {
        let known = api.store.workshop.vehicle(plate).await?.ok_or_else(unknown)?;
        let Some(after) = known.value.visited(day) else {
            let mut same = shown(api, &known.value).await?;
            if day < known.value.last_visit
                && let Some(shown) = same.as_object_mut()
            {
                shown.insert("note".to_owned(), json!("a later visit is already recorded; nothing was changed"));
            }
            return Ok(Attempt::Done(response::ok(&same)));
        };
        match api.store.workshop.put_vehicle(&after, Some(&known)).await? {
            WriteOutcome::Conflict => Ok(Attempt::Conflict(())),
            WriteOutcome::NoSuchCustomer => Err(unknown_customer()),
            WriteOutcome::Written | WriteOutcome::Unchanged => {
                tracing::info!(by = context.actor, "visit recorded");
                Ok(Attempt::Done(response::ok(&shown(api, &after).await?)))
            }
        }
    })
    .await
}

impl Wanted {
    fn read(input: &Input, now: Timestamp) -> Result<Self, Failure> {
        input.only(&["customer_id", "last_visit_date", "next_visit_date", "status"])?;
        let customer = CustomerId::parse(input.required("customer_id")?);
        let customer = customer.map_err(|error| Failure::invalid("customer_id", error.to_string()))?;
        let last_visit = dates::parse_past(input.required("last_visit_date")?, now);
        let last_visit = last_visit.map_err(|why| Failure::invalid("last_visit_date", why))?;
        let next_visit = input.given("next_visit_date")?.map(dates::parse).transpose();
        let next_visit = next_visit.map_err(|why| Failure::invalid("next_visit_date", why))?;
        if next_visit.is_some_and(|next| next < last_visit) {
            return Err(Failure::invalid("next_visit_date", "is before last_visit_date"));
        }
        let named = |name| {
            let reason = "must be active, booked, sold or archived";
            VehicleStatus::of_name(name).ok_or_else(|| Failure::invalid("status", reason))
        };
        let status = input.given("status")?.map(named).transpose()?;
        Ok(Self { customer, last_visit, next_visit, status })
    }

    /// Vehicle to store. A missing status stays, except after a change of customer, or if the vehicle was booked for a visit
    /// that has taken place: then it is `active`.
    fn applied(&self, plate: &Plate, known: Option<&Vehicle>) -> Vehicle {
        // A new customer inherits nothing: a status `sold` or `booked` belonged to the previous one.
        let known = known.filter(|known| known.customer == self.customer);
        let kept = known.map(|known| {
            let booking_is_over = known.status == VehicleStatus::Booked && known.last_visit < self.last_visit;
            if booking_is_over { VehicleStatus::Active } else { known.status }
        });
        Vehicle {
            plate: plate.clone(),
            customer: self.customer.clone(),
            last_visit: self.last_visit,
            own_next_visit: self.next_visit,
            status: self.status.or(kept).unwrap_or(VehicleStatus::Active),
        }
    }
}
