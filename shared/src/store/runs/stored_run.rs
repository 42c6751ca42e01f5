//! A run as it is stored.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

/// A run of scheduled or requested tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRun {
    /// Id of the run: scheduled time and tasks, or the name of a run that staff requested.
    pub id: String,
    /// Names of its tasks.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Scheduled time: the logical time of its decisions (UTC).
    pub scheduled_at: Timestamp,
    /// Start of the latest attempt (UTC).
    pub started_at: Timestamp,
    /// End of the claim, from which another invocation may take the run over (UTC); none once it has finished.
    pub lease_until: Option<Timestamp>,
    /// Token of the invocation that claimed the run; lets it recognise its own claim when the response was lost.
    #[serde(default)]
    pub owner: String,
    /// Number of attempts; 0 until the first starts.
    #[serde(default)]
    pub attempts: u32,
    /// End of the run (UTC).
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Report as JSON; none until the run has finished.
    pub report: Option<String>,
    /// True for a run whose report says that it failed.
    #[serde(default)]
    pub has_failed: bool,
    /// Error of the latest failed attempt, without personal data.
    #[serde(default)]
    pub error: Option<String>,
}

impl StoredRun {
    /// True once a report is stored that says no failure.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.report.is_some() && !self.has_failed
    }
}
