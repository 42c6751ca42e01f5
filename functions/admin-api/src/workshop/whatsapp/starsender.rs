//! Callbacks of StarSender: messages that the device received. They are not signed, and StarSender's documentation has no sample
//! of them; clients read `{"from", "message", "timestamp"}` or `{"event": "message", "data": {"from", "body", "messageId",
//! "timestamp"}}`, as JSON or as a form.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::phone::Phone;

use crate::workshop::whatsapp::inbound::{Inbound, Reply};

const FROM: [&str; 4] = ["from", "sender", "phone", "number"];
const TEXT: [&str; 3] = ["message", "body", "text"];
const ID: [&str; 3] = ["messageId", "message_id", "id"];
/// Fields that are true for a message that the device itself sent, or that came from a group.
const NOT_A_REPLY: [&str; 4] = ["fromMe", "from_me", "isGroup", "is_group"];
/// Digits of Unix seconds; longer numbers are milliseconds.
const SECONDS_DIGITS: usize = 11;

/// Body of a callback as JSON, whether it was sent as that or as a form.
pub(crate) fn parse(body: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return Some(value).filter(Value::is_object);
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let has_text = TEXT.iter().any(|name| form.contains_key(*name));
    has_text.then(|| serde_json::json!(form))
}

/// Reads a callback. Anything but a message of one person is nothing.
pub(crate) fn read(callback: &Value, wall: Timestamp) -> Inbound {
    let content = callback.get("data").filter(|data| data.is_object()).unwrap_or(callback);
    Inbound { replies: reply(content, wall).into_iter().collect(), ..Inbound::default() }
}

fn reply(content: &Value, wall: Timestamp) -> Option<Reply> {
    let is_set = |name: &str| content.get(name).is_some_and(|value| value == &Value::Bool(true) || value == "true");
    if NOT_A_REPLY.into_iter().any(is_set) {
        return None;
    }
    let text = |names: &[&str]| names.iter().find_map(|name| content.get(*name)).and_then(as_text);
    let from = text(&FROM)?;
    // `@g.us` is a group, and `@lid` an id that is no phone number.
    let digits = match from.split_once('@') {
        None => from.as_str(),
        Some((number, "s.whatsapp.net" | "c.us")) => number.split(':').next().unwrap_or(number),
        Some(_) => return None,
    };
    let seconds = text(&["timestamp"]).and_then(|at| at.parse::<i64>().ok().map(|value| (value, at.len())));
    let at = seconds
        .and_then(|(value, digits)| Timestamp::from_unix(if digits > SECONDS_DIGITS { value / 1_000 } else { value }));
    Some(Reply {
        phone: Phone::parse(digits).ok()?,
        text: text(&TEXT)?,
        at: at.map_or(wall, |at| at.min(wall)),
        message: text(&ID),
    })
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
