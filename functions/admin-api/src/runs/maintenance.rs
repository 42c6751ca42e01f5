//! Runs of `subscription-maintenance` on demand.

use serde_json::{Value, json};
use shared::platform::clock::InvocationTime;
use shared::platform::random;
use shared::store::runs::run_history::run_id;

use crate::api::ApiState;
use crate::http::response::Failure;

/// Request for a run of `subscription-maintenance`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunMode {
    /// True if nothing is written or requested.
    pub(crate) dry_run: bool,
    /// True if `cancel` also requests the cancellations that customers can still undo.
    pub(crate) early: bool,
}

/// Runs one task of `subscription-maintenance`, or all. Returns the run's id, and its report if it finishes in time.
pub(crate) async fn invoke(
    api: &ApiState,
    job: Option<&str>,
    mode: RunMode,
    time: InvocationTime,
) -> Result<(String, Option<Value>), Failure> {
    // A random name: two requests within a second are two runs.
    let name = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
    let name = format!("manual-{name}");
    let mut event =
        json!({ "scheduled_at": time.logical, "run_id": name, "dry_run": mode.dry_run, "early": mode.early });
    if let (Some(job), Some(fields)) = (job, event.as_object_mut()) {
        fields.insert("task".to_owned(), json!(job));
    }
    let report = api.maintenance.invoke(&event).await?;
    Ok((run_id(time.logical, &name), report))
}
