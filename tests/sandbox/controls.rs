//! The sandbox's controls, as scripts use them.

use base64::Engine;
use reqwest::Method;
use serde_json::{Value, json};

use testing::support::Sandbox;

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
async fn a_move_lists_the_runs_charges_and_callbacks_in_their_order() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("told", "monthly").await;
    sandbox.world.leap("2025-02-15T09:45:00+08:00".parse().unwrap());
    let ran = sandbox.travel("2025-02-15T10:45:00+08:00").await;
    assert_eq!(
        ran,
        [
            // Of the order's first charge: its plan, the payment and the order.
            "2025-02-15T01:50:00Z SubscriptionMaintenance EveryFiveMinutes: events 3 of 3".to_owned(),
            format!("2025-02-15T02:00:00Z ecpay: charge 2 of {order} succeeded"),
            format!("2025-02-15T02:00:00Z callback: charge 2 of {order} succeeded -> 200 1|OK"),
            "2025-02-15T02:00:00Z SubscriptionMaintenance EveryFiveMinutes: events 2 of 2".to_owned(),
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
async fn the_calls_of_one_function_are_counted_apart() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    sandbox.forget_calls().await;
    sandbox.subscribe("apart", "monthly").await;
    let webhook = sandbox.get("/sandbox/calls?function=EcpayWebhook").await;
    // The decision, and what counts the callback.
    assert_eq!(webhook["dynamodb"]["TransactWriteItems"], 1, "{webhook}");
    assert_eq!(sandbox.get("/sandbox/calls?function=SubscriptionMaintenance").await, json!({}));
    sandbox.world.leap("2025-02-15T12:00:00+08:00".parse().unwrap());
    sandbox.maintain().await;
    let maintenance = sandbox.get("/sandbox/calls?function=SubscriptionMaintenance").await;
    assert!(maintenance["dynamodb"]["Query"].as_u64().unwrap() > 0, "{maintenance}");
    assert_eq!(sandbox.get("/sandbox/calls?function=AdminApi").await["lambda"], json!({ "Invoke": 1 }));
    for wrong in ["?function=Nobody", "?name=AdminApi", "?function=AdminApi&function=AdminApi"] {
        let (status, _) = sandbox.call(Method::GET, &format!("/sandbox/calls{wrong}"), None).await;
        assert_eq!(status, 400, "{wrong}");
    }
}

/// A token's header and claims, and its signature.
fn opened(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json = || -> Value {
        let part = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&part).unwrap()
    };
    (json(), json(), parts.next().unwrap().to_owned())
}

#[tokio::test]
async fn the_credentials_have_good_tokens_and_one_of_each_bad_kind() {
    let sandbox = Sandbox::at("2025-12-16T06:00:00+07:00").await;
    let credentials = sandbox.get("/sandbox/credentials").await;
    let token = |name: &str| opened(credentials[name].as_str().unwrap());
    let (header, good, signature) = token("jwt");
    // 2025-12-15T23:00:00Z, and twelve hours.
    let now = 1_765_839_600;
    assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
    assert_eq!(
        good,
        json!({
            "sub": "sandbox", "aud": "duekeeper", "scope": "reminders customers institutions",
            "iat": now, "nbf": now, "exp": now + 43_200,
        })
    );
    assert_eq!(token("jwt_expired").1["exp"], now - 3600);
    assert_eq!(token("jwt_too_long").1["exp"], now + 90_000);
    assert_eq!(token("jwt_wrong_audience").1["aud"], "another-audience");
    assert_eq!(token("jwt_reminders_only").1["scope"], "reminders");
    assert_eq!(token("jwt_institutions_only").1["scope"], "institutions");
    let other = token("jwt_other_key");
    assert!(other.1 == good && other.2 != signature && other.2.len() == signature.len());
    assert_eq!(token("jwt_none"), (json!({ "alg": "none", "typ": "JWT" }), good, String::new()));
}

#[tokio::test]
async fn an_unknown_route_is_answered_by_the_admin_api() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    for (method, path, expected) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/api/webhooks/ecpay-auth", 404),
        (Method::DELETE, "/api/subscriptions", 405),
    ] {
        assert_eq!(sandbox.call(method, path, None).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn a_report_of_ses_needs_a_mail_and_a_known_word() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    for (method, body) in [
        (Method::PUT, json!({ "mei@customer.example": "bounce" })),
        (Method::PUT, json!(["mei@customer.example"])),
        (Method::POST, json!({ "to": "mei@customer.example", "feedback": "complaint" })),
        (Method::POST, json!({ "to": "mei@customer.example" })),
    ] {
        let (status, answer) = sandbox.call(method, "/sandbox/mail/feedback", Some(body.clone())).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
}
