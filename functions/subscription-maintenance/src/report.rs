//! What a run did: its answer, and its row in the ledger.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::domain::billing::decision::Decision;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Status;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;
use shared::platform::metrics::StopReason;

/// The longest lists of a task's report: the whole row must stay within DynamoDB's 400 KB.
const NAMED: usize = 50;
const DEEDS: usize = 200;

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
    /// The first things that were done, or in a dry run would be; shown apart from the counts.
    #[serde(skip)]
    pub(crate) did: Vec<ReportEntry>,
    /// Why the task stopped before its end, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<TaskStop>,
    /// How long the first item was due, in seconds; 0 where nothing was.
    #[serde(skip)]
    pub(crate) oldest_age: u64,
}

/// Why a task stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskStop {
    /// ECPay takes no calls.
    Blocked,
    /// ECPay does not answer.
    Silent,
    /// Enough for one run.
    Limit,
}

/// One thing that a run does.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ReportEntry {
    /// A decision that is stored.
    Decided {
        /// About which order.
        subscription: SubscriptionId,
        /// The rule that fired.
        rule: Rule,
        /// The rule in words.
        what: &'static str,
        /// The state before.
        from: Option<&'static str>,
        /// The state after.
        to: &'static str,
        /// The plan after.
        plan: PlanId,
        /// What is told.
        notices: Vec<&'static str>,
    },
    /// Something that is asked of ECPay.
    Asked {
        /// About which order.
        subscription: SubscriptionId,
        /// `ReAuth` or `Cancel`.
        asks: &'static str,
        /// What came of it; nothing in a dry run.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<&'static str>,
    },
    /// A mail that is handled.
    Mail {
        /// The notice.
        notice: String,
        /// Its kind.
        kind: &'static str,
        /// What becomes of it.
        outcome: &'static str,
    },
}

/// What came of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskOutcome {
    /// Something was changed.
    Done,
    /// Nothing had to be.
    Skipped(String),
    /// It could not be helped this time.
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

impl TaskStop {
    /// The same for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Blocked => "ECPay takes no calls for now",
            Self::Silent => "ECPay does not answer; the next run goes on",
            Self::Limit => "enough for one run; the next one goes on",
        }
    }

    /// The same for metrics.
    pub(crate) const fn reason(self) -> StopReason {
        match self {
            Self::Blocked => StopReason::EcpayBlocked,
            Self::Silent => StopReason::EcpayUnanswered,
            Self::Limit => StopReason::Limit,
        }
    }
}

impl Serialize for TaskStop {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl TaskReport {
    /// Takes the age of the queue at `now` from the first item that was met.
    pub(crate) fn met(&mut self, oldest: Option<Timestamp>, now: Timestamp) {
        let age = oldest.map_or(0, |oldest| now.unix().saturating_sub(oldest.unix()));
        self.oldest_age = self.oldest_age.max(u64::try_from(age).unwrap_or(0));
    }

    pub(crate) fn add(&mut self, subscription: &SubscriptionId, step: TaskOutcome) {
        self.due += 1;
        match step {
            TaskOutcome::Done => self.done += 1,
            TaskOutcome::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            TaskOutcome::Failed(reason) => {
                if self.failures.len() < NAMED {
                    self.failures.push((subscription.clone(), reason.clone()));
                }
                *self.failed.entry(reason).or_default() += 1;
            }
        }
    }

    pub(crate) fn add_deeds(&mut self, deeds: impl IntoIterator<Item = ReportEntry>) {
        let room = DEEDS.saturating_sub(self.did.len());
        self.did.extend(deeds.into_iter().take(room));
    }
}

impl RunReport {
    /// What was done, by task.
    pub(crate) fn did(&self) -> BTreeMap<Task, &[ReportEntry]> {
        let busy = self.tasks.iter().filter(|(_, report)| !report.did.is_empty());
        busy.map(|(task, report)| (*task, report.did.as_slice())).collect()
    }

    /// Whether nothing was due.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.values().all(|task| task.due == 0 && task.stopped.is_none())
    }
}
