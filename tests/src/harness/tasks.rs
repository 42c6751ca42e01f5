//! Tasks and the gate at which each of their calls parks. A task may make several calls at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::net::UdpSocket;
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

/// A call at the gate, with the way back to its client.
struct Parked {
    held: HeldCall,
    call: Call,
    answer: Answer,
}

struct Task {
    /// Calls that wait for a verdict, in the order in which they were made.
    parked: Vec<Parked>,
    /// True while it waits for a function that it invoked.
    waits: bool,
    outcome: Option<Outcome>,
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

/// Rounds without a new call after which everything is taken to be quiet. A call to ECPay takes four: connection, request,
/// response, and what its caller does then.
const STILL_ROUNDS: u32 = 8;

/// Datagram to itself. The loopback interface keeps the order of what it is given, so that whatever was sent before the
/// marker has arrived when the marker has.
pub(crate) struct Marker(UdpSocket);

/// State that tasks, servers and the deployment share.
pub(crate) struct Shared {
    inside: Mutex<Inside>,
    changed: Notify,
}

pub(crate) struct Inside {
    pub(crate) world: World,
    tasks: Vec<Task>,
    gates: Vec<Arc<Gate>>,
    /// Number of calls that parked and of tasks that ended, so far.
    moves: u64,
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

impl Task {
    fn runs(&self) -> bool {
        self.outcome.is_none() && !self.waits && self.parked.is_empty()
    }
}

impl Marker {
    pub(crate) async fn new() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a port");
        socket.connect(socket.local_addr().expect("an address")).await.expect("its own address");
        Self(socket)
    }

    /// Sends the marker and waits until it has arrived.
    async fn pass(&self) {
        self.0.send(&[0]).await.expect("a marker that is sent");
        self.0.recv(&mut [0]).await.expect("a marker that arrives");
        tokio::task::yield_now().await;
    }
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
        let inside = Inside { world, tasks: Vec::new(), gates: Vec::new(), moves: 0 };
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

    /// Waits until each task is held, waits or has ended, and none goes on beside a call that is held.
    pub(crate) async fn quiet(&self, marker: &Marker) {
        let mut still = 0;
        let mut seen = None;
        while still < STILL_ROUNDS {
            while self.inside().tasks.iter().any(Task::runs) {
                self.changed.notified().await;
            }
            tokio::task::yield_now().await;
            if self.inside().tasks.iter().all(|task| task.parked.is_empty()) {
                return;
            }
            // A call to ECPay, or its response, may still be on its way through the loopback interface.
            marker.pass().await;
            let moves = Some(self.inside().moves);
            still = if moves == seen { still + 1 } else { 0 };
            seen = moves;
        }
    }
}

impl Inside {
    pub(crate) fn begin(&mut self) -> TaskId {
        self.tasks.push(Task { parked: Vec::new(), waits: false, outcome: None, handle: None, caller: None });
        TaskId(self.tasks.len() - 1)
    }

    /// Has a task wait for the one that it invoked, which has not run yet.
    pub(crate) fn wait(&mut self, caller: TaskId, invoked: TaskId, answer: Answer) {
        self.tasks[caller.0].waits = true;
        self.tasks[invoked.0].caller = Some((caller, answer));
    }

    pub(crate) fn keep_handle(&mut self, task: TaskId, handle: AbortHandle) {
        self.tasks[task.0].handle = Some(handle);
    }

    fn park(&mut self, task: TaskId, call: Call, answer: Answer) {
        *self.world.calls.entry(call.name()).or_default() += 1;
        let subject = self.world.orders.subject(&call);
        let held = HeldCall { task, service: call.service, action: call.action.clone(), subject };
        self.moves += 1;
        self.tasks[task.0].parked.push(Parked { held, call, answer });
    }

    /// Takes a held call; its task runs from here on.
    pub(crate) fn take(&mut self, held: &HeldCall) -> (Call, Answer) {
        let parked = &mut self.tasks[held.task.0].parked;
        let place = parked.iter().position(|parked| parked.held == *held).expect("a call that is held");
        let Parked { call, answer, .. } = parked.remove(place);
        (call, answer)
    }

    /// The call of a task that is held longest.
    pub(crate) fn first_held(&self, task: TaskId) -> Option<HeldCall> {
        self.tasks[task.0].parked.first().map(|parked| parked.held.clone())
    }

    /// Drops a task with all its calls; it has ended once everything is quiet.
    pub(crate) fn crash(&mut self, task: TaskId) {
        let task = &mut self.tasks[task.0];
        task.parked.clear();
        task.handle.as_ref().expect("a task that was spawned").abort();
    }

    pub(crate) fn held_calls(&self) -> Vec<HeldCall> {
        self.tasks.iter().flat_map(|task| task.parked.iter().map(|parked| parked.held.clone())).collect()
    }

    /// True if every task has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| task.outcome.is_some())
    }

    pub(crate) fn outcome(&self, task: TaskId) -> Option<Outcome> {
        self.tasks[task.0].outcome.clone()
    }

    /// The task whose call is next for `task` to go on: its own, or that of whom it invoked.
    pub(crate) fn holding(&self, task: TaskId) -> TaskId {
        let invoked = |other: &Task| other.caller.as_ref().is_some_and(|(caller, _)| *caller == task);
        self.tasks.iter().position(invoked).map_or(task, |other| self.holding(TaskId(other)))
    }

    fn end(&mut self, task: TaskId, outcome: Outcome) {
        if let Some((caller, answer)) = self.tasks[task.0].caller.take() {
            self.tasks[caller.0].waits = false;
            // The receiver is gone only while the whole deployment is being dropped.
            let _unheard = answer.send(Ok(invoked(&outcome)));
        }
        self.moves += 1;
        self.tasks[task.0].parked.clear();
        self.tasks[task.0].outcome = Some(outcome);
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
