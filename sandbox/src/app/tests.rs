use std::sync::Arc;

use reqwest::Response;
use serde_json::{Value, json};

use crate::test_support::{answer, get, misbehave, put, sandbox, started};
use crate::world::World;

const EVENT: &str = r#"{ "type": "subscription.renewed",  "data": { "version": 3 } }"#;

async fn post(world: &World) -> reqwest::Result<Response> {
    let request = world.http.post(format!("{}/app/events", world.base_url)).header("webhook-id", "event-1");
    request.body(EVENT).send().await
}

/// Exact texts of the bodies that arrived.
async fn raw(world: &World) -> Vec<String> {
    let events = get(world, "/sandbox/events").await;
    events["events"].as_array().unwrap().iter().map(|event| event["raw"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_is_kept_exactly_as_it_arrived_until_it_is_forgotten() {
    let world = sandbox().await;
    assert_eq!(post(&world).await.unwrap().status(), 204);
    let text = world.http.post(format!("{}/app/events", world.base_url)).body("no JSON");
    assert_eq!(answer(text).await, (204, String::new()));
    let events = get(&world, "/sandbox/events").await;
    let first = &events["events"][0];
    assert_eq!((&first["raw"], &first["at"]), (&json!(EVENT), &json!("2026-03-02T01:30:00Z")));
    assert_eq!(first["body"], json!({ "type": "subscription.renewed", "data": { "version": 3 } }));
    assert_eq!(first["headers"]["webhook-id"], "event-1");
    assert_eq!((&events["events"][1]["raw"], &events["events"][1]["body"]), (&json!("no JSON"), &Value::Null));
    assert_eq!(get(&world, "/sandbox/calls").await["events"], json!({ "post": 2 }));
    let forget = world.http.delete(format!("{}/sandbox/events", world.base_url));
    assert_eq!(answer(forget).await, (200, "{}".to_owned()));
    assert_eq!(raw(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_event_is_not_kept_and_each_fault_ends_after_its_times() {
    let world = sandbox().await;
    for (fault, status) in [("down", 503), ("refuse", 400), ("gone", 410), ("limit", 429), ("redirect", 302)] {
        misbehave(&world, json!({ "events": { "fault": fault, "times": 1 } })).await;
        let refused = post(&world).await.unwrap();
        assert_eq!(refused.status(), status, "{fault}");
        if fault == "redirect" {
            assert_eq!(refused.headers()["location"], "/app/moved");
        }
        assert_eq!(raw(&world).await, Vec::<String>::new(), "{fault}");
    }
    assert_eq!(post(&world).await.unwrap().status(), 204);
    assert_eq!(raw(&world).await, [EVENT]);
}

#[tokio::test]
async fn a_connection_can_break_before_and_after_the_event_was_taken() {
    let world = sandbox().await;
    misbehave(&world, json!({ "events": { "fault": "closed", "times": 1 } })).await;
    assert!(post(&world).await.is_err());
    assert_eq!(raw(&world).await, Vec::<String>::new());
    misbehave(&world, json!({ "events": { "fault": "answer_lost", "times": 1 } })).await;
    assert!(post(&world).await.is_err());
    assert_eq!(raw(&world).await, [EVENT]);
}

/// Reads an answer up to 65 MiB; gives its length and true if it has ended.
async fn read(mut response: Response) -> (usize, bool) {
    let mut length = 0;
    while let Some(part) = response.chunk().await.unwrap() {
        length += part.len();
        if length > 65 * 1024 * 1024 {
            return (length, false);
        }
    }
    (length, true)
}

#[tokio::test]
async fn an_answer_can_be_huge_or_endless() {
    let world = sandbox().await;
    misbehave(&world, json!({ "events": { "fault": "huge", "times": 1 } })).await;
    assert_eq!(read(post(&world).await.unwrap()).await, (64 * 1024 * 1024, true));
    misbehave(&world, json!({ "events": { "fault": "endless", "times": 1 } })).await;
    assert!(!read(post(&world).await.unwrap()).await.1);
    assert_eq!(raw(&world).await, [EVENT, EVENT]);
}

#[tokio::test]
async fn a_client_that_follows_a_redirect_is_counted() {
    let world = sandbox().await;
    misbehave(&world, json!({ "events": "redirect" })).await;
    let location = post(&world).await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    // As a client goes on after 302.
    assert_eq!(answer(world.http.get(format!("{}{location}", world.base_url))).await, (204, String::new()));
    assert_eq!(get(&world, "/sandbox/calls").await["events"], json!({ "moved": 1, "post": 1 }));
    assert_eq!(raw(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_slow_answer_takes_time_of_the_clock_and_faults_of_others_are_refused() {
    let world = sandbox().await;
    misbehave(&world, json!({ "events": "slow" })).await;
    assert_eq!(post(&world).await.unwrap().status(), 204);
    assert_eq!(get(&world, "/sandbox/clock").await["now"], "2026-03-02T01:30:02Z");
    for wrong in [json!({ "events": "device_off" }), json!({ "slack": "endless" }), json!({ "mail": "redirect" })] {
        assert_eq!(put(&world, "/sandbox/faults", &wrong).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn events_are_kept_in_the_data_directory() {
    let data = tempfile::tempdir().unwrap();
    let world = started(Some(data.path().to_owned())).await;
    assert_eq!(post(&world).await.unwrap().status(), 204);
    let kept = std::fs::read_to_string(data.path().join("state.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["events"][0]["raw"], EVENT);
}

async fn secret(world: &Arc<World>) -> Value {
    let body = json!({ "SecretId": "duekeeper/events" });
    let asked = world.http.post(&world.aws_url).body(body.to_string());
    let (status, text) = answer(asked.header("x-amz-target", "secretsmanager.GetSecretValue")).await;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_secret_has_the_app_as_its_endpoint_and_the_key_is_among_the_credentials() {
    let world = sandbox().await;
    let key = get(&world, "/sandbox/credentials").await["events_key"].clone();
    let url = format!("{}/app/events", world.base_url);
    let endpoints = json!({ "endpoints": [{ "name": "sandbox", "url": url, "keys": [key] }] });
    assert_eq!(secret(&world).await, endpoints);
}
