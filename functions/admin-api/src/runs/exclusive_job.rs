//! Jobs of which one run at a time may be active, each in a function of its own, started on demand.

use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::platform::random;
use shared::store::runs::run_history::{NewRun, run_id};

use crate::api::ApiState;
use crate::auth::scope::Scope;
use crate::aws::lambda::Function;
use crate::http::context::RequestContext;
use crate::http::response::Failure;

/// Job that is its own function and its only task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExclusiveJob {
    /// `maintenance-reminder`: WhatsApp reminders for vehicles.
    Reminders,
    /// `mms-expiry-scan`: Slack digest of institutions about to expire.
    ExpiryScan,
}

impl ExclusiveJob {
    pub(crate) const ALL: [Self; 2] = [Self::Reminders, Self::ExpiryScan];

    /// Name of the job in the API, and of its task in the run history.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reminders => "maintenance-reminder",
            Self::ExpiryScan => "mms-expiry-scan",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// Scope that may start the job and read its runs.
    pub(crate) const fn scope(self) -> Scope {
        match self {
            Self::Reminders => Scope::Reminders,
            Self::ExpiryScan => Scope::Institutions,
        }
    }

    const fn function(self, api: &ApiState) -> &Function {
        match self {
            Self::Reminders => &api.reminders,
            Self::ExpiryScan => &api.expiry_scan,
        }
    }

    /// Invokes the job as the run due at `scheduled_at`. Returns the run's id, and its report if it finishes in time.
    pub(crate) async fn invoke(
        self,
        api: &ApiState,
        scheduled_at: Timestamp,
        dry_run: bool,
        context: &RequestContext,
    ) -> Result<(String, Option<Value>), Failure> {
        let name = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
        let name = format!("manual-{name}");
        let run = run_id(scheduled_at, &name);
        // The run is stored before the invocation: its address is valid even if the response is lost. A dry run is not
        // stored at all.
        if !dry_run {
            let (tasks, owner) = (vec![self.name().to_owned()], String::new());
            let new = NewRun { id: &run, tasks, scheduled_at, owner, holds_lease: false };
            api.store.runs.register_run(new, context.time.wall).await?;
        }
        let event = json!({
            "task": self.name(), "scheduled_at": scheduled_at, "run_id": name, "requested_by": context.actor(), "dry_run": dry_run,
        });
        let report = self.function(api).invoke(&event).await?;
        // The job found its lease held by another run.
        if report.as_ref().and_then(|report| report.get("status")) == Some(&json!("already_running")) {
            return Err(Failure::conflict("already_running", "another run of this job is in progress"));
        }
        Ok((run, report))
    }
}
