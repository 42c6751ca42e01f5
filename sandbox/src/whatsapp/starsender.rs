//! StarSender's API V3, as far as reminders need it: `POST /api/send`. It refuses with 200 and `success: false`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use chrono::TimeDelta;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::whatsapp;
use crate::world::World;
use crate::world::credentials::STARSENDER_KEY;
use crate::world::faults::lost_response;
use crate::world::faults::{Fault, Service};

/// The longest delay that is taken, in seconds: an hour.
const LONGEST_DELAY: i64 = 3600;

struct Order<'a> {
    to: &'a str,
    body: &'a str,
    delay: TimeDelta,
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new().route("/api/send", post(send))
}

async fn send(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    world.count(whatsapp::CALLER, "starsender", "send");
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let to = request.get("to").and_then(Value::as_str).unwrap_or_default();
    let fault = match whatsapp::next_fault(&world, Service::Starsender, to).await {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    match authorised(&headers).and_then(|()| Order::read(&request)).and_then(|order| obeyed(order, fault)) {
        Ok(order) => {
            whatsapp::receive(&world, order.to, order.body.to_owned(), order.delay);
            if fault == Fault::AnswerLost {
                return lost_response();
            }
            Json(json!({ "success": true, "data": {}, "message": "Success sent message" })).into_response()
        }
        Err(why) => Json(json!({ "success": false, "message": why })).into_response(),
    }
}

/// The header contains the device's key alone, without a scheme.
fn authorised(headers: &HeaderMap) -> Result<(), &'static str> {
    let key = headers.get(AUTHORIZATION).and_then(|key| key.to_str().ok());
    if key == Some(STARSENDER_KEY) { Ok(()) } else { Err("Invalid API key") }
}

fn obeyed(order: Order<'_>, fault: Fault) -> Result<Order<'_>, &'static str> {
    match fault {
        Fault::Refuse => Err("number is not registered on WhatsApp"),
        Fault::DeviceOff => Err("device is disconnected"),
        Fault::Limit => Err("rate limit exceeded"),
        _ => Ok(order),
    }
}

impl<'a> Order<'a> {
    fn read(request: &'a Value) -> Result<Self, &'static str> {
        let text = |name: &str| request.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("messageType") != Some("text") {
            return Err("messageType must be text");
        }
        let to = text("to").filter(|to| whatsapp::digits(to).is_some()).ok_or("invalid number")?;
        let body = text("body").ok_or("body is required")?;
        let delay = match request.get("delay") {
            None | Some(Value::Null) => Some(0),
            Some(delay) => delay.as_i64().filter(|delay| (0..=LONGEST_DELAY).contains(delay)),
        };
        let delay = TimeDelta::seconds(delay.ok_or("delay must be a whole number of seconds")?);
        Ok(Self { to, body, delay })
    }
}
