//! Model: properties that hold after every step, computed from ECPay's own records, what was delivered, and the raw
//! items of the table.

pub(crate) mod aggregates;
pub(crate) mod convergence;
mod credits;
pub(crate) mod dunning;
pub(crate) mod ecpay_calls;
mod events;
mod mails;
mod money;
mod periods;
mod replay;
pub(crate) mod table_mirror;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use shared::domain::billing::decision::HistoryEntry;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::subscription::Subscription;

use self::ecpay_calls::EcpayCalls;
use self::mails::Mails;
use self::replay::{Lines, Replay};
use self::table_mirror::{Diff, Mirror, text};

use crate::harness::{Service, Step, TaskId, TestDeployment, Verdict};

/// Result of a check; the error describes the violation.
pub(crate) type Checked = Result<(), String>;

/// The policy of the template.
fn policy() -> DunningPolicy {
    DunningPolicy::new(&[1, 3, 7], 7, 3).expect("the policy of the template").with_receipts(true)
}

/// State of all checks.
pub(crate) struct Model {
    pub(crate) mirror: Mirror,
    pub(crate) asks: EcpayCalls,
    mails: Mails,
    policy: DunningPolicy,
    replay: Replay,
    forgers: BTreeSet<TaskId>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            mirror: Mirror::default(),
            asks: EcpayCalls::default(),
            mails: Mails::new(),
            policy: policy(),
            replay: Replay::new(policy()),
            forgers: BTreeSet::new(),
        }
    }

    /// A task answers a callback that ECPay never sent.
    pub(crate) fn forged(&mut self, task: TaskId) {
        self.forgers.insert(task);
    }

    /// After a call was decided on.
    pub(crate) fn after(&mut self, deployment: &mut TestDeployment, step: &Step) -> Checked {
        let written = deployment.take_written();
        let mut diffs = BTreeMap::new();
        for pk in written {
            let differs = self.mirror.refresh(deployment, &pk);
            if self.forgers.contains(&step.call.task) && !pk.starts_with("COUNT#callbacks") {
                return Err(format!("a forged callback wrote to {pk}"));
            }
            diffs.insert(pk, differs);
        }
        self.asks.after(deployment, step, &self.mirror)?;
        if step.call.action == "SendEmail" && done(step.verdict) {
            self.mails.sent(deployment)?;
        }
        if step.call.service == Service::App && done(step.verdict) {
            events::posted(deployment, &self.mirror)?;
        }
        if diffs.is_empty() {
            return Ok(());
        }
        self.follow(&diffs)?;
        for (pk, differs) in &diffs {
            if let Some(id) = pk.strip_prefix("SUB#") {
                self.order(deployment, id, differs)?;
            }
            self.mails.noticed(differs)?;
            events::unchanged(differs)?;
        }
        events::check(&self.mirror, diffs.keys())?;
        aggregates::check(&self.mirror, diffs.keys())
    }

    /// The new lines of history lead to what is stored.
    fn follow(&mut self, diffs: &BTreeMap<String, Vec<Diff>>) -> Checked {
        let mut lines = Lines::new();
        for (pk, differs) in diffs {
            let Some(id) = pk.strip_prefix("SUB#") else { continue };
            let new: VecDeque<HistoryEntry> =
                differs.iter().filter(|diff| diff.sk.starts_with("HISTORY#")).map(line).collect::<Result<_, _>>()?;
            lines.insert(id.to_owned(), new);
        }
        let ids: Vec<String> = lines.keys().cloned().collect();
        self.replay.fold(lines)?;
        ids.iter().try_for_each(|id| self.agrees(&self.replay, id))
    }

    fn agrees(&self, replay: &Replay, id: &str) -> Checked {
        let item = self.mirror.item(&format!("SUB#{id}"), "STATE");
        let stored: Subscription =
            serde_json::from_value(item["data"].clone()).map_err(|error| format!("order {id}: {error}"))?;
        let rebuilt = replay.states.get(id).ok_or_else(|| format!("order {id} has no history"))?;
        if item["version"] != rebuilt.version {
            return Err(format!("order {id} has version {}, its history {}", item["version"], rebuilt.version));
        }
        if stored != rebuilt.value {
            let (one, other) = (format!("{stored:#?}"), format!("{:#?}", rebuilt.value));
            let differs = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
            let differs: Vec<String> = differs.map(|(one, other)| format!("stored {one}, history {other}")).collect();
            return Err(format!("order {id}: the history gives another state: {}", differs.join("; ")));
        }
        Ok(())
    }

    /// One order whose partition was written to.
    fn order(&self, deployment: &mut TestDeployment, id: &str, differs: &[Diff]) -> Checked {
        let state = differs.iter().find(|diff| diff.sk == "STATE");
        let was_free = state.is_some_and(|diff| diff.old["data"]["plan"] == "FREE");
        let seen = dunning::Seen { mirror: &self.mirror, answered: &self.asks.answered, was_free };
        for diff in differs {
            let kind = diff.sk.split('#').next().unwrap_or_default();
            match kind {
                "PAYMENT" if !diff.old.is_null() => credits::payment(diff)?,
                "RECEIPT" | "HISTORY" if !diff.old.is_null() => {
                    return Err(format!("{id} {}: written twice", diff.sk));
                }
                "NOTICE" if diff.old.is_null() => aggregates::notice(&self.mirror, id, &diff.new["data"])?,
                "PAYMENT" => money::payment(deployment, &self.mirror, id, &diff.new["data"])?,
                "HISTORY" => {
                    dunning::line(deployment, &seen, id, &diff.new["data"])?;
                    credits::line(&seen, id, &diff.new["data"])?;
                }
                "STATE" => {
                    money::counters(&diff.old["data"], &diff.new["data"])?;
                    self.due(&diff.new)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Its place in the due index is that of its next action.
    fn due(&self, item: &Value) -> Checked {
        let stored: Subscription = serde_json::from_value(item["data"].clone()).map_err(|error| error.to_string())?;
        let next = NextAction::of(&stored, &self.policy);
        let expected = next.map(|next| (next.kind.as_str().to_owned(), next.at.to_string()));
        let found = item["queue"].as_str().map(|queue| (queue.to_owned(), text(&item["due_at"]).to_owned()));
        if found == expected { Ok(()) } else { Err(format!("{}: due {found:?}, next {expected:?}", stored.id)) }
    }

    /// A callback was answered with `1|OK`.
    pub(crate) fn acknowledged(&self, deployment: &mut TestDeployment, fields: &[(String, String)]) -> Checked {
        money::acknowledged(deployment, &self.mirror, fields)
    }

    /// Checks the end: all orders again from their histories alone, and convergence.
    pub(crate) fn at_rest(&self, deployment: &mut TestDeployment) -> Checked {
        let mut lines = Lines::new();
        for item in self.mirror.subscriptions() {
            let id = text(&item["data"]["id"]);
            let rows = self.mirror.rows(text(&item["pk"]), "HISTORY#");
            let history = rows.map(|row| serde_json::from_value(row["data"].clone()).map_err(|e| e.to_string()));
            lines.insert(id.to_owned(), history.collect::<Result<_, _>>()?);
        }
        let ids: Vec<String> = lines.keys().cloned().collect();
        let mut replay = Replay::new(policy());
        replay.fold(lines)?;
        ids.iter().try_for_each(|id| self.agrees(&replay, id))?;
        events::at_rest(deployment, &self.mirror)?;
        convergence::check(deployment, &self.mirror)
    }
}

fn line(diff: &Diff) -> Result<HistoryEntry, String> {
    serde_json::from_value(diff.new["data"].clone()).map_err(|error| format!("{}: {error}", diff.sk))
}

/// True if a call with this verdict was performed, whatever its caller learned.
pub(crate) const fn done(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Proceed | Verdict::LoseAnswer | Verdict::CrashAfter | Verdict::Garble => true,
        Verdict::Throttle
        | Verdict::Conflict
        | Verdict::LoseRequest
        | Verdict::CrashBefore
        | Verdict::Down
        | Verdict::Refuse
        | Verdict::Deny => false,
    }
}
