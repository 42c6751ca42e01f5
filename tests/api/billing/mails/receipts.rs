//! Receipts and the notice ahead of an annual charge, as they arrive.

use serde_json::json;

use testing::support::Sandbox;

use super::outbox::BEGIN;

const RECEIPT: &str = "付款收據 - Payment Receipt";
const AHEAD: &str = "年繳扣款預告 - Upcoming Annual Charge";
const ON: [(&str, &str); 1] = [("RECEIPTS", "on")];

#[tokio::test]
async fn each_charge_brings_one_receipt_also_one_whose_callback_was_lost() {
    let sandbox = Sandbox::with(BEGIN, &ON).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    assert_eq!(sandbox.subjects("mei@customer.example").await, [RECEIPT]);
    let mail = sandbox.mails("mei@customer.example").await.remove(0);
    let text = mail["body"].as_str().unwrap();
    assert!(text.contains("2025-01-15") && text.contains("NT$899") && text.contains("2025-02-15"), "{text}");
    assert!(mail["html"].as_str().unwrap().contains("NT$899"), "{mail}");
    assert_eq!(mail["from"], "=?utf-8?b?5pyI5p2+IE1vb25waW5l?= <billing@duekeeper.example>");
    assert_eq!(mail["reply_to"], "help@duekeeper.example");
    // The second charge is known by a query alone, and queried again.
    sandbox.order_behavior(&order, json!({ "callbacks": false })).await;
    sandbox.travel("2025-02-17T12:00:00+08:00").await;
    sandbox.maintain().await;
    sandbox.travel("2025-02-18T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects("mei@customer.example").await, [RECEIPT, RECEIPT]);
}

#[tokio::test]
async fn a_business_that_sends_its_own_receipts_switches_them_off() {
    let sandbox = Sandbox::with(BEGIN, &[("RECEIPTS", "off")]).await;
    sandbox.subscribe("mei", "monthly").await;
    sandbox.travel("2025-02-16T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects("mei@customer.example").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_customer_is_notified_once_two_weeks_before_an_annual_charge() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("ann", "annual").await;
    let gone = sandbox.subscribe("gone", "annual").await;
    sandbox.travel("2025-12-31T23:00:00+08:00").await;
    assert_eq!(sandbox.subjects("ann@customer.example").await, Vec::<String>::new());
    sandbox.post(&format!("/api/subscriptions/{gone}/cancel"), json!({ "why": "wants no more" })).await;
    sandbox.travel("2026-01-01T06:30:00+08:00").await;
    assert_eq!(sandbox.subjects("ann@customer.example").await, [AHEAD]);
    let mail = sandbox.mails("ann@customer.example").await.remove(0);
    let text = mail["body"].as_str().unwrap();
    assert!(text.contains("2026-01-15") && text.contains("NT$8999"), "{text}");
    sandbox.travel("2026-01-16T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects("ann@customer.example").await, [AHEAD]);
    let subjects = sandbox.subjects("gone@customer.example").await;
    assert!(!subjects.contains(&AHEAD.to_owned()), "{subjects:?}");
}

#[tokio::test]
async fn a_recovery_of_unknown_amount_is_mailed_without_one() {
    let sandbox = Sandbox::with(BEGIN, &ON).await;
    for locale in ["zh-TW", "en"] {
        let body = json!({
            "user_id": locale, "email": format!("{locale}@customer.example"), "plan_id": "PRO", "billing_cycle": "monthly",
            "locale": locale,
        });
        let order = sandbox.submit(&sandbox.post("/api/subscriptions", body).await).await;
        sandbox.charge(&order, json!({ "rtn_code": "10100252" })).await;
        sandbox.advance(0.02).await;
        sandbox.order_behavior(&order, json!({ "callback": { "Amount": "0" } })).await;
        sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
        sandbox.advance(0.02).await;
        let mail = sandbox.mails(&format!("{locale}@customer.example")).await.pop().unwrap();
        assert_eq!(mail["subject"], "付款成功，方案已恢復 - Payment Received, Plan Active", "{mail}");
        assert!(!mail["body"].as_str().unwrap().contains("NT$"), "{mail}");
    }
}
