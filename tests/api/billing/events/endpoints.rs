//! Endpoints that fail, are slow, are switched off, or have a faulty secret.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox, column};

use super::{KEY, Receiver, minutes, set_endpoints, settled, streaming};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

#[tokio::test]
async fn an_endpoint_that_fails_for_three_days_is_off_until_staff_switch_it_on() {
    let (failing, working) = (Receiver::start().await, Receiver::start().await);
    let sandbox = streaming(BEGIN, &[&failing, &working]).await;
    failing.answers(&[500; 100_000]);
    sandbox.subscribe("first", "monthly").await;
    sandbox.advance(2.9).await;
    let endpoints = sandbox.get("/api/events/endpoints").await["endpoints"].clone();
    assert_eq!((&endpoints[0]["name"], &endpoints[0]["is_off"]), (&json!("a"), &json!(false)), "{endpoints}");
    assert_eq!(endpoints[0]["failing_since"], "2025-01-31T02:00:00Z");
    sandbox.subscribe("second", "monthly").await;
    sandbox.advance(0.5).await;
    let endpoints = sandbox.get("/api/events/endpoints").await["endpoints"].clone();
    assert_eq!(endpoints[0]["is_off"], true, "{endpoints}");
    let subject = "Events are not posted any more: endpoint a";
    assert_eq!(sandbox.subjects(STAFF).await, [subject]);
    let text = sandbox.mails(STAFF).await[0]["body"].as_str().unwrap().to_owned();
    assert!(text.contains("2025-01-31 10:00") && text.contains("HTTP status 500"), "{text}");

    // While it is off nothing is posted to it, and the other has everything.
    let posts = failing.types().len();
    sandbox.subscribe("third", "monthly").await;
    sandbox.advance(1.0).await;
    assert_eq!(failing.types().len(), posts);
    assert_eq!(working.types().len(), 9);
    let held = sandbox.get("/api/events?state=held").await["events"].clone();
    assert_eq!(column(&held, "id").len(), 9, "{held}");

    failing.answers(&[]);
    let path = "/api/events/endpoints/a/enable";
    assert_eq!(sandbox.post(&format!("{path}?dry_run=true"), json!({})).await["was_off"], true);
    let enabled = sandbox.post(path, json!({})).await;
    assert_eq!((&enabled["was_off"], &enabled["dry_run"]), (&json!(true), &json!(false)));
    minutes(&sandbox, 10.0).await;
    assert_eq!(failing.types().len(), posts + 9);
    assert_eq!(sandbox.get("/api/events?state=held").await["events"], json!([]));
    assert_eq!(sandbox.get("/api/events/endpoints").await["endpoints"][0]["failing_since"], Value::Null);
    assert_eq!(sandbox.post(path, json!({})).await["was_off"], false);
    let unknown = sandbox.call(Method::POST, "/api/events/endpoints/z/enable", Some(json!({}))).await;
    assert_eq!(unknown.0.as_u16(), 404);
    assert_eq!(sandbox.subjects(STAFF).await.len(), 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_delays_no_mail_and_loses_no_event() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    sandbox.put("/sandbox/events/endpoints", json!({ "endpoints": "none" })).await;
    let order = sandbox.subscribe("faulty", "monthly").await;
    sandbox.outcomes(&order, &["10100058"]).await;
    sandbox.travel("2025-02-28T10:00:00+08:00").await;
    settled(&sandbox).await;
    assert_eq!(sandbox.subjects("faulty@customer.example").await.len(), 1);
    set_endpoints(&sandbox, &[receiver.endpoint("a")]).await;
    minutes(&sandbox, 15.0).await;
    assert_eq!(receiver.types().len(), 5);
}

#[tokio::test]
async fn a_faulty_address_is_a_failure_of_its_endpoint_alone() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let private = json!({ "name": "z", "url": "https://169.254.169.254/latest/meta-data", "keys": [KEY] });
    set_endpoints(&sandbox, &[private, receiver.endpoint("a")]).await;
    sandbox.subscribe("literal", "monthly").await;
    settled(&sandbox).await;
    assert_eq!(receiver.types().len(), 3);
    let endpoints = sandbox.get("/api/events/endpoints").await["endpoints"].clone();
    assert_eq!(endpoints[0]["detail"], "url: is not a public address");
}

#[tokio::test]
async fn an_endpoint_that_the_secret_no_longer_names_gets_nothing_further() {
    let (gone, kept) = (Receiver::start().await, Receiver::start().await);
    let sandbox = streaming(BEGIN, &[&gone, &kept]).await;
    gone.answers(&[500; 100]);
    sandbox.subscribe("renamed", "monthly").await;
    settled(&sandbox).await;
    let posts = gone.types().len();
    set_endpoints(&sandbox, &[kept.endpoint("b")]).await;
    minutes(&sandbox, 20.0).await;
    assert_eq!(gone.types().len(), posts);
    let failed = sandbox.get("/api/events?state=failed").await["events"].clone();
    assert_eq!(failed.as_array().unwrap().len(), 3);
    assert_eq!(failed[0]["deliveries"][0]["detail"], "the secret has no endpoint of this name");
}
