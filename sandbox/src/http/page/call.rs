//! Requests of the page to the product, which go to its functions in this process as those of the public port do.

use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use serde_json::Value;

use crate::http::{LARGEST_BODY, gateway};
use crate::world::World;

/// JSON request with a token.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path, percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    /// Null for a request without a body.
    pub(crate) body: Value,
}

/// Name and port of the sandbox as a browser has them in `Host`.
pub(crate) fn host(world: &World) -> &str {
    world.base_url.split_once("://").map_or("", |(_, host)| host)
}

/// Answer of the product to a request.
pub(crate) async fn answer(world: &World, request: Request<String>) -> Response {
    let (parts, body) = request.into_parts();
    gateway::answer(world, &parts, body.as_bytes()).await
}

/// JSON with which the API answers.
///
/// # Errors
/// The message of the API where it refuses.
pub(crate) async fn json(world: &World, call: Call<'_>) -> Result<Value, String> {
    let Call { method, path, token, body } = call;
    let request = Request::builder().method(method).uri(path).header(HOST, host(world));
    let request = request.header(AUTHORIZATION, format!("Bearer {token}")).header(CONTENT_TYPE, "application/json");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(body).map_err(|error| error.to_string())?;
    let (parts, body) = answer(world, request).await.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|error| error.to_string())?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if parts.status.is_success() {
        return Ok(body);
    }
    let message = body.pointer("/error/message").and_then(Value::as_str);
    Err(message.map_or_else(|| format!("The API answers {}.", parts.status), |text| format!("The API answers: {text}")))
}
