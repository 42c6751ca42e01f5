//! The list of events, for an app that polls.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

use super::minutes;

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

async fn page(sandbox: &Sandbox, query: &str) -> (Vec<String>, String, bool) {
    let page = sandbox.get(&format!("/api/events{query}")).await;
    let ids = column(&page["events"], "id");
    (ids, page["next"].as_str().unwrap().to_owned(), page["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn an_app_that_polls_gets_every_event_and_knows_those_of_the_last_minute_by_their_ids() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (none, mut next, _) = page(&sandbox, "").await;
    assert_eq!(none, Vec::<String>::new());
    let mut seen = BTreeSet::new();
    for user in 0..4 {
        sandbox.subscribe(&format!("poll-{user}"), "monthly").await;
        loop {
            let (ids, after, has_more) = page(&sandbox, &format!("?limit=2&after={next}")).await;
            seen.extend(ids);
            next = after;
            if !has_more {
                break;
            }
        }
        assert_eq!(seen.len(), 3 * (user + 1));
        minutes(&sandbox, 0.5).await;
    }
    // The last answer was given when those of three users were not older than a minute.
    let (again, next, _) = page(&sandbox, &format!("?after={next}")).await;
    assert!(again.len() == 9 && again.iter().all(|id| seen.contains(id)), "{again:?}");
    assert_eq!(page(&sandbox, &format!("?after={next}")).await.0.len(), 6);
    minutes(&sandbox, 2.0).await;
    let (_, next, _) = page(&sandbox, &format!("?after={next}")).await;
    assert_eq!(page(&sandbox, &format!("?after={next}")).await.0, Vec::<String>::new());
}

#[tokio::test]
async fn the_list_is_filtered_by_type_and_state() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.put("/sandbox/faults", json!({ "events": "down" })).await;
    for user in 0..3 {
        sandbox.subscribe(&format!("filter-{user}"), "monthly").await;
    }
    let (activated, ..) = page(&sandbox, "?type=subscription.activated").await;
    assert_eq!(activated.len(), 3);
    assert_eq!(page(&sandbox, "?state=queued").await.0.len(), 9);
    minutes(&sandbox, 5.0).await;
    assert_eq!(page(&sandbox, "?state=queued").await.0.len(), 0);
    assert_eq!(page(&sandbox, "?state=waiting&type=user.plan_changed").await.0.len(), 3);
    for wrong in ["?type=invoice.paid", "?state=sent", "?limit=0", "?limit=201", "?after=forged", "?kind=test"] {
        let (status, body) = sandbox.call(Method::GET, &format!("/api/events{wrong}"), None).await;
        assert_eq!(status.as_u16(), 400, "{wrong}: {body}");
    }
}

#[tokio::test]
async fn the_list_needs_a_token_that_reads_and_a_request_one_that_operates() {
    let sandbox = Sandbox::at(BEGIN).await;
    let credentials = sandbox.get("/sandbox/credentials").await;
    let reader = credentials["read_token"].as_str().unwrap();
    let url = |path: &str| format!("{}{path}", sandbox.base);
    let listed = sandbox.http.get(url("/api/events")).bearer_auth(reader).send().await.unwrap();
    assert_eq!(listed.status().as_u16(), 200);
    assert_eq!(sandbox.http.get(url("/api/events")).send().await.unwrap().status().as_u16(), 401);
    for path in ["/api/events/test", "/api/events/evt_A_1_1/resend", "/api/events/endpoints/a/enable"] {
        let request = sandbox.http.post(url(path)).bearer_auth(reader).header("content-type", "application/json");
        let answer = request.body("{}").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 403, "{path}");
    }
}

#[tokio::test]
async fn events_go_after_thirty_days() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("old", "monthly").await;
    sandbox.advance(20.0).await;
    let (kept, ..) = page(&sandbox, "").await;
    assert_eq!(kept.len(), 3);
    sandbox.world.leap("2025-03-02T10:00:01+08:00".parse().unwrap());
    assert_eq!(page(&sandbox, "").await.0, Vec::<String>::new());
    let path = format!("/api/events/{}/resend", kept[0]);
    let (status, _) = sandbox.call(Method::POST, &path, Some(json!({ "why": "too late" }))).await;
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test]
async fn the_events_of_an_erased_customer_name_no_one_and_are_not_posted() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.put("/sandbox/faults", json!({ "events": "down" })).await;
    let made = sandbox.order("forgotten", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.post(&format!("/sandbox/ecpay/orders/{order}/pay"), json!({ "rtn_code": "10100058" })).await;
    minutes(&sandbox, 5.0).await;
    let erased = sandbox.call(Method::DELETE, "/api/users/forgotten", Some(json!({ "why": "on request" }))).await;
    assert_eq!(erased.0.as_u16(), 200, "{}", erased.1);
    sandbox.put("/sandbox/faults", json!({ "events": "none" })).await;
    minutes(&sandbox, 60.0).await;
    let events = sandbox.get("/api/events").await["events"].clone();
    assert_eq!(column(&events, "type"), ["payment.failed"]);
    assert_eq!((&events[0]["data"]["user_id"], &events[0]["state"]), (&json!("erased"), &json!("failed")));
    let received: Value = sandbox.get("/sandbox/events").await["events"].clone();
    assert_eq!(received, json!([]));
}
