//! Helpers of the simulators' tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::world::{Options, World};

pub(crate) const NOW: &str = "2026-03-02T09:30:00+08:00";

pub(crate) async fn sandbox() -> Arc<World> {
    started(None).await
}

pub(crate) async fn started(data: Option<PathBuf>) -> Arc<World> {
    let options = Options { port: 0, data, now: NOW.parse().unwrap(), variables: BTreeMap::new(), stream: false };
    World::start(options).await.unwrap()
}

/// A request with a JSON body to a path of the sandbox.
pub(crate) fn request(world: &World, method: Method, path: &str, body: &Value) -> RequestBuilder {
    let request = world.http.request(method, format!("{}{path}", world.base_url));
    request.header("content-type", "application/json").body(body.to_string())
}

/// Status and text of an answer.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub(crate) async fn get(world: &World, path: &str) -> Value {
    let (status, text) = answer(world.http.get(format!("{}{path}", world.base_url))).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Puts a control; gives the status and the answer.
pub(crate) async fn put(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = answer(request(world, Method::PUT, path, body)).await;
    (status, serde_json::from_str(&text).unwrap())
}

pub(crate) async fn misbehave(world: &World, faults: Value) {
    assert_eq!(put(world, "/sandbox/faults", &faults).await, (200, faults));
}
