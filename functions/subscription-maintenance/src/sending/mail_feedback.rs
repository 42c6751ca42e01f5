//! Bounces and complaints that SES reports through EventBridge.

use serde_json::{Value, json};
use shared::domain::billing::notices::feedback::{Feedback, FeedbackKind};
use shared::domain::values::time::Timestamp;
use shared::mail::ses_event::{SesEvent, TaggedMail};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, MailAudience, Point};
use shared::store::billing::mail_feedback::{FeedbackRecorded, FeedbackReport};

use crate::{Error, Maintenance};

/// Records the report of an event. Answers `{"outcome": …, "feedback": …}` with outcome `recorded`, `repeat`, or `unknown` for a
/// mail that is not, or no longer, one of a known customer or of staff.
pub(crate) async fn record(maintenance: &Maintenance, event: &Value, time: InvocationTime) -> Result<Value, Error> {
    let event = SesEvent::parse(event)?;
    let is_of_set = event.configuration_set.as_deref() == maintenance.mailer.configuration_set();
    let feedback = limited(event.feedback, time.wall);
    let kind = feedback.kind;
    let recorded = match event.mail.filter(|_| is_of_set) {
        Some(TaggedMail { notice, address }) => {
            let report = FeedbackReport { notice, address, feedback };
            let recorded = maintenance.store.billing.record_feedback(&report, time.wall).await?;
            tracing::info!(notice = %report.notice, feedback = %report.feedback, ?recorded, "feedback about a mail");
            recorded
        }
        None => {
            tracing::warn!(feedback = %feedback, "feedback about a mail that is none of ours");
            FeedbackRecorded::Unknown
        }
    };
    let (outcome, audience) = match recorded {
        FeedbackRecorded::Unknown => ("unknown", Some(MailAudience::Unknown)),
        FeedbackRecorded::Staff => ("recorded", Some(MailAudience::Staff)),
        FeedbackRecorded::Customer(true) => ("recorded", Some(MailAudience::Customer)),
        FeedbackRecorded::Customer(false) => ("repeat", None),
    };
    if let Some(audience) = audience {
        let mut batch = Batch::default();
        batch.count(Point::MailFeedback(audience, kind), 1);
        let is_final = matches!(kind, FeedbackKind::PermanentBounce | FeedbackKind::Complaint);
        if is_final && audience == MailAudience::Staff {
            batch.count(Point::StaffMailsFailed, 1);
        }
        batch.emit(time.wall);
    }
    Ok(json!({ "outcome": outcome, "feedback": kind.name() }))
}

/// The report at a time that is not ahead: SES's clock may be.
fn limited(feedback: Feedback, now: Timestamp) -> Feedback {
    Feedback { at: feedback.at.min(now), ..feedback }
}
