//! The deployment: invocations are begun here, and their calls released one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use admin_api::AdminApi;
use chrono::{DateTime, Utc};
use ecpay_webhook::Webhook;
use lambda_http::{Body, Response};
use maintenance_reminder::Reminders;
use mms_expiry_scan::ExpiryScan;
use sandbox::aws::schedule_expression::Schedule;
use sandbox::ecpay::{Callback, Ecpay};
use sandbox::world::state::Message;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::{InvocationTime, Stopwatch};
use shared::platform::logging::error_chain;
use subscription_maintenance::Maintenance;
use tokio::runtime::{Builder, Runtime};

use super::call::{Call, Lost, Reply, Service};
use super::faults::{Course, Then, Verdict};
use super::instances::{Instances, Start, template};
use super::story::{admin_event, callback_event};
use super::tasks::{Answer, Ending, Gate, HeldCall, Marker, Outcome, Shared, TaskId};
use super::world::World;
use super::{dynamodb, ecpay};

/// Options of a new deployment.
#[derive(Clone, Debug)]
pub struct Options {
    /// Instant at which it starts.
    pub now: DateTime<Utc>,
    /// Variables that are not as in the template.
    pub variables: BTreeMap<String, String>,
}

/// One call and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call that was decided on.
    pub call: HeldCall,
    /// Verdict that the test gave.
    pub verdict: Verdict,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HeldCall { task, service, action, subject } = &self.call;
        write!(f, "{} {service}.{action} {subject}: {:?}", task.0, self.verdict)
    }
}

/// Result of a performed call.
enum Done {
    Replied(Reply),
    Invoked(TaskId),
}

/// The functions and the outside, all in the calling thread. Between two calls of its methods nothing moves.
pub struct TestDeployment {
    runtime: Runtime,
    shared: Arc<Shared>,
    marker: Marker,
    base_url: String,
    variables: BTreeMap<String, String>,
    webhooks: Instances<Webhook>,
    admins: Instances<AdminApi>,
    maintenances: Instances<Maintenance>,
    reminders: Instances<Reminders>,
    expiry_scans: Instances<ExpiryScan>,
    transcript: Vec<Step>,
}

impl TestDeployment {
    /// A new deployment with nothing on it. Customers get no receipts, and the business's app no events, unless the
    /// variables say so.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut variables = options.variables;
        variables.entry("RECEIPTS".to_owned()).or_insert_with(|| "off".to_owned());
        variables.entry("EVENTS_SECRET_ID".to_owned()).or_default();
        Self::with(World::new(options.now), variables)
    }

    /// Another deployment in the same state, with new instances and an empty transcript.
    ///
    /// # Panics
    /// When a task of this one is not over: what it knows cannot be copied.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inside = self.shared.inside();
        assert!(inside.is_over(), "a task goes on");
        Self::with(inside.world.copy(), self.variables.clone())
    }

    fn with(world: World, variables: BTreeMap<String, String>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let shared = Arc::new(Shared::new(world));
        let base_url = runtime.block_on(ecpay::serve(Arc::clone(&shared)));
        let marker = runtime.block_on(Marker::new());
        Self {
            runtime,
            shared,
            marker,
            base_url,
            variables,
            webhooks: Instances::default(),
            admins: Instances::default(),
            maintenances: Instances::default(),
            reminders: Instances::default(),
            expiry_scans: Instances::default(),
            transcript: Vec::new(),
        }
    }

    /// Present time of the deployment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.inside().world.now
    }

    /// Moves the time, for ECPay and for invocations that begin from here on; ECPay does what is due until then.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        let mut inside = self.shared.inside();
        inside.world.now = now;
        inside.world.ecpay.advance(now);
    }

    /// Begins the webhook's answer to a callback, on the first instance that is free. ECPay learns of the answer by
    /// [`Self::answered`].
    pub fn spawn_callback(&mut self, callback: &Callback) -> TaskId {
        let place = self.webhooks.first_free();
        let (start, moment) = (start(&self.shared, &self.base_url, &self.variables), self.moment());
        let instance = self.runtime.block_on(self.webhooks.at(place, &start));
        let (function, request) = (instance.function, callback_event(callback, self.now()));
        let answer = async move { answered(ecpay_webhook::handle(&function, request, moment).await) };
        let task = self.spawn(instance.gate, answer);
        self.quiesce();
        task
    }

    /// Begins a request to `admin-api`, on the first instance that is free. Without an `authorization` among the
    /// headers it is the operator's.
    pub fn spawn_admin(&mut self, method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> TaskId {
        let place = self.admins.first_free();
        let (start, moment) = (start(&self.shared, &self.base_url, &self.variables), self.moment());
        let instance = self.runtime.block_on(self.admins.at(place, &start));
        let (function, request) = (instance.function, admin_event(method, path, body, headers, self.now()));
        let answer = async move { answered(admin_api::handle(&function, request, moment).await) };
        let task = self.spawn(instance.gate, answer);
        self.quiesce();
        task
    }

    /// Begins a run of `subscription-maintenance` on one of its instances, which must be free.
    pub fn spawn_maintenance(&mut self, event: Value, instance: usize) -> TaskId {
        let task = self.invoke_maintenance(event, instance);
        self.quiesce();
        task
    }

    fn invoke_maintenance(&mut self, event: Value, place: usize) -> TaskId {
        let (start, moment) = (start(&self.shared, &self.base_url, &self.variables), self.moment());
        let instance = self.runtime.block_on(self.maintenances.at(place, &start));
        let function = instance.function;
        self.spawn(instance.gate, async move {
            match subscription_maintenance::run(&function, event, moment).await {
                Ok(answer) => Outcome::Answered { status: 200, body: answer.to_string() },
                Err(error) => Outcome::Failed(error_chain(&error)),
            }
        })
    }

    /// Begins a run of `maintenance-reminder` on one of its instances, which must be free.
    pub fn spawn_reminders(&mut self, event: Value, place: usize) -> TaskId {
        let (start, moment) = (start(&self.shared, &self.base_url, &self.variables), self.moment());
        let instance = self.runtime.block_on(self.reminders.at(place, &start));
        let function = instance.function;
        let task = self.spawn(instance.gate, async move {
            match maintenance_reminder::run(&function, event, moment).await {
                Ok(answer) => Outcome::Answered { status: 200, body: answer.to_string() },
                Err(error) => Outcome::Failed(error_chain(&error)),
            }
        });
        self.quiesce();
        task
    }

    /// Begins a run of `mms-expiry-scan` on one of its instances, which must be free.
    pub fn spawn_expiry_scan(&mut self, event: Value, place: usize) -> TaskId {
        let (start, moment) = (start(&self.shared, &self.base_url, &self.variables), self.moment());
        let instance = self.runtime.block_on(self.expiry_scans.at(place, &start));
        let function = instance.function;
        let task = self.spawn(instance.gate, async move {
            match mms_expiry_scan::run(&function, event, moment).await {
                Ok(answer) => Outcome::Answered { status: 200, body: answer.to_string() },
                Err(error) => Outcome::Failed(error_chain(&error)),
            }
        });
        self.quiesce();
        task
    }

    /// Sets the institutions that MMS lists, in its own fields.
    pub fn set_institutions(&mut self, institutions: Vec<Value>) {
        self.shared.inside().world.institutions = institutions;
    }

    fn spawn(&mut self, gate: Arc<Gate>, run: impl Future<Output = Outcome> + Send + 'static) -> TaskId {
        let task = self.shared.inside().begin();
        gate.enter(task);
        let ending = Ending { shared: Arc::clone(&self.shared), gate, task, outcome: None };
        let spawned = self.runtime.spawn(async move { ending.with(run.await) });
        self.shared.inside().keep_handle(task, spawned.abort_handle());
        task
    }

    /// The calls that wait for a verdict, by task.
    #[must_use]
    pub fn held_calls(&self) -> Vec<HeldCall> {
        self.shared.inside().held_calls()
    }

    /// As [`Self::release_call`], for the call that the task made first of those held.
    ///
    /// # Panics
    /// If the task has no held call, or the verdict does not apply to this kind of call.
    pub fn release(&mut self, task: TaskId, verdict: Verdict) {
        let held = self.shared.inside().first_held(task);
        self.release_call(&held.expect("a task with a held call"), verdict);
    }

    /// Decides on a held call, and waits until every task is held, waits or has ended.
    ///
    /// # Panics
    /// If the call is not held, or the verdict does not apply to this kind of call.
    pub fn release_call(&mut self, call: &HeldCall, verdict: Verdict) {
        let task = call.task;
        let (request, answer) = self.shared.inside().take(call);
        self.transcript.push(Step { call: call.clone(), verdict });
        match verdict.course(&request) {
            Course::Refuse(reply) => deliver(answer, Ok(reply)),
            Course::Act { done, then } => {
                let done = done.then(|| self.act(&request));
                match (then, done) {
                    (Then::Crash, _) => self.shared.inside().crash(task),
                    (Then::Answer, Some(Done::Replied(reply))) => deliver(answer, Ok(reply)),
                    (Then::Answer, Some(Done::Invoked(other))) => self.shared.inside().wait(task, other, answer),
                    (Then::Garble, _) => deliver(answer, Ok(Reply::new(200, "<html><body>Maintenance</body></html>"))),
                    (Then::Lose, _) | (Then::Answer, None) => deliver(answer, Err(Lost)),
                }
            }
        }
        self.quiesce();
    }

    fn act(&mut self, request: &Call) -> Done {
        if request.service != Service::Lambda {
            return Done::Replied(self.shared.inside().world.perform(request));
        }
        // Asynchronous: tests begin those invocations themselves.
        if request.action == "Start" {
            return Done::Replied(Reply::new(202, ""));
        }
        let event = serde_json::from_slice(&request.body).expect("an event");
        Done::Invoked(self.invoke_maintenance(event, self.maintenances.first_free()))
    }

    fn quiesce(&mut self) {
        self.runtime.block_on(self.shared.quiet(&self.marker));
    }

    /// Outcome of a task; `None` while it runs.
    #[must_use]
    pub fn finished(&self, task: TaskId) -> Option<Outcome> {
        self.shared.inside().outcome(task)
    }

    /// Lets every call of a task proceed, and those of the function that it invoked, until it ends.
    pub fn run_to_end(&mut self, task: TaskId) -> Outcome {
        loop {
            if let Some(outcome) = self.finished(task) {
                return outcome;
            }
            let holding = self.shared.inside().holding(task);
            self.release(holding, Verdict::Proceed);
        }
    }

    /// Every item of the table as plain JSON, sorted by key; the calls are not counted.
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        let database = self.shared.inside().world.database.clone();
        dynamodb::items(&database)
    }

    /// Takes the partitions that were written to since the last call.
    pub fn take_written(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.shared.inside().world.written)
    }

    /// The items of one partition as plain JSON, sorted by key; the call is not counted.
    #[must_use]
    pub fn partition(&self, pk: &str) -> Vec<Value> {
        let database = self.shared.inside().world.database.clone();
        dynamodb::partition(&database, pk)
    }

    /// Sets an attribute of an item, in DynamoDB's own form such as `{"S": "text"}`; `None` removes it. The call is not
    /// counted.
    pub fn damage(&mut self, pk: &str, sk: &str, attribute: &str, value: Option<Value>) {
        dynamodb::damage(&self.shared.inside().world.database, pk, sk, attribute, value);
    }

    /// An instance of `subscription-maintenance` that has nothing to do.
    #[must_use]
    pub fn free_maintenance(&self) -> usize {
        self.maintenances.first_free()
    }

    /// The template's schedules of `subscription-maintenance`.
    #[must_use]
    pub fn schedules() -> &'static [Schedule] {
        static SCHEDULES: OnceLock<Vec<Schedule>> = OnceLock::new();
        SCHEDULES.get_or_init(|| {
            let all = template().schedules.iter();
            all.filter(|schedule| schedule.function == "SubscriptionMaintenance").cloned().collect()
        })
    }

    /// Looks at ECPay or sets it up, at the present time.
    pub fn ecpay<T>(&mut self, act: impl FnOnce(&mut Ecpay, DateTime<Utc>) -> T) -> T {
        let mut inside = self.shared.inside();
        let now = inside.world.now;
        act(&mut inside.world.ecpay, now)
    }

    /// Gives a secret a new current version; the present one becomes the previous.
    pub fn rotate_secret(&mut self, id: &str, current: String) {
        let mut inside = self.shared.inside();
        let created = inside.world.now;
        let secret = inside.world.secrets.get_mut(id).expect("a secret that is known");
        secret.previous = Some(std::mem::replace(&mut secret.current, current));
        secret.created = created;
    }

    /// Messages that reached their recipient, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.inside().world.messages.clone()
    }

    /// Bodies of the events that the business's app got, in the order of their arrival.
    #[must_use]
    pub fn posted(&self) -> Vec<Value> {
        self.shared.inside().world.posted.clone()
    }

    /// Number of calls by invocations, by name such as `dynamodb.PutItem`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.inside().world.calls.clone()
    }

    /// The ids of the orders, as numbered in the transcript.
    #[must_use]
    pub fn orders(&self) -> Vec<String> {
        self.shared.inside().world.orders.ids().to_vec()
    }

    /// Every call that was decided on. It holds nothing random: the same decisions give the same transcript.
    #[must_use]
    pub fn transcript(&self) -> &[Step] {
        &self.transcript
    }

    fn moment(&self) -> InvocationTime {
        InvocationTime::beginning(self.now(), Stopwatch::stopped())
    }
}

fn start<'a>(shared: &'a Arc<Shared>, base_url: &'a str, variables: &'a BTreeMap<String, String>) -> Start<'a> {
    let wall = Timestamp::new(shared.inside().world.now);
    Start { shared, base_url, variables, wall }
}

fn deliver(answer: Answer, reply: Result<Reply, Lost>) {
    // A run that fails for one order drops the calls of the others: they were made, and their responses are lost.
    drop(answer.send(reply));
}

fn answered(response: Response<Body>) -> Outcome {
    let body = String::from_utf8_lossy(response.body().as_ref()).into_owned();
    Outcome::Answered { status: response.status().as_u16(), body }
}
