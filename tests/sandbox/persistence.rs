//! `serve --data`: what was acknowledged is there after the process was killed, and so is the outside world.

use reqwest::Method;
use serde_json::json;

use testing::support::process::{Process, serve};
use testing::support::{column, form, period};

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_a_second_sandbox_is_kept_out() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(data.path()).await;
    // The clock moves while a mail is sent.
    process.call(Method::PUT, "/sandbox/stream", Some(json!({ "enabled": false }))).await;
    let wanted =
        json!({ "user_id": "kept", "email": "kept@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let made = process.call(Method::POST, "/api/subscriptions", Some(wanted)).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    let fields: std::collections::BTreeMap<String, String> = serde_json::from_value(made["form_data"].clone()).unwrap();
    process.http.post(made["action_url"].as_str().unwrap()).form(&fields).send().await.unwrap();
    process.call(Method::POST, "/sandbox/clock", Some(json!({ "advance_days": 0.25 }))).await;
    let mut acknowledged = vec!["1".to_owned()];
    for number in 2..=9_u32 {
        let report = period(
            &order,
            "1",
            &format!("2025/01/15 10:00:{number:02}"),
            &number.to_string(),
            &format!("1340100{number}"),
        );
        let posted = process
            .http
            .post(format!("{}/api/webhooks/ecpay-billing", process.base))
            .header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(posted.body(form(&report)).send().await.unwrap().text().await.unwrap(), "1|OK");
        acknowledged.push(number.to_string());
    }
    assert!(!serve(data.path()).wait().unwrap().success(), "two sandboxes in one directory");
    drop(process);

    let process = Process::start(data.path()).await;
    assert_eq!(process.call(Method::GET, "/sandbox/clock", None).await["now"], "2025-01-15T08:00:00Z");
    let account = process.call(Method::GET, &format!("/api/subscriptions/{order}"), None).await;
    assert_eq!(column(&account["payments"], "number"), acknowledged);
    let at_ecpay = process.call(Method::GET, &format!("/sandbox/ecpay/orders/{order}"), None).await;
    assert_eq!(at_ecpay["total_success_times"], 1);
}
