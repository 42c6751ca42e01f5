//! Buttons in Slack: a press is a signed request to the business, which answers at the address that it brings.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Json, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CALLER, checked, not_ok, obeyed, object};
use crate::world::World;
use crate::world::credentials::{SLACK_CHANNEL, slack_signature};
use crate::world::faults::{Fault, Service, lost_response, pass};
use crate::world::slack_presses::SlackPress;
use crate::world::state::{Body, Message};

/// Beginning of the addresses of answers, before the number of the press.
pub(super) const ANSWERS: &str = "/actions/T0INVENTED/sandbox-answer-invented";

/// A press, as the controls take it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Press {
    /// Part of the text beside the button, in the latest message that has one.
    beside: String,
    #[serde(default = "first_user")]
    user: String,
}

fn first_user() -> String {
    "U0INVENTED1".to_owned()
}

/// Presses a button, and returns the response of the business; `None` where there is no such button.
pub(crate) async fn press(world: &World, wanted: &Press) -> Option<Value> {
    let (payload, now) = world.change(|state| {
        let found = state.messages.iter().enumerate().rev().find_map(|(place, message)| {
            let Body::Payload(payload) = &message.body else { return None };
            let (block, button) = button_beside(payload, &wanted.beside)?;
            (message.channel == "slack").then(|| (place, payload.clone(), block, button))
        });
        let (place, message, block, button) = found?;
        let press = SlackPress { message: place, user: wanted.user.clone(), at: state.now, answers: 0 };
        state.slack_presses.push(press);
        let number = state.slack_presses.len();
        let answers = format!("{}{ANSWERS}/{number}", world.base_url);
        let pressed = Pressed { message, block, button, user: &wanted.user, answers };
        Some((pressed.payload(&format!("{}.{number:06}", state.now.timestamp())), state.now))
    })?;
    let body: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let at = now.timestamp().to_string();
    let request = world.http.post(format!("{}/webhooks/slack/interactions", world.base_url));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-signature", slack_signature(&at, &body))
        .header("x-slack-request-timestamp", at);
    Some(match request.body(body).send().await {
        Ok(answer) => json!({ "status": answer.status().as_u16() }),
        Err(_) => json!({ "status": null }),
    })
}

/// The button of a section whose text has such a part, and the section's place.
fn button_beside(payload: &Value, beside: &str) -> Option<(usize, Value)> {
    let blocks = payload.get("blocks")?.as_array()?;
    blocks.iter().enumerate().find_map(|(place, block)| {
        let text = block.pointer("/text/text")?.as_str()?;
        let button = block.get("accessory").filter(|accessory| accessory["type"] == "button")?;
        text.contains(beside).then(|| (place, button.clone()))
    })
}

/// A press with the message that it is in.
struct Pressed<'a> {
    message: Value,
    block: usize,
    button: Value,
    user: &'a str,
    answers: String,
}

impl Pressed<'_> {
    /// The interaction as Slack sends it
    /// (<https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>).
    fn payload(&self, ts: &str) -> Value {
        let Self { message, block, button, user, answers } = self;
        json!({
            "type": "block_actions",
            "user": { "id": user, "username": "invented", "name": "invented", "team_id": "T0INVENTED" },
            "api_app_id": "A0INVENTED", "token": "deprecated-token-invented",
            "container": { "type": "message", "message_ts": ts, "channel_id": "C0INVENTED", "is_ephemeral": false },
            "trigger_id": "1.2.invented", "team": { "id": "T0INVENTED", "domain": "invented" },
            "enterprise": null, "is_enterprise_install": false,
            "channel": { "id": "C0INVENTED", "name": SLACK_CHANNEL.trim_start_matches('#') },
            "message": { "type": "message", "subtype": "bot_message", "ts": ts, "text": message["text"], "blocks": message["blocks"] },
            "state": { "values": {} },
            "response_url": answers,
            "actions": [{
                "type": "button", "action_id": button["action_id"], "block_id": format!("b{block}"),
                "text": button["text"], "value": button["value"], "action_ts": ts,
            }],
        })
    }
}

/// Takes the answer to a press: it replaces the message, or is one of its own, which by default only the user sees.
pub(super) async fn take_answer(State(world): State<Arc<World>>, Path(number): Path<usize>, body: Bytes) -> Response {
    world.count(CALLER, "slack", "response_url");
    let fault = match pass(world.meet_fault(|state| state.next_fault(Service::Slack)).await) {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    let mut message = match obeyed(fault).and_then(|()| checked(object(&body)?)) {
        Ok(message) => message,
        Err(refusal) => return refusal.by_webhook(),
    };
    let mut take = |name: &str| message.as_object_mut().and_then(|fields| fields.remove(name));
    let replaces = take("replace_original") == Some(json!(true));
    let is_public = take("response_type") == Some(json!("in_channel"));
    let taken = world.change(|state| {
        let sent_at = state.now;
        let press = number.checked_sub(1).and_then(|place| state.slack_presses.get_mut(place)).ok_or("no_service")?;
        press.answer(sent_at)?;
        let press = press.clone();
        let body = Body::Payload(message);
        let original = state.messages.get_mut(press.message).ok_or("no_service")?;
        if replaces {
            original.body = body;
        } else {
            let (channel, to) =
                if is_public { ("slack", original.to.clone()) } else { ("slack_ephemeral", press.user) };
            state.messages.push(Message { channel: channel.to_owned(), to, subject: None, body, sent_at, mail: None });
        }
        Ok::<_, &'static str>(())
    });
    match taken {
        Ok(()) if fault == Fault::AnswerLost => lost_response(),
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(word) => (StatusCode::NOT_FOUND, not_ok(word)).into_response(),
    }
}
