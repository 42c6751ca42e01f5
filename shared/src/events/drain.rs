//! Posts events that are due: claim, post, record what became of each delivery. An event that was posted and whose outcome could not
//! be recorded is posted again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use crate::domain::billing::app_events::delivery::{Attempt, Delivery, DeliveryState, EventState};
use crate::ecpay::order_form::Environment;
use crate::events::endpoints::{EndpointSecret, Endpoints};
use crate::events::health::{Admission, Health};
use crate::events::plan::planned;
use crate::events::post::{EventClient, TIMEOUT};
use crate::events::report::EventReport;
use crate::events::slots::Slots;
use crate::platform::clock::InvocationTime;
use crate::platform::logging::error_chain;
use crate::platform::secrets;
use crate::store::Error;
use crate::store::billing::Billing;
use crate::store::billing::events::{DueEvent, StoredEvent};
use crate::store::table_failures::TableFailures;

pub use crate::events::slots::IN_FLIGHT;

/// Minutes after which a claim ends: longer than two attempts.
const LEASE_MINUTES: i64 = 2;
/// Events that are worked on at a time: more than the posts in flight to all endpoints, so that none waits for another one's.
const CONCURRENT_EVENTS: usize = 64;
/// Time of one attempt where others wait for the end of the invocation. What takes longer is left to a run of its own.
const BRIEF_TIMEOUT: Duration = Duration::from_secs(3);
/// Events of one endpoint that one pass keeps in memory; of one that fails, those that show if it works again.
const MOST_OF_ENDPOINT: usize = 2_000;
const MOST_OF_FAILING: usize = 8;
/// Stands for all endpoints in the count of events that only need to be recorded.
const NO_ENDPOINT: &str = "";

/// Client, endpoints and slots of one instance.
pub struct EventSender {
    client: EventClient,
    /// None where events are only listed.
    secret: Option<EndpointSecret>,
    slots: Slots,
}

/// How long a drain may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Each attempt has its full time.
    Full,
    /// Further records of the stream wait: slow endpoints are left to a run.
    Brief,
}

/// Reasons why no event can be posted.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The events secret could not be read, or has another shape.
    #[error("the endpoints of events could not be read")]
    Secret(#[from] secrets::Error),
    /// The table could not be read.
    #[error("the state of the endpoints could not be read")]
    Store(#[from] Error),
}

/// Drain in progress.
pub struct EventDrain<'a> {
    pub(super) billing: &'a Billing,
    sender: &'a EventSender,
    endpoints: Arc<Endpoints>,
    health: Health,
    pub(super) time: InvocationTime,
    patience: Patience,
    /// Numbers of kept events by endpoint.
    kept: BTreeMap<String, usize>,
}

/// Events of one pass that are not under way.
#[derive(Default)]
struct Queue {
    pending: VecDeque<DueEvent>,
    /// Those that wait for a slot, by the endpoint.
    waiting: BTreeMap<String, VecDeque<DueEvent>>,
}

/// An event with the slots in which it is posted.
struct Started {
    due: DueEvent,
    slots: Vec<(String, OwnedSemaphorePermit)>,
}

/// Next step for a pending event.
enum Step {
    /// Post it in these slots.
    Post(Vec<(String, OwnedSemaphorePermit)>),
    /// Record its state; nothing can be posted now.
    Record,
    /// Wait for a slot of this endpoint.
    Wait(String),
    /// Leave it due as it is.
    Leave,
}

impl EventSender {
    /// The sender to the endpoints of the secret under `secret_id`; without one there is no endpoint.
    ///
    /// # Errors
    /// [`reqwest::Error`] where TLS cannot be set up.
    pub fn new(client: Client, secret_id: Option<String>, environment: Environment) -> Result<Self, reqwest::Error> {
        let secret = secret_id.map(|id| EndpointSecret::new(client, id, environment));
        Ok(Self { client: EventClient::new(environment)?, secret, slots: Slots::default() })
    }
}

impl Queue {
    /// Lets the first events that wait have another look at the slots.
    fn look_again(&mut self) {
        for waiting in self.waiting.values_mut() {
            let first = waiting.len().min(IN_FLIGHT);
            self.pending.extend(waiting.drain(..first));
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
    }

    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty()
    }
}

impl<'a> EventDrain<'a> {
    /// Reads the endpoints and their states.
    ///
    /// # Errors
    /// [`StartError`]; the events stay due.
    pub async fn start(
        billing: &'a Billing,
        sender: &'a EventSender,
        time: InvocationTime,
        patience: Patience,
    ) -> Result<Self, StartError> {
        let endpoints = match &sender.secret {
            Some(secret) => secret.get(time.wall).await?,
            None => Arc::default(),
        };
        let health = Health::read(billing, endpoints.keys()).await?;
        Ok(Self { billing, sender, endpoints, health, time, patience, kept: BTreeMap::new() })
    }

    /// Begins another pass over what is due.
    pub fn begin_pass(&mut self) {
        self.kept.clear();
    }

    /// True if an event that is due is worth keeping until it is posted. Of an endpoint that fails or is slow only so many are, and
    /// they keep no event of another endpoint out.
    pub fn keeps(&mut self, due: &DueEvent) -> bool {
        let event = planned(&due.event, &self.endpoints, self.time.wall_now());
        let mut names: Vec<String> = self.due_endpoints(&event).map(str::to_owned).collect();
        if names.is_empty() {
            names.push(NO_ENDPOINT.to_owned());
        }
        let mut is_kept = false;
        for name in names {
            let most = if self.health.is_failing(&name) { MOST_OF_FAILING } else { MOST_OF_ENDPOINT };
            let kept = self.kept.entry(name).or_default();
            if *kept < most {
                *kept += 1;
                is_kept = true;
            }
        }
        is_kept
    }

    /// Posts events until all are handled that can be, for at most `until` of the invocation.
    ///
    /// # Errors
    /// [`Error`] where the table failed for several events in a row.
    pub async fn post(&self, events: Vec<DueEvent>, until: Duration) -> Result<EventReport, Error> {
        let (mut report, mut failures) = (EventReport::default(), TableFailures::default());
        let (mut queue, now) = (Queue::default(), self.time.wall_now());
        queue.pending.extend(events.into_iter().map(|mut due| {
            due.event = planned(&due.event, &self.endpoints, now);
            due
        }));
        let mut under_way = FuturesUnordered::new();
        loop {
            let has_time = self.time.stopwatch.elapsed() < until;
            while has_time && under_way.len() < CONCURRENT_EVENTS {
                let Some(started) = self.next(&mut queue, &mut report) else { break };
                under_way.push(self.handle(started));
            }
            let Some(handled) = under_way.next().await else {
                if has_time && self.wait_for_slot(&mut queue).await {
                    continue;
                }
                break;
            };
            queue.look_again();
            failures.add(handled.as_ref().err());
            match handled {
                Ok(Some(due)) if self.is_due_now(&due.event) => queue.pending.push_back(due),
                Ok(Some(due)) => report.add(&due.event),
                Ok(None) => {}
                Err(error) if failures.is_table_down() => return Err(error),
                Err(error) => {
                    tracing::error!(error = error_chain(&error), "an event could not be handled");
                    report.failed += 1;
                }
            }
        }
        report.is_left |= !queue.is_empty();
        Ok(report)
    }

    /// Endpoints that are configured and on, and to which the event is due.
    fn due_endpoints<'b>(&'b self, event: &'b StoredEvent) -> impl Iterator<Item = &'b str> {
        let now = self.time.wall_now();
        let due = event.deliveries.iter().filter(move |(_, delivery)| delivery.is_due(now));
        let names = due.map(|(name, _)| name.as_str()).filter(|name| self.endpoints.contains_key(*name));
        names.filter(|name| self.health.admission(name) != Admission::Off)
    }

    fn is_due_now(&self, event: &StoredEvent) -> bool {
        event.state == EventState::Waiting && self.due_endpoints(event).next().is_some()
    }

    /// Takes the first event for which something can be done.
    fn next(&self, queue: &mut Queue, report: &mut EventReport) -> Option<Started> {
        while let Some(due) = queue.pending.pop_front() {
            match self.step(&due.event) {
                Step::Post(slots) => return Some(Started { due, slots }),
                Step::Record => return Some(Started { due, slots: Vec::new() }),
                Step::Wait(name) => queue.waiting.entry(name).or_default().push_back(due),
                Step::Leave => report.is_left |= self.patience == Patience::Brief,
            }
        }
        None
    }

    fn step(&self, event: &StoredEvent) -> Step {
        let (mut slots, mut full, mut is_refused, mut is_slow) = (Vec::new(), None, false, false);
        for name in self.due_endpoints(event) {
            match self.health.admission(name) {
                Admission::Open if self.is_left_to_a_run(name) => is_slow = true,
                Admission::Open => match self.sender.slots.take(name) {
                    Some(slot) => {
                        self.health.begin(name);
                        slots.push((name.to_owned(), slot));
                    }
                    // Held by another invocation, perhaps for long.
                    None if self.patience == Patience::Brief && !self.health.is_posting(name) => is_slow = true,
                    None => full = Some(name.to_owned()),
                },
                Admission::Probing => full = Some(name.to_owned()),
                Admission::Failing | Admission::Off => is_refused = true,
            }
        }
        let is_new = event.state == EventState::Queued;
        match full {
            _ if !slots.is_empty() => Step::Post(slots),
            Some(name) => Step::Wait(name),
            None if is_slow || (is_refused && !is_new) => Step::Leave,
            None => Step::Record,
        }
    }

    fn is_left_to_a_run(&self, name: &str) -> bool {
        self.patience == Patience::Brief && self.sender.slots.is_slow(name, self.time.wall_now())
    }

    /// Waits for a slot that another invocation of this instance holds; `false` if no event waits for one.
    async fn wait_for_slot(&self, queue: &mut Queue) -> bool {
        let Some(name) = queue.waiting.keys().next().cloned() else { return false };
        self.sender.slots.until_free(&name).await;
        queue.look_again();
        true
    }

    /// Claims an event, posts it and records the outcome. `None` where another run was faster.
    async fn handle(&self, started: Started) -> Result<Option<DueEvent>, Error> {
        let Started { mut due, slots } = started;
        if !slots.is_empty() {
            due.event.state = EventState::Claimed;
            let lease_until = self.time.wall_now().plus_minutes(LEASE_MINUTES);
            let names: Vec<String> = slots.iter().map(|(name, _)| name.clone()).collect();
            let claimed = self.billing.put_event(due, lease_until).await;
            let Some(claimed) = claimed.inspect_err(|_| self.abandon(&names))? else {
                self.abandon(&names);
                return Ok(None);
            };
            due = claimed;
            let posts = slots.into_iter().map(|(name, slot)| self.deliver(name, slot, &due.event));
            for (name, delivery) in join_all(posts).await {
                let delivery = delivery?;
                let is_held = delivery.state == DeliveryState::Failed && self.health.admission(&name) == Admission::Off;
                // Its last attempt switched the endpoint off: it waits like the others.
                let delivery = if is_held { Delivery::due(self.time.wall_now()) } else { delivery };
                due.event.deliveries.insert(name, delivery);
            }
        }
        let now = self.time.wall_now();
        for (name, delivery) in &mut due.event.deliveries {
            if self.health.admission(name) == Admission::Failing && delivery.is_due(now) {
                *delivery = delivery.paused(now);
            }
        }
        let (state, at) = EventState::of(&due.event.deliveries, &self.health.off());
        due.event.state = state;
        self.billing.put_event(due, at.unwrap_or(now)).await
    }

    fn abandon(&self, names: &[String]) {
        names.iter().for_each(|name| self.health.abandon(name));
    }

    /// Posts an event to one endpoint, and once more at once where that fails for the first time.
    async fn deliver(
        &self,
        name: String,
        slot: OwnedSemaphorePermit,
        event: &StoredEvent,
    ) -> (String, Result<Delivery, Error>) {
        let _slot = slot;
        let before = event.deliveries.get(&name).cloned();
        let mut delivery = before.unwrap_or_else(|| Delivery::due(self.time.wall_now()));
        loop {
            let began = self.time.stopwatch.elapsed();
            let Some(attempt) = self.attempt(&name, event).await else {
                // Left as it was: a run posts it with more patience.
                self.sender.slots.note_slow(&name, self.time.wall_now());
                self.health.abandon(&name);
                return (name, Ok(delivery));
            };
            let (took, now) = (self.time.stopwatch.elapsed().saturating_sub(began), self.time.wall_now());
            if took < BRIEF_TIMEOUT {
                self.sender.slots.note_quick(&name);
            }
            delivery = delivery.after(&attempt, now);
            let is_repeated = delivery.is_due(now) && !self.health.is_failing(&name);
            // Before the delivery is recorded: an endpoint that works again would otherwise count as failing until its next event.
            if let Err(error) = self.health.end(self.billing, &name, &attempt, now).await {
                return (name, Err(error));
            }
            tracing::info!(
                event = %event.id, endpoint = name, kind = event.kind.as_str(), outcome = delivery.state.as_str(),
                detail = delivery.detail, attempts = delivery.attempts, "event posted"
            );
            if !is_repeated {
                return (name, Ok(delivery));
            }
            self.health.begin(&name);
        }
    }

    /// One attempt; `None` where it takes longer than the drain has patience.
    async fn attempt(&self, name: &str, event: &StoredEvent) -> Option<Attempt> {
        let (endpoint, client) = (self.endpoints.get(name)?, &self.sender.client);
        match self.patience {
            Patience::Brief => client.post(endpoint, event, BRIEF_TIMEOUT).await,
            Patience::Full => {
                let attempt = client.post(endpoint, event, TIMEOUT).await;
                Some(attempt.unwrap_or_else(|| Attempt::NotAccepted("it did not answer in time".to_owned())))
            }
        }
    }
}
