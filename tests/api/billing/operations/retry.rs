//! A retry by the order's id: the same request as by the failed payment's id, in the form of the other operations.

use serde_json::json;
use testing::support::Sandbox;

use super::{BEGIN, NO_CREDIT, asked, failing, last, operate, refused};

#[tokio::test]
async fn support_has_the_charge_that_is_owed_made_again_with_the_orders_id_alone() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "again").await;
    let (status, answer) = operate(&sandbox, &order, "retry", json!({ "why": "limit raised" })).await;
    assert_eq!((status, &answer["outcome"]), (200, &json!("asked")), "{answer}");
    let subscription = &answer["subscription"];
    assert_eq!(subscription["retry"], json!({ "requested_at": "2025-01-15T02:00:00Z", "state": "accepted" }));
    let requested = subscription["history"].as_array().unwrap().iter().rev().nth(1).unwrap();
    assert_eq!(
        (&requested["rule"], &requested["by"], &requested["why"]),
        (&json!("retry-requested"), &json!("staff:support"), &json!("limit raised"))
    );
    assert_eq!(last(subscription)["rule"], "retry-accepted");
    // The result is open, so a second request asks nothing.
    let (status, answer) = operate(&sandbox, &order, "retry", json!({ "why": "limit raised" })).await;
    assert_eq!((status, &answer["outcome"]), (200, &json!("already_asked")));
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["retry"]["state"].as_str()), (Some("active"), Some("resolved")));
}

#[tokio::test]
async fn a_retry_by_order_and_one_by_payment_are_one_request_under_one_key() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "one-key").await;
    let by_order = format!("/api/subscriptions/{order}/retry");
    let payment = json!({ "payment_id": sandbox.latest_payment(&order).await, "why": "limit raised" });
    let first = sandbox.keyed(&by_order, json!({ "why": "limit raised" }), "click-1").await;
    assert_eq!((first.0.as_u16(), &first.1["outcome"]), (200, &json!("asked")));
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-01-15T13:00:00+08:00").await;
    // It failed, so another retry could be requested, but not by this key at either address.
    let again = sandbox.keyed(&by_order, json!({ "why": "limit raised" }), "click-1").await;
    assert_eq!((again.0.as_u16(), &again.1["outcome"]), (200, &json!("already_asked")));
    let other = sandbox.keyed("/api/webhooks/ecpay-manual-retry", payment, "click-1").await;
    assert_eq!((other.0.as_u16(), &other.1["outcome"]), (200, &json!("already_asked")));
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

#[tokio::test]
async fn a_retry_that_cannot_help_is_refused_and_one_that_ecpay_did_not_hear_says_so() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("paid", "monthly").await;
    let why = json!({ "why": "charge again" });
    assert_eq!(refused(&sandbox, &order, "retry", why.clone()).await, (409, "retry_refused".to_owned()));
    let unknown = refused(&sandbox, "DKNOTSTORED000000001", "retry", why.clone()).await;
    assert_eq!(unknown, (404, "not_found".to_owned()));
    let order = failing(&sandbox, "down").await;
    sandbox.fault("ecpay", "down").await;
    assert_eq!(refused(&sandbox, &order, "retry", why).await, (503, "unavailable".to_owned()));
    assert!(sandbox.account(&order).await["retry"].is_null());
}
