//! Answers in Slack to presses of a digest's button. `admin-api` has acknowledged the institution by then; the answer shows
//! what the table holds, so that a repetition shows the same.

use std::collections::HashMap;

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::institutions::ZONE;
use shared::domain::institutions::digest_button::{ButtonState, DigestButton};
use shared::platform::clock::InvocationTime;
use shared::platform::http;
use shared::slack::{buttons, ephemeral, with_acknowledgements};

use crate::{Error, ExpiryScan};

/// Name of the task in events.
const TASK: &str = "answer-press";

/// Event that asks for an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    #[serde(rename = "task")]
    _task: String,
    /// Value of the button.
    button: String,
    /// Address at which Slack takes the answer, for 30 minutes and five times
    /// (<https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>).
    response_url: String,
}

/// True for the event that asks for an answer.
pub(crate) fn is_to_be_answered(event: &Value) -> bool {
    event.get("task").is_some_and(|task| task == TASK)
}

/// Shows in the digest's message who acknowledged its institutions, or notifies the person who pressed why nothing was
/// acknowledged.
pub(crate) async fn answer(scan: &ExpiryScan, event: Value, time: InvocationTime) -> Result<Value, Error> {
    let press: Press = serde_json::from_value(event).map_err(|_| Error::InvalidPress("its fields"))?;
    let button = DigestButton::parse(&press.button).ok_or(Error::InvalidPress("button"))?;
    let Some(address) = allowed(&press.response_url, &scan.config.slack.answers) else {
        tracing::error!("a press was not answered, because its address is not one of Slack's");
        return Ok(json!({ "status": "done", "answered": false }));
    };
    let today = time.logical.day(ZONE);
    let tracked = scan.institutions.listed_institution(&button.uid).await?.map(|known| known.value);
    let state = tracked.as_ref().map(|tracked| button.state(tracked, today));
    let message = match state {
        Some(ButtonState::Acknowledged(_)) => message_of(scan, &button).await?,
        _ => None,
    };
    let payload = match message {
        Some(message) => {
            let uids: Vec<_> = buttons(&message).into_iter().map(|button| button.uid).collect();
            let known = scan.institutions.institutions(&uids).await?;
            let known: HashMap<_, _> = known.into_iter().map(|(uid, known)| (uid, known.value)).collect();
            with_acknowledgements(message, &known, today)
        }
        None => ephemeral(&button, tracked.as_ref(), today),
    };
    let answer = http::post(scan.slack.post(address), &payload).await;
    let status = answer.map_err(|failed| Error::Slack(failed.to_string()))?.status;
    match status {
        200..300 => {}
        429 | 500.. => return Err(Error::Slack(format!("HTTP {status}"))),
        // The address is used up or too old, and a repetition would find it so again.
        _ => tracing::warn!(status, "Slack did not take the answer to a press; the next digest shows its effect"),
    }
    Ok(json!({ "status": "done", "answered": (200..300).contains(&status) }))
}

/// The digest's message that has the button; `None` where it is no longer stored.
async fn message_of(scan: &ExpiryScan, button: &DigestButton) -> Result<Option<Value>, Error> {
    let Some(digest) = scan.institutions.digest(button.digest).await? else { return Ok(None) };
    for number in 1..=digest.value.messages {
        let Some(stored) = scan.institutions.digest_message(button.digest, number).await? else { continue };
        if stored.message.announces.iter().any(|shown| shown.uid == button.uid && shown.expires == button.expires) {
            return Ok(serde_json::from_str(&stored.message.payload).ok());
        }
    }
    Ok(None)
}

/// The address, if it is one of Slack's.
fn allowed(address: &str, answers: &Url) -> Option<Url> {
    let address = Url::parse(address).ok()?;
    let is_plain = address.username().is_empty() && address.password().is_none();
    (is_plain && address.origin() == answers.origin()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slack_is_answered() {
        let slack = Url::parse(shared::slack::ANSWERS_HOST).unwrap();
        assert!(allowed("https://hooks.slack.com/actions/T0INVENTED/1/abc", &slack).is_some());
        for address in [
            "http://hooks.slack.com/actions/T0INVENTED/1/abc",
            "https://hooks.slack.com:8443/actions",
            "https://hooks.slack.com.attacker.example/actions",
            "https://attacker.example/hooks.slack.com",
            "https://attacker.example@hooks.slack.com/actions",
            "https://hooks.slack.com@attacker.example/actions",
            "https://user:pass@hooks.slack.com/actions",
            "https://slack.com/actions",
            "//hooks.slack.com/actions",
            "hooks.slack.com",
            "",
        ] {
            assert!(allowed(address, &slack).is_none(), "{address}");
        }
    }
}
