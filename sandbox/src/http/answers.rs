//! Reading and answering of the controls' requests.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::world::World;

/// The world, as handlers take it.
pub(crate) type Shared = State<Arc<World>>;
/// JSON, or the response to a bad request.
pub(crate) type Answer = Result<Json<Value>, Response>;

/// Reads a JSON body; `Err` is the response 400.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once a request")]
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

/// As [`read`], with the default for an empty body.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once a request")]
pub(crate) fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Response> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

/// Response 400 with its reason.
pub(crate) fn bad(reason: &str) -> Response {
    fail(StatusCode::BAD_REQUEST, reason)
}

/// Response of an error with its reason.
pub(crate) fn fail(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}
