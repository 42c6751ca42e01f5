//! The sandbox's controls, as scripts use them.

use reqwest::Method;
use serde_json::json;

use crate::support::Sandbox;

#[tokio::test]
async fn the_clock_moves_by_whole_and_by_part_days_and_never_back() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    sandbox.advance(0.5).await;
    assert_eq!(sandbox.get("/sandbox/clock").await["now"], "2025-01-15T14:00:00Z");
    let (status, body) =
        sandbox.call(Method::POST, "/sandbox/clock", Some(json!({ "now": "2025-01-15T10:00:00+08:00" }))).await;
    assert_eq!(
        (status.as_u16(), body["error"].as_str().unwrap().starts_with("the clock does not go back")),
        (400, true)
    );
    for wrong in [
        json!({}),
        json!({ "advance_days": -1 }),
        json!({ "advance_days": 1, "now": "2025-02-01T00:00:00Z" }),
        json!({ "advance": 1 }),
    ] {
        let (status, _) = sandbox.call(Method::POST, "/sandbox/clock", Some(wrong.clone())).await;
        assert_eq!(status, 400, "{wrong}");
    }
    assert_eq!(sandbox.get("/sandbox/clock").await["now"], "2025-01-15T14:00:00Z");
}

#[tokio::test]
async fn a_move_tells_the_runs_charges_and_callbacks_in_their_order() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("told", "monthly").await;
    sandbox.world.leap("2025-02-15T09:45:00+08:00".parse().unwrap());
    let ran = sandbox.travel("2025-02-15T10:45:00+08:00").await;
    assert_eq!(
        ran,
        [
            format!("2025-02-15T02:00:00Z ecpay: charge 2 of {order} succeeded"),
            format!("2025-02-15T02:00:00Z callback: charge 2 of {order} succeeded -> 200 1|OK"),
            "2025-02-15T02:30:00Z SubscriptionMaintenance EveryTwoHours: nothing due".to_owned(),
        ]
    );
}

#[tokio::test]
async fn calls_are_counted_by_service_and_forgotten() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    sandbox.forget_calls().await;
    sandbox.order("counted", "monthly", None).await;
    // The order is one transaction, its page one put.
    assert_eq!(sandbox.get("/sandbox/calls").await, json!({ "dynamodb": { "PutItem": 1, "TransactWriteItems": 1 } }));
    sandbox.forget_calls().await;
    assert_eq!(sandbox.get("/sandbox/calls").await, json!({}));
}

#[tokio::test]
async fn an_unknown_route_is_answered_as_api_gateway_does() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    for (method, path) in
        [(Method::GET, "/nothing"), (Method::GET, "/api/webhooks/ecpay-auth"), (Method::DELETE, "/api/subscriptions")]
    {
        let (status, body) = sandbox.call(method, path, None).await;
        assert_eq!((status.as_u16(), body), (404, json!({ "message": "Not Found" })));
    }
}
