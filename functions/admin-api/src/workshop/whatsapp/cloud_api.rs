//! Callbacks of Meta's Cloud API: `entry[].changes[].value` with `messages[]` of persons and `statuses[]` of the business's own
//! messages.

use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::deliveries::{Delivery, DeliveryStage};
use shared::domain::workshop::phone::Phone;

use crate::workshop::whatsapp::inbound::{DeliveryReport, Inbound, Reply};

/// Reads a callback. Of what it contains only what is understood is kept: Meta adds kinds of messages and events.
pub(crate) fn read(callback: &Value, wall: Timestamp) -> Inbound {
    let mut inbound = Inbound::default();
    for value in
        items(callback, "entry").flat_map(|entry| items(entry, "changes")).filter_map(|change| change.get("value"))
    {
        inbound.replies.extend(items(value, "messages").filter_map(|message| reply(message, wall)));
        inbound.deliveries.extend(items(value, "statuses").filter_map(|status| report(status, wall)));
    }
    inbound
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A person's message as text: typed, or the words on a button of a template or a reply.
fn reply(message: &Value, wall: Timestamp) -> Option<Reply> {
    let text = |path: &str| message.pointer(path).and_then(Value::as_str);
    let words = match text("/type")? {
        "text" => text("/text/body"),
        "button" => text("/button/text"),
        "interactive" => text("/interactive/button_reply/title"),
        _ => None,
    };
    Some(Reply {
        phone: Phone::parse(&format!("+{}", text("/from")?)).ok()?,
        text: words?.to_owned(),
        at: at(message, wall),
        message: text("/id").map(str::to_owned),
    })
}

fn report(status: &Value, wall: Timestamp) -> Option<DeliveryReport> {
    let text = |path: &str| status.pointer(path).and_then(Value::as_str);
    let code = status.pointer("/errors/0/code").and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
    let stage = DeliveryStage::of_name(text("/status")?)?;
    Some(DeliveryReport {
        message_id: text("/id")?.to_owned(),
        delivery: Delivery { stage, at: at(status, wall), code: code.filter(|_| stage == DeliveryStage::Failed) },
    })
}

/// Unix seconds as text; now where they are missing or lie in the future.
fn at(value: &Value, wall: Timestamp) -> Timestamp {
    let seconds = value.get("timestamp").and_then(|at| at.as_str().map_or_else(|| at.as_i64(), |at| at.parse().ok()));
    seconds.and_then(Timestamp::from_unix).map_or(wall, |at| at.min(wall))
}
