//! Events of SES about mails that it accepted, as EventBridge delivers them (SES Developer Guide, "Monitoring SES events using
//! Amazon EventBridge" and "Contents of event data that Amazon SES publishes"). SES adds fields at any time, so that unknown ones
//! are left alone; what is read must have the documented form.

use serde_json::Value;

use crate::domain::billing::notices::feedback::{Feedback, FeedbackKind};
use crate::domain::values::ids::{EmailAddress, NotificationId};
use crate::domain::values::time::Timestamp;

/// Name of the message tag that has the notice's id in hex.
pub const NOTICE_TAG: &str = "notice";
/// Tag of SES with the configuration set of the mail.
const CONFIGURATION_SET_TAG: &str = "ses:configuration-set";
/// Longest value of a message tag (SES API v2, `MessageTag`).
const LONGEST_TAG: usize = 256;

/// Bounce or complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SesEvent {
    /// Configuration set by which the mail was sent.
    pub configuration_set: Option<String>,
    /// Notice that the mail was, and the address to which it went. None of a mail that Duekeeper did not send.
    pub mail: Option<TaggedMail>,
    /// Report, without personal data.
    pub feedback: Feedback,
}

/// Mail that names its notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedMail {
    /// Notice that the mail was.
    pub notice: NotificationId,
    /// Its only recipient.
    pub address: EmailAddress,
}

/// Rejection of an event. The texts repeat nothing of it, since it names people.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSesEvent {
    /// Event of another service.
    #[error("source must be aws.ses")]
    Source,
    /// Event of a type that the template's rule does not ask for.
    #[error("detail.eventType must be Bounce or Complaint")]
    Type,
    /// Field that is missing or has another form than documented.
    #[error("{0} is missing or has another form than SES documents")]
    Field(&'static str),
}

/// Value of the tag [`NOTICE_TAG`]: hex, because a tag takes no `/` and no `:`. `None` for an id that is too long for one.
#[must_use]
pub fn tag_value(notice: &str) -> Option<String> {
    Some(hex::encode(notice)).filter(|value| value.len() <= LONGEST_TAG)
}

impl SesEvent {
    /// True for an event of EventBridge, from any service.
    #[must_use]
    pub fn is_event(event: &Value) -> bool {
        event.get("source").is_some() || event.get("detail-type").is_some()
    }

    /// Reads an event.
    ///
    /// # Errors
    /// [`InvalidSesEvent`] for an event of another service or type, and for one without a field that is needed.
    pub fn parse(event: &Value) -> Result<Self, InvalidSesEvent> {
        if text(event, "/source") != Some("aws.ses") {
            return Err(InvalidSesEvent::Source);
        }
        let feedback = match text(event, "/detail/eventType") {
            Some("Bounce") => bounce(event)?,
            Some("Complaint") => complaint(event)?,
            Some(_) | None => return Err(InvalidSesEvent::Type),
        };
        let mail = match tag(event, NOTICE_TAG) {
            Some(value) => Some(TaggedMail::read(event, value)?),
            None => None,
        };
        Ok(Self { configuration_set: tag(event, CONFIGURATION_SET_TAG).map(str::to_owned), mail, feedback })
    }
}

impl TaggedMail {
    fn read(event: &Value, tag: &str) -> Result<Self, InvalidSesEvent> {
        let notice = hex::decode(tag).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let notice = notice.and_then(|id| NotificationId::parse(&id).ok());
        // Not the recipients of the report: after forwarding they are others, and their text is the other server's.
        let destination = event.pointer("/detail/mail/destination").and_then(Value::as_array);
        let address = match destination.map(Vec::as_slice) {
            Some([only]) => only.as_str().and_then(|address| EmailAddress::parse(address).ok()),
            Some(_) | None => None,
        };
        Ok(Self {
            notice: notice.ok_or(InvalidSesEvent::Field("detail.mail.tags.notice"))?,
            address: address.ok_or(InvalidSesEvent::Field("detail.mail.destination"))?,
        })
    }
}

fn bounce(event: &Value) -> Result<Feedback, InvalidSesEvent> {
    let kind = match text(event, "/detail/bounce/bounceType") {
        Some("Permanent") => FeedbackKind::PermanentBounce,
        Some("Transient") => FeedbackKind::TransientBounce,
        Some("Undetermined") => FeedbackKind::UndeterminedBounce,
        Some(_) | None => return Err(InvalidSesEvent::Field("detail.bounce.bounceType")),
    };
    let at = instant(event, "/detail/bounce/timestamp").ok_or(InvalidSesEvent::Field("detail.bounce.timestamp"))?;
    let sub_type = text(event, "/detail/bounce/bounceSubType");
    Ok(Feedback::new(kind, at, sub_type, text(event, "/detail/bounce/bouncedRecipients/0/status")))
}

fn complaint(event: &Value) -> Result<Feedback, InvalidSesEvent> {
    let at =
        instant(event, "/detail/complaint/timestamp").ok_or(InvalidSesEvent::Field("detail.complaint.timestamp"))?;
    let feedback_type = text(event, "/detail/complaint/complaintFeedbackType");
    let kind = if feedback_type == Some("not-spam") { FeedbackKind::NotSpam } else { FeedbackKind::Complaint };
    // The sub-type is null, except for `OnAccountSuppressionList`.
    let sub_type = text(event, "/detail/complaint/complaintSubType").or(feedback_type);
    Ok(Feedback::new(kind, at, sub_type, None))
}

/// The first value of a tag.
fn tag<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    event.pointer("/detail/mail/tags")?.get(name)?.get(0)?.as_str()
}

fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer)?.as_str()
}

fn instant(event: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::parse(text(event, pointer)?).ok()
}
