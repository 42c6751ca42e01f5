//! Callbacks of WhatsApp providers: replies of persons, and what became of messages. They carry no token of ours: Meta signs its
//! callbacks, StarSender's address is unguessable.

mod cloud_api;
mod inbound;
mod starsender;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::{HeaderMap, header};
use serde::Serialize;
use shared::platform::clock::InvocationTime;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::callback_keys::Keys;
use crate::http::refusals::ErrorBody;
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Routes of callbacks.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(verify, cloud_api_callback)).routes(routes!(starsender_callback))
}

/// Answer to a callback that was stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct CallbackTaken {
    /// Always true.
    #[schema(example = true)]
    success: bool,
}

const TAKEN: Json<CallbackTaken> = Json(CallbackTaken { success: true });

/// Keys of callbacks, or the answer that has the provider send a callback again.
async fn keys(api: &ApiState, time: InvocationTime) -> Result<Keys, Failure> {
    let keys = api.callback_keys.get(time.wall).await.map_err(|error| Failure::upstream(&error))?;
    keys.ok_or_else(|| Failure::unavailable("temporarily unavailable; try again"))
}

/// Verifies the address for Meta.
///
/// Meta calls it once, when the address is entered in the app's settings: `hub.mode=subscribe` with the verify token of the secret
/// is answered with `hub.challenge`. Other parameters are ignored.
#[utoipa::path(
    get, path = "/webhooks/whatsapp/cloud-api", tag = "webhooks", operation_id = "verify_cloud_api_address",
    params(
        ("hub.mode" = Option<String>, Query, description = "`subscribe`.", example = "subscribe"),
        ("hub.verify_token" = Option<String>, Query, description = "Verify token of the secret."),
        ("hub.challenge" = Option<String>, Query, description = "Text to answer.", example = "1158201444"),
    ),
    responses(
        (status = 200, description = "The challenge.", body = String, content_type = "text/plain"),
        (status = 403, description = "Another verify token.", body = ErrorBody),
        (status = 503, description = "Unavailable for the moment.", body = ErrorBody),
    ),
    security(()),
)]
async fn verify(
    State(api): State<Arc<ApiState>>,
    Extension(time): Extension<InvocationTime>,
    Extension(input): Extension<Arc<Input>>,
) -> Result<Response, Failure> {
    let keys = keys(&api, time).await?;
    let parameter = |name: &str| input.parameter(name).unwrap_or_default();
    if parameter("hub.mode") != "subscribe" || !keys.is_verify_token(&parameter("hub.verify_token")) {
        return Err(Failure::not_signed("The verify token is another one."));
    }
    let headers = [(header::CONTENT_TYPE, "text/plain"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((headers, parameter("hub.challenge")).into_response())
}

/// Takes a callback of Meta's Cloud API.
///
/// `STOP`, `BERHENTI` or `UNSUBSCRIBE` opts the number out of reminders, `START` takes that back; each is confirmed once. States of
/// messages are shown with their reminders. What is not understood is ignored.
#[utoipa::path(
    post, path = "/webhooks/whatsapp/cloud-api", tag = "webhooks", operation_id = "take_cloud_api_callback",
    params(("X-Hub-Signature-256" = Option<String>, Header, description = "`sha256=` and the HMAC-SHA256 of the body under the app's secret in hex.")),
    request_body(content = Object, description = "Callback in Meta's form, of at most 3 MB.", content_type = "application/json"),
    responses(
        (status = 200, description = "Everything in it that is understood is stored.", body = CallbackTaken),
        (status = 400, description = "Signed, and not JSON or too large.", body = ErrorBody),
        (status = 403, description = "Not signed by Meta.", body = ErrorBody),
        (status = 503, description = "Not stored; send it again.", body = ErrorBody),
    ),
    security(()),
)]
async fn cloud_api_callback(
    State(api): State<Arc<ApiState>>,
    Extension(time): Extension<InvocationTime>,
    Extension(input): Extension<Arc<Input>>,
    headers: HeaderMap,
) -> Result<Json<CallbackTaken>, Failure> {
    let keys = keys(&api, time).await?;
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !keys.is_signed_by_meta(input.bytes(), signature) {
        return Err(Failure::not_signed("The signature is missing or wrong."));
    }
    let callback = serde_json::from_slice(input.received()?).map_err(|_| Failure::invalid("body", "must be JSON"))?;
    inbound::receive(&api, cloud_api::read(&callback, time.wall), "cloud-api", time).await?;
    Ok(TAKEN)
}

/// Takes a callback of StarSender.
///
/// Its address is the only credential. Replies count as those by the Cloud API do; anything but a message of one person is ignored.
#[utoipa::path(
    post, path = "/webhooks/whatsapp/starsender/{token}", tag = "webhooks", operation_id = "take_starsender_callback",
    params(("token" = String, Path, description = "Unguessable part of the address, `starsender_token` of the secret.", example = "invented-and-unguessable-token")),
    request_body(content = Object, description = "Message that the device received.", content_type = "application/json"),
    responses(
        (status = 200, description = "Everything in it that is understood is stored.", body = CallbackTaken),
        (status = 400, description = "Neither JSON nor a form.", body = ErrorBody),
        (status = 404, description = "There is no such address.", body = ErrorBody),
        (status = 503, description = "Not stored.", body = ErrorBody),
    ),
    security(()),
)]
async fn starsender_callback(
    State(api): State<Arc<ApiState>>,
    Path(token): Path<String>,
    Extension(time): Extension<InvocationTime>,
    Extension(input): Extension<Arc<Input>>,
) -> Result<Json<CallbackTaken>, Failure> {
    let keys = keys(&api, time).await?;
    if !keys.is_starsender_token(&token) {
        return Err(Failure::no_route());
    }
    let callback =
        starsender::parse(input.received()?).ok_or_else(|| Failure::invalid("body", "must be JSON or a form"))?;
    inbound::receive(&api, starsender::read(&callback, time.wall), "starsender", time).await?;
    Ok(TAKEN)
}
