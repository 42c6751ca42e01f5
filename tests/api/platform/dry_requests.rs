//! `dry_run=true` on requests that act: the answer says what would happen, and nothing happens.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, period};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

/// Sends a request as it is and asserts that neither the table nor ECPay noticed.
async fn dry(sandbox: &Sandbox, path: &str, body: Value) -> (u16, Value) {
    let before = sandbox.items();
    sandbox.forget_calls().await;
    let (status, answer) = sandbox.call(Method::POST, path, Some(body)).await;
    assert_eq!(sandbox.items(), before, "{path}: {answer}");
    assert!(sandbox.calls("ecpay").await.is_empty(), "{path}");
    (status.as_u16(), answer)
}

#[tokio::test]
async fn a_dry_operation_answers_its_effect_and_the_real_one_has_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("dry", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": "10100252" })).await;
    let payment = sandbox.account(&order).await["payments"][0]["id"].clone();
    let why = "tried first";
    for (operation, body) in [
        ("extend-grace", json!({ "days": 5, "why": why })),
        ("pause", json!({ "why": why })),
        ("terms", json!({ "amount_twd": 999, "why": why })),
        ("refund", json!({ "payment_id": payment, "amount_twd": 1, "why": why })),
        ("cancel", json!({ "why": why })),
        ("undo-cancel", json!({ "why": why })),
        ("mark-paid", json!({ "why": why })),
    ] {
        let path = format!("/api/subscriptions/{order}/{operation}");
        let (status, tried) = dry(&sandbox, &format!("{path}?dry_run=true"), body.clone()).await;
        assert_eq!((status, &tried["dry_run"]), (200, &json!(true)), "{operation}: {tried}");
        let before = sandbox.account(&order).await["history"].as_array().unwrap().len();
        let done = sandbox.post(&path, body).await;
        for field in ["status", "plan_id", "grace_period_ends_at"] {
            assert_eq!(tried["would"][field], done[field], "{operation} {field}");
        }
        let next = &done["next_action"];
        assert_eq!(
            (&tried["would"]["next_action"]["kind"], &tried["would"]["next_action"]["at"]),
            (&next["kind"], &next["at"])
        );
        let added: Vec<&Value> =
            done["history"].as_array().unwrap()[before..].iter().map(|entry| &entry["what"]).collect();
        let would: Vec<&Value> =
            tried["would"]["history"].as_array().unwrap().iter().map(|entry| &entry["what"]).collect();
        assert_eq!((would, added.len()), (added.clone(), 1), "{operation}");
    }
    // What would be refused is refused.
    for operation in ["resume", "mark-paid"] {
        let path = format!("/api/subscriptions/{order}/{operation}");
        let (status, tried) = dry(&sandbox, &format!("{path}?dry_run=true"), json!({ "why": why })).await;
        let (real, done) = sandbox.call(Method::POST, &path, Some(json!({ "why": why }))).await;
        assert_eq!((status, &tried["error"]["code"]), (real.as_u16(), &done["error"]["code"]), "{operation}");
    }
}

#[tokio::test]
async fn a_dry_retry_is_not_requested_and_refused_where_the_real_one_is() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("retry", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": "10100252" })).await;
    let retry = json!({ "payment_id": sandbox.latest_payment(&order).await });
    let path = "/api/webhooks/ecpay-manual-retry";
    let (status, tried) = dry(&sandbox, &format!("{path}?dry_run=true"), retry.clone()).await;
    assert_eq!(
        (status, &tried["status"], &tried["message"]),
        (200, &json!("dry_run"), &json!("Payment retry would be requested"))
    );
    let by_order = format!("/api/subscriptions/{order}/retry");
    let why = json!({ "why": "tried first" });
    let (status, tried) = dry(&sandbox, &format!("{by_order}?dry_run=true"), why.clone()).await;
    assert_eq!((status, &tried["dry_run"], &tried["outcome"]), (200, &json!(true), &json!("asked")));
    assert_eq!(tried["would"]["history"], json!([{ "what": "retry requested from ECPay" }]));
    sandbox.post(&format!("/api/subscriptions/{order}/cancel"), json!({ "why": "moves away" })).await;
    let (status, tried) = dry(&sandbox, &format!("{by_order}?dry_run=true"), why.clone()).await;
    let (real, done) = sandbox.call(Method::POST, &by_order, Some(why)).await;
    assert_eq!((status, &tried["error"]["message"]), (real.as_u16(), &done["error"]["message"]));
    assert_eq!((status, &tried["error"]["code"]), (409, &json!("retry_refused")));
    let (status, tried) = dry(&sandbox, &format!("{path}?dry_run=true"), retry.clone()).await;
    let (real, done) = sandbox.call(Method::POST, path, Some(retry)).await;
    assert_eq!((status, &tried["detail"]), (real.as_u16(), &done["detail"]));
    assert_eq!(status, 409);
}

#[tokio::test]
async fn a_dry_replay_says_what_would_be_applied() {
    let sandbox = Sandbox::at(BEGIN).await;
    // A charge of an order that comes to exist only afterwards.
    let key = "5E1F0D2C3B4A59687786950413223140";
    let wanted =
        json!({ "user_id": "later", "email": "later@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let report = period("DKNOTYET000000000001", "1", "2025/01/15 09:00:00", "1", "13400001");
    assert_eq!(sandbox.report("ecpay-billing", &report).await.status, 200);
    sandbox.keyed("/api/subscriptions", wanted, key).await;
    let listed = sandbox.get("/quarantine").await;
    let id = listed["quarantine"][0]["id"].as_str().unwrap();
    for (path, body) in [
        (format!("/quarantine/{id}/replay"), json!({ "why": "tried first" })),
        ("/quarantine/replay".to_owned(), json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "tried first" })),
    ] {
        let (status, tried) = dry(&sandbox, &format!("{path}?dry_run=true"), body.clone()).await;
        let shown = tried.get("replayed").map_or(&tried, |all| &all[0]);
        assert_eq!((status, &tried["dry_run"], &shown["outcome"]), (200, &json!(true), &json!("still_quarantined")));
    }
}

#[tokio::test]
async fn a_dry_trigger_of_all_tasks_writes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("trigger", "monthly").await;
    let (status, tried) = dry(&sandbox, "/api/webhooks/trigger-maintenance?dry_run=true", json!({})).await;
    assert_eq!((status, &tried["run"]["dry_run"]), (200, &json!(true)), "{tried}");
}
