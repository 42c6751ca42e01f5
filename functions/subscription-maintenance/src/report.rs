//! Report of a run: the answer to its caller and its row in the run history.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use shared::domain::billing::decision::Decision;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Status;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;
use shared::events::report::EventReport;
use shared::platform::metrics::StopReason;

/// Reason in a report for items that cannot be read.
pub(crate) const UNREADABLE: &str = "unreadable";

/// Failures listed in a task's report. With [`ENTRIES`] it keeps the row within DynamoDB's 400 KB per item.
const FAILURES: usize = 50;
/// Entries listed in a task's report.
const ENTRIES: usize = 200;

/// Report of all tasks of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RunReport {
    pub(crate) tasks: BTreeMap<Task, TaskReport>,
}

/// Report of one task.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TaskReport {
    /// Items that were due.
    pub(crate) due: u64,
    /// Items that were changed, sent or deleted.
    pub(crate) done: u64,
    /// Unchanged items, counted by reason.
    pub(crate) skipped: BTreeMap<String, u64>,
    /// Failed items, counted by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// The first failed subscriptions, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<(SubscriptionId, String)>,
    /// Events for the business's app, in the report of mail; `None` where none was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<EventCounts>,
    /// The first actions taken, or in a dry run to be taken; reported as the run's `did`.
    #[serde(skip)]
    pub(crate) entries: Vec<ReportEntry>,
    /// True if a failure could not be recorded at its order.
    #[serde(skip)]
    pub(crate) is_unrecorded: bool,
    /// Reason for a stop before the last due item.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_stop")]
    pub(crate) stopped: Option<StopReason>,
    /// Seconds for which the oldest item was due; 0 if none was.
    #[serde(skip)]
    pub(crate) oldest_age: u64,
}

/// Events that a run handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct EventCounts {
    /// Events that were due; in a dry run all that are.
    due: u64,
    /// Events that every endpoint has that takes them.
    delivered: u64,
    /// Events with a further attempt ahead, or whose endpoint is switched off.
    later: u64,
    /// Events that were given up for an endpoint.
    given_up: u64,
    /// Events for which the table failed.
    failed: u64,
}

/// One action of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ReportEntry {
    /// A stored decision about an order.
    Decided {
        subscription: SubscriptionId,
        rule: Rule,
        /// The rule as a sentence.
        what: &'static str,
        /// Status before the decision; `None` for a new order.
        from: Option<&'static str>,
        /// Status after the decision.
        to: &'static str,
        /// Plan after the decision.
        plan: PlanId,
        /// Kinds of the notices that the decision queued.
        notices: Vec<&'static str>,
    },
    /// A request to ECPay.
    Requested {
        subscription: SubscriptionId,
        /// ECPay's `Action`: `ReAuth` or `Cancel`.
        asks: &'static str,
        /// ECPay's reply; `None` in a dry run.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<&'static str>,
    },
    /// A mail from the outbox.
    Mail {
        /// Id of the notice.
        notice: String,
        /// Kind of the notice.
        kind: &'static str,
        /// State of the notice after the attempt to send it; `would_send` in a dry run.
        outcome: &'static str,
    },
    /// An event for the business's app.
    Event {
        /// Id of the event.
        event: String,
        /// Type of the event.
        #[serde(rename = "type")]
        kind: &'static str,
        /// State of the event after the attempts to post it; `would_post` in a dry run.
        outcome: &'static str,
    },
}

/// Outcome of a task for one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskOutcome {
    /// The item was changed.
    Done,
    /// Unchanged, for this reason.
    Skipped(String),
    /// Failed for this reason; will be retried.
    Failed(String),
}

impl ReportEntry {
    pub(crate) fn decided(decision: &Decision) -> Self {
        let history = &decision.change.history;
        Self::Decided {
            subscription: decision.change.next.id.clone(),
            rule: history.rule,
            what: history.rule.sentence(),
            from: history.from.map(Status::name),
            to: history.to.name(),
            plan: decision.change.next.plan.clone(),
            notices: decision.notices.iter().map(|notice| notice.kind.name()).collect(),
        }
    }
}

/// Sentence of a stop reason in reports; metrics have the reason's name.
pub(crate) const fn stop_text(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EcpayBlocked => "ECPay's circuit breaker is open",
        StopReason::EcpayUnanswered => "ECPay does not answer; the next run continues",
        StopReason::Limit => "limit of one run reached; the run continues in a further round",
        StopReason::WhatsappProvider => "no WhatsApp provider accepts messages",
        StopReason::MailProvider => "mails fail for one reason; the next run continues",
    }
}

#[expect(clippy::ref_option, reason = "serde's serialize_with passes a reference to the field")]
fn serialize_stop<S: Serializer>(stopped: &Option<StopReason>, serializer: S) -> Result<S::Ok, S::Error> {
    stopped.map(stop_text).serialize(serializer)
}

impl TaskReport {
    /// Records how long the oldest due item has waited at `now`.
    pub(crate) fn record_age(&mut self, oldest: Option<Timestamp>, now: Timestamp) {
        let age = oldest.map_or(0, |oldest| now.unix().saturating_sub(oldest.unix()));
        // Negative if the item fell due after the invocation began.
        self.oldest_age = self.oldest_age.max(u64::try_from(age).unwrap_or(0));
    }

    pub(crate) fn add(&mut self, subscription: &SubscriptionId, outcome: TaskOutcome) {
        self.due += 1;
        match outcome {
            TaskOutcome::Done => self.done += 1,
            TaskOutcome::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            TaskOutcome::Failed(reason) => {
                if self.failures.len() < FAILURES {
                    self.failures.push((subscription.clone(), reason.clone()));
                }
                *self.failed.entry(reason).or_default() += 1;
            }
        }
    }

    /// Adds an item that cannot be read, and so has no id to show.
    pub(crate) fn add_unreadable(&mut self) {
        self.due += 1;
        *self.failed.entry(UNREADABLE.to_owned()).or_default() += 1;
    }

    /// Adds an item that a newer version wrote. It stays due for that version.
    pub(crate) fn add_newer(&mut self) {
        self.due += 1;
        *self.skipped.entry("written by a newer version".to_owned()).or_default() += 1;
    }

    pub(crate) fn add_entries(&mut self, entries: impl IntoIterator<Item = ReportEntry>) {
        let room = ENTRIES.saturating_sub(self.entries.len());
        self.entries.extend(entries.into_iter().take(room));
    }
}

impl EventCounts {
    pub(crate) const fn of(posted: &EventReport) -> Self {
        let EventReport { delivered, later, given_up, failed, .. } = *posted;
        Self { due: posted.total(), delivered, later, given_up, failed }
    }

    /// So many events that are due; `None` for none.
    pub(crate) fn due(count: usize) -> Option<Self> {
        let due = u64::try_from(count).unwrap_or(u64::MAX);
        (due > 0).then(|| Self { due, ..Self::default() })
    }
}

impl RunReport {
    /// Actions by task, without the tasks that took none.
    pub(crate) fn did(&self) -> BTreeMap<Task, &[ReportEntry]> {
        let busy = self.tasks.iter().filter(|(_, report)| !report.entries.is_empty());
        busy.map(|(task, report)| (*task, report.entries.as_slice())).collect()
    }

    /// True if a task stopped at the limit of the run.
    pub(crate) fn reached_limit(&self) -> bool {
        self.tasks.values().any(|task| task.stopped == Some(StopReason::Limit))
    }

    /// True if no item was due and no task stopped early.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks
            .values()
            .all(|task| task.due == 0 && task.events.is_none() && task.failed.is_empty() && task.stopped.is_none())
    }
}
