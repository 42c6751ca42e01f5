//! Three handlers at once on one subscription, and how they may end.

use std::collections::BTreeSet;

use crate::harness::{Outcome, TaskId, TestDeployment};
use sandbox::ecpay::Callback;
use serde_json::{Value, json};

use super::{answer, at_ecpay, list, view};

/// Three handlers and the state that they start from.
pub struct ConcurrentHandlers {
    /// Deployment in the state that all three start from.
    pub deployment: TestDeployment,
    /// Subscription that all three are about.
    pub id: String,
    /// The handlers, each on an instance of its own.
    pub actors: [Actor; 3],
}

/// One handler and its input.
pub enum Actor {
    /// The webhook with a callback of ECPay.
    Callback(Callback),
    /// A run of the tasks in this event.
    Run(Value),
    /// A request of staff: method, path and body.
    Staff(&'static str, String, Option<Value>),
}

/// End of three handlers.
pub struct End {
    /// Outcome of each handler, in their order.
    pub outcomes: Vec<Outcome>,
    /// The subscription as staff see it.
    pub view: Value,
    /// The order as ECPay sees it.
    pub ecpay: Value,
    /// Subjects of the mails, oldest first.
    pub mails: Vec<String>,
}

impl Actor {
    /// A run of these tasks.
    pub fn run(tasks: impl Into<Value>) -> Self {
        Self::Run(tasks.into())
    }

    /// Begins it; `place` is its number among the three, and that of its instance.
    pub fn spawn(&self, deployment: &mut TestDeployment, place: usize) -> TaskId {
        match self {
            Self::Callback(callback) => deployment.spawn_callback(callback),
            Self::Run(task) => {
                deployment.spawn_maintenance(json!({ "task": task, "run_id": format!("run{place} {task}") }), place)
            }
            Self::Staff(method, path, body) => deployment.spawn_admin(method, path, body.as_ref(), &[]),
        }
    }
}

impl ConcurrentHandlers {
    /// The three begun on a deployment of their own.
    pub fn begin(&self) -> (TestDeployment, Vec<TaskId>) {
        let mut deployment = self.deployment.fork();
        let actors = self.actors.iter().enumerate();
        let tasks = actors.map(|(place, actor)| actor.spawn(&mut deployment, place)).collect();
        (deployment, tasks)
    }

    /// Every order of the three, one after the other.
    pub fn one_by_one(&self) -> Vec<End> {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let end = |order: [usize; 3]| {
            let mut deployment = self.deployment.fork();
            let mut tasks = [TaskId(0); 3];
            for place in order {
                tasks[place] = self.actors[place].spawn(&mut deployment, place);
                deployment.run_to_end(tasks[place]);
            }
            End::of(deployment, &self.id, &tasks)
        };
        orders.into_iter().map(end).collect()
    }
}

impl End {
    /// Reads the end of these tasks, all of which have ended.
    pub fn of(mut deployment: TestDeployment, id: &str, tasks: &[TaskId]) -> Self {
        let outcomes = tasks.iter().map(|task| deployment.finished(*task).expect("an end")).collect();
        let mails = deployment.messages().into_iter().map(|mail| mail.subject.unwrap()).collect();
        Self { outcomes, ecpay: at_ecpay(&mut deployment, id), view: view(&mut deployment, id), mails }
    }

    /// Parts of the end that must equal those of some sequence of the three: all that is stored and sent, and the
    /// responses to staff.
    pub fn shape(&self) -> String {
        let answers: Vec<_> = self.outcomes.iter().map(seen_by_staff).collect();
        let asks = [&self.ecpay["retries_asked"], &self.ecpay["cancels_asked"]];
        format!("{answers:?} {} {asks:?} {:?}", without_queries_in_vain(&self.view), self.mails)
    }

    /// Holds this end against those that are possible.
    pub fn is_one_of(&self, possible: &[Self], steps: &[String]) {
        let shape = self.shape();
        let possible: BTreeSet<String> = possible.iter().map(Self::shape).collect();
        let differences: Vec<String> = possible.iter().map(|other| difference(&shape, other)).collect();
        assert!(possible.contains(&shape), "{steps:#?} lead to an end that no order has: {differences:#?}");
    }

    /// Number of history entries of a rule.
    pub fn entries(&self, rule: &str) -> usize {
        list(&self.view, "history").iter().filter(|entry| entry["rule"] == rule).count()
    }

    /// Number of stored payments with an outcome.
    pub fn payments(&self, outcome: &str) -> usize {
        list(&self.view, "payments").iter().filter(|payment| payment["outcome"] == outcome).count()
    }

    /// Number of retry requests that reached ECPay.
    pub fn asks(&self) -> usize {
        list(&self.ecpay, "retries_asked").len()
    }

    /// Number of notices of a kind.
    pub fn notices(&self, kind: &str) -> usize {
        list(&self.view, "notices").iter().filter(|notice| notice["kind"] == kind).count()
    }
}

/// A subscription without the notes of queries in vain: a run may query while a callback stores the same payment, and one
/// that comes after the callback has no reason to.
fn without_queries_in_vain(view: &Value) -> Value {
    let mut view = view.clone();
    if let Some(history) = view["history"].as_array_mut() {
        history.retain(|entry| entry["rule"] != "nothing-new");
        history.iter_mut().for_each(|entry| entry["seq"] = Value::Null);
    }
    view["last_query"] = Value::Null;
    view
}

/// Response as staff understand it. A retry refused because nothing is owed any more equals one refused because the
/// payment succeeded.
fn seen_by_staff(outcome: &Outcome) -> (u16, Value) {
    let (status, body) = answer(outcome);
    if body["outcome"] == "paid" { (409, Value::Null) } else { (status, body["outcome"].clone()) }
}

/// Excerpts of two texts around their first difference.
fn difference(one: &str, other: &str) -> String {
    let at = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(60)).take(200).collect::<String>();
    format!("{} instead of {}", around(one), around(other))
}
