//! Events for the business's app: signed, posted, repeated, listed.

mod delivery;
mod endpoints;
mod life;
mod list;
mod sample;
mod timing;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use testing::support::Sandbox;

/// Keys of endpoints, invented.
pub(crate) const KEY: &str = "whsec_aW52ZW50ZWQta2V5LW9mLWFuLWVuZHBvaW50LTAx";
pub(crate) const NEXT_KEY: &str = "whsec_YW5vdGhlci1pbnZlbnRlZC1rZXktb2YtZW5kcG9pbnQ=";

/// A receiver of the business's own, on this machine.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// Statuses of the next answers; then 204.
    answers: Arc<Mutex<Vec<u16>>>,
    /// Requests that may be answered: none are while it is empty.
    may_answer: Arc<Semaphore>,
    /// Requests that wait for their answers, and the most that did at one time.
    waiting: Arc<Mutex<(usize, usize)>>,
}

impl Receiver {
    /// A receiver that answers at once.
    pub(crate) async fn start() -> Self {
        Self::with_answers(Semaphore::MAX_PERMITS).await
    }

    /// A receiver that answers so many requests and holds the others.
    pub(crate) async fn with_answers(count: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let receiver = Self {
            url: format!("http://{}/events", listener.local_addr().unwrap()),
            taken: Arc::default(),
            answers: Arc::default(),
            may_answer: Arc::new(Semaphore::new(count)),
            waiting: Arc::default(),
        };
        let router = Router::new().route("/events", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// Sets the statuses of the next answers.
    pub(crate) fn answers(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.to_vec();
    }

    /// Answers so many more requests.
    pub(crate) fn release(&self, count: usize) {
        self.may_answer.add_permits(count);
    }

    /// Most requests that waited at one time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.waiting.lock().unwrap().1
    }

    /// Bodies of the requests whose signature is right under the key, in the order of their arrival; any other fails the test.
    pub(crate) fn events(&self, key: &str) -> Vec<Value> {
        let webhook = Webhook::new(key).unwrap();
        let taken = self.taken.lock().unwrap();
        let verified = |(headers, body): &(HeaderMap, Bytes)| {
            webhook.verify(body, headers).unwrap();
            let event: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(headers["webhook-id"], event["id"].as_str().unwrap());
            assert_eq!(headers["content-type"], "application/json");
            event
        };
        taken.iter().map(verified).collect()
    }

    /// Types of the events, in the order of their arrival.
    pub(crate) fn types(&self) -> Vec<String> {
        self.events(KEY).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// The receiver as the secret names it.
    pub(crate) fn endpoint(&self, name: &str) -> Value {
        json!({ "name": name, "url": self.url, "keys": [KEY] })
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.taken.lock().unwrap().push((headers, body));
    {
        let mut waiting = receiver.waiting.lock().unwrap();
        waiting.0 += 1;
        waiting.1 = waiting.1.max(waiting.0);
    }
    receiver.may_answer.acquire().await.unwrap().forget();
    receiver.waiting.lock().unwrap().0 -= 1;
    let mut answers = receiver.answers.lock().unwrap();
    let status = if answers.is_empty() { 204 } else { answers.remove(0) };
    StatusCode::from_u16(status).unwrap()
}

/// Gives the sandbox these endpoints.
pub(crate) async fn set_endpoints(sandbox: &Sandbox, endpoints: &[Value]) {
    sandbox.put("/sandbox/events/endpoints", json!({ "endpoints": endpoints })).await;
}

/// A sandbox whose stream sends, with these receivers as `a`, `b`, ….
pub(crate) async fn streaming(now: &str, receivers: &[&Receiver]) -> Sandbox {
    let sandbox = Sandbox::streaming(now, &[]).await;
    named(&sandbox, receivers).await;
    sandbox
}

/// A sandbox whose schedule sends, with these receivers as `a`, `b`, ….
pub(crate) async fn scheduled(now: &str, receivers: &[&Receiver]) -> Sandbox {
    let sandbox = Sandbox::at(now).await;
    named(&sandbox, receivers).await;
    sandbox
}

async fn named(sandbox: &Sandbox, receivers: &[&Receiver]) {
    let names = ["a", "b", "c", "d", "e"];
    let endpoints: Vec<Value> = names.iter().zip(receivers).map(|(name, to)| to.endpoint(name)).collect();
    set_endpoints(sandbox, &endpoints).await;
}

/// Everything that the stream has is handled.
pub(crate) async fn settled(sandbox: &Sandbox) {
    sandbox.world.stream_handled().await;
}

/// Moves the clock by minutes.
pub(crate) async fn minutes(sandbox: &Sandbox, minutes: f64) {
    sandbox.advance(minutes / 1_440.0).await;
}
