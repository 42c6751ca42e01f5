//! Buttons of a digest, and the answers to a press of one.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::mrkdwn::escaped;
use crate::domain::institutions::digest_button::{ButtonState, DigestButton};
use crate::domain::institutions::tracked_institution::{Acknowledgement, TrackedInstitution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::LocalDate;
use crate::slack::wording;

/// `action_id` of a button that acknowledges an expiry.
pub const ACKNOWLEDGE_ACTION: &str = "acknowledge-institution";
/// Beginning of a caller's name that is a user of Slack, before the user's id.
pub const SLACK_CALLER: &str = "slack:";
/// Longest shown name of a caller, in characters of mrkdwn.
const LONGEST_CALLER: usize = 80;

/// The button at the right of a section.
pub(super) fn button(button: &DigestButton) -> Value {
    let label = json!({ "type": "plain_text", "text": wording::ACKNOWLEDGE });
    json!({ "type": "button", "action_id": ACKNOWLEDGE_ACTION, "text": label, "value": button.to_string() })
}

fn of_block(block: &Value) -> Option<DigestButton> {
    let accessory = block.get("accessory")?;
    let is_ours = accessory.get("action_id")? == ACKNOWLEDGE_ACTION;
    DigestButton::parse(accessory.get("value").filter(|_| is_ours)?.as_str()?)
}

/// Returns the buttons of a digest's message.
#[must_use]
pub fn buttons(payload: &Value) -> Vec<DigestButton> {
    let blocks = payload.get("blocks").and_then(Value::as_array).into_iter().flatten();
    blocks.filter_map(of_block).collect()
}

/// Returns the answer that puts a digest's message in its place again, by the institutions as they are on the day `today`:
/// in place of its button, an acknowledged one has who acknowledged it.
#[must_use]
pub fn with_acknowledgements(
    mut payload: Value,
    known: &HashMap<InstitutionUid, TrackedInstitution>,
    today: LocalDate,
) -> Value {
    for block in payload.get_mut("blocks").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(button) = of_block(block) else { continue };
        let state = known.get(&button.uid).map(|tracked| button.state(tracked, today));
        let Some(ButtonState::Acknowledged(said)) = state else { continue };
        if let Some(Value::String(text)) = block.pointer_mut("/text/text") {
            *text = format!("{text}\n{}", acknowledged(said));
        }
        if let Some(fields) = block.as_object_mut() {
            fields.remove("accessory");
        }
    }
    if let Some(fields) = payload.as_object_mut() {
        fields.insert("replace_original".to_owned(), json!(true));
    }
    payload
}

/// Returns the answer that only the person who pressed the button sees. `tracked` is absent where the last scan did not list
/// the institution.
#[must_use]
pub fn ephemeral(button: &DigestButton, tracked: Option<&TrackedInstitution>, today: LocalDate) -> Value {
    let text = match tracked {
        None => wording::NOT_LISTED.to_owned(),
        Some(tracked) => {
            let name = wording::named(&tracked.institution);
            match button.state(tracked, today) {
                ButtonState::Acknowledged(said) => format!("*{name}*\n{}", acknowledged(said)),
                ButtonState::Rescheduled(to) => wording::rescheduled(&name, to),
                ButtonState::Over => wording::over(&name, button.expires),
                ButtonState::Open => wording::not_acknowledged(&name),
            }
        }
    };
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text })
}

fn acknowledged(said: &Acknowledgement) -> String {
    let user = said.by.strip_prefix(SLACK_CALLER).filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let by = user.map_or_else(|| escaped(&said.by, LONGEST_CALLER), |id| format!("<@{id}>"));
    wording::acknowledged(&by, said.until)
}
