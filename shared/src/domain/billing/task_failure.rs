//! The failing task of an order, as stored with it.

use serde::{Deserialize, Serialize};

use crate::domain::billing::policy::NEEDS_ATTENTION_AFTER;
use crate::domain::billing::task::Task;
use crate::domain::values::time::Timestamp;

/// A task that failed for this order and no other reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// The task.
    pub task: Task,
    /// Since when it fails.
    pub since: Timestamp,
    /// How often it failed.
    pub attempts: usize,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// Why it failed the last time, without personal data.
    pub reason: String,
}

impl TaskFailure {
    /// Whether it failed so often that staff were told and that nothing else waits for it any more.
    #[must_use]
    pub const fn needs_attention(&self) -> bool {
        self.attempts >= NEEDS_ATTENTION_AFTER
    }
}
