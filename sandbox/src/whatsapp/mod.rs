//! Parts that both WhatsApp gateways share: recipients, faults, delivery.

pub(crate) mod callbacks;
pub(crate) mod cloud_api;
pub(crate) mod starsender;

use axum::response::{IntoResponse, Json, Response};
use chrono::TimeDelta;
use http::StatusCode;

use crate::world::World;
use crate::world::faults::{Fault, Service, pass};
use crate::world::state::Message;

/// Only this function sends WhatsApp messages.
pub(crate) const CALLER: &str = "MaintenanceReminder";

/// The digits of an international number: a leading plus is dropped, and a leading 0 is Indonesia's. `None`: no number.
pub(crate) fn digits(number: &str) -> Option<String> {
    let number = number.strip_prefix('+').unwrap_or(number);
    let digits = number.strip_prefix('0').map_or_else(|| number.to_owned(), |national| format!("62{national}"));
    let proper = (8..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    proper.then_some(digits)
}

/// The Cloud API's id of a message, by its number.
pub(crate) fn message_id(number: usize) -> String {
    format!("wamid.SANDBOX{number:08}")
}

/// Takes the fault of a message. `Err` is the response if the message does not reach the gateway.
pub(crate) async fn next_fault(world: &World, gateway: Service, to: &str) -> Result<Fault, Response> {
    let recipient = digits(to).unwrap_or_default();
    let refusal = world.state().whatsapp_refusals.get(&gateway).filter(|refusal| refusal.is_for(&recipient)).cloned();
    if let Some(refusal) = refusal {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        return Err((status, Json(refusal.body)).into_response());
    }
    pass(world.meet_fault(|state| state.next_message_fault(gateway, &recipient)).await)
}

/// The message reaches its recipient after `delay`.
pub(crate) fn receive(world: &World, to: &str, body: String, delay: TimeDelta) {
    world.change(|state| {
        let message = Message {
            channel: "whatsapp".to_owned(),
            to: to.to_owned(),
            subject: None,
            body: body.into(),
            sent_at: state.now + delay,
            mail: None,
        };
        state.messages.push(message);
    });
}
