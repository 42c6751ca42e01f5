//! Event of one invocation, parsed into a job.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::billing::decide::adopt::report::OrderToAdopt;
use shared::domain::billing::operations::KeyedRequest;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;
use shared::exclusive_run;
use shared::exclusive_run::Requested;

/// Work of one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// A run of scheduled tasks.
    Tasks(Tasks),
    /// A retry requested by staff or by the customer.
    Retry(Retry),
    /// A cancellation requested by the customer, performed now instead of by the next scheduled run.
    Cancel(Cancel),
    /// An order at ECPay to be adopted.
    Adopt(Box<Adopt>),
    /// The rows that are left of the list of orders with this id.
    AdoptList(String),
}

/// Scheduled tasks at a logical time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks in the order of work, each once.
    pub tasks: Vec<Task>,
    /// The run as the run history knows it.
    pub run: exclusive_run::Job,
    /// Number of the round in a chain of continuations; 0 for the run that began it.
    pub round: u32,
    /// True if `cancel` also requests the cancellations of customers that can still be undone.
    pub early: bool,
}

/// A retry requested by staff or by the customer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// MerchantTradeNo of the order.
    pub subscription_id: SubscriptionId,
    /// Name of the caller's token; null where the customer requested it on the customer page. Never absent.
    #[serde(deserialize_with = "Option::deserialize")]
    pub by: Option<String>,
    /// Reason for the history.
    pub why: Option<String>,
    /// The request under its idempotency key: one key requests one retry.
    pub key: Option<KeyedRequest>,
}

/// An order to be cancelled now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// MerchantTradeNo of the order.
    pub subscription_id: SubscriptionId,
}

/// An order at ECPay to be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// The order, its customer and plan.
    pub order: OrderToAdopt,
    /// Name of the caller's token.
    pub by: String,
    /// True if the answer only says what would be held.
    #[serde(default)]
    pub dry_run: bool,
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
    #[serde(default)]
    round: u32,
    #[serde(default)]
    early: bool,
    retry: Option<Retry>,
    cancel: Option<Cancel>,
    adopt: Option<Box<Adopt>>,
    adopt_list: Option<String>,
}

impl Job {
    /// Parses `{"task": name or list of names, "scheduled_at": RFC 3339, "run_id": name, "dry_run": bool, "round":
    /// number, "early": bool}`, all optional (all tasks, now), `{"retry": {"subscription_id", "by", "why", "key"}}`,
    /// `{"cancel": {"subscription_id"}}`, `{"adopt": {"order", "by", "dry_run"}}` or `{"adopt_list": id}`. `early` goes with the task `cancel` alone.
    ///
    /// # Errors
    /// An event of another shape, with the field that does not fit.
    pub fn parse(event: Value, now: Timestamp) -> Result<Self, serde_json::Error> {
        let event: Event = serde_json::from_value(event)?;
        if let Some(retry) = event.retry {
            return Ok(Self::Retry(retry));
        }
        if let Some(cancel) = event.cancel {
            return Ok(Self::Cancel(cancel));
        }
        if let Some(adopt) = event.adopt {
            return Ok(Self::Adopt(adopt));
        }
        if let Some(id) = event.adopt_list {
            return Ok(Self::AdoptList(id));
        }
        let mut tasks = match event.task {
            None => Task::ALL.to_vec(),
            Some(OneOrMany::One(task)) => vec![task],
            Some(OneOrMany::Many(tasks)) => tasks,
        };
        tasks.sort();
        tasks.dedup();
        let requested = Requested {
            scheduled_at: event.scheduled_at,
            run_id: event.run_id,
            // The admin API waits for the report itself, so the run need not know its caller.
            requested_by: None,
            dry_run: event.dry_run,
        };
        let names = tasks.iter().map(|task| task.as_str()).collect();
        let run = exclusive_run::Job::new(names, requested, now);
        if event.early && tasks != [Task::Cancel] {
            return Err(serde::de::Error::custom("early: only the task `cancel` can be requested ahead of its time"));
        }
        Ok(Self::Tasks(Tasks { tasks, run, round: event.round, early: event.early }))
    }
}
