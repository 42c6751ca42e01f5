//! Presses of a digest's button, by which staff acknowledge an expiry in Slack. They carry no token of ours: Slack signs them.

use std::sync::Arc;

use axum::extract::{Extension, State};
use lambda_http::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use shared::domain::institutions::ZONE;
use shared::domain::institutions::digest_button::{ButtonState, DigestButton};
use shared::platform::clock::InvocationTime;
use shared::slack::{ACKNOWLEDGE_ACTION, SLACK_CALLER};
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::ApiState;
use crate::auth::slack_signature::Signature;
use crate::http::refusals::ErrorBody;
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Longest address of an answer, in bytes.
const LONGEST_ADDRESS: usize = 500;
/// Longest id of a user of Slack, which has about eleven characters.
const LONGEST_USER: usize = 30;

/// Routes of interactions.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(interaction))
}

/// Press of a digest's button.
struct Press {
    button: DigestButton,
    /// Id of the user at Slack.
    user: String,
    response_url: String,
}

/// Takes an interaction from Slack.
///
/// A press of a digest's button acknowledges the institution until its expiry date; another press changes nothing. Then the
/// digest's message says who acknowledged it, or an answer that only the person who pressed sees says why nothing was acknowledged. Other
/// interactions of the app are ignored. Without `SLACK_ACKNOWLEDGE_BUTTONS` there is no such route.
#[utoipa::path(
    post, path = "/webhooks/slack/interactions", tag = "webhooks", operation_id = "take_slack_interaction",
    params(
        ("X-Slack-Signature" = Option<String>, Header, description = "`v0=` and the HMAC-SHA256 of `v0:TIMESTAMP:BODY` under the app's signing secret in hex."),
        ("X-Slack-Request-Timestamp" = Option<String>, Header, description = "Unix seconds, at most five minutes from now.", example = "1763604000"),
    ),
    request_body(content = String, description = "Form with `payload`, the interaction as JSON, of at most 3 MB.", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Acknowledged, or nothing to do."),
        (status = 400, description = "Signed, and not an interaction.", body = ErrorBody),
        (status = 403, description = "Not signed by Slack, or too long ago.", body = ErrorBody),
        (status = 404, description = "Digests have no buttons.", body = ErrorBody),
        (status = 503, description = "Unavailable for the moment; press again.", body = ErrorBody),
    ),
    security(()),
)]
async fn interaction(
    State(api): State<Arc<ApiState>>,
    Extension(time): Extension<InvocationTime>,
    Extension(input): Extension<Arc<Input>>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let slack = api.slack.as_ref().ok_or_else(Failure::no_route)?;
    let refused = || Failure::not_signed("The signature is missing, wrong or not of the last five minutes.");
    let signature = Signature::of(&headers, time.wall).ok_or_else(refused)?;
    let is_signed = slack.verifies(&signature, input.bytes(), time.wall).await;
    if !is_signed.map_err(|error| Failure::upstream(&error))? {
        return Err(refused());
    }
    let payload =
        payload(input.received()?).ok_or_else(|| Failure::invalid("payload", "must be JSON, once in a form"))?;
    let Some(press) = press(&payload)? else { return Ok(StatusCode::OK) };
    acknowledge(&api, &press, time).await?;
    let event =
        json!({ "task": "answer-press", "button": press.button.to_string(), "response_url": press.response_url });
    // A function of its own holds Slack's connection; the user waits for this response for at most three seconds.
    api.expiry_scan.start(&event).await?;
    Ok(StatusCode::OK)
}

/// The interaction in the form's only field of that name.
fn payload(body: &[u8]) -> Option<Value> {
    let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == "payload");
    let (Some((_, payload)), None) = (fields.next(), fields.next()) else { return None };
    serde_json::from_str(&payload).ok().filter(Value::is_object)
}

/// The press in an interaction of type `block_actions`
/// (<https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>); `None` for another interaction.
fn press(payload: &Value) -> Result<Option<Press>, Failure> {
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
    if text("/type") != Some("block_actions") {
        return Ok(None);
    }
    let mut actions = payload.get("actions").and_then(Value::as_array).into_iter().flatten();
    let is_ours = |action: &&Value| action.get("action_id").is_some_and(|id| id == ACKNOWLEDGE_ACTION);
    let Some(action) = actions.find(is_ours) else { return Ok(None) };
    let button = action.get("value").and_then(Value::as_str).and_then(DigestButton::parse);
    let button = button.ok_or_else(|| Failure::invalid("payload", "must have the value of a digest's button"))?;
    let is_id =
        |id: &&str| (1..=LONGEST_USER).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let user = text("/user/id").filter(is_id).ok_or_else(|| Failure::invalid("payload", "must have the user's id"))?;
    let address = text("/response_url").filter(|address| address.len() <= LONGEST_ADDRESS);
    let address = address.ok_or_else(|| Failure::invalid("payload", "must have a response_url"))?;
    Ok(Some(Press { button, user: user.to_owned(), response_url: address.to_owned() }))
}

/// Acknowledges the expiry, unless it is acknowledged already, over or another one, of which the answer notifies the user.
async fn acknowledge(api: &ApiState, press: &Press, time: InvocationTime) -> Result<(), Failure> {
    let (today, button) = (time.logical.day(ZONE), &press.button);
    let by = &format!("{SLACK_CALLER}{}", press.user);
    retry_on_conflict("acknowledging an institution", (), |()| async move {
        let Some(mut known) = api.store.institutions.listed_institution(&button.uid).await? else {
            return Ok(Attempt::Done(()));
        };
        if button.state(&known.value, today) != ButtonState::Open {
            return Ok(Attempt::Done(()));
        }
        known.value.acknowledged = Some(button.acknowledgement(by.clone(), today, time.logical));
        if api.store.institutions.acknowledge_institution(&known, time.wall).await? {
            tracing::info!(by, "institution acknowledged");
            return Ok(Attempt::Done(()));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}
