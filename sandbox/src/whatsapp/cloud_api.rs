//! Meta's WhatsApp Cloud API, as far as reminders need it: template messages, and free text to who has written, by
//! `POST /{version}/{phone_number_id}/messages`, with Meta's error codes and statuses.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use chrono::TimeDelta;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::whatsapp;
use crate::world::World;
use crate::world::credentials::{CLOUD_TOKEN, PHONE_NUMBER_ID};
use crate::world::faults::lost_response;
use crate::world::faults::{Fault, Service};

/// Language of the approved templates.
const LANGUAGE: &str = "id";
/// The approved templates: the name of each, and how many parameters its body has.
const TEMPLATES: [(&str, usize); 3] =
    [("maintenance_reminder", 3), ("maintenance_follow_up", 3), ("maintenance_reminder_group", 2)];

/// An error in Meta's words: code, HTTP status, title, and what exactly is wrong.
struct Refusal {
    code: u32,
    status: StatusCode,
    title: &'static str,
    details: &'static str,
}

/// A message: a filled template, or free text.
struct Content<'a> {
    to: &'a str,
    body: String,
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new().route("/{version}/{phone_number_id}/messages", post(send))
}

async fn send(
    State(world): State<Arc<World>>,
    Path((version, sender)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    world.count(whatsapp::CALLER, "whatsapp-cloud", "messages");
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let to = request.get("to").and_then(Value::as_str).unwrap_or_default();
    let fault = match whatsapp::next_fault(&world, Service::WhatsappCloud, to).await {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    let read =
        authorised(&headers).and_then(|()| addressed(&version, &sender)).and_then(|()| Content::read(&request, &world));
    match read.and_then(|message| obeyed(message, fault)) {
        Ok(message) => {
            whatsapp::receive(&world, message.to, message.body, TimeDelta::zero());
            if fault == Fault::AnswerLost { lost_response() } else { accepted(&world, message.to) }
        }
        Err(refusal) => refusal.answer(&world),
    }
}

fn accepted(world: &World, to: &str) -> Response {
    let number = world.state().messages.len();
    Json(json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": to, "wa_id": whatsapp::digits(to) }],
        "messages": [{ "id": whatsapp::message_id(number), "message_status": "accepted" }],
    }))
    .into_response()
}

fn authorised(headers: &HeaderMap) -> Result<(), Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    if header.and_then(|header| header.strip_prefix("Bearer ")) == Some(CLOUD_TOKEN) {
        return Ok(());
    }
    Err(Refusal {
        code: 190,
        status: StatusCode::UNAUTHORIZED,
        title: "Invalid OAuth access token",
        details: "Cannot parse access token",
    })
}

fn addressed(version: &str, sender: &str) -> Result<(), Refusal> {
    let numbers = version.strip_prefix('v').and_then(|version| version.split_once('.'));
    let versioned = numbers.is_some_and(|(major, minor)| major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok());
    if !versioned {
        return Err(bad(2500, "Unknown path components", "the path begins with a version, v23.0"));
    }
    if sender != PHONE_NUMBER_ID {
        return Err(bad(100, "Unsupported post request", "no such object, or no permission for it"));
    }
    Ok(())
}

fn obeyed(message: Content<'_>, fault: Fault) -> Result<Content<'_>, Refusal> {
    match fault {
        Fault::Refuse => Err(bad(131_026, "Message undeliverable", "the recipient is not on WhatsApp")),
        Fault::Limit => Err(Refusal {
            code: 130_429,
            status: StatusCode::TOO_MANY_REQUESTS,
            title: "Rate limit hit",
            details: "Cloud API message throughput has been reached",
        }),
        Fault::DeviceOff => Err(Refusal {
            code: 131_031,
            status: StatusCode::FORBIDDEN,
            title: "Account has been locked",
            details: "the account has violated a policy",
        }),
        _ => Ok(message),
    }
}

impl<'a> Content<'a> {
    fn read(request: &'a Value, world: &World) -> Result<Self, Refusal> {
        let text = |path: &str| request.pointer(path).and_then(Value::as_str);
        if text("/messaging_product") != Some("whatsapp") {
            return Err(bad(100, "Invalid parameter", "messaging_product must be whatsapp"));
        }
        let to = text("/to").filter(|to| whatsapp::digits(to).is_some());
        let to = to.ok_or_else(|| bad(100, "Invalid parameter", "to is no phone number"))?;
        match text("/type") {
            Some("template") => {}
            // Free text needs a message from the customer within 24 hours.
            None | Some("text") => {
                let replied = whatsapp::digits(to).and_then(|number| world.state().replied.get(&number).copied());
                if replied.is_some_and(|at| world.now() < at + TimeDelta::hours(24)) {
                    let body = text("/text/body").filter(|body| !body.is_empty());
                    let body = body.ok_or_else(|| bad(100, "Invalid parameter", "text.body is missing"))?;
                    return Ok(Self { to, body: body.to_owned() });
                }
                return Err(bad(131_047, "Re-engagement message", "more than 24 hours have passed since they replied"));
            }
            Some(_) => return Err(bad(100, "Invalid parameter", "type is not simulated here")),
        }
        let named = TEMPLATES.into_iter().find(|(name, _)| text("/template/name") == Some(*name));
        let Some((name, count)) = named.filter(|_| text("/template/language/code") == Some(LANGUAGE)) else {
            return Err(Refusal {
                code: 132_001,
                status: StatusCode::NOT_FOUND,
                title: "Template name does not exist in the translation",
                details: "no approved template of that name in that language",
            });
        };
        let parameters = parameters(request)?;
        if parameters.len() != count {
            return Err(bad(
                132_000,
                "Number of parameters does not match",
                "the body has another number of parameters",
            ));
        }
        Ok(Self { to, body: format!("{name} ({LANGUAGE}): {}", parameters.join(" | ")) })
    }
}

/// The texts of the body's parameters, in their order.
fn parameters(request: &Value) -> Result<Vec<&str>, Refusal> {
    let components = request.pointer("/template/components").and_then(Value::as_array);
    let body = components.into_iter().flatten().find(|part| part.get("type").is_some_and(|kind| kind == "body"));
    let given = body.and_then(|body| body.get("parameters")).and_then(Value::as_array);
    given.into_iter().flatten().map(parameter).collect()
}

fn parameter(given: &Value) -> Result<&str, Refusal> {
    let text = given.get("text").and_then(Value::as_str).filter(|text| !text.is_empty());
    if given.get("type").is_none_or(|kind| kind != "text") {
        return Err(bad(100, "Invalid parameter", "a parameter of the body is a text"));
    }
    let text = text.ok_or_else(|| bad(131_008, "Required parameter is missing", "a text parameter has no text"))?;
    if text.contains(['\n', '\t']) || text.contains("     ") {
        return Err(bad(100, "Invalid parameter", "a text has a line break, a tab or more than four spaces in a row"));
    }
    Ok(text)
}

fn bad(code: u32, title: &'static str, details: &'static str) -> Refusal {
    Refusal { code, status: StatusCode::BAD_REQUEST, title, details }
}

impl Refusal {
    fn answer(&self, world: &World) -> Response {
        let body = json!({ "error": {
            "message": format!("(#{}) {}", self.code, self.title), "type": "OAuthException", "code": self.code,
            "error_data": { "messaging_product": "whatsapp", "details": self.details },
            "fbtrace_id": format!("SANDBOX{}", world.now().timestamp()),
        } });
        (self.status, Json(body)).into_response()
    }
}
