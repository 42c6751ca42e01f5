//! Events of the function.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::phone::Phone;
use shared::exclusive_run::{InvalidJobEvent, Job, Requested};

use crate::NAME;

/// Distinguishes a continuation from a run by another schedule at the same time.
const CONTINUATION: &str = "continuation";

/// Work of one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A run of reminders, by schedule or by staff.
    Run(Job),
    /// A run for the vehicles that an earlier run of the day left waiting.
    Continue(Job),
    /// The confirmations of opt-outs that wait.
    ConfirmOptOuts,
    /// The rows that are left of the import with this id.
    Import(String),
    /// The text of each message, filled with an invented customer.
    ShowSample,
    /// One sample to a number of staff.
    SendSample(Phone),
}

/// Event of any task but a run.
#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case", deny_unknown_fields)]
enum Event {
    ContinueReminders { scheduled_at: Timestamp },
    ConfirmOptOuts {},
    Import { import_id: String },
    ShowSample {},
    SendSample { phone: Phone },
}

impl Request {
    /// Parses `{"task": "continue-reminders", "scheduled_at": RFC 3339}`, `{"task": "confirm-opt-outs"}`,
    /// `{"task": "import", "import_id": id}`, `{"task": "show-sample"}`, `{"task": "send-sample", "phone": "628…"}`, or the event of a run as [`Job::parse`] reads it; `now` is the logical time of
    /// the invocation.
    ///
    /// # Errors
    /// [`InvalidJobEvent`].
    pub fn parse(event: Value, now: Timestamp) -> Result<Self, InvalidJobEvent> {
        if event.get("task").is_none_or(|task| task == NAME) {
            return Job::parse(NAME, event, now).map(Self::Run);
        }
        Ok(match serde_json::from_value(event).map_err(|_| InvalidJobEvent)? {
            Event::ContinueReminders { scheduled_at } => {
                let run_id = Some(CONTINUATION.to_owned());
                let requested = Requested { scheduled_at: Some(scheduled_at), run_id, ..Requested::default() };
                Self::Continue(Job::new(vec![NAME], requested, now))
            }
            Event::ConfirmOptOuts {} => Self::ConfirmOptOuts,
            Event::Import { import_id } => Self::Import(import_id),
            Event::ShowSample {} => Self::ShowSample,
            Event::SendSample { phone } => Self::SendSample(phone),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_task_has_its_own_fields_and_no_others() {
        let now = Timestamp::parse("2025-12-16T02:00:00Z").unwrap();
        let parse = |event: Value| Request::parse(event, now);
        let Ok(Request::Run(run)) = parse(json!({})) else { panic!("an empty event is a run") };
        let event = json!({ "task": "continue-reminders", "scheduled_at": "2025-12-16T02:00:00Z" });
        let Ok(Request::Continue(going_on)) = parse(event) else { panic!("a continuation") };
        assert_eq!((run.scheduled_at, going_on.scheduled_at), (now, now));
        assert_ne!(run.id, going_on.id, "two runs at one time are two rows of the run history");
        assert_eq!(parse(json!({ "task": "confirm-opt-outs" })).unwrap(), Request::ConfirmOptOuts);
        assert_eq!(parse(json!({ "task": "import", "import_id": "a" })).unwrap(), Request::Import("a".to_owned()));
        assert_eq!(parse(json!({ "task": "show-sample" })).unwrap(), Request::ShowSample);
        let Ok(Request::SendSample(phone)) = parse(json!({ "task": "send-sample", "phone": "628551234567" })) else {
            panic!("a sample")
        };
        assert_eq!(phone.as_str(), "628551234567");
        for refused in [
            json!({ "task": "send-sample" }),
            json!({ "task": "send-sample", "phone": "0855-1234-567" }),
            json!({ "task": "send-sample", "phone": "442071234567" }),
            json!({ "task": "continue-reminders" }),
            json!({ "task": "continue-reminders", "scheduled_at": "2025-12-16T02:00:00Z", "dry_run": true }),
            json!({ "task": "confirm-opt-outs", "import_id": "a" }),
            json!({ "task": "import" }),
            json!({ "task": "mms-expiry-scan" }),
            json!({ "task": ["maintenance-reminder"] }),
            json!({ "import_id": "a" }),
            json!([]),
        ] {
            assert!(parse(refused.clone()).is_err(), "{refused}");
        }
    }
}
