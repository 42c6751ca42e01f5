//! Failing task of an order and backoff of what was tried in vain, as stored with it.

use serde::{Deserialize, Serialize};

use crate::domain::billing::dunning::policy::NEEDS_ATTENTION_AFTER;
use crate::domain::billing::task::Task;
use crate::domain::values::time::Timestamp;

/// Task that failed for this order while it works for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// Failing task.
    pub task: Task,
    /// Time of the first failure.
    pub since: Timestamp,
    /// Failures in a row.
    pub attempts: usize,
    /// Time of the next attempt.
    pub again_at: Timestamp,
    /// Latest error, without personal data.
    pub reason: String,
}

/// Backoff of an action that was tried in vain. It leaves the head of its queue, so that others get their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Task of the action.
    pub task: Task,
    /// Attempts in a row without anything new.
    pub attempts: u32,
    /// Time of the next attempt.
    pub again_at: Timestamp,
}

impl TaskFailure {
    /// True once staff were notified; other tasks no longer wait for this one.
    #[must_use]
    pub const fn needs_attention(&self) -> bool {
        self.attempts >= NEEDS_ATTENTION_AFTER
    }
}
