//! Reads of a run depend on what is due, not on what is stored.

use std::collections::BTreeMap;

use serde_json::json;

use testing::support::Sandbox;
use testing::support::scale::Scale;

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const NO_CREDIT: &str = "10100252";
const STOLEN: &str = "10100256";
/// Orders of each kind that are due: for a retry, for the end of grace, and for a question.
const DUE: usize = 8;

/// Calls and reads of one run of all tasks, with `stored` healthy subscriptions beside those that are due.
async fn run_beside(stored: usize) -> (BTreeMap<String, u64>, u64, u64) {
    let variables = [
        ("DUNNING_RETRY_DAYS", "1"),
        ("DUNNING_GRACE_DAYS", "3"),
        ("DUNNING_EXTRA_GRACE_DAYS", "0"),
        ("ECPAY_CALLS_PER_SECOND", "100"),
    ];
    let sandbox = Sandbox::with(BEGIN, &variables).await;
    let healthy = sandbox.subscribe("healthy", "annual").await;
    assert!(sandbox::world::table_inspect::multiply(&sandbox.world, &healthy, stored));
    for number in 0..DUE {
        let stolen = sandbox.subscribe(&format!("stolen{number}"), "monthly").await;
        sandbox.charge(&stolen, json!({ "rtn_code": STOLEN })).await;
    }
    sandbox.advance(0.01).await;
    sandbox.world.leap("2025-01-18T10:00:30+08:00".parse().unwrap());
    for number in 0..DUE {
        let retried = sandbox.subscribe(&format!("retried{number}"), "monthly").await;
        sandbox.charge(&retried, json!({ "rtn_code": NO_CREDIT })).await;
        sandbox.order(&format!("waiting{number}"), "monthly", None).await;
    }
    sandbox.advance(0.004).await;
    sandbox.world.leap("2025-01-19T10:01:30+08:00".parse().unwrap());
    sandbox.forget_calls().await;
    let reserved = sandbox::world::table_inspect::version(&sandbox.world, "PACE").unwrap_or(0);
    let run =
        sandbox.world.invoke_maintenance(json!({ "task": ["reconcile", "check-pending", "retry", "end-grace"] })).await;
    let read = sandbox.world.items_read();
    let mut calls = sandbox.calls("dynamodb").await;
    // How many calls to ECPay are reserved at once depends on the time. Each reservation reads and writes one item.
    let reserved = sandbox::world::table_inspect::version(&sandbox.world, "PACE").unwrap_or(0) - reserved;
    for action in ["GetItem", "PutItem"] {
        *calls.get_mut(action).unwrap() -= reserved;
    }
    let read = read - reserved;
    let run = run.unwrap();
    let due = run["tasks"].as_object().unwrap().values().map(|task| task["due"].as_u64().unwrap()).sum();
    (calls, read, due)
}

#[tokio::test]
async fn a_run_reads_the_same_at_any_size_of_the_table_and_hardly_more_than_what_is_due() {
    let small = run_beside(1_000).await;
    let large = run_beside(Scale { few: 5_000, many: 5_000, all: 100_000 }.count()).await;
    assert_eq!(small, large);
    let (calls, read, due) = large;
    assert_eq!(due, 3 * DUE as u64, "{calls:?}");
    assert!(read * 100 <= due * 105, "{read} items read for {due} due: {calls:?}");
}
