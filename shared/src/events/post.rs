//! One attempt to post an event: signed as Standard Webhooks says, to an address that is checked at each connection.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, header};
use serde::Serialize;
use serde_json::Value;

use crate::domain::billing::app_events::delivery::Attempt;
use crate::domain::billing::app_events::{AppEventId, AppEventType};
use crate::domain::values::time::Timestamp;
use crate::ecpay::order_form::Environment;
use crate::events::address::{NotPublic, Resolver};
use crate::events::endpoints::{Endpoint, reach};
use crate::platform::aws;
use crate::platform::clock;
use crate::store::billing::events::StoredEvent;

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest time of an attempt (Standard Webhooks recommends 15 to 30 seconds).
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest response that is read, so that the connection can be used again. What it says does not matter.
const LARGEST_ANSWER: usize = 16 * 1024;

/// Client for the endpoints of the business's app.
pub struct EventClient(Client);

/// Body of a request.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a AppEventId,
    #[serde(rename = "type")]
    kind: AppEventType,
    timestamp: Timestamp,
    data: &'a Value,
}

/// The body of an event, the same at every attempt.
#[must_use]
pub fn body(event: &StoredEvent) -> String {
    let body = Body { id: &event.id, kind: event.kind, timestamp: event.timestamp, data: &event.data };
    serde_json::to_string(&body).unwrap_or_default()
}

impl EventClient {
    /// A client that follows no redirect, uses no proxy and repeats no request.
    ///
    /// # Errors
    /// [`reqwest::Error`] where TLS cannot be set up.
    pub fn new(environment: Environment) -> Result<Self, reqwest::Error> {
        let client = aws::http().connect_timeout(CONNECT_TIMEOUT).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never());
        let client = client.user_agent("Duekeeper").dns_resolver(Arc::new(Resolver::new(reach(environment))));
        client.build().map(Self)
    }

    /// Posts an event once; `None` where no answer came within `limit`.
    pub(super) async fn post(&self, endpoint: &Endpoint, event: &StoredEvent, limit: Duration) -> Option<Attempt> {
        let target = match endpoint.target() {
            Ok(target) => target,
            Err(fault) => return Some(Attempt::NotAccepted(fault.to_owned())),
        };
        let (id, body) = (event.id.to_string(), body(event));
        // The receiver compares it with its own clock, which is not that of a sandbox.
        let timestamp = clock::now().unix();
        let signatures = target.keys.iter().map(|key| key.sign(&id, timestamp, body.as_bytes()));
        let Ok(signatures) = signatures.collect::<Result<Vec<_>, _>>() else {
            return Some(Attempt::NotAccepted("the event could not be signed".to_owned()));
        };
        let request = self.0.post(target.url.clone()).timeout(limit);
        let request = request.header(header::CONTENT_TYPE, "application/json").header("webhook-id", id);
        let request = request.header("webhook-timestamp", timestamp).header("webhook-signature", signatures.join(" "));
        match request.body(body).send().await {
            Ok(answer) => Some(judged(answer).await),
            Err(error) if error.is_timeout() && !error.is_connect() => None,
            Err(error) => Some(Attempt::NotAccepted(failure(&error).to_owned())),
        }
    }
}

/// The status decides. The response is read to its end, unless it is long or slow.
async fn judged(mut answer: reqwest::Response) -> Attempt {
    let status = answer.status();
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > LARGEST_ANSWER {
            break;
        }
    }
    if status.is_success() {
        Attempt::Accepted(status.as_u16())
    } else {
        Attempt::NotAccepted(format!("it answered with HTTP status {}", status.as_u16()))
    }
}

/// The failure in words without the address, which may be a secret.
fn failure(error: &reqwest::Error) -> &'static str {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<NotPublic>() {
            return "its name leads to an address that is not public";
        }
        source = error.source();
    }
    if error.is_connect() { "it was not reached" } else { "it closed the connection without an answer" }
}
