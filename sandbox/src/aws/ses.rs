//! Simulated Amazon SES, version 2: takes mails, refuses them as the controls say, and reports bounces and complaints.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use crate::aws::{aws_error, aws_json, ses_events};
use crate::world::World;
use crate::world::faults::{Fault, Service, lost_response};
use crate::world::mail_feedback::{AcceptedMail, MailFeedback};
use crate::world::mail_refusal::MailRefusal;
use crate::world::state::{MailParts, Message};

/// Answers `SendEmail`.
pub(crate) async fn send_email(world: &Arc<World>, body: &[u8]) -> Response {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |path: &str| request.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let to = text("/Destination/ToAddresses/0");
    let refusal = world.state().mail_refusal.clone().filter(|refusal| refusal.is_for(to.as_deref()));
    if let Some(refusal) = refusal {
        return refused(&refusal);
    }
    let fault = world.meet_fault(|state| state.next_fault(Service::Mail)).await;
    match fault {
        Fault::Down => return aws_error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "down"),
        Fault::Refuse => {
            // Names the address, as SES does in some of its texts.
            let why = format!("The message to {} has invalid content.", to.unwrap_or_default());
            return aws_error(StatusCode::BAD_REQUEST, "MessageRejected", &why);
        }
        _ => {}
    }
    let (Some(to), Some(mail)) = (to, text("/Content/Simple/Body/Text/Data")) else {
        return aws_error(StatusCode::BAD_REQUEST, "BadRequestException", "incomplete");
    };
    let subject = text("/Content/Simple/Subject/Data");
    let (from, set) = (text("/FromEmailAddress").unwrap_or_default(), text("/ConfigurationSetName"));
    let (accepted, feedback) = world.change(|state| {
        state.mail.accepted += 1;
        let id = format!("mail-{:06}", state.mail.accepted);
        let accepted = AcceptedMail { id, configuration_set: set, tags: tags(&request), from, to: to.clone() };
        state.mail.latest.insert(to.clone(), accepted.clone());
        let feedback = state.mail.feedback_for(&to);
        if !feedback.is_some_and(MailFeedback::is_bounce) {
            let sent_at: DateTime<Utc> = state.now;
            let (channel, body) = ("mail".to_owned(), mail.into());
            state.messages.push(Message { channel, to, subject, body, sent_at, mail: Some(MailParts::of(&request)) });
        }
        (accepted, feedback)
    });
    if let Some(feedback) = feedback {
        ses_events::publish(world, &accepted, feedback);
    }
    let id = accepted.id;
    if fault == Fault::AnswerLost { lost_response() } else { aws_json(&json!({ "MessageId": id })) }
}

/// Tags of a request by their names.
fn tags(request: &Value) -> BTreeMap<String, String> {
    let tags = request.get("EmailTags").and_then(Value::as_array).into_iter().flatten();
    let text = |tag: &Value, key: &str| tag.get(key).and_then(Value::as_str).map(str::to_owned);
    tags.filter_map(|tag| Some((text(tag, "Name")?, text(tag, "Value")?))).collect()
}

fn refused(refusal: &MailRefusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    match &refusal.code {
        Some(code) => aws_error(status, code, &refusal.message),
        None => (status, [("content-type", "text/html")], "<html>Bad gateway</html>").into_response(),
    }
}
