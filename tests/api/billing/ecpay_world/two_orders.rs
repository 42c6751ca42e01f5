//! Customers with two live orders: they have the better plan for as long as either runs, and no mail says FREE before.

use serde_json::json;

use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";
const CANCELLED: &str = "訂閱已取消 - Subscription Cancelled";

async fn bought(sandbox: &Sandbox, user: &str, plan: &str) -> String {
    let wanted = json!({
        "user_id": user, "email": format!("{user}@customer.example"), "plan_id": plan, "billing_cycle": "monthly",
    });
    let made = sandbox.post("/api/subscriptions", wanted).await;
    made["subscription_id"].as_str().unwrap().to_owned()
}

async fn plan_of(sandbox: &Sandbox, user: &str) -> String {
    let shown = sandbox.get(&format!("/api/webhooks/subscription-status/{user}")).await;
    shown["subscription"]["plan_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whichever_order_ends_the_other_one_keeps_its_plan_and_no_mail_says_free() {
    for (first, second, cancelled, left) in
        [("PRO", "ENTERPRISE", 1, "PRO"), ("PRO", "ENTERPRISE", 0, "ENTERPRISE"), ("ENTERPRISE", "PRO", 0, "PRO")]
    {
        let sandbox = Sandbox::at(BEGIN).await;
        let orders = [bought(&sandbox, "twice", first).await, bought(&sandbox, "twice", second).await];
        for order in &orders {
            sandbox.post(&format!("/sandbox/ecpay/orders/{order}/pay"), json!({})).await;
        }
        assert_eq!(plan_of(&sandbox, "twice").await, "ENTERPRISE");
        let body = json!({ "why": "bought twice" });
        sandbox.post(&format!("/api/subscriptions/{}/cancel", orders[cancelled]), body).await;
        sandbox.travel("2025-02-27T23:59:59+08:00").await;
        assert_eq!(plan_of(&sandbox, "twice").await, "ENTERPRISE");
        sandbox.travel("2025-04-05T12:00:00+08:00").await;
        assert_eq!(plan_of(&sandbox, "twice").await, left, "{first} {second} {cancelled}");
        assert_eq!(sandbox.subjects("twice@customer.example").await, [CANCELLED]);
        let renewed = sandbox.account(&orders[1 - cancelled]).await;
        assert_eq!(column(&renewed["payments"], "outcome"), ["succeeded"; 3]);
    }
}

#[tokio::test]
async fn a_failing_second_order_takes_nothing_that_the_first_one_pays() {
    let sandbox = Sandbox::at(BEGIN).await;
    let kept = bought(&sandbox, "twice", "PRO").await;
    let failing = bought(&sandbox, "twice", "ENTERPRISE").await;
    sandbox.post(&format!("/sandbox/ecpay/orders/{kept}/pay"), json!({})).await;
    sandbox.outcomes(&failing, &["1", "10100256"]).await;
    sandbox.post(&format!("/sandbox/ecpay/orders/{failing}/pay"), json!({})).await;
    sandbox.travel("2025-03-20T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&failing).await["plan_id"], "FREE");
    assert_eq!(plan_of(&sandbox, "twice").await, "PRO");
    let subjects = sandbox.subjects("twice@customer.example").await;
    assert_eq!(subjects, ["付款失敗通知 - Payment Failure Notice"]);
}
