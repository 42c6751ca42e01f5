//! Operations on a vehicle.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::VehicleStatus;

use crate::api::ApiState;
use crate::auth::caller::{Customers, Reminders};
use crate::console::page::address;
use crate::console::page::field::Field;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::{FieldNames, WorkshopWords};
use crate::console::workshop::forms::{Fact, Operation};
use crate::console::workshop::vehicle_row::day_of_visit;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::workshop::customer_fields::PhoneAsWritten;
use crate::workshop::errors::unknown_customer;
use crate::workshop::opt_outs::{self, OptOutBody, OptOutEndBody, WishQuery};
use crate::workshop::send_again::{self, SendAgainBody, SendAgainQuery};
use crate::workshop::vehicle_fields::VisitBody;
use crate::workshop::vehicles;

/// Page that has the forms of vehicles.
const VEHICLES: &str = "/console/vehicles";

/// Does an operation on a vehicle, and leads back to the page with its form.
pub(crate) async fn post(visit: Visit, Path((plate, operation)): Path<(String, String)>) -> Result<Response, Failure> {
    let done = match operation.as_str() {
        "visit" => record_visit(&visit, &plate).await,
        "booked" => set_status(&visit, &plate, VehicleStatus::Booked).await.map(|()| "vehicle_booked"),
        "sold" => set_status(&visit, &plate, VehicleStatus::Sold).await.map(|()| "vehicle_sold"),
        "active" => set_status(&visit, &plate, VehicleStatus::Active).await.map(|()| "vehicle_active"),
        "opt-out" => opt_out(&visit, &plate).await.map(|()| "opted_out"),
        "remind-again" => remind_again(&visit, &plate).await,
        _ => Err(Failure::no_route()),
    };
    match done {
        Ok(said) => Ok(see_other(&address::saying(&visit.back(VEHICLES), said))),
        Err(failure) => form(&visit, &plate, &operation).refused(&visit, failure),
    }
}

async fn record_visit(visit: &Visit, plate: &str) -> Result<&'static str, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let body = visit.posted::<Nothing, VisitBody>()?.body;
    let given = Given { query: Nothing {}, body };
    let after = vehicles::visit(state(visit), Path(plate.to_owned()), caller, given).await?.0;
    Ok(if after.note.is_some() { "visit_older" } else { "visit_recorded" })
}

async fn set_status(visit: &Visit, plate: &str, status: VehicleStatus) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    vehicles::set_status(&visit.api, &caller.context, &vehicles::stored(plate)?, status).await
}

async fn opt_out(visit: &Visit, plate: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let why = visit.posted::<Nothing, OptOutEndBody>()?.body.why;
    let plate: Plate = vehicles::stored(plate)?;
    let workshop = &visit.api.store.workshop;
    let vehicle = workshop.vehicle(&plate).await?.ok_or_else(vehicles::unknown)?.value;
    let owner = workshop.customer(&vehicle.customer).await?.ok_or_else(unknown_customer)?.value;
    let body = OptOutBody { phone: PhoneAsWritten(owner.phone), why };
    let given = Given { query: WishQuery { dry_run: false }, body };
    opt_outs::record(state(visit), caller, given).await.map(|_| ())
}

async fn remind_again(visit: &Visit, plate: &str) -> Result<&'static str, Failure> {
    let caller = visit.caller_with::<Reminders>()?;
    let body = visit.posted::<Nothing, SendAgainBody>()?.body;
    let given = Given { query: SendAgainQuery { dry_run: false }, body };
    let answer = send_again::allow(state(visit), Path(plate.to_owned()), caller, given).await?.0;
    Ok(if answer.allowed { "remind_again" } else { "remind_unneeded" })
}

fn state(visit: &Visit) -> State<Arc<ApiState>> {
    State(Arc::clone(&visit.api))
}

/// Form of one operation, for a page of its own.
fn form(visit: &Visit, plate: &str, operation: &str) -> Operation {
    let w = WorkshopWords::of(visit.language());
    let (title, field) = match operation {
        "visit" => (w.visit, Some(day_of_visit(visit))),
        "booked" => (w.book, None),
        "sold" => (w.sell, None),
        "active" => (w.activate, None),
        "opt-out" => (w.opt_out, Some(Field::why(visit.language()))),
        _ => (w.remind_again, Some(Field::why(visit.language()))),
    };
    Operation {
        title,
        note: None,
        facts: vec![Fact { label: FieldNames::of(visit.language()).plate, value: plate.to_owned() }],
        action: format!("{}/{operation}", address::below(VEHICLES, plate)),
        fields: field.into_iter().collect(),
        button: title,
        is_confirmation: false,
        back: visit.back(VEHICLES),
    }
}
