//! Which events a subscription leads to, and what they contain.

use serde_json::{Value, json};

use testing::support::{Sandbox, column};

use super::{KEY, NEXT_KEY, Receiver, set_endpoints, settled, streaming};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

/// Types of the events since the last look, without their prefixes.
struct Watch<'a> {
    receiver: &'a Receiver,
    seen: usize,
}

impl Watch<'_> {
    async fn next(&mut self, sandbox: &Sandbox) -> Vec<String> {
        settled(sandbox).await;
        let types = self.receiver.types();
        let mut new: Vec<String> = types[self.seen..].to_vec();
        self.seen = types.len();
        new.sort();
        new
    }
}

#[tokio::test]
async fn a_payment_a_failure_a_downgrade_and_a_late_payment_have_their_events() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    let mut watch = Watch { receiver: &receiver, seen: 0 };
    let order = sandbox.subscribe("events", "monthly").await;
    assert_eq!(watch.next(&sandbox).await, ["payment.succeeded", "subscription.activated", "user.plan_changed"]);
    sandbox.travel("2025-02-28T12:00:00+08:00").await;
    assert_eq!(watch.next(&sandbox).await, ["payment.succeeded", "subscription.renewed"]);
    // The charge of 31 March and its retries on days 1, 3 and 7 fail.
    sandbox.outcomes(&order, &["10100058", "10100058", "10100058", "10100058"]).await;
    sandbox.travel("2025-03-31T12:00:00+08:00").await;
    assert_eq!(watch.next(&sandbox).await, ["payment.failed", "subscription.past_due"]);
    sandbox.travel("2025-04-01T23:00:00+08:00").await;
    assert_eq!(watch.next(&sandbox).await, ["payment.failed", "subscription.grace_extended"]);
    sandbox.travel("2025-04-11T23:00:00+08:00").await;
    assert_eq!(
        watch.next(&sandbox).await,
        ["payment.failed", "payment.failed", "subscription.downgraded", "user.plan_changed"]
    );
    // A later attempt succeeds.
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    let recovered = watch.next(&sandbox).await;
    assert_eq!(recovered, ["payment.succeeded", "subscription.recovered", "user.plan_changed"]);

    let events = receiver.events(KEY);
    let of_type = |kind: &str| events.iter().filter(|event| event["type"] == kind).cloned().collect::<Vec<Value>>();
    let past_due = &of_type("subscription.past_due")[0];
    // Three successes and two failures are seven decisions at most; each event names the order's version of its own.
    assert_eq!(past_due["data"]["grace_period_ends_at"], "2025-04-07T02:00:00Z", "{past_due}");
    assert_eq!(
        (&past_due["data"]["plan_id"], &past_due["data"]["status"], &past_due["data"]["rule"]),
        (&json!("PRO"), &json!("past_due"), &json!("grace-began"))
    );
    let downgraded = &of_type("subscription.downgraded")[0]["data"];
    assert_eq!(
        (&downgraded["plan_id"], &downgraded["ordered_plan_id"], &downgraded["downgrade_reason"]),
        (&json!("FREE"), &json!("PRO"), &json!("payment_failure"))
    );
    let plans: Vec<String> = of_type("user.plan_changed")
        .iter()
        .map(|event| {
            let data = &event["data"];
            format!("{} -> {}", data["previous_plan_id"].as_str().unwrap(), data["plan_id"].as_str().unwrap())
        })
        .collect();
    assert_eq!(plans, ["FREE -> PRO", "PRO -> FREE", "FREE -> PRO"]);
    let versions: Vec<u64> =
        of_type("user.plan_changed").iter().map(|event| event["data"]["user_version"].as_u64().unwrap()).collect();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    let failed = &of_type("payment.failed")[0]["data"];
    assert_eq!(
        (&failed["outcome"], &failed["rtn_code"], &failed["decline"], &failed["amount_twd"]),
        (&json!("failed"), &json!("10100058"), &json!("soft_decline"), &json!(899))
    );
    // Nothing that names the customer beyond the id of the business's own.
    let raw = events.iter().map(Value::to_string).collect::<String>();
    assert!(!raw.contains("events@") && !raw.contains("card"), "{raw}");
}

#[tokio::test]
async fn a_cancellation_its_undoing_and_its_end_have_their_events() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    let mut watch = Watch { receiver: &receiver, seen: 0 };
    let order = sandbox.subscribe("leaving", "monthly").await;
    watch.next(&sandbox).await;
    let why = json!({ "why": "the customer wrote" });
    sandbox.post(&format!("/api/subscriptions/{order}/cancel"), why.clone()).await;
    assert_eq!(watch.next(&sandbox).await, ["subscription.cancel_requested"]);
    sandbox.post(&format!("/api/subscriptions/{order}/undo-cancel"), why.clone()).await;
    assert_eq!(watch.next(&sandbox).await, ["subscription.cancel_undone"]);
    sandbox.post(&format!("/api/subscriptions/{order}/cancel"), why).await;
    sandbox.advance(5.0).await;
    assert_eq!(watch.next(&sandbox).await, ["subscription.cancel_requested", "subscription.cancelled"]);
    sandbox.travel("2025-03-01T12:00:00+08:00").await;
    assert_eq!(watch.next(&sandbox).await, ["subscription.downgraded", "user.plan_changed"]);
    let events = receiver.events(KEY);
    let end = events.iter().find(|event| event["type"] == "subscription.downgraded").unwrap();
    assert_eq!(end["data"]["downgrade_reason"], "period_ended");
}

#[tokio::test]
async fn a_change_of_plan_has_events_of_the_new_plan_and_the_refund_that_is_due() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    let mut watch = Watch { receiver: &receiver, seen: 0 };
    let old = sandbox.subscribe("changing", "monthly").await;
    watch.next(&sandbox).await;
    sandbox.advance(10.0).await;
    watch.next(&sandbox).await;
    let made = sandbox.order("changing", "annual", Some(&old)).await;
    sandbox.submit(&made).await;
    let types = watch.next(&sandbox).await;
    // Both orders are of PRO: the user's plan stays.
    assert_eq!(types, ["payment.succeeded", "subscription.activated", "subscription.refund_due"]);
    let due = receiver.events(KEY).into_iter().find(|event| event["type"] == "subscription.refund_due").unwrap();
    assert_eq!(due["data"]["subscription_id"], json!(old));
    // 18 of the 28 days from 31 January to 28 February: 899 * 18 / 28 = 577.9.
    assert_eq!(due["data"]["refund_due_twd"], 578);
}

#[tokio::test]
async fn an_event_is_signed_with_both_keys_while_one_is_changed() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let endpoint = json!({ "name": "a", "url": receiver.url, "keys": [KEY, NEXT_KEY] });
    set_endpoints(&sandbox, &[endpoint]).await;
    sandbox.subscribe("rotating", "monthly").await;
    settled(&sandbox).await;
    assert_eq!(receiver.events(KEY), receiver.events(NEXT_KEY));
    assert_eq!(receiver.events(KEY).len(), 3);
}

#[tokio::test]
async fn an_endpoint_gets_the_types_that_it_takes_and_five_get_them_all() {
    let mut receivers = Vec::new();
    for _ in 0..5 {
        receivers.push(Receiver::start().await);
    }
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let names = ["a", "b", "c", "d", "e"];
    let mut endpoints: Vec<Value> = names.iter().zip(&receivers).map(|(name, to)| to.endpoint(name)).collect();
    endpoints[0]["types"] = json!(["user.plan_changed"]);
    endpoints[1]["types"] = json!([]);
    set_endpoints(&sandbox, &endpoints).await;
    sandbox.subscribe("filtered", "monthly").await;
    settled(&sandbox).await;
    let counts: Vec<usize> = receivers.iter().map(|receiver| receiver.types().len()).collect();
    assert_eq!(counts, [1, 0, 3, 3, 3]);
    assert_eq!(receivers[0].types(), ["user.plan_changed"]);
}

#[tokio::test]
async fn what_is_posted_has_the_fields_that_the_description_names() {
    let receiver = Receiver::start().await;
    let sandbox = streaming(BEGIN, &[&receiver]).await;
    let order = sandbox.subscribe("described", "monthly").await;
    sandbox.outcomes(&order, &["10100058"]).await;
    sandbox.travel("2025-02-28T12:00:00+08:00").await;
    sandbox.post("/api/events/test", json!({})).await;
    settled(&sandbox).await;
    let description = sandbox.get("/openapi.json").await;
    let fields = |schema: &str| {
        let properties = description["components"]["schemas"][schema]["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<Vec<String>>()
    };
    let mut bodies = Vec::new();
    for event in receiver.events(KEY) {
        let kind = event["type"].as_str().unwrap();
        let webhook = &description["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let body = webhook["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
        assert_eq!(keys(&event), fields(&body), "{event}");
        assert_eq!(keys(&event["data"]), fields(&format!("{body}Data")), "{event}");
        bodies.push(body);
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies, ["PaymentEvent", "PlanEvent", "SubscriptionEvent", "TestEvent"]);
    let listed = sandbox.get("/api/events").await;
    assert_eq!(column(&listed["events"], "state").iter().filter(|state| *state == "delivered").count(), 6);
}
