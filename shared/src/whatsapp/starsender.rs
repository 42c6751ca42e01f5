//! StarSender V3: <https://docs.starsender.online/docs/message-api/kirim-pesan>. The header `Authorization` is the key of
//! the device itself, without `Bearer`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Delivery, by_status, message_id, shown};
use crate::domain::values::retry_after;
use crate::domain::workshop::phone::Phone;

/// Where StarSender is reached.
pub const STARSENDER_HOST: &str = "https://api.starsender.online";
/// Where a message is sent, by POST.
pub const STARSENDER_SEND_PATH: &str = "/api/send";

/// The request's body; a delay of 0 seconds is left out.
#[must_use]
pub fn body(to: &Phone, text: &str, delay_seconds: u32) -> Value {
    let mut body = json!({ "messageType": "text", "to": to.as_str(), "body": text });
    if delay_seconds > 0
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert("delay".to_owned(), delay_seconds.into());
    }
    body
}

/// The answer, of which everything but `success` may be missing.
#[derive(Deserialize)]
struct Answer {
    success: bool,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    message_id: Value,
    #[serde(default)]
    id: Value,
}

/// What StarSender's answer says of the message. Its failures come as 200 with `success: false`, so its body counts:
///
/// - `success: true` (the boolean) at 2xx: sent. At any other status one of the two is wrong, and the person may have
///   got it: unclear.
/// - `success: false` at 2xx, or at a 4xx that has no meaning of its own: not taken; its words say for how long.
/// - 2xx with anything else (a page of a proxy, nothing, `success: "true"`, a field given twice): the request may have
///   reached the device behind it: unclear.
#[must_use]
pub fn judge(status: u16, retry_after: Option<&str>, body: &[u8]) -> Delivery {
    let is_2xx = (200..300).contains(&status);
    let Some(answer) = read(body) else { return by_status(status, retry_after, "no answer in its JSON") };
    let said = answer.said();
    match (answer.success, is_2xx) {
        (true, true) => Delivery::Sent { id: answer.id(), said: shown(&said) },
        (true, false) => Delivery::Unclear(shown(&format!("HTTP {status}, yet it says success: {said}"))),
        (false, true) => by_words(&said, retry_after),
        (false, false) => match by_status(status, retry_after, &said) {
            Delivery::Refused(_) => by_words(&said, retry_after),
            other @ (Delivery::Sent { .. }
            | Delivery::Stop(_)
            | Delivery::Limited { .. }
            | Delivery::NotTaken(_)
            | Delivery::Unclear(_)) => other,
        },
    }
}

/// A struct would be read from a JSON array too; here it must be an object.
fn read(body: &[u8]) -> Option<Answer> {
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok()).flatten()
}

impl Answer {
    fn said(&self) -> String {
        match &self.message {
            Value::String(text) if !text.trim().is_empty() => text.clone(),
            Value::Null | Value::String(_) => "no reason given".to_owned(),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
        }
    }

    /// None is documented; these are the places in which clients look for one.
    fn id(&self) -> Option<String> {
        let places = [self.data.get("message_id"), self.data.get("id"), Some(&self.message_id), Some(&self.id)];
        places.into_iter().flatten().find_map(|id| match id {
            Value::String(text) => message_id(text),
            Value::Number(number) => message_id(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }
}

/// Beginnings of words, in English and Indonesian, in the order in which they count.
const LIMITS: [&str; 6] = ["limit", "ratelimit", "rate", "429", "throttl", "too-many"];
const DEVICE_OR_KEY: [&str; 18] = [
    "logout",
    "logged-out",
    "disconnect",
    "not-connected",
    "device",
    "perangkat",
    "terputus",
    "auth",
    "unauth",
    "token",
    "api-key",
    "apikey",
    "quota",
    "kuota",
    "expired",
    "kadaluarsa",
    "kedaluwarsa",
    "langganan",
];
const NUMBER: [&str; 7] = ["invalid", "nomor", "number", "registered", "unregistered", "terdaftar", "tujuan"];
const TEMPORARY: [&str; 5] = ["timeout", "timed-out", "network", "jaringan", "koneksi"];

/// What the reason of a `success: false` means. No list of its texts is published, so words decide; it said that it did
/// not take the message, so even a timeout behind it is not unclear. Unknown words are about this message only.
fn by_words(said: &str, retry_after: Option<&str>) -> Delivery {
    let lower = said.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let joined = format!("-{}", words.join("-"));
    let any = |known: &[&str]| known.iter().any(|word| joined.contains(&format!("-{word}")));
    let reason = shown(said);
    if any(&LIMITS) {
        Delivery::Limited { reason, wait_seconds: retry_after::seconds(retry_after) }
    } else if any(&DEVICE_OR_KEY) {
        Delivery::Stop(reason)
    } else if any(&NUMBER) {
        Delivery::Refused(reason)
    } else if any(&TEMPORARY) {
        Delivery::NotTaken(reason)
    } else {
        Delivery::Refused(reason)
    }
}
