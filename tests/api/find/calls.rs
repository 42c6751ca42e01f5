//! Calls to the table: never a scan, at most three one after the other, and as many at any size.

use std::collections::BTreeMap;

use serde_json::json;
use testing::harness::{Options, Outcome, TestDeployment, Verdict};
use testing::support::scale::count;
use testing::support::{Sandbox, with};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

/// One request of each kind, by the order and the payment that it finds.
fn requests() -> Vec<String> {
    let values = [
        "mei",
        "mei@customer.example",
        "2222",
        "13401071",
        "2501311000000001",
        "08551234567",
        "budi@customer.example",
        "B1234ABC",
        "budi%20santoso",
    ];
    let searches = values.iter().map(|value| format!("/search?q={value}"));
    let lists = [
        "/api/subscriptions",
        "/api/subscriptions?status=active",
        "/api/subscriptions?status=active&plan=FREE",
        "/api/subscriptions?next_action=reconcile",
        "/api/subscriptions?status=past_due&next_action=retry",
        "/api/payments?month=2025-01",
        "/runs",
        "/runs?job=retry",
        "/runs?status=failed",
        "/customers?q=budi",
        "/vehicles?due_from=2025-01-01&due_to=2025-12-31",
    ];
    searches.chain(lists.map(str::to_owned)).collect()
}

#[test]
fn a_search_and_a_list_take_at_most_three_calls_one_after_the_other() {
    let mut deployment = TestDeployment::new(Options { now: BEGIN.parse().unwrap(), variables: BTreeMap::new() });
    let wanted = json!({
        "user_id": "mei", "email": "mei@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
    });
    let task = deployment.spawn_admin("POST", "/api/subscriptions", Some(&wanted), &[]);
    let Outcome::Answered { body, .. } = deployment.run_to_end(task) else { panic!("no order") };
    deployment.submit(&serde_json::from_str(&body).unwrap());
    let owner = [("authorization", "Bearer sandbox-owner-token-invented")];
    let budi = json!({ "name": "Budi Santoso", "phone": "08551234567", "email": "budi@customer.example" });
    let car = json!({ "customer_id": "C-1", "last_visit_date": "2024-12-18" });
    for (path, body) in [("/customers/C-1", budi), ("/vehicles/B1234ABC", car)] {
        let task = deployment.spawn_admin("PUT", path, Some(&body), &owner);
        assert!(matches!(deployment.run_to_end(task), Outcome::Answered { status: 201, .. }), "{path}");
    }
    for path in requests() {
        let task = deployment.spawn_admin("GET", &path, None, &owner);
        let mut rounds = 0;
        let outcome = loop {
            if let Some(outcome) = deployment.finished(task) {
                break outcome;
            }
            // What is held at one time was sent without waiting for one another.
            for call in deployment.held_calls() {
                assert!(
                    ["Query", "GetItem", "BatchGetItem"].contains(&call.action.as_str()),
                    "{path}: {}",
                    call.action
                );
                deployment.release_call(&call, Verdict::Proceed);
            }
            rounds += 1;
        };
        let Outcome::Answered { status: 200, body } = outcome else { panic!("{path}: {outcome:?}") };
        if path.contains("q=b") || path.starts_with("/vehicles") {
            assert!(body.contains("Budi Santoso"), "{path}: {body}");
        }
        assert!(rounds <= 3, "{path}: {rounds} rounds");
    }
}

/// Calls of each request with so many subscriptions in the table.
async fn calls_at(stored: usize) -> Vec<BTreeMap<String, u64>> {
    let mut sandbox = Sandbox::at(BEGIN).await;
    sandbox.token = sandbox.get("/sandbox/credentials").await["owner_token"].as_str().unwrap().to_owned();
    let healthy = sandbox.subscribe("healthy", "annual").await;
    assert!(sandbox::world::table_inspect::multiply(&sandbox.world, &healthy, stored));
    let order = sandbox.order("mei", "monthly", None).await["subscription_id"].as_str().unwrap().to_owned();
    let paid = testing::support::first(&order, "1", "2025/01/15 09:59:59");
    let paid = with(&with(&paid, "card4no", "4242"), "gwsr", "13401071");
    assert_eq!(sandbox.report("ecpay-auth", &paid).await, testing::support::Reply::ok());
    sandbox.keep("/customers/C-1", json!({ "name": "Budi Santoso", "phone": "08551234567" })).await;
    let mut all = Vec::new();
    for path in requests() {
        sandbox.forget_calls().await;
        let answer = sandbox.get(&path).await;
        if path.contains("q=mei") {
            assert_eq!(answer["subscriptions"].as_array().unwrap().len(), 1, "{path}");
        }
        all.push(sandbox.calls("dynamodb").await);
    }
    all
}

#[tokio::test]
async fn the_calls_are_the_same_at_any_size_of_the_table() {
    let small = calls_at(1_000).await;
    let large = calls_at(count(100_000)).await;
    for (path, (small, large)) in requests().iter().zip(small.iter().zip(&large)) {
        assert_eq!(small, large, "{path}");
        assert!(!large.contains_key("Scan"), "{path}");
    }
}
