//! Erasure of a customer with the vehicles and their reminders.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::Customer;
use shared::store::erasure::Erasure;
use shared::store::retry::{Attempt, retry_on_conflict};
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::given::{Given, Nothing};
use crate::http::reason::Reason;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::workshop::customer_fields::MOST_LISTED;
use crate::workshop::errors::{stored_id, unknown_customer};

/// Shortest word of a name, in characters, that a reason must not contain: shorter ones are often ordinary words.
const SHORTEST_NAME: usize = 3;

/// Reason for an erasure.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerErasureBody {
    /// Reason in one line. It is kept, so it must not identify the customer by id, name, number, address or plate.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "requested by letter")]
    why: Reason,
}

/// Note that remains of an erased customer.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomerErased {
    #[schema(value_type = String, example = "C-1")]
    customer_id: CustomerId,
    /// Time of the erasure.
    #[schema(value_type = String, format = DateTime, example = "2025-12-16T03:00:00Z")]
    erased_at: Timestamp,
    /// Caller who erased the customer.
    #[schema(example = "support")]
    by: String,
    /// True if an earlier request erased the customer and all vehicles.
    #[schema(example = false)]
    already_erased: bool,
}

/// Erases a customer.
///
/// Deletes the customer, the vehicles and their reminders; a note without personal data remains. An import does not restore
/// the customer, a `PUT` does. A repeated request finishes an erasure that was interrupted.
#[utoipa::path(
    delete, path = "/customers/{id}", tag = "workshop", operation_id = "erase_customer",
    params(("id" = String, Path, description = "Id of the customer.", example = "C-1")),
    request_body = CustomerErasureBody,
    responses((status = 200, description = "The customer is erased.", body = CustomerErased), Refusals, Missing),
    security(("token" = ["customers"])),
)]
pub(crate) async fn erase(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Customers>,
    given: Given<Nothing, CustomerErasureBody>,
) -> Result<Json<CustomerErased>, Failure> {
    let id = &stored_id(&id)?;
    let Reason(why) = &given.body.why;
    let (api, context) = (&api, &caller.context);
    let hasher = &api.phone_hasher(context).await?;
    // The customer is deleted before its vehicles, so that no new vehicle is stored.
    retry_on_conflict("erasing a customer", (), |()| async move {
        let plates = api.store.workshop.plates_of(id, MOST_LISTED).await?;
        let Some(known) = api.store.workshop.customer(id).await? else {
            // Erased before: its vehicles are deleted again, in case that request was interrupted.
            let erasure = api.store.workshop.customer_erasure(id).await?.ok_or_else(unknown_customer)?;
            api.store.workshop.delete_customer_vehicles(id).await?;
            return Ok(Attempt::Done(Json(erased(id, erasure, plates.is_empty()))));
        };
        if identifies(why, &known.value, &plates) {
            return Err(Failure::invalid("why", "must not identify the customer, because it is kept"));
        }
        let erasure = Erasure { at: context.time.logical, by: context.actor().to_owned(), why: Some(why.clone()) };
        if api.store.workshop.delete_customer(&known, &erasure, hasher).await? {
            api.store.workshop.delete_customer_vehicles(id).await?;
            tracing::info!(by = context.actor(), vehicles = plates.len(), "customer erased");
            return Ok(Attempt::Done(Json(erased(id, erasure, false))));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}

fn erased(id: &CustomerId, erasure: Erasure, already_erased: bool) -> CustomerErased {
    CustomerErased { customer_id: id.clone(), erased_at: erasure.at, by: erasure.by, already_erased }
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
