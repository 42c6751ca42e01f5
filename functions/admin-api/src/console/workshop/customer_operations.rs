//! Operations on a customer, and the download of the customer's data.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use lambda_http::http::header::CONTENT_DISPOSITION;
use lambda_http::http::{HeaderValue, StatusCode};
use serde::Deserialize;
use shared::domain::workshop::vehicles::Customer;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::auth::caller::Customers;
use crate::console::page::address;
use crate::console::page::field::Field;
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;
use crate::console::words::workshop::{FieldNames, WorkshopWords};
use crate::console::workshop::customer::facts;
use crate::console::workshop::customer_fields::{of_customer, of_vehicle};
use crate::console::workshop::forms::{self, Fact, Operation};
use crate::console::workshop::vehicle_row::customer_address;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::workshop::customer_fields::{CustomerBody, MOST_LISTED, PhoneAsWritten};
use crate::workshop::erasure::{self, CustomerErasureBody};
use crate::workshop::errors::{stored_id, unknown_customer};
use crate::workshop::export::{self, ExportFormat, ExportQuery};
use crate::workshop::opt_outs::{self, OptOutBody, OptOutEndBody, WishQuery};
use crate::workshop::vehicle_fields::VehicleBody;
use crate::workshop::{customers, vehicles};

/// Plates that the page of an erasure lists.
const MOST_PLATES: usize = 50;

/// Fields of the form for a vehicle beside those of its visits.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct NewVehicleQuery {
    plate: String,
    #[serde(default, rename = "move")]
    moves: bool,
}

/// Does an operation on a customer, and leads back to the customer's page.
pub(crate) async fn post(visit: Visit, Path((id, operation)): Path<(String, String)>) -> Result<Response, Failure> {
    let done = match operation.as_str() {
        "edit" => edit(&visit, &id).await.map(|()| "saved"),
        "add-vehicle" => add_vehicle(&visit, &id).await.map(|()| "vehicle_saved"),
        "opt-out" => opt_out(&visit, &id).await.map(|()| "opted_out"),
        "opt-in" => opt_in(&visit, &id).await.map(|()| "opted_in"),
        "erase" if visit.is_confirmed() => erase(&visit, &id).await.map(|()| "erased"),
        "erase" => return erasure_form(&visit, &id).await?.page(&visit, StatusCode::OK, Vec::new()),
        _ => Err(Failure::no_route()),
    };
    match done {
        Ok("erased") => Ok(see_other(&address::saying("/console/customers", "erased"))),
        Ok(said) => Ok(see_other(&address::saying(&customer_address(&id), said))),
        Err(failure) if !forms::is_about_form(&failure) => Err(failure),
        Err(failure) if operation == "erase" => erasure_form(&visit, &id).await?.refused(&visit, failure),
        Err(failure) => form(&visit, &id, &operation).refused(&visit, failure),
    }
}

/// Downloads all data of a customer.
pub(crate) async fn export(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let mut query = visit.query::<ExportQuery>()?.query;
    if visit.parameter("format").is_none() {
        query.format = ExportFormat::Json;
    }
    let is_json = query.format == ExportFormat::Json;
    let mut response = export::export(state(&visit), Path(id), caller, Given { query, body: Nothing {} }).await?;
    if is_json {
        let name = HeaderValue::from_static("attachment; filename=\"customer.json\"");
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn state(visit: &Visit) -> State<Arc<ApiState>> {
    State(Arc::clone(&visit.api))
}

async fn known(visit: &Visit, id: &str) -> Result<Customer, Failure> {
    let known = visit.api.store.workshop.customer(&stored_id(id)?).await?;
    Ok(known.ok_or_else(unknown_customer)?.value)
}

async fn edit(visit: &Visit, id: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    // The API's route also stores new customers, also over the note of an erasure.
    known(visit, id).await?;
    let body = visit.posted::<Nothing, CustomerBody>()?.body;
    let given = Given { query: Nothing {}, body };
    customers::put(state(visit), Path(id.to_owned()), caller, given).await.map(|_| ())
}

async fn add_vehicle(visit: &Visit, id: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let Given { query, body } = visit.posted::<NewVehicleQuery, VehicleBody>()?;
    if body.customer_id != stored_id(id)? {
        return Err(unknown_customer());
    }
    let given = Given { query: vehicles::PutVehicleQuery { moves: query.moves }, body };
    vehicles::put(state(visit), Path(query.plate), caller, given).await.map(|_| ())
}

async fn opt_out(visit: &Visit, id: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let why = visit.posted::<Nothing, OptOutEndBody>()?.body.why;
    let phone = PhoneAsWritten(known(visit, id).await?.phone);
    let given = Given { query: WishQuery { dry_run: false }, body: OptOutBody { phone, why } };
    opt_outs::record(state(visit), caller, given).await.map(|_| ())
}

async fn opt_in(visit: &Visit, id: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let body = visit.posted::<Nothing, OptOutEndBody>()?.body;
    let phone = known(visit, id).await?.phone;
    let hasher = visit.api.phone_hasher(&caller.context).await?;
    let opt_out = visit.api.store.workshop.opt_out(&phone, &hasher).await?.id();
    let given = Given { query: WishQuery { dry_run: false }, body };
    opt_outs::end(state(visit), Path(opt_out), caller, given).await.map(|_| ())
}

async fn erase(visit: &Visit, id: &str) -> Result<(), Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let body = visit.posted::<Nothing, CustomerErasureBody>()?.body;
    erasure::erase(state(visit), Path(id.to_owned()), caller, Given { query: Nothing {}, body }).await.map(|_| ())
}

/// Page that lists what an erasure deletes.
async fn erasure_form(visit: &Visit, id: &str) -> Result<Operation, Failure> {
    visit.caller_with::<Customers>()?;
    let w = WorkshopWords::of(visit.language());
    let customer_id = stored_id(id)?;
    let workshop = &visit.api.store.workshop;
    let (customer, plates) =
        futures::try_join!(workshop.customer(&customer_id), workshop.plates_of(&customer_id, MOST_LISTED))?;
    let customer = customer.ok_or_else(unknown_customer)?.value;
    let mut facts = facts(visit, &customer);
    let mut shown: Vec<String> = plates.iter().take(MOST_PLATES).map(ToString::to_string).collect();
    if plates.len() > MOST_PLATES {
        shown.push(format!("… ({})", plates.len()));
    }
    facts.push(Fact { label: w.vehicles, value: shown.join(", ") });
    facts.push(Fact { label: w.reminders_count, value: w.all_reminders.to_owned() });
    Ok(Operation {
        title: w.erase,
        note: Some(w.erase_note),
        facts,
        action: format!("{}/erase", customer_address(id)),
        fields: vec![Field::note("why", w.erase_why)],
        button: CommonWords::of(visit.language()).do_it,
        is_confirmation: true,
        back: customer_address(id),
    })
}

/// Form of one operation, for a page of its own.
fn form(visit: &Visit, id: &str, operation: &str) -> Operation {
    let w = WorkshopWords::of(visit.language());
    let why = || vec![Field::why(visit.language())];
    let (title, fields) = match operation {
        "edit" => (w.edit, of_customer(visit, None)),
        "add-vehicle" => (w.add_vehicle, of_vehicle(visit, id)),
        "opt-out" => (w.opt_out, why()),
        _ => (w.opt_in, why()),
    };
    Operation {
        title,
        note: None,
        facts: vec![Fact { label: FieldNames::of(visit.language()).customer_id, value: id.to_owned() }],
        action: format!("{}/{operation}", customer_address(id)),
        fields,
        button: w.save,
        is_confirmation: false,
        back: customer_address(id),
    }
}
