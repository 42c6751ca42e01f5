//! Jobs that run once at a time, each in a function of its own, begun by hand.

use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::platform::random;
use shared::store::runs::run_history::{NewRun, run_id};

use crate::api::AdminApi;
use crate::auth::jwt::Area;
use crate::http::context::RequestContext;
use crate::http::response::Failure;
use crate::runs::invoke::Function;

/// One of the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExclusiveJob {
    /// `maintenance-reminder`.
    Reminders,
    /// `mms-expiry-scan`.
    ExpiryScan,
}

impl ExclusiveJob {
    pub(crate) const ALL: [Self; 2] = [Self::Reminders, Self::ExpiryScan];

    /// The name of the job, and of its task.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reminders => "maintenance-reminder",
            Self::ExpiryScan => "mms-expiry-scan",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// Whose job it is, by the scope of a JSON Web Token.
    pub(crate) const fn area(self) -> Area {
        match self {
            Self::Reminders => Area::Reminders,
            Self::ExpiryScan => Area::Institutions,
        }
    }

    const fn function(self, api: &AdminApi) -> &Function {
        match self {
            Self::Reminders => &api.reminders,
            Self::ExpiryScan => &api.expiry_scan,
        }
    }

    /// Has the job done now, as the run that was due at `scheduled_at`. Gives the run's id, and its report if it is done in
    /// time.
    pub(crate) async fn invoke(
        self,
        api: &AdminApi,
        scheduled_at: Timestamp,
        dry_run: bool,
        context: &RequestContext,
    ) -> Result<(String, Option<Value>), Failure> {
        let name = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
        let name = format!("manual-{name}");
        let run = run_id(scheduled_at, &name);
        if !dry_run {
            let (tasks, owner) = (vec![self.name().to_owned()], String::new());
            let new = NewRun { id: &run, tasks, scheduled_at, owner, holds_lease: false };
            api.store.runs.announce_run(new, context.time.wall).await?;
        }
        let event = json!({
            "task": self.name(), "scheduled_at": scheduled_at, "run_id": name, "requested_by": context.actor, "dry_run": dry_run,
        });
        let report = self.function(api).invoke(&event).await?;
        if report.as_ref().and_then(|report| report.get("status")) == Some(&json!("already_running")) {
            return Err(Failure::conflict("already_running", "another run is at it"));
        }
        Ok((run, report))
    }
}
