//! Tasks and the gate at which each of their calls parks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use super::call::{Call, Lost, Reply, Service};
use super::world::World;

/// The number of an invocation, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub usize);

/// A call that waits for a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCall {
    /// Task that made the call.
    pub task: TaskId,
    /// Service that is called.
    pub service: Service,
    /// Action in the service's own terms, such as `PutItem`.
    pub action: String,
    /// Subject of the call, the same in every run.
    pub subject: String,
}

/// End of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer; that of a function without HTTP has status 200.
    Answered {
        /// HTTP status code.
        status: u16,
        /// Body as text, of a function without HTTP its JSON.
        body: String,
    },
    /// The function failed; Lambda returns this error to its caller.
    Failed(String),
    /// Its instance was gone.
    Crashed,
}

/// Channel to the client that waits for the response.
pub(crate) type Answer = oneshot::Sender<Result<Reply, Lost>>;

enum State {
    Running,
    Held {
        held: HeldCall,
        call: Call,
        answer: Answer,
    },
    /// For a function that it invoked.
    Waiting,
    Ended(Outcome),
}

struct Task {
    state: State,
    handle: Option<AbortHandle>,
    /// Task that invoked this one and waits for its end.
    caller: Option<(TaskId, Answer)>,
}

/// One instance of a function, as its calls pass.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Occupant>);

#[derive(Clone, Copy, Default)]
enum Occupant {
    #[default]
    Nobody,
    Task(TaskId),
    Gone,
}

/// State that tasks, servers and the deployment share.
pub(crate) struct Shared {
    inside: Mutex<Inside>,
    changed: Notify,
}

pub(crate) struct Inside {
    pub(crate) world: World,
    tasks: Vec<Task>,
    gates: Vec<Arc<Gate>>,
}

/// Ends a task, however it ends: by its answer, or by being dropped.
pub(crate) struct Ending {
    pub(crate) shared: Arc<Shared>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) task: TaskId,
    pub(crate) outcome: Option<Outcome>,
}

impl Ending {
    /// Ends the task with its answer.
    pub(crate) fn with(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    pub(crate) fn is_free(&self) -> bool {
        matches!(*lock(&self.0), Occupant::Nobody)
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(*lock(&self.0), Occupant::Gone)
    }

    pub(crate) fn enter(&self, task: TaskId) {
        *lock(&self.0) = Occupant::Task(task);
    }
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        let inside = Inside { world, tasks: Vec::new(), gates: Vec::new() };
        Self { inside: Mutex::new(inside), changed: Notify::new() }
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        lock(&self.inside)
    }

    /// A gate for a new instance, and its number.
    pub(crate) fn new_gate(&self) -> (usize, Arc<Gate>) {
        let mut inside = self.inside();
        inside.gates.push(Arc::default());
        let number = inside.gates.len() - 1;
        (number, Arc::clone(&inside.gates[number]))
    }

    pub(crate) fn gate(&self, number: usize) -> Option<Arc<Gate>> {
        self.inside().gates.get(number).cloned()
    }

    /// Parks a call until its verdict. An instance that is starting has no task yet: its calls are done at once.
    pub(crate) async fn pass(&self, gate: &Gate, call: Call) -> Result<Reply, Lost> {
        let Occupant::Task(task) = *lock(&gate.0) else { return Ok(self.inside().world.perform(&call)) };
        let (answer, answered) = oneshot::channel();
        self.inside().park(task, call, answer);
        self.changed.notify_one();
        answered.await.unwrap_or(Err(Lost))
    }

    /// Waits until no task runs.
    pub(crate) async fn quiet(&self) {
        while self.inside().tasks.iter().any(|task| matches!(task.state, State::Running)) {
            self.changed.notified().await;
        }
    }
}

impl Inside {
    pub(crate) fn begin(&mut self) -> TaskId {
        self.tasks.push(Task { state: State::Running, handle: None, caller: None });
        TaskId(self.tasks.len() - 1)
    }

    /// Has a task wait for the one that it invoked, which has not run yet.
    pub(crate) fn wait(&mut self, caller: TaskId, invoked: TaskId, answer: Answer) {
        self.tasks[caller.0].state = State::Waiting;
        self.tasks[invoked.0].caller = Some((caller, answer));
    }

    pub(crate) fn keep_handle(&mut self, task: TaskId, handle: AbortHandle) {
        self.tasks[task.0].handle = Some(handle);
    }

    fn park(&mut self, task: TaskId, call: Call, answer: Answer) {
        *self.world.calls.entry(call.name()).or_default() += 1;
        let subject = self.world.orders.subject(&call);
        let held = HeldCall { task, service: call.service, action: call.action.clone(), subject };
        let state = std::mem::replace(&mut self.tasks[task.0].state, State::Held { held, call, answer });
        assert!(matches!(state, State::Running), "task {} makes two calls at a time", task.0);
    }

    /// Takes a held call; its task runs from here on.
    pub(crate) fn take(&mut self, task: TaskId) -> (HeldCall, Call, Answer) {
        match std::mem::replace(&mut self.tasks[task.0].state, State::Running) {
            State::Held { held, call, answer } => (held, call, answer),
            State::Running | State::Waiting | State::Ended(_) => panic!("task {} has no held call", task.0),
        }
    }

    /// Drops a task at its present call; it has ended once everything is quiet.
    pub(crate) fn crash(&self, task: TaskId) {
        self.tasks[task.0].handle.as_ref().expect("a task that was spawned").abort();
    }

    pub(crate) fn held_calls(&self) -> Vec<HeldCall> {
        let calls = self.tasks.iter().filter_map(|task| match &task.state {
            State::Held { held, .. } => Some(held.clone()),
            State::Running | State::Waiting | State::Ended(_) => None,
        });
        calls.collect()
    }

    /// True if every task has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| matches!(task.state, State::Ended(_)))
    }

    pub(crate) fn outcome(&self, task: TaskId) -> Option<Outcome> {
        match &self.tasks[task.0].state {
            State::Ended(outcome) => Some(outcome.clone()),
            State::Running | State::Held { .. } | State::Waiting => None,
        }
    }

    /// The task whose call is next for `task` to go on: its own, or that of whom it invoked.
    pub(crate) fn holding(&self, task: TaskId) -> TaskId {
        let invoked = |other: &Task| other.caller.as_ref().is_some_and(|(caller, _)| *caller == task);
        self.tasks.iter().position(invoked).map_or(task, |other| self.holding(TaskId(other)))
    }

    fn end(&mut self, task: TaskId, outcome: Outcome) {
        if let Some((caller, answer)) = self.tasks[task.0].caller.take() {
            self.tasks[caller.0].state = State::Running;
            // The receiver is gone only while the whole deployment is being dropped.
            let _unheard = answer.send(Ok(invoked(&outcome)));
        }
        self.tasks[task.0].state = State::Ended(outcome);
    }
}

/// Lambda's response to the caller of an invoked function.
fn invoked(outcome: &Outcome) -> Reply {
    let error = match outcome {
        Outcome::Answered { body, .. } => return Reply::new(200, body.clone()),
        Outcome::Failed(error) => error.as_str(),
        Outcome::Crashed => "the instance is gone",
    };
    let body = json!({ "errorType": "Error", "errorMessage": error }).to_string();
    Reply { function_error: true, ..Reply::new(200, body) }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        *lock(&self.gate.0) = if outcome.is_some() { Occupant::Nobody } else { Occupant::Gone };
        let dropped = if std::thread::panicking() { Outcome::Failed("panicked".to_owned()) } else { Outcome::Crashed };
        self.shared.inside().end(self.task, outcome.unwrap_or(dropped));
        self.shared.changed.notify_one();
    }
}
