//! Controls of what triggers functions besides requests: the table's stream (`/sandbox/stream`) and the schedules
//! (`/sandbox/schedules`); and the events that the business's app received (`/sandbox/events`).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, put};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::answers::{Answer, Shared, read};
use crate::world::World;
use crate::world::credentials::EVENTS_SECRET;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/stream", get(show_stream).put(switch_stream))
        .route("/schedules", get(show_schedules).put(switch_schedules))
        .route("/events", get(events).delete(forget_events))
        .route("/events/endpoints", put(set_endpoints))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    enabled: bool,
}

async fn show_stream(State(world): Shared) -> Json<Value> {
    Json(json!(world.stream.shown()))
}

async fn switch_stream(State(world): Shared, body: Bytes) -> Answer {
    let Switch { enabled } = read(&body)?;
    world.stream.enable(enabled);
    Ok(show_stream(State(world)).await)
}

async fn show_schedules(State(world): Shared) -> Json<Value> {
    Json(json!({ "enabled": !world.state().schedules_are_off }))
}

async fn switch_schedules(State(world): Shared, body: Bytes) -> Answer {
    let Switch { enabled } = read(&body)?;
    world.change(|state| state.schedules_are_off = !enabled);
    Ok(show_schedules(State(world)).await)
}

async fn events(State(world): Shared) -> Json<Value> {
    Json(json!({ "events": world.state().events }))
}

/// Changes the events secret, so that another receiver can be tried. The function reads it again when its copy is five minutes old.
async fn set_endpoints(State(world): Shared, body: Bytes) -> Answer {
    let secret: Value = read(&body)?;
    world.rotate_secret(EVENTS_SECRET, secret.to_string());
    Ok(Json(secret))
}

async fn forget_events(State(world): Shared) -> Json<Value> {
    world.change(|state| state.events.clear());
    Json(json!({}))
}
