//! What an invocation asks for.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{OperationKey, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::store::runs::run_history::run_id;

/// One invocation's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Scheduled tasks.
    Tasks(Tasks),
    /// A retry that staff asked for.
    Retry(Retry),
    /// An order whose customer wishes to end it: done now, where the schedule would do it later.
    Cancel(Cancel),
}

/// Scheduled tasks at a logical time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// In the order in which they are done.
    pub tasks: Vec<Task>,
    /// The logical time: when the run was due, not when it happens.
    pub scheduled_at: Timestamp,
    /// The same for every attempt of one run.
    pub id: String,
    /// Whether nothing is to be written, asked for or sent: the report tells what would be.
    pub dry_run: bool,
}

/// A retry that staff asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Which order.
    pub subscription_id: SubscriptionId,
    /// The name of the token that was used.
    pub by: String,
    /// The reason given.
    pub why: Option<String>,
    /// The key of the request: one key, one retry.
    pub key: Option<OperationKey>,
}

/// An order to be ended now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Which order.
    pub subscription_id: SubscriptionId,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Task),
    Many(Vec<Task>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    task: Option<OneOrMany>,
    scheduled_at: Option<Timestamp>,
    run_id: Option<String>,
    #[serde(default)]
    dry_run: bool,
    retry: Option<Retry>,
    cancel: Option<Cancel>,
}

impl Job {
    /// Reads `{"task": name or list of names, "scheduled_at": RFC 3339, "run_id": name, "dry_run": bool}`, all optional
    /// (all tasks, now), `{"retry": {"subscription_id", "by", "why", "key"}}` or `{"cancel": {"subscription_id"}}`.
    ///
    /// # Errors
    /// What is wrong with the event.
    pub fn parse(event: Value, now: Timestamp) -> Result<Self, serde_json::Error> {
        let event: Event = serde_json::from_value(event)?;
        if let Some(retry) = event.retry {
            return Ok(Self::Retry(retry));
        }
        if let Some(cancel) = event.cancel {
            return Ok(Self::Cancel(cancel));
        }
        let mut tasks = match event.task {
            None => Task::ALL.to_vec(),
            Some(OneOrMany::One(task)) => vec![task],
            Some(OneOrMany::Many(tasks)) => tasks,
        };
        tasks.sort();
        tasks.dedup();
        let scheduled_at = event.scheduled_at.unwrap_or(now);
        let names = tasks.iter().map(|task| task.name()).collect::<Vec<_>>().join("+");
        let id = run_id(scheduled_at, &event.run_id.unwrap_or(names));
        Ok(Self::Tasks(Tasks { tasks, scheduled_at, id, dry_run: event.dry_run }))
    }
}
