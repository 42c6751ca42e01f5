//! Attempts and their repetition, by the stream and by the schedule.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

use super::{KEY, Receiver, minutes, scheduled, settled, streaming};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

/// Attempts at the first event of a type, as `GET /api/events` shows them.
async fn attempts(sandbox: &Sandbox, kind: &str) -> Value {
    sandbox.get(&format!("/api/events?type={kind}")).await["events"][0]["deliveries"][0].clone()
}

#[tokio::test]
async fn with_the_stream_cut_off_the_schedule_posts_and_with_the_schedules_cut_off_the_stream() {
    for has_stream in [true, false] {
        let receiver = Receiver::start().await;
        let sandbox = streaming(BEGIN, &[&receiver]).await;
        sandbox.put("/sandbox/stream", json!({ "enabled": has_stream })).await;
        sandbox.put("/sandbox/schedules", json!({ "enabled": !has_stream })).await;
        sandbox.subscribe("either", "monthly").await;
        settled(&sandbox).await;
        assert_eq!(receiver.types().len(), if has_stream { 3 } else { 0 });
        minutes(&sandbox, 5.0).await;
        assert_eq!(receiver.types().len(), 3, "stream: {has_stream}");
        minutes(&sandbox, 60.0).await;
        assert_eq!(receiver.types().len(), 3, "once each");
    }
}

#[tokio::test]
async fn an_event_is_repeated_at_once_and_then_ever_more_rarely_until_its_endpoint_is_off() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let mut endpoint = receiver.endpoint("a");
    endpoint["types"] = json!(["subscription.activated"]);
    super::set_endpoints(&sandbox, &[endpoint]).await;
    receiver.answers(&[500; 100]);
    sandbox.subscribe("unlucky", "monthly").await;
    settled(&sandbox).await;
    assert_eq!(receiver.types().len(), 2, "once, and at once again");
    // 5, 30 minutes, 2, 5, 10, 14, 20 and 24 hours after the attempt before, as minutes from the first on.
    let begin: DateTime<Utc> = BEGIN.parse().unwrap();
    for (minute, expected) in [(5, 3), (35, 4), (155, 5), (455, 6), (1_055, 7), (1_895, 8), (3_095, 9), (4_535, 10)] {
        for (at, posts) in [(minute - 1, expected - 1), (minute, expected)] {
            sandbox.travel(&(begin + TimeDelta::minutes(at)).to_rfc3339()).await;
            assert_eq!(receiver.types().len(), posts, "{at}");
        }
    }
    // That was more than three days after the first failure: the endpoint is off, and the event waits for it.
    assert_eq!(sandbox.get("/api/events/endpoints").await["endpoints"][0]["is_off"], true);
    assert_eq!(column(&sandbox.get("/api/events?state=held").await["events"], "type"), ["subscription.activated"]);
    let events = receiver.events(KEY);
    assert!(events.iter().all(|event| event == &events[0]), "each attempt has the same body");
}

#[tokio::test]
async fn whatever_a_receiver_does_the_event_arrives_at_last() {
    for fault in ["down", "refuse", "limit", "closed", "redirect", "answer_lost", "gone"] {
        let sandbox = Sandbox::streaming(BEGIN, &[]).await;
        sandbox.put("/sandbox/faults", json!({ "events": { "fault": fault, "times": 8 } })).await;
        sandbox.subscribe("patient", "monthly").await;
        sandbox.advance(1.0).await;
        let received = sandbox.get("/sandbox/events").await["events"].clone();
        let mut ids: Vec<Value> =
            received.as_array().unwrap().iter().map(|event| event["body"]["id"].clone()).collect();
        ids.sort_by_key(Value::to_string);
        ids.dedup();
        assert_eq!(ids.len(), 3, "{fault}: {received}");
        let states = column(&sandbox.get("/api/events").await["events"], "state");
        assert_eq!(states, ["delivered"; 3], "{fault}");
        let calls = sandbox.calls("events").await;
        assert_eq!(calls.get("moved"), None, "{fault}: no redirect is followed");
    }
}

#[tokio::test]
async fn a_long_answer_is_no_failure_and_is_not_read_to_its_end() {
    for fault in ["huge", "endless"] {
        let sandbox = Sandbox::streaming(BEGIN, &[]).await;
        sandbox.put("/sandbox/faults", json!({ "events": { "fault": fault } })).await;
        sandbox.subscribe("chatty", "monthly").await;
        settled(&sandbox).await;
        let events = sandbox.get("/api/events").await["events"].clone();
        assert_eq!(column(&events, "state"), ["delivered"; 3], "{fault}");
        assert_eq!(sandbox.calls("events").await["post"], 3, "{fault}");
    }
}

#[tokio::test]
async fn a_receiver_that_is_down_for_a_day_has_everything_afterwards() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    receiver.answers(&[503; 10_000]);
    for user in 0..10 {
        sandbox.subscribe(&format!("day-{user}"), "monthly").await;
        minutes(&sandbox, 10.0).await;
    }
    sandbox.advance(1.0).await;
    let posts = receiver.types().len();
    // Without a limit each of the 30 events would have had seven attempts by then.
    assert!(posts < 30 * 12, "{posts}");
    receiver.answers(&[]);
    // At the latest after the longest wait that any of them has by then.
    sandbox.advance(0.6).await;
    let states = column(&sandbox.get("/api/events").await["events"], "state");
    assert_eq!(states, ["delivered"; 30]);
    let mut ids: Vec<String> = receiver.events(KEY).iter().map(|event| event["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
}

#[tokio::test]
async fn a_request_of_staff_posts_an_event_again_under_its_id() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let sandbox = streaming(BEGIN, &[&one, &other]).await;
    sandbox.subscribe("again", "monthly").await;
    settled(&sandbox).await;
    let id =
        sandbox.get("/api/events?type=subscription.activated").await["events"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/events/{id}/resend");
    let why = json!({ "why": "the app lost it" });
    assert_eq!(sandbox.post(&format!("{path}?dry_run=true"), why.clone()).await["dry_run"], true);
    settled(&sandbox).await;
    assert_eq!((one.types().len(), other.types().len()), (3, 3));
    let resent = sandbox.post(&path, why).await;
    assert_eq!((&resent["state"], &resent["resend"]["by"]), (&json!("queued"), &json!("staff:support")));
    settled(&sandbox).await;
    assert_eq!((one.types().len(), other.types().len()), (4, 4));
    assert_eq!(one.events(KEY)[3]["id"], json!(id));
    sandbox.post(&path, json!({ "why": "only this one", "endpoint": "b" })).await;
    settled(&sandbox).await;
    assert_eq!((one.types().len(), other.types().len()), (4, 5));
    let refused = sandbox.call(reqwest::Method::POST, &path, Some(json!({ "why": "x", "endpoint": "c" }))).await;
    assert_eq!((refused.0.as_u16(), &refused.1["error"]["code"]), (409, &json!("other_endpoint")));
    let unknown = "/api/events/evt_DKUNKNOWN_1_1/resend";
    let refused = sandbox.call(reqwest::Method::POST, unknown, Some(json!({ "why": "x" }))).await;
    assert_eq!(refused.0.as_u16(), 404);
    assert_eq!(attempts(&sandbox, "subscription.activated").await["attempts"], 1);
}

#[tokio::test]
async fn a_test_goes_to_the_endpoints_whatever_they_take() {
    let (one, other) = (Receiver::start().await, Receiver::start().await);
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let mut endpoints = [one.endpoint("a"), other.endpoint("b")];
    endpoints[0]["types"] = json!(["payment.failed"]);
    super::set_endpoints(&sandbox, &endpoints).await;
    let planned = sandbox.post("/api/events/test?dry_run=true", json!({})).await;
    assert_eq!(planned["dry_run"], true);
    let test = sandbox.post("/api/events/test", json!({})).await;
    settled(&sandbox).await;
    assert_eq!((one.types(), other.types()), (vec!["test".to_owned()], vec!["test".to_owned()]));
    assert_eq!(one.events(KEY)[0]["id"], test["id"]);
    assert_eq!(one.events(KEY)[0]["data"], json!({ "requested_by": "support" }));
    sandbox.post("/api/events/test", json!({ "endpoint": "b" })).await;
    settled(&sandbox).await;
    assert_eq!((one.types().len(), other.types().len()), (1, 2));
}

#[tokio::test]
async fn the_schedule_posts_in_a_run_whose_report_names_the_events() {
    let receiver = Receiver::start().await;
    let sandbox = scheduled(BEGIN, &[&receiver]).await;
    let order = sandbox.subscribe("reported", "monthly").await;
    let planned = sandbox.world.invoke_maintenance(json!({ "task": "send-mail", "dry_run": true })).await.unwrap();
    let did = |report: &Value| column(&report["did"]["send-mail"], "outcome");
    assert_eq!(did(&planned), ["would_post"; 3]);
    assert_eq!(receiver.types().len(), 0);
    let done = sandbox.world.invoke_maintenance(json!({ "task": "send-mail" })).await.unwrap();
    assert_eq!(did(&done), ["delivered"; 3]);
    let events = json!({ "due": 3, "delivered": 3, "later": 0, "given_up": 0, "failed": 0 });
    assert_eq!((&done["tasks"]["send-mail"]["done"], &done["tasks"]["send-mail"]["events"]), (&json!(0), &events));
    assert_eq!(done["did"]["send-mail"][0]["event"], json!(format!("evt_{order}_2_1")));
}
