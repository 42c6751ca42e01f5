//! Slack, as far as the digest needs it: one incoming webhook, and `chat.postMessage` of a bot. A webhook speaks in words and
//! statuses, the Web API in JSON with status 200.

pub(crate) mod block_kit;
pub(crate) mod interactions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::http::LARGEST_BODY;
use crate::world::World;
use crate::world::credentials::{SLACK_BOT_TOKEN, SLACK_CHANNEL, SLACK_WEBHOOK_PATH};
use crate::world::faults::lost_response;
use crate::world::faults::{Fault, Service, pass};
use crate::world::state::{Body, Message};

/// Only this function calls Slack.
const CALLER: &str = "MmsExpiryScan";
/// The largest payload, in bytes.
const LARGEST_PAYLOAD: usize = 1024 * 1024;
/// Length at which Slack cuts a message's `text`, in characters.
const LONGEST_TEXT: usize = 40_000;

/// Reasons for which Slack refuses a message.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Nowhere,
    Archived,
    /// Retry-After in seconds.
    Limited(&'static str),
    Payload,
    NoText,
    Attachments,
    Blocks(block_kit::Flaw),
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/services/{*webhook}", post(webhook))
        .route("/api/chat.postMessage", post(post_message))
        .route(&format!("{}/{{number}}", interactions::ANSWERS), post(interactions::take_answer))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

async fn webhook(State(world): State<Arc<World>>, uri: Uri, body: Bytes) -> Response {
    world.count(CALLER, "slack", "webhook");
    let fault = match pass(world.meet_fault(|state| state.next_fault(Service::Slack)).await) {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    let is_there = uri.path() == SLACK_WEBHOOK_PATH;
    let read = if is_there { obeyed(fault).and_then(|()| payload(&body)) } else { Err(Refusal::Nowhere) };
    match read {
        Ok(payload) => {
            // A webhook has its own channel: one in the payload counts for nothing.
            deliver(&world, SLACK_CHANNEL.to_owned(), payload);
            if fault == Fault::AnswerLost { lost_response() } else { "ok".into_response() }
        }
        Err(refusal) => refusal.by_webhook(),
    }
}

async fn post_message(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    world.count(CALLER, "slack", "chat.postMessage");
    let fault = match pass(world.meet_fault(|state| state.next_fault(Service::Slack)).await) {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    if let Err(word) = authorised(&headers) {
        return not_ok(word);
    }
    match obeyed(fault).and_then(|()| addressed(&headers, &body)) {
        Ok((channel, payload)) => {
            let ts = deliver(&world, channel.clone(), payload);
            if fault == Fault::AnswerLost {
                return lost_response();
            }
            Json(json!({ "ok": true, "channel": channel, "ts": ts })).into_response()
        }
        Err(refusal) => refusal.by_api(),
    }
}

fn authorised(headers: &HeaderMap) -> Result<(), &'static str> {
    let header = headers.get(AUTHORIZATION).ok_or("not_authed")?;
    let token = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
    if token == Some(SLACK_BOT_TOKEN) { Ok(()) } else { Err("invalid_auth") }
}

fn obeyed(fault: Fault) -> Result<(), Refusal> {
    match fault {
        Fault::Refuse => Err(Refusal::Nowhere),
        Fault::Archived => Err(Refusal::Archived),
        Fault::Limit => Err(Refusal::Limited("1")),
        Fault::LongLimit => Err(Refusal::Limited("3600")),
        Fault::InvalidBlocks => Err(Refusal::Blocks(block_kit::Flaw::Invalid)),
        _ => Ok(()),
    }
}

/// The channel of a message to the Web API, which ignores a body whose Content-Type is not JSON.
fn addressed(headers: &HeaderMap, body: &[u8]) -> Result<(String, Value), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Refusal::Nowhere);
    }
    let message = object(body)?;
    let channel = message.get("channel").and_then(Value::as_str).filter(|channel| !channel.is_empty());
    let channel = channel.ok_or(Refusal::Nowhere)?.to_owned();
    Ok((channel, checked(message)?))
}

fn payload(body: &[u8]) -> Result<Value, Refusal> {
    checked(object(body)?)
}

fn object(body: &[u8]) -> Result<Value, Refusal> {
    if body.len() > LARGEST_PAYLOAD {
        return Err(Refusal::Payload);
    }
    serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(Refusal::Payload)
}

/// The message as it is shown: with its `text` cut where that is too long.
fn checked(mut message: Value) -> Result<Value, Refusal> {
    if message.get("attachments").is_some() {
        return Err(Refusal::Attachments);
    }
    let blocks = message.get("blocks").filter(|blocks| !blocks.is_null());
    blocks.map_or(Ok(()), block_kit::check).map_err(Refusal::Blocks)?;
    let has_blocks = blocks.and_then(Value::as_array).is_some_and(|blocks| !blocks.is_empty());
    match message.get_mut("text") {
        Some(Value::String(text)) if !text.is_empty() => *text = text.chars().take(LONGEST_TEXT).collect(),
        _ if has_blocks => {}
        _ => return Err(Refusal::NoText),
    }
    Ok(message)
}

/// Gives the message's `ts`, which is its name in the channel.
fn deliver(world: &World, to: String, payload: Value) -> String {
    world.change(|state| {
        let sent_at = state.now;
        let body = Body::Payload(payload);
        state.messages.push(Message { channel: "slack".to_owned(), to, subject: None, body, sent_at, mail: None });
        format!("{}.{:06}", sent_at.timestamp(), state.messages.len())
    })
}

fn not_ok(word: &str) -> Response {
    Json(json!({ "ok": false, "error": word })).into_response()
}

impl Refusal {
    fn by_webhook(self) -> Response {
        let (status, word) = match self {
            Self::Nowhere => (StatusCode::NOT_FOUND, "no_service"),
            Self::Archived => (StatusCode::GONE, "channel_is_archived"),
            Self::Limited(seconds) => return later("rate_limited".into_response(), seconds),
            Self::Payload => (StatusCode::BAD_REQUEST, "invalid_payload"),
            Self::NoText | Self::Attachments | Self::Blocks(_) => (StatusCode::BAD_REQUEST, self.word()),
        };
        (status, word).into_response()
    }

    fn by_api(self) -> Response {
        let answer = not_ok(self.word());
        if let Self::Limited(seconds) = self { later(answer, seconds) } else { answer }
    }

    /// The Web API's word.
    fn word(self) -> &'static str {
        match self {
            Self::Nowhere => "channel_not_found",
            Self::Archived => "is_archived",
            Self::Limited(_) => "ratelimited",
            Self::Payload => "invalid_json",
            Self::NoText => "no_text",
            Self::Attachments => "invalid_attachments",
            Self::Blocks(block_kit::Flaw::Invalid) => "invalid_blocks",
            Self::Blocks(block_kit::Flaw::TooLong) => "msg_blocks_too_long",
        }
    }
}

fn later(answer: Response, seconds: &'static str) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)], answer).into_response()
}
