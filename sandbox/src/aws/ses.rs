//! Simulated Amazon SES, version 2: takes mails, and refuses them as the controls say.

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use crate::aws::{aws_error, aws_json};
use crate::world::World;
use crate::world::faults::{Fault, Service, lost_response};
use crate::world::mail_refusal::MailRefusal;
use crate::world::state::Message;

/// Answers `SendEmail`.
pub(crate) async fn send_email(world: &World, body: &[u8]) -> Response {
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
    let id = world.change(|state| {
        let sent_at: DateTime<Utc> = state.now;
        state.messages.push(Message { channel: "mail".to_owned(), to, subject, body: mail.into(), sent_at });
        format!("mail-{:06}", state.messages.len())
    });
    if fault == Fault::AnswerLost { lost_response() } else { aws_json(&json!({ "MessageId": id })) }
}

fn refused(refusal: &MailRefusal) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    match &refusal.code {
        Some(code) => aws_error(status, code, &refusal.message),
        None => (status, [("content-type", "text/html")], "<html>Bad gateway</html>").into_response(),
    }
}
