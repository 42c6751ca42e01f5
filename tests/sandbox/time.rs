//! Passing of time: latency and waits go by the sandbox's clock, which stands while anything works.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::json;
use shared::platform::clock::Stopwatch;

use testing::support::Sandbox;

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// Real seconds within which hours of the sandbox's clock pass, also on a busy machine.
const FEW_SECONDS: u64 = 60;

fn begin() -> DateTime<Utc> {
    BEGIN.parse().unwrap()
}

async fn latency(sandbox: &Sandbox, ms: u64) {
    sandbox.put("/sandbox/ecpay/latency", json!({ "ms": ms })).await;
}

/// One call that ECPay refuses for its signature: it takes its time all the same.
async fn call(sandbox: &Sandbox) {
    let url = format!("{}/ecpay/Cashier/QueryCreditCardPeriodInfo", sandbox.base);
    assert_eq!(sandbox.http.post(url).body("MerchantID=3002607").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn calls_in_flight_at_once_take_one_latency() {
    let sandbox = Sandbox::at(BEGIN).await;
    latency(&sandbox, 300).await;
    join_all((0..20).map(|_| call(&sandbox))).await;
    assert_eq!(sandbox.world.now(), begin() + TimeDelta::milliseconds(300));
    call(&sandbox).await;
    call(&sandbox).await;
    assert_eq!(sandbox.world.now(), begin() + TimeDelta::milliseconds(900));
    let pace = sandbox.get("/sandbox/ecpay/pace").await;
    assert_eq!((&pace["most_in_one_second"], &pace["calls"]["QueryCreditCardPeriodInfo"]), (&json!(22), &json!(22)));
}

#[tokio::test]
async fn four_minutes_of_five_calls_a_second_take_seconds() {
    let sandbox = Sandbox::at(BEGIN).await;
    latency(&sandbox, 200).await;
    let real = Stopwatch::start();
    for _ in 0..1200 {
        call(&sandbox).await;
    }
    assert_eq!(sandbox.world.now(), begin() + TimeDelta::seconds(240));
    assert_eq!(sandbox.get("/sandbox/ecpay/pace").await["most_in_one_second"], 5);
    assert!(real.elapsed().as_secs() < FEW_SECONDS, "{:?}", real.elapsed());
}

#[tokio::test]
async fn the_timestamps_of_a_long_run_stay_fresh() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut orders = Vec::new();
    for user in ["a", "b", "c", "d"] {
        let order = sandbox.subscribe(user, "monthly").await;
        sandbox.order_behavior(&order, json!({ "callbacks": false })).await;
        orders.push(order);
    }
    // Together longer than the three minutes for which ECPay accepts a TimeStamp.
    latency(&sandbox, 50_000).await;
    let ran = sandbox.travel("2025-02-16T18:00:00+08:00").await;
    for order in &orders {
        assert_eq!(sandbox.account(order).await["payments"].as_array().unwrap().len(), 2, "{ran:?}");
    }
    assert_eq!(sandbox.world.now(), "2025-02-16T10:00:00Z".parse::<DateTime<Utc>>().unwrap());
}
