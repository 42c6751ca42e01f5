//! What a run did: its answer, and its row in the ledger.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::domain::ids::SubscriptionId;

use crate::Task;

/// The longest list of subscriptions that a report names.
const NAMED: usize = 50;

/// What a run did, by task.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RunReport {
    pub(crate) tasks: BTreeMap<Task, TaskReport>,
}

/// What one task did.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TaskReport {
    /// Items that were due.
    pub(crate) due: u64,
    /// Items that were changed, sent or deleted.
    pub(crate) done: u64,
    /// Items left as they are, by reason.
    pub(crate) skipped: BTreeMap<String, u64>,
    /// Items that could not be helped, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// The first subscriptions of those, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<(SubscriptionId, String)>,
    /// Why the task stopped before its end, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<&'static str>,
}

/// What came of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was changed.
    Done,
    /// Nothing had to be.
    Skipped(String),
    /// It could not be helped this time.
    Failed(String),
}

impl TaskReport {
    pub(crate) fn add(&mut self, subscription: &SubscriptionId, step: Step) {
        self.due += 1;
        match step {
            Step::Done => self.done += 1,
            Step::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Step::Failed(reason) => {
                if self.failures.len() < NAMED {
                    self.failures.push((subscription.clone(), reason.clone()));
                }
                *self.failed.entry(reason).or_default() += 1;
            }
        }
    }
}

impl RunReport {
    /// Whether nothing was due.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.values().all(|task| task.due == 0 && task.stopped.is_none())
    }
}
