//! The Rust receiver of docs/EVENTS.md, at a whole life.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use testing::support::Sandbox;
use testing::support::project::text;

use super::{KEY, set_endpoints, settled};

/// Version and plan of a user.
type Known = (Option<u64>, String);

#[derive(Clone)]
pub(crate) struct App {
    webhook: Arc<Webhook>,
    seen: Arc<Mutex<BTreeSet<String>>>,
    plans: Arc<Mutex<BTreeMap<String, Known>>>,
}

pub(crate) async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(()) = app.webhook.verify(&body, &headers) else { return StatusCode::UNAUTHORIZED };
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let (mut seen, mut plans) = (app.seen.lock().await, app.plans.lock().await);
    if seen.insert(event["id"].to_string()) && event["type"] == "user.plan_changed" {
        let (data, user) = (&event["data"], event["data"]["user_id"].to_string());
        let newer = (data["user_version"].as_u64(), data["plan_id"].to_string());
        plans.entry(user).and_modify(|known| *known = known.clone().max(newer.clone())).or_insert(newer);
    }
    StatusCode::NO_CONTENT
}

#[test]
fn the_receiver_is_the_one_of_the_document() {
    let (document, here) = (text("docs/EVENTS.md"), text("tests/api/billing/events/sample.rs"));
    let sample = document.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(here.contains(sample.trim()), "{sample}");
}

#[tokio::test]
async fn the_receiver_of_the_document_has_the_plan_that_the_user_has() {
    let webhook = Arc::new(Webhook::new(KEY).unwrap());
    let app = App { webhook, seen: Arc::default(), plans: Arc::default() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let router = Router::new().route("/events", post(receive)).with_state(app.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let sandbox = Sandbox::streaming("2025-01-31T10:00:00+08:00", &[]).await;
    set_endpoints(&sandbox, &[json!({ "name": "app", "url": &url, "keys": [KEY] })]).await;
    let order = sandbox.subscribe("sample", "monthly").await;
    sandbox.outcomes(&order, &["10100058"; 4]).await;
    let mut plans = Vec::new();
    // The charge of 28 February and its retries fail, and grace ends on 10 March; then the customer pays.
    for until in ["2025-02-28T12:00:00+08:00", "2025-03-11T12:00:00+08:00", "2025-03-11T13:00:00+08:00"] {
        sandbox.travel(until).await;
        if until.contains("T13") {
            sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
        }
        settled(&sandbox).await;
        let known = app.plans.lock().await.get("\"sample\"").map(|(_, plan)| plan.clone());
        assert_eq!(known, Some(sandbox.account(&order).await["plan_id"].to_string()), "{until}");
        plans.extend(known);
    }
    assert_eq!(plans, ["\"PRO\"", "\"FREE\"", "\"PRO\""]);
    let forged = sandbox.http.post(&url).body(r#"{"type": "user.plan_changed"}"#).send().await.unwrap();
    assert_eq!(forged.status().as_u16(), 401);
}
