//! Money that went back: recorded at most once, for what was paid, and with the end of the plan where staff say so.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, column, period};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn refund(sandbox: &Sandbox, order: &str, body: Value) -> (u16, Value) {
    let (status, answer) = sandbox.call(Method::POST, &format!("/api/subscriptions/{order}/refund"), Some(body)).await;
    (status.as_u16(), answer)
}

fn of(payment: &str, dollars: u32) -> Value {
    json!({ "payment_id": payment, "amount_twd": dollars, "reference": "R-0042", "why": "charged back" })
}

#[tokio::test]
async fn a_payment_goes_back_in_parts_and_never_more_than_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("parts", "monthly").await;
    let payment = sandbox.latest_payment(&order).await;
    for (dollars, refunded) in [(400, 400), (499, 899)] {
        let (status, account) = refund(&sandbox, &order, of(&payment, dollars)).await;
        assert_eq!((status, &account["payments"][0]["refunded_twd"]), (200, &json!(refunded)), "{account}");
        let line = account["history"].as_array().unwrap().last().unwrap();
        assert_eq!((&line["rule"], &line["by"]), (&json!("refunded"), &json!("staff:support")));
        // One more than is left.
        let (status, answer) = refund(&sandbox, &order, of(&payment, 900 - refunded)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("refund_too_high")), "{answer}");
    }
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
}

#[tokio::test]
async fn under_one_key_a_refund_is_recorded_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("keyed", "monthly").await;
    let body = of(&sandbox.latest_payment(&order).await, 400);
    let path = format!("/api/subscriptions/{order}/refund");
    for _ in 0..2 {
        let (status, account) = sandbox.keyed(&path, body.clone(), "refund-1").await;
        assert_eq!((status.as_u16(), &account["payments"][0]["refunded_twd"]), (200, &json!(400)), "{account}");
    }
    let mut other = body;
    other["amount_twd"] = json!(300);
    let (status, answer) = sandbox.keyed(&path, other, "refund-1").await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (409, Some("key_reused")), "{answer}");
}

#[tokio::test]
async fn a_refund_that_is_due_is_settled_by_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("due", "monthly").await;
    let new = sandbox.order("due", "monthly", Some(&old)).await;
    sandbox.submit(&new).await;
    // Charged although it was replaced.
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    let late = period(&old, "1", "2025/01/15 10:20:00", "2", "99000002");
    assert_eq!(sandbox.report("ecpay-billing", &late).await, Reply::ok());
    let payment = sandbox.latest_payment(&old).await;
    // The first one was for a month that the new order has.
    assert_eq!(column(&sandbox.account(&old).await["payments"], "refund_due"), ["true", "true"]);
    for (dollars, is_due) in [(898, "true"), (1, "false")] {
        let (status, account) = refund(&sandbox, &old, of(&payment, dollars)).await;
        assert_eq!((status, column(&account["payments"], "refund_due")[1].as_str()), (200, is_due), "{account}");
    }
}

#[tokio::test]
async fn a_refund_that_ends_access_takes_the_plan_now_and_cancels_the_order() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("ended", "monthly").await;
    let mut body = of(&sandbox.latest_payment(&order).await, 899);
    body["end_access"] = json!(true);
    let (status, account) = refund(&sandbox, &order, body).await;
    assert_eq!((status, account["plan_id"].as_str()), (200, Some("FREE")), "{account}");
    assert_eq!(account["downgrade_reason"], "refunded");
    let shown = sandbox.get("/api/webhooks/subscription-status/ended").await;
    assert_eq!(shown["subscription"]["plan_id"], "FREE");
    sandbox.travel("2025-01-15T12:05:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    assert_eq!(sandbox.account(&order).await["status"], "cancelled");
}

#[tokio::test]
async fn a_refund_that_cannot_be_meant_is_refused() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("faults", "monthly").await;
    let other = sandbox.subscribe("other", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": "10100252" })).await;
    let payments = column(&sandbox.account(&order).await["payments"], "id");
    let [paid, failed] = &payments[..] else { panic!("two payments: {payments:?}") };
    let foreign = sandbox.latest_payment(&other).await;
    for (body, param) in [
        (json!({ "payment_id": paid, "amount_twd": 0, "why": "x" }), "amount_twd"),
        (json!({ "payment_id": paid, "why": "x" }), "amount_twd"),
        (json!({ "amount_twd": 1, "why": "x" }), "payment_id"),
        (json!({ "payment_id": "nonsense", "amount_twd": 1, "why": "x" }), "payment_id"),
        (json!({ "payment_id": foreign, "amount_twd": 1, "why": "x" }), "payment_id"),
        (json!({ "payment_id": paid, "amount_twd": 1, "end_access": "yes", "why": "x" }), "end_access"),
        (json!({ "payment_id": paid, "amount_twd": 1 }), "why"),
        (json!({ "payment_id": paid, "amount_twd": 1, "note": "n", "why": "x" }), "note"),
    ] {
        let (status, answer) = refund(&sandbox, &order, body.clone()).await;
        assert_eq!((status, answer["error"]["param"].as_str()), (400, Some(param)), "{body} {answer}");
    }
    let (status, answer) = refund(&sandbox, &order, of(failed, 1)).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("not_refundable")), "{answer}");
    assert_eq!(column(&sandbox.account(&order).await["payments"], "refunded_twd"), ["0", "0"]);
}
