//! Events that the simulated SES publishes to EventBridge, in SES's documented form (SES Developer Guide, "Monitoring SES events
//! using Amazon EventBridge" and "Examples of event data that Amazon SES publishes").

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::aws::event_bus;
use crate::aws::template::PLACE;
use crate::world::World;
use crate::world::mail_feedback::{AcceptedMail, MailFeedback};

/// Publishes the report about a mail, if its configuration set has a destination for reports of that type.
pub(crate) fn publish(world: &Arc<World>, mail: &AcceptedMail, feedback: MailFeedback) {
    let kind = if feedback.is_bounce() { "bounce" } else { "complaint" };
    let is_published = mail.configuration_set.as_deref().is_some_and(|set| world.publishes_mail_events(set, kind));
    if is_published {
        event_bus::publish(world, &event(mail, feedback, world.now()));
    }
}

fn event(mail: &AcceptedMail, feedback: MailFeedback, now: DateTime<Utc>) -> Value {
    let at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    let set = mail.configuration_set.clone().unwrap_or_default();
    let own = [
        ("ses:configuration-set", set.as_str()),
        ("ses:operation", "SendEmail"),
        ("ses:from-domain", mail.from.rsplit('@').next().unwrap_or_default()),
        ("ses:caller-identity", "subscription-maintenance"),
    ];
    let given = mail.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let tags: Map<String, Value> =
        own.into_iter().chain(given).map(|(name, value)| (name.to_owned(), json!([value]))).collect();
    let (detail_type, event_type, part, report) = match bounce_type(feedback) {
        Some(bounce) => ("Email Bounced", "Bounce", "bounce", bounced(mail, bounce, &at)),
        None => ("Email Complaint Received", "Complaint", "complaint", complained(mail, feedback, &at)),
    };
    json!({
        "version": "0", "id": format!("event-{}", mail.id), "detail-type": detail_type, "source": "aws.ses",
        "account": "000000000000", "time": now.to_rfc3339_opts(SecondsFormat::Secs, true), "region": "ap-northeast-1",
        "resources": [format!("arn:aws:ses:{PLACE}:configuration-set/{set}")],
        "detail": {
            "eventType": event_type,
            part: report,
            "mail": {
                "timestamp": at, "source": mail.from, "sendingAccountId": "000000000000", "messageId": mail.id,
                "destination": [mail.to], "headersTruncated": false,
                "commonHeaders": { "from": [mail.from], "to": [mail.to], "messageId": mail.id },
                "tags": tags,
            },
        },
    })
}

fn bounced(mail: &AcceptedMail, bounce: BounceType, at: &str) -> Value {
    let recipient = match bounce.status {
        Some(status) => json!({
            "emailAddress": mail.to, "action": "failed", "status": status,
            "diagnosticCode": format!("smtp; 550 {status} <{}> invented", mail.to),
        }),
        None => json!({ "emailAddress": mail.to }),
    };
    json!({
        "feedbackId": format!("feedback-{}", mail.id), "bounceType": bounce.kind, "bounceSubType": bounce.sub_type,
        "bouncedRecipients": [recipient], "timestamp": at, "reportingMTA": "dns; smtp.invented.example",
    })
}

fn complained(mail: &AcceptedMail, feedback: MailFeedback, at: &str) -> Value {
    let kind = if feedback == MailFeedback::NotSpam { "not-spam" } else { "abuse" };
    json!({
        "feedbackId": format!("feedback-{}", mail.id), "complaintSubType": null,
        "complainedRecipients": [{ "emailAddress": mail.to }], "timestamp": at,
        "userAgent": "Invented Feedback Loop", "complaintFeedbackType": kind, "arrivalDate": at,
    })
}

/// A bounce in SES's words.
#[derive(Clone, Copy)]
struct BounceType {
    kind: &'static str,
    sub_type: &'static str,
    status: Option<&'static str>,
}

/// The bounce of a report; `None` for a complaint.
const fn bounce_type(feedback: MailFeedback) -> Option<BounceType> {
    let (kind, sub_type, status) = match feedback {
        MailFeedback::PermanentBounce => ("Permanent", "NoEmail", Some("5.1.1")),
        MailFeedback::SuppressedBounce => ("Permanent", "OnAccountSuppressionList", None),
        MailFeedback::TransientBounce => ("Transient", "MailboxFull", Some("4.2.2")),
        MailFeedback::UndeterminedBounce => ("Undetermined", "Undetermined", None),
        MailFeedback::Complaint | MailFeedback::NotSpam => return None,
    };
    Some(BounceType { kind, sub_type, status })
}
