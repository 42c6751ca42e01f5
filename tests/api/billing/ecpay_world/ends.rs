//! Orders that ECPay or the merchant ends, and pauses: an order is over when ECPay says so, a pause ends, and the grace that a
//! mail named is kept.

use serde_json::json;

use testing::support::{STAFF, Sandbox, column};

const NO_CREDIT: &str = "10100252";
const FIRST_MAIL: &str = "付款失敗通知 - Payment Failure Notice";

#[tokio::test]
async fn a_pause_set_while_a_charge_is_late_ends_and_the_customer_goes_to_free() {
    let sandbox = Sandbox::at("2025-01-05T10:00:00+08:00").await;
    let order = sandbox.subscribe("late", "monthly").await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-02-06T13:00:00+08:00").await;
    let paused = json!({ "days": 10, "why": "the customer is abroad" });
    let account = sandbox.post(&format!("/api/subscriptions/{order}/pause"), paused).await;
    assert_eq!(account["paused_until"], "2025-02-16T05:00:00Z");
    sandbox.travel("2025-02-16T12:59:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "PRO");
    // The pause ends with the run of 18:00, and the query that follows finds the week over.
    sandbox.travel("2025-02-17T18:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert!(account["paused_until"].is_null(), "{account}");
    assert_eq!((&account["plan_id"], &account["downgrade_reason"]), (&json!("FREE"), &json!("not_charged")));
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Charge missing: order {order}")]);
}

#[tokio::test]
async fn the_grace_that_a_mail_named_is_kept_though_the_order_is_over_at_ecpay() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    let order = sandbox.subscribe("stopped", "monthly").await;
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-02-28T12:00:00+08:00").await;
    let mails = sandbox.mails("stopped@customer.example").await;
    assert!(mails[0]["body"].as_str().unwrap().contains("2025-03-07 10:00"), "{mails:?}");
    sandbox.order_behavior(&order, json!({ "state": "stopped" })).await;
    sandbox.travel("2025-03-07T09:59:59+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(
        (&account["plan_id"], &account["grace_period_ends_at"]),
        (&json!("PRO"), &json!("2025-03-07T02:00:00Z"))
    );
    assert_eq!(sandbox.at_ecpay(&order).await["retries_asked"], json!([]));
    sandbox.travel("2025-03-07T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "FREE");
    let subjects = sandbox.subjects("stopped@customer.example").await;
    assert_eq!(subjects, [FIRST_MAIL, "方案已降級為 FREE - Plan Downgraded to FREE"]);
}

#[tokio::test]
async fn six_failures_that_were_each_paid_end_no_order_that_ecpay_still_runs() {
    let sandbox = Sandbox::at("2025-01-05T10:00:00+08:00").await;
    let order = sandbox.subscribe("sixth", "monthly").await;
    for number in 1..=6 {
        for code in [NO_CREDIT, "1"] {
            sandbox.charge(&order, json!({ "rtn_code": code })).await;
        }
        let account = sandbox.account(&order).await;
        assert_eq!((&account["status"], &account["plan_id"]), (&json!("active"), &json!("PRO")), "{number}");
    }
    sandbox.travel("2025-01-25T12:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((&account["plan_id"], &account["current_period_end"]), (&json!("PRO"), &json!("2025-02-05")));
    assert_eq!(column(&account["payments"], "outcome").iter().filter(|outcome| *outcome == "failed").count(), 6);
    assert_eq!(sandbox.at_ecpay(&order).await["cancels_asked"], json!([]));
}
