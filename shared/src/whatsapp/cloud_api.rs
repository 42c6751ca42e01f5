//! Meta's WhatsApp Cloud API. Outside the 24 hours after the recipient's own message it sends approved templates only,
//! so a reminder is always one; its text is in the template at Meta.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{GroupReminder, Reminder, VehicleVisit, by_status, message_id, shown};
use crate::domain::values::retry_after;
use crate::domain::values::send_outcome::SendOutcome;
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::salutation::Salutation;
use crate::domain::workshop::vehicles::PersonName;

/// Host of the Cloud API.
pub const CLOUD_API_HOST: &str = "https://graph.facebook.com";
/// Version of the Graph API, introduced on 2026-07-29 (<https://developers.facebook.com/docs/graph-api/changelog>); a version lives for two years.
const VERSION: &str = "v26.0";

/// An approved template of the utility category. Its body parameters are the name, the plate and the date; of one about several
/// vehicles the name, and all plates and dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudTemplate {
    /// Name of the template at Meta.
    pub name: String,
    /// Language code of the template, such as `id`.
    pub language: String,
    /// True if the salutation is a part of the name parameter; false if the template's text has it.
    pub has_salutation: bool,
}

/// Path to which a message from the business's number with this id is posted.
#[must_use]
pub fn path(phone_number_id: &str) -> String {
    format!("/{VERSION}/{phone_number_id}/messages")
}

/// Returns the request's body: the template with the name, plate and date of the visit.
#[must_use]
pub fn body(to: &Phone, template: &CloudTemplate, reminder: &Reminder<'_>) -> Value {
    let name = template.name_of(reminder.name, reminder.salutation);
    request(to, template, &[name, reminder.plate.to_string(), reminder.visit.to_day_month_year()])
}

/// Returns the request's body of a message about several vehicles: the template with the name, and the plates and dates in one
/// parameter, because Meta refuses line breaks in it.
#[must_use]
pub fn group_body(to: &Phone, template: &CloudTemplate, group: &GroupReminder<'_>) -> Value {
    let vehicles: Vec<String> = group.vehicles.iter().map(VehicleVisit::shown).collect();
    request(to, template, &[template.name_of(group.name, group.salutation), vehicles.join(", ")])
}

impl CloudTemplate {
    fn name_of(&self, name: &PersonName, salutation: Salutation) -> String {
        let name = name.as_str();
        let name = if self.has_salutation { salutation.with_name(name) } else { name.to_owned() };
        // Meta refuses a parameter with several blanks in a row.
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn request(to: &Phone, template: &CloudTemplate, values: &[String]) -> Value {
    let parameters: Vec<Value> = values.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to.as_str(),
        "type": "template",
        "template": {
            "name": template.name,
            "language": { "code": template.language },
            "components": [{ "type": "body", "parameters": parameters }],
        },
    })
}

/// Returns the request's body of a free text, which Meta takes within 24 hours after the recipient's own message.
#[must_use]
pub fn text_body(to: &Phone, text: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to.as_str(),
        "type": "text",
        "text": { "preview_url": false, "body": text },
    })
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    messages: Vec<Accepted>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
    #[serde(default)]
    message_status: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: Option<u32>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_data: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    details: String,
}

/// Judges Meta's response. An accepted message is not yet delivered: a webhook reports that, which is not read here.
///
/// - 2xx with `messages[0].id` and no error: sent. With neither, or with both: unknown.
/// - `error.code` decides where it is known, since Meta advises against the status and the text; else the status does.
#[must_use]
pub fn judge(status: u16, retry_after: Option<&str>, body: &[u8]) -> SendOutcome {
    let is_2xx = (200..300).contains(&status);
    let Some(answer) = read(body) else { return by_status(status, retry_after, "no answer in its JSON") };
    match (answer.error, answer.messages.into_iter().next()) {
        (None, Some(message)) if is_2xx => sent(&message),
        (Some(error), None) => by_code(&error, status, retry_after),
        (None, None) => by_status(status, retry_after, "neither a message nor an error"),
        (_, Some(_)) => SendOutcome::unknown(format!("HTTP {status} with a message id but no success")),
    }
}

/// Reads an object only: serde would read the struct from a JSON array too.
fn read(body: &[u8]) -> Option<Answer> {
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok()).flatten()
}

fn sent(message: &Accepted) -> SendOutcome {
    let reply = shown(message.message_status.as_deref().unwrap_or("accepted"));
    if message.id.trim().is_empty() {
        return SendOutcome::unknown("a message without an id");
    }
    SendOutcome::Sent { id: message_id(&message.id), reply }
}

/// Judges by Meta's table of error codes
/// (<https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>).
fn by_code(error: &Refusal, status: u16, retry_after: Option<&str>) -> SendOutcome {
    let said = error.said();
    let Some(code @ 0..=999_999) = error.code else { return by_status(status, retry_after, &said) };
    // The code has as many digits as the numbers that are masked, so it is added after the masking.
    let reason: String =
        format!("Meta {code}: {}", shown(&said)).trim_end_matches([':', ' ']).chars().take(200).collect();
    match code {
        // Too many messages to one recipient: others are not concerned, and the next run tries again.
        131_056 => SendOutcome::refused(reason),
        // Throughput of the app, the account and the number.
        4 | 613 | 80_007 | 130_429 => SendOutcome::rate_limited(reason, retry_after::seconds(retry_after)),
        // Key and permissions; the number or account is gone, locked, unpaid, restricted or marked as spam; free text
        // outside the 24 hours; a template that is missing, paused, disabled or takes other parameters.
        0
        | 3
        | 10
        | 33
        | 190
        | 200..=299
        | 368
        | 130_497
        | 131_005
        | 131_031
        | 131_037
        | 131_042
        | 131_045
        | 131_047
        | 131_048
        | 131_051
        | 131_055
        | 132_000
        | 132_001
        | 132_007
        | 132_012
        | 132_015
        | 132_016
        | 132_068
        | 132_069
        | 133_000
        | 133_005
        | 133_006
        | 133_010
        | 133_016
        | 134_011 => SendOutcome::sender_refused(reason),
        // Overloaded, under maintenance, not reachable.
        2 | 131_016 | 131_057 | 133_004 => SendOutcome::unavailable(reason),
        // This recipient (not on WhatsApp, not on the list of a test number, excluded by Meta, opted out, the sender
        // itself), or a text that is too long for the template.
        130_472 | 131_021 | 131_026 | 131_030 | 131_049 | 131_050 | 132_005 => SendOutcome::refused(reason),
        100 if error.is_about_setup() => SendOutcome::sender_refused(reason),
        // A parameter: of this message, or of all.
        100 | 131_008 | 131_009 | 132_018 | 135_000 => SendOutcome::unrecognised(reason),
        // Among them 1 and 131000, "something went wrong": the status says whether it was before the message went out.
        _ => with_reason(by_status(status, retry_after, ""), reason),
    }
}

fn with_reason(outcome: SendOutcome, reason: String) -> SendOutcome {
    match outcome {
        SendOutcome::NotSent { cause, retry_after, .. } => SendOutcome::NotSent { reason, cause, retry_after },
        SendOutcome::Refused { scope, .. } => SendOutcome::Refused { reason, scope },
        SendOutcome::Sent { .. } | SendOutcome::Unknown { .. } => SendOutcome::Unknown { reason },
    }
}

impl Refusal {
    /// True where an error 100 names the template, a parameter of it by name, or the sending number.
    fn is_about_setup(&self) -> bool {
        let said = self.said().to_lowercase();
        ["template", "parameter name", "unsupported", "no such object", "does not exist", "permission"]
            .iter()
            .any(|words| said.contains(words))
    }

    fn said(&self) -> String {
        let details = self.error_data.as_ref().map_or("", |data| data.details.as_str());
        [self.message.as_str(), details].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" - ")
    }
}
