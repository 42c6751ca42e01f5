//! Controls of what triggers functions besides requests: the table's stream (`/sandbox/stream`) and the schedules
//! (`/sandbox/schedules`); and the events that the business's app received (`/sandbox/events`).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::answers::{Answer, Shared, read};
use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/stream", get(show_stream).put(switch_stream))
        .route("/schedules", get(show_schedules).put(switch_schedules))
        .route("/events", get(events).delete(forget_events))
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

async fn forget_events(State(world): Shared) -> Json<Value> {
    world.change(|state| state.events.clear());
    Json(json!({}))
}
