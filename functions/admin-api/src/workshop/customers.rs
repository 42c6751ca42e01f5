//! Customers of the workshop: show, store, export and erase.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Zone;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Customer, PersonName, ZONE};
use shared::store::erasure::Erasure;
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::WriteOutcome;

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::workshop::errors::unknown_customer;
use crate::workshop::{export, import};

/// Most vehicles in one response.
const MOST_LISTED: usize = 1_000;
/// Shortest word of a name, in characters, that a reason must not contain: shorter ones are often ordinary words.
const SHORTEST_NAME: usize = 3;
/// Time zones of Indonesia by their tz database names; Pontianak has the time of Jakarta.
const ZONES: [(&str, Zone); 4] = [
    ("Asia/Jakarta", Zone::Jakarta),
    ("Asia/Pontianak", Zone::Jakarta),
    ("Asia/Makassar", Zone::Makassar),
    ("Asia/Jayapura", Zone::Jayapura),
];

/// Routes below `/customers`.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    match (method, rest) {
        ("POST", ["import"]) => import::import(api, input, context).await,
        ("GET", [id]) => show(api, &parse(id)?).await,
        ("PUT", [id]) => put(api, id, input, context).await,
        ("DELETE", [id]) => erase(api, &parse(id)?, input, context).await,
        ("GET", [id, "export"]) => export::export(api, &parse(id)?, input, context).await,
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

fn parse(id: &str) -> Result<CustomerId, Failure> {
    CustomerId::parse(&decoded(id)).map_err(|_| unknown_customer())
}

async fn show(api: &AdminApi, id: &CustomerId) -> Result<Response<Body>, Failure> {
    let customer = api.store.workshop.customer(id).await?.ok_or_else(unknown_customer)?;
    Ok(response::ok(&shown(api, &customer.value).await?))
}

async fn shown(api: &AdminApi, customer: &Customer) -> Result<Value, Failure> {
    let mut plates = api.store.workshop.plates_of(&customer.id, MOST_LISTED + 1).await?;
    let more = plates.len() > MOST_LISTED;
    plates.truncate(MOST_LISTED);
    Ok(json!({
        "customer_id": customer.id, "name": customer.name, "phone": customer.phone, "email": customer.email,
        "opted_out": customer.opted_out, "time_zone": customer.zone, "vehicles": plates, "more_vehicles": more,
    }))
}

/// `PUT /customers/{id}`: stores a customer. A missing field returns to its default, except `opted_out`: an opt-out ends only
/// if the request says so.
async fn put(api: &AdminApi, id: &str, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["name", "phone", "email", "opted_out", "time_zone"])?;
    let opted_out = input.boolean("opted_out")?;
    let id = CustomerId::parse(&decoded(id)).map_err(|error| Failure::invalid("customer_id", error.to_string()))?;
    let wanted = wanted(id, input)?;
    let wanted = &wanted;
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
                Ok(Attempt::Done(response::json_reply(status, &shown(api, &customer).await?)))
            }
        }
    })
    .await
}

fn wanted(id: CustomerId, input: &Input) -> Result<Customer, Failure> {
    let invalid = |name: &'static str| move |error: &dyn std::error::Error| Failure::invalid(name, error.to_string());
    let name = PersonName::parse(input.required("name")?).map_err(|error| invalid("name")(&error))?;
    let phone = Phone::parse(input.required("phone")?).map_err(|error| invalid("phone")(&error))?;
    let email = input.given("email")?.map(EmailAddress::parse).transpose().map_err(|error| invalid("email")(&error))?;
    let zone = input.given("time_zone")?.map_or(Ok(ZONE), zone)?;
    Ok(Customer { id, name, phone, email, opted_out: false, zone })
}

fn zone(name: &str) -> Result<Zone, Failure> {
    let found = ZONES.into_iter().find(|(known, _)| *known == name).map(|(_, zone)| zone);
    found.ok_or_else(|| Failure::invalid("time_zone", "must be Asia/Jakarta, Asia/Makassar or Asia/Jayapura"))
}

/// `DELETE /customers/{id}`: erases a customer. The customer is deleted before its vehicles, so that no new vehicle is
/// stored; if interrupted, the same request finishes the erasure.
async fn erase(
    api: &AdminApi,
    id: &CustomerId,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["why"])?;
    let why = input.why()?.ok_or_else(|| Failure::invalid("why", "is missing"))?;
    retry_on_conflict("erasing a customer", (), |()| async move {
        let plates = api.store.workshop.plates_of(id, MOST_LISTED).await?;
        let Some(known) = api.store.workshop.customer(id).await? else {
            // Erased before: its vehicles are deleted again, in case that request was interrupted.
            let erasure = api.store.workshop.customer_erasure(id).await?.ok_or_else(unknown_customer)?;
            api.store.workshop.delete_customer_vehicles(id).await?;
            return Ok(Attempt::Done(response::ok(&erased(id, &erasure, plates.is_empty()))));
        };
        if identifies(why, &known.value, &plates) {
            return Err(Failure::invalid("why", "must not identify the customer, because it is kept"));
        }
        let erasure = Erasure { at: context.time.logical, by: context.actor.clone(), why: Some(why.to_owned()) };
        if api.store.workshop.delete_customer(&known, &erasure).await? {
            api.store.workshop.delete_customer_vehicles(id).await?;
            tracing::info!(by = context.actor, vehicles = plates.len(), "customer erased");
            return Ok(Attempt::Done(response::ok(&erased(id, &erasure, false))));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}

fn erased(id: &CustomerId, erasure: &Erasure, already: bool) -> Value {
    json!({ "customer_id": id, "erased_at": erasure.at, "by": erasure.by, "already_erased": already })
}

/// True if `why` identifies the customer: by id, a word of the name, email address, phone number or a plate.
fn identifies(why: &str, customer: &Customer, plates: &[Plate]) -> bool {
    let why = why.to_lowercase();
    // Compared without blanks and punctuation: "B 1234-ABC" is the plate B 1234 ABC.
    let signs: String = why.chars().filter(char::is_ascii_alphanumeric).collect();
    let within = |text: &str| signs.contains(&text.to_lowercase().replace(' ', ""));
    let has_word = |word: &str| why.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    let name = customer.name.as_str().to_lowercase();
    let name_words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= SHORTEST_NAME);
    let id = customer.id.as_str().to_lowercase();
    let mut words = why.split(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
    // Indonesian numbers are written +62 812…, 62812… or 0812…: all contain the digits after 62.
    let number = customer.phone.as_str();
    why.contains(&name)
        || name_words.into_iter().any(has_word)
        || words.any(|word| word == id || word.trim_end_matches('.') == id)
        || customer.email.as_ref().is_some_and(|email| why.contains(&email.as_str().to_lowercase()))
        || within(number.strip_prefix("62").unwrap_or(number))
        || plates.iter().any(|plate| within(plate.as_str()))
}
