//! Callbacks of the WhatsApp gateways: what a person writes, and what becomes of a message.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::whatsapp;
use crate::world::World;
use crate::world::credentials::{PHONE_NUMBER_ID, STARSENDER_TOKEN, cloud_signature};

/// A message of a person, by one of the gateways.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonMessage {
    text: String,
    #[serde(default)]
    via: Gateway,
}

/// A stage that the latest message to a person has reached, as Meta reports it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    status: String,
    code: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gateway {
    #[default]
    Starsender,
    WhatsappCloud,
}

/// Has a person write to the business, and returns the response to the callback.
pub(crate) async fn write(world: &World, number: &str, message: &PersonMessage) -> Value {
    let (now, count) = world.change(|state| {
        state.replied.insert(number.to_owned(), state.now);
        state.replies += 1;
        (state.now, state.replies)
    });
    match message.via {
        Gateway::Starsender => {
            let body = json!({ "from": number, "message": message.text, "timestamp": now.timestamp() });
            post(world, &format!("/webhooks/whatsapp/starsender/{STARSENDER_TOKEN}"), body.to_string(), None).await
        }
        Gateway::WhatsappCloud => {
            let message = json!({
                "from": number, "id": format!("wamid.SANDBOXREPLY{count:06}"), "timestamp": now.timestamp().to_string(),
                "type": "text", "text": { "body": message.text },
            });
            by_cloud_api(world, "messages", &message).await
        }
    }
}

/// Reports a stage of the latest message to a person; `None` where there is no message.
pub(crate) async fn report(world: &World, number: &str, stage: &Stage) -> Option<Value> {
    let (place, now): (usize, DateTime<Utc>) = {
        let state = world.state();
        let is_theirs = |to: &str| whatsapp::digits(to).as_deref() == Some(number);
        let place =
            state.messages.iter().rposition(|message| message.channel == "whatsapp" && is_theirs(&message.to))?;
        (place, state.now)
    };
    let mut status = json!({
        "id": whatsapp::message_id(place + 1), "status": stage.status, "timestamp": now.timestamp().to_string(),
        "recipient_id": number,
    });
    if let (Some(code), Some(fields)) = (stage.code, status.as_object_mut()) {
        fields.insert("errors".to_owned(), json!([{ "code": code, "title": "Message undeliverable" }]));
    }
    Some(by_cloud_api(world, "statuses", &status).await)
}

async fn by_cloud_api(world: &World, kind: &str, content: &Value) -> Value {
    let metadata = json!({ "display_phone_number": "628550000000", "phone_number_id": PHONE_NUMBER_ID });
    let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, kind: [content] });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "100000000000001", "changes": [{ "field": "messages", "value": value }] }],
    })
    .to_string();
    let signature = cloud_signature(body.as_bytes());
    post(world, "/webhooks/whatsapp/cloud-api", body, Some(signature)).await
}

async fn post(world: &World, path: &str, body: String, signature: Option<String>) -> Value {
    let request = world.http.post(format!("{}{path}", world.base_url)).header("content-type", "application/json");
    let request = match signature {
        Some(signature) => request.header("x-hub-signature-256", signature),
        None => request,
    };
    match request.body(body).send().await {
        Ok(answer) => json!({ "status": answer.status().as_u16() }),
        Err(_) => json!({ "status": null }),
    }
}
