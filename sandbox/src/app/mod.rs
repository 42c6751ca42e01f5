//! The business's own app, as far as Duekeeper calls it: the address to which events are posted.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures::stream;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::http::LARGEST_BODY;
use crate::world::World;
use crate::world::faults::{Fault, Service, lost_response};
use crate::world::received_events::ReceivedEvent;

/// Only this function posts events.
const CALLER: &str = "SubscriptionMaintenance";
/// Path to which the fault `redirect` leads.
const MOVED: &str = "/app/moved";
/// One part of a long answer: 64 KiB.
const PART: &[u8] = &[b'x'; 64 * 1024];
/// Parts of a huge answer, together 64 MiB.
const HUGE_PARTS: usize = 1024;

pub(crate) fn routes() -> Router<Arc<World>> {
    let events = Router::new().route("/events", post(take)).layer(DefaultBodyLimit::max(LARGEST_BODY));
    events.route("/moved", any(moved))
}

async fn take(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    world.count(CALLER, "events", "post");
    let fault = world.meet_fault(|state| state.next_fault(Service::Events)).await;
    if let Some(refusal) = refusal(fault) {
        return refusal;
    }
    let raw = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_str(&raw).unwrap_or_default();
    let headers = texts(&headers);
    world.change(|state| {
        let at = state.now;
        state.events.push(ReceivedEvent { at, headers, raw, body });
    });
    match fault {
        Fault::AnswerLost => lost_response(),
        Fault::Huge => long(Some(HUGE_PARTS)),
        Fault::Endless => long(None),
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The answer to a request that the app does not take; `None` where it takes it.
fn refusal(fault: Fault) -> Option<Response> {
    Some(match fault {
        Fault::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::Refuse => StatusCode::BAD_REQUEST.into_response(),
        Fault::Gone => StatusCode::GONE.into_response(),
        Fault::Limit => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "60")]).into_response(),
        Fault::Redirect => (StatusCode::FOUND, [(LOCATION, MOVED)]).into_response(),
        Fault::Closed => lost_response(),
        _ => return None,
    })
}

/// Counts the client that follows a redirect.
async fn moved(State(world): State<Arc<World>>) -> StatusCode {
    world.count(CALLER, "events", "moved");
    StatusCode::NO_CONTENT
}

/// An answer of so many parts; without a number one that has no end. It goes on only as fast as the client reads.
fn long(parts: Option<usize>) -> Response {
    let part = move |number: usize| async move {
        let goes_on = parts.is_none_or(|parts| number < parts);
        goes_on.then(|| (Ok::<_, std::convert::Infallible>(Bytes::from_static(PART)), number.saturating_add(1)))
    };
    Response::new(Body::from_stream(stream::unfold(0, part)))
}

fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let value = |name: &http::HeaderName| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        (name.as_str().to_owned(), values.collect::<Vec<_>>().join(","))
    };
    headers.keys().map(value).collect()
}
