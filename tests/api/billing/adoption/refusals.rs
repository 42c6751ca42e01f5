//! What is not adopted, and what an adoption leaves as it is.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, period};

use super::{NOW, adopt, adopted, calls, existing, request, stored};

/// Asserts that a request is refused for a field and changes nothing.
async fn refused(sandbox: &Sandbox, body: Value, field: &str, words: &str) {
    let items = stored(sandbox);
    let (status, answer) = adopt(sandbox, body.clone()).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}: {answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(field) && message.contains(words), "{message}");
    assert_eq!(stored(sandbox), items, "{body}");
}

fn with(number: &str, field: &str, value: Value) -> Value {
    let mut body = request(number);
    body[field] = value;
    body
}

#[tokio::test]
async fn an_order_that_duekeeper_could_not_keep_is_refused_by_field() {
    let sandbox = Sandbox::at(NOW).await;
    let days = ["2026-02-15", "2026-03-15"];
    existing(&sandbox, "QUARTERLY", &days, json!({ "frequency": 3 })).await;
    existing(&sandbox, "DAILY", &days, json!({ "period_type": "D", "frequency": 30 })).await;
    existing(&sandbox, "YEARLY", &days, json!({ "period_type": "Y" })).await;
    existing(&sandbox, "MONTHLY", &days, json!({})).await;
    existing(&sandbox, "SILENT", &days, json!({})).await;
    sandbox.order_behavior("SILENT", json!({ "query": { "PeriodType": null } })).await;
    existing(&sandbox, "MISCOUNTED", &days, json!({})).await;
    sandbox.order_behavior("MISCOUNTED", json!({ "query": { "TotalSuccessTimes": 1 } })).await;
    refused(&sandbox, request("QUARTERLY"), "billing_cycle", "every 3 months or years").await;
    refused(&sandbox, request("DAILY"), "billing_cycle", "every 30 days").await;
    refused(&sandbox, request("YEARLY"), "billing_cycle", "every year").await;
    refused(&sandbox, with("MONTHLY", "billing_cycle", json!("annual")), "billing_cycle", "every month").await;
    refused(&sandbox, with("MONTHLY", "plan_id", json!("GOLD")), "plan_id", "must be one of").await;
    refused(&sandbox, with("MONTHLY", "plan_id", json!("FREE")), "plan_id", "must be one of").await;
    refused(&sandbox, with("MONTHLY", "user_id", json!("a/b")), "user_id", "must not contain").await;
    refused(&sandbox, request("SILENT"), "billing_cycle", "does not say how often").await;
    refused(&sandbox, request("MISCOUNTED"), "merchant_trade_no", "lists 2").await;
    refused(&sandbox, request("adopt"), "merchant_trade_no", "addresses of this API").await;
    existing(&sandbox, "UNLISTED", &["2026-01-15", "2026-02-15"], json!({})).await;
    sandbox.order_behavior("UNLISTED", json!({ "query": { "TotalSuccessTimes": 3 } })).await;
    refused(&sandbox, request("UNLISTED"), "merchant_trade_no", "lists 2 successful charges and counts 3").await;
    existing(&sandbox, "UNPAID", &["2026-03-15!"], json!({})).await;
    refused(&sandbox, request("UNPAID"), "merchant_trade_no", "no recurring order").await;
    refused(&sandbox, request("UNKNOWN"), "merchant_trade_no", "no recurring order").await;
    refused(&sandbox, request("dk8m2xq7rt4b9kwz5n3p"), "merchant_trade_no", "Duekeeper's own").await;
    let (status, answer) = adopt(&sandbox, with("MONTHLY", "price", json!(1))).await;
    assert_eq!((status, &answer["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("price")), "{answer}");
}

#[tokio::test]
async fn a_number_that_differs_from_a_held_one_by_letter_case_only_is_refused() {
    let sandbox = Sandbox::at(NOW).await;
    adopted(&sandbox, "shopA1", &["2026-03-15"], json!({})).await;
    adopted(&sandbox, "SHOPB2", &["2026-03-15"], json!({})).await;
    for (number, held) in [("SHOPA1", "shopA1"), ("ShopA1", "shopA1"), ("shopb2", "SHOPB2")] {
        existing(&sandbox, number, &["2026-03-15"], json!({})).await;
        refused(&sandbox, request(number), "merchant_trade_no", held).await;
    }
}

#[tokio::test]
async fn an_order_of_another_customer_is_not_given_to_this_one_and_twice_changes_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    adopted(&sandbox, "TWICE", &["2026-03-15"], json!({})).await;
    refused(&sandbox, with("TWICE", "user_id", json!("another")), "user_id", "not the customer").await;
    let (items, queries) = (stored(&sandbox), calls(&sandbox, "QueryCreditCardPeriodInfo").await);
    let (status, answer) = adopt(&sandbox, request("TWICE")).await;
    assert_eq!((status, &answer["outcome"]), (StatusCode::OK, &json!("already_held")));
    assert_eq!(stored(&sandbox), items);
    assert_eq!(calls(&sandbox, "QueryCreditCardPeriodInfo").await, queries);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    existing(&sandbox, "TRIED", &["2026-02-15", "2026-03-15!"], json!({})).await;
    let items = stored(&sandbox);
    let path = "/api/subscriptions/adopt?dry_run=true";
    let (status, mut dry) = sandbox.call(Method::POST, path, Some(request("TRIED"))).await;
    assert_eq!((status, &dry["outcome"]), (StatusCode::OK, &json!("would_adopt")));
    assert_eq!(stored(&sandbox), items);
    let (_, answer) = adopt(&sandbox, request("TRIED")).await;
    dry["outcome"] = json!("adopted");
    assert_eq!(dry, answer);
}

#[tokio::test]
async fn reports_that_came_before_are_replayed_and_leave_the_quarantine() {
    let sandbox = Sandbox::at(NOW).await;
    existing(&sandbox, "EARLY", &["2026-02-15", "2026-03-15"], json!({})).await;
    let report = period("EARLY", "1", "2026/03/15 11:00:00", "2", "13400002");
    assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    let stranger = period("STRANGER", "1", "2026/03/15 11:00:00", "2", "13400009");
    assert_eq!(sandbox.report("ecpay-billing", &stranger).await, Reply::ok());
    assert_eq!(sandbox.quarantine_items().await.len(), 2);
    let (status, answer) = adopt(&sandbox, request("EARLY")).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let open = sandbox.get("/quarantine").await["quarantine"].clone();
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    assert_eq!(sandbox.account("EARLY").await["payments"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_customer_may_have_another_live_order_and_keeps_the_better_plan() {
    let sandbox = Sandbox::at(NOW).await;
    let own = sandbox.subscribe("two", "monthly").await;
    existing(&sandbox, "SECOND", &["2026-03-15"], json!({ "amount": 299 })).await;
    let mut body = with("SECOND", "user_id", json!("two"));
    body["plan_id"] = json!("STUDENT");
    let (status, answer) = adopt(&sandbox, body).await;
    assert_eq!((status, &answer["plan"]), (StatusCode::CREATED, &json!("STUDENT")), "{answer}");
    let user = sandbox.get("/api/webhooks/subscription-status/two").await;
    assert_eq!((&user["subscription"]["plan_id"], &user["subscription"]["id"]), (&json!("PRO"), &json!(own)), "{user}");
}

#[tokio::test]
async fn without_an_answer_of_ecpay_nothing_is_held_and_a_repetition_adopts() {
    let sandbox = Sandbox::at(NOW).await;
    existing(&sandbox, "LATER", &["2026-03-15"], json!({})).await;
    sandbox.fault("ecpay", "down").await;
    let items = stored(&sandbox);
    let (status, answer) = adopt(&sandbox, request("LATER")).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert_eq!(stored(&sandbox), items);
    sandbox.fault("ecpay", "none").await;
    assert_eq!(adopt(&sandbox, request("LATER")).await.0, StatusCode::CREATED);
}
