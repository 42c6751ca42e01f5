//! Load: how soon events and mails arrive, what a slow endpoint holds up, and what idle hours cost.

use std::time::Duration;

use serde_json::json;

use testing::support::{Sandbox, column};

use super::{KEY, Receiver, minutes, settled, streaming};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

#[tokio::test]
async fn a_slow_endpoint_delays_neither_mail_nor_another_endpoint() {
    let (slow, quick) = (Receiver::with_answers(0).await, Receiver::start().await);
    let sandbox = streaming(BEGIN, &[&slow, &quick]).await;
    for user in 0..12 {
        let order = sandbox.subscribe(&format!("slow-{user}"), "monthly").await;
        sandbox.charge(&order, json!({ "rtn_code": "10100058" })).await;
    }
    // While no post to the slow one is answered, the other has all, and every mail is sent.
    let arrived = async {
        while quick.types().len() < 60
            || sandbox.get("/sandbox/messages").await["messages"].as_array().unwrap().len() < 12
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), arrived).await.unwrap();
    assert!(slow.most_in_flight() <= shared::events::drain::IN_FLIGHT, "{}", slow.most_in_flight());
    slow.release(10_000);
    settled(&sandbox).await;
    minutes(&sandbox, 30.0).await;
    let mut ids: Vec<String> = slow.events(KEY).iter().map(|event| event["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 60);
}

#[tokio::test]
async fn an_idle_run_of_five_minutes_reads_two_queues_and_no_secret() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("idle", "monthly").await;
    minutes(&sandbox, 30.0).await;
    sandbox.forget_calls().await;
    sandbox.world.invoke_maintenance(json!({ "task": ["check-pending", "send-mail"] })).await.unwrap();
    assert_eq!(
        sandbox.get("/sandbox/calls?function=SubscriptionMaintenance").await,
        json!({ "dynamodb": { "Query": 2 } })
    );
}

#[tokio::test]
async fn what_the_stream_sends_arrives_while_the_clock_stands_still() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    let order = sandbox.subscribe("still", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": "10100058" })).await;
    settled(&sandbox).await;
    assert_eq!(sandbox.subjects("still@customer.example").await.len(), 1);
    let mut types = receiver.types();
    types.sort();
    let failed =
        ["payment.failed", "payment.succeeded", "subscription.activated", "subscription.past_due", "user.plan_changed"];
    assert_eq!(types, failed);
    assert_eq!(column(&sandbox.get("/api/events").await["events"], "state"), ["delivered"; 5]);
}
