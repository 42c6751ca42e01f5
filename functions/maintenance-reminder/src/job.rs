//! What an invocation asks for.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::maintenance::ZONE;
use shared::domain::time::{LocalDate, Timestamp};
use shared::store::runs::run_id;

/// The name of the job, and of its lease.
pub(crate) const NAME: &str = "maintenance-reminder";

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The logical time: when the run was due, not when it happens.
    pub scheduled_at: Timestamp,
    /// The same for every attempt of one run.
    pub id: String,
    /// Who asked for it; none: the schedule.
    pub requested_by: Option<String>,
    /// Whether nothing is to be written or sent.
    pub dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    MaintenanceReminder,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    #[serde(rename = "task")]
    _task: Option<Task>,
    scheduled_at: Option<Timestamp>,
    run_id: Option<String>,
    requested_by: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl Job {
    /// Reads `{"task": "maintenance-reminder", "scheduled_at": RFC 3339, "run_id": name, "requested_by": name, "dry_run":
    /// bool}`, all optional (now, by schedule).
    ///
    /// # Errors
    /// What is wrong with the event.
    pub fn parse(event: Value, now: Timestamp) -> Result<Self, serde_json::Error> {
        let event: Event = serde_json::from_value(event)?;
        let scheduled_at = event.scheduled_at.unwrap_or(now);
        let id = run_id(scheduled_at, event.run_id.as_deref().unwrap_or(NAME));
        Ok(Self { scheduled_at, id, requested_by: event.requested_by, dry_run: event.dry_run })
    }

    /// The run's day.
    #[must_use]
    pub fn today(&self) -> LocalDate {
        self.scheduled_at.day(ZONE)
    }
}
