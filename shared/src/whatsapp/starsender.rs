//! StarSender V3: <https://docs.starsender.online/docs/message-api/kirim-pesan>. The header `Authorization` is the key of
//! the sending device, without `Bearer`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{by_status, message_id, shown};
use crate::domain::values::retry_after;
use crate::domain::values::send_outcome::{RefusalScope, SendOutcome};
use crate::domain::workshop::phone::Phone;

/// Longest delay that a message is given, in seconds. StarSender documents no limit; its simulator takes an hour.
pub const STARSENDER_LONGEST_DELAY: u32 = 3_600;
/// Host of StarSender's API.
pub const STARSENDER_HOST: &str = "https://api.starsender.online";
/// Path to which a message is posted.
pub const STARSENDER_SEND_PATH: &str = "/api/send";

/// Returns the request's body. StarSender holds the message back for the delay; 0 seconds are left out.
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

/// StarSender's response, of which every field but `success` may be missing.
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

/// Judges StarSender's response. Its failures come as 200 with `success: false`, so the body counts:
///
/// - `success: true` (the boolean) at 2xx: sent. At any other status one of the two is wrong, and the message may have
///   been sent: unknown.
/// - `success: false` at 2xx, or at a 4xx that has no meaning of its own: not accepted; its words give the reason.
/// - 2xx with anything else (a proxy's page, an empty body, `success: "true"`, a field given twice): the request may have
///   reached the device behind it: unknown.
#[must_use]
pub fn judge(status: u16, retry_after: Option<&str>, body: &[u8]) -> SendOutcome {
    let is_2xx = (200..300).contains(&status);
    let Some(answer) = read(body) else { return by_status(status, retry_after, "no answer in its JSON") };
    let said = answer.said();
    match (answer.success, is_2xx) {
        (true, true) => SendOutcome::Sent { id: answer.id(), reply: shown(&said) },
        (true, false) => SendOutcome::unknown(shown(&format!("HTTP {status}, but it reports success: {said}"))),
        (false, true) => by_words(&said, retry_after),
        // Of a 4xx without a meaning of its own the words say more than the status.
        (false, false) => match by_status(status, retry_after, &said) {
            SendOutcome::Refused { scope: RefusalScope::Unrecognised, .. } => by_words(&said, retry_after),
            other @ (SendOutcome::Sent { .. }
            | SendOutcome::Refused { scope: RefusalScope::Sender | RefusalScope::Message, .. }
            | SendOutcome::NotSent { .. }
            | SendOutcome::Unknown { .. }) => other,
        },
    }
}

/// Reads an object only: serde would read the struct from a JSON array too.
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

    /// Message id. None is documented; these are the fields in which published clients look for one.
    fn id(&self) -> Option<String> {
        let places = [self.data.get("message_id"), self.data.get("id"), Some(&self.message_id), Some(&self.id)];
        places.into_iter().flatten().find_map(|id| match id {
            Value::String(text) => message_id(text),
            Value::Number(number) => message_id(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }
}

/// Beginnings of words in English and Indonesian. The lists are tried in this order.
const LIMITS: [&str; 6] = ["limit", "ratelimit", "rate", "429", "throttl", "too-many"];
const SENDER: [&str; 42] = [
    "logout",
    "logged-out",
    "disconnect",
    "not-connected",
    "belum-terhubung",
    "tidak-terhubung",
    "not-ready",
    "device",
    "perangkat",
    "terputus",
    "session",
    "sesi",
    "qr",
    "auth",
    "unauth",
    "token",
    "api-key",
    "apikey",
    "quota",
    "kuota",
    "paket",
    "saldo",
    "insufficient",
    "expired",
    "kadaluarsa",
    "kedaluwarsa",
    "langganan",
    "subscription",
    "tagihan",
    "unpaid",
    "template",
    "banned",
    "suspend",
    "account-block",
    "account-is-block",
    "akun-diblokir",
    "akun-anda",
    "your-account",
    "nomor-pengirim",
    "nomor-anda",
    "your-number",
    "sender",
];
const TEMPORARY: [&str; 7] = ["timeout", "timed-out", "network", "jaringan", "koneksi", "maintenance", "pemeliharaan"];
/// A refusal is the recipient's where the words name a number and one of its faults, or say that it has no WhatsApp.
const NUMBER: [&str; 6] = ["nomor", "number", "phone", "tujuan", "penerima", "recipient"];
const FAULT: [&str; 8] = [
    "invalid",
    "not-valid",
    "tidak-valid",
    "salah",
    "not-registered",
    "unregistered",
    "tidak-terdaftar",
    "belum-terdaftar",
];
const NO_WHATSAPP: [&str; 6] = [
    "not-on-whatsapp",
    "not-registered-on-whatsapp",
    "not-a-whatsapp-user",
    "tidak-terdaftar-di-whatsapp",
    "belum-terdaftar-di-whatsapp",
    "tidak-memiliki-whatsapp",
];

/// Judges the reason of a `success: false` by its words, since no list of its texts is published. The provider did not
/// accept the message, so even a timeout behind it is no unknown outcome. Other words, or none, are unrecognised.
fn by_words(said: &str, retry_after: Option<&str>) -> SendOutcome {
    let lower = said.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let joined = format!("-{}", words.join("-"));
    let any = |known: &[&str]| known.iter().any(|word| joined.contains(&format!("-{word}")));
    let reason = shown(said);
    if any(&LIMITS) {
        SendOutcome::rate_limited(reason, retry_after::seconds(retry_after))
    } else if any(&SENDER) {
        SendOutcome::sender_refused(reason)
    } else if any(&TEMPORARY) {
        SendOutcome::unavailable(reason)
    } else if any(&NO_WHATSAPP) || any(&NUMBER) && any(&FAULT) {
        SendOutcome::refused(reason)
    } else {
        SendOutcome::unrecognised(reason)
    }
}
