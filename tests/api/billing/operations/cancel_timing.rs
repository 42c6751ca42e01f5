//! Cancellations requested by customers whose next charge is near: ECPay is called at once, staff learn what is not confirmed,
//! and a charge that comes all the same goes back.

use serde_json::{Value, json};
use testing::support::{STAFF, Sandbox, column};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn cancel(sandbox: &Sandbox, order: &str) -> Value {
    sandbox.post(&format!("/api/subscriptions/{order}/cancel"), json!({ "why": "moves away" })).await
}

#[tokio::test]
async fn in_the_last_week_before_a_charge_ecpay_is_asked_at_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("near", "monthly").await;
    let annual = sandbox.subscribe("annual", "annual").await;
    sandbox.travel("2025-02-08T00:00:00+08:00").await;
    let account = cancel(&sandbox, &order).await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    assert_eq!(account["next_action"]["kind"], "end-grace");
    assert_eq!(account["plan_id"], "PRO");
    let kept = cancel(&sandbox, &annual).await;
    assert_eq!(kept["next_action"]["at"], "2025-02-21T16:00:00Z");
    assert_eq!(sandbox.at_ecpay(&annual).await["state"], "running");
}

#[tokio::test]
async fn staff_are_notified_3_days_before_the_charge_and_the_charge_is_a_refund_due() {
    for fault in ["down", "refuse"] {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = sandbox.subscribe("unheard", "monthly").await;
        sandbox.travel("2025-02-10T10:00:00+08:00").await;
        sandbox.fault("ecpay", fault).await;
        cancel(&sandbox, &order).await;
        let late = format!("Cancellation not confirmed: order {order}");
        for (until, expected) in
            [("2025-02-11T23:59:59+08:00", 0), ("2025-02-12T00:10:00+08:00", 1), ("2025-02-15T09:59:59+08:00", 1)]
        {
            sandbox.travel(until).await;
            let mails = sandbox.mails(STAFF).await;
            let late: Vec<_> = mails.iter().filter(|mail| mail["subject"] == late.as_str()).collect();
            assert_eq!(late.len(), expected, "{fault} {until}: {mails:?}");
            assert!(late.iter().all(|mail| mail["body"].as_str().unwrap().contains("2025-02-15")), "{mails:?}");
        }
        // ECPay charges the order, which it still runs.
        sandbox.travel("2025-02-15T10:10:00+08:00").await;
        let account = sandbox.account(&order).await;
        assert_eq!(column(&account["payments"], "refund_due"), ["false", "true"], "{fault}");
        assert_eq!(account["current_period_end"], "2025-02-15", "{fault}");
        sandbox.fault("ecpay", "none").await;
        sandbox.travel("2025-02-17T00:00:00+08:00").await;
        assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled", "{fault}");
        let account = sandbox.account(&order).await;
        assert_eq!((&account["status"], &account["plan_id"]), (&json!("cancelled"), &json!("FREE")), "{fault}");
    }
}

#[tokio::test]
async fn before_duekeeper_is_removed_all_cancellations_are_requested_ahead_of_time() {
    let sandbox = Sandbox::at(BEGIN).await;
    let leaving = sandbox.subscribe("leaving", "monthly").await;
    let annual = sandbox.subscribe("annual", "annual").await;
    let owing = sandbox.subscribe("owing", "monthly").await;
    sandbox.charge(&owing, json!({ "rtn_code": "10100252" })).await;
    let staying = sandbox.subscribe("staying", "monthly").await;
    for order in [&leaving, &annual, &owing] {
        cancel(&sandbox, order).await;
        assert_eq!(sandbox.at_ecpay(order).await["state"], "running");
    }
    let planned = sandbox.post("/runs/cancel?early=true&dry_run=true", json!({})).await;
    assert_eq!(
        planned["did"]["cancel"].as_array().unwrap().iter().filter(|entry| entry["asks"] == "Cancel").count(),
        3
    );
    for order in [&leaving, &annual, &owing] {
        assert_eq!(sandbox.at_ecpay(order).await["state"], "running");
    }
    sandbox.post("/runs/cancel?early=true", json!({})).await;
    for order in [&leaving, &annual, &owing] {
        assert_eq!(sandbox.at_ecpay(order).await["state"], "cancelled", "{order}");
    }
    assert_eq!(sandbox.at_ecpay(&staying).await["state"], "running");
    assert_eq!(sandbox.account(&staying).await["history"].as_array().unwrap().len(), 2);
    let (status, refused) = sandbox.call(reqwest::Method::POST, "/runs/retry?early=true", None).await;
    assert_eq!((status.as_u16(), refused["error"]["param"].as_str()), (400, Some("early")));
}
