//! Acknowledgement of an expiry, and its end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use lambda_http::http::StatusCode;

use crate::console::institutions::{PATH, list};
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::visit::Visit;
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::institutions::expiring;

/// Acknowledges an expiry; a day that is not in the future ends the acknowledgement.
pub(super) async fn acknowledge(visit: Visit, Path(uid): Path<String>) -> Result<Response, Failure> {
    let caller = visit.caller_with()?;
    let acknowledged = match visit.posted() {
        Ok(given) => expiring::acknowledge(State(Arc::clone(&visit.api)), Path(uid.clone()), caller, given).await,
        Err(failure) => Err(failure),
    };
    let visit = visit.of_page(PATH);
    match acknowledged {
        Ok(Json(institution)) => {
            let said = if institution.acknowledged.is_some() { "acknowledged" } else { "acknowledgement_ended" };
            Ok(see_other(&address::saying(&address::with(PATH, visit.kept(&["after"])), said)))
        }
        Err(failure) if failure.status() == StatusCode::BAD_REQUEST => {
            list::page(&visit, Faults::of(visit.language(), &failure), Some(&uid)).await
        }
        Err(failure) => Err(failure),
    }
}
