//! The older system's API: tokens, health, statistics, shapes, and clear refusals.

mod kpis;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, column, first, period, with};

const NOW: &str = "2025-02-15T12:00:00+08:00";

async fn credentials(sandbox: &Sandbox) -> Value {
    sandbox.get("/sandbox/credentials").await
}

#[tokio::test]
async fn a_token_counts_by_header_and_by_the_documented_fields_which_are_deprecated() {
    let sandbox = Sandbox::at(NOW).await;
    let path = format!("{}/api/webhooks/trigger-maintenance", sandbox.base);
    let token = sandbox.token.clone();
    let by_header = sandbox.http.post(&path).bearer_auth(&token).send().await.unwrap();
    assert_eq!((by_header.status(), by_header.headers().get("deprecation")), (StatusCode::OK, None));
    let form =
        sandbox.http.post(&path).form(&[("admin_token", token.as_str()), ("force", "false")]).send().await.unwrap();
    let boundary = "----invented";
    let multipart = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"admin_token\"\r\n\r\n{token}\r\n--{boundary}--\r\n"
    );
    let multipart = sandbox
        .http
        .post(&path)
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .body(multipart);
    let query =
        sandbox.http.get(format!("{}/api/webhooks/subscription-status/nobody?admin_token={token}", sandbox.base));
    for answer in [form, multipart.send().await.unwrap(), query.send().await.unwrap()] {
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers().contains_key("deprecation"));
    }
}

#[tokio::test]
async fn without_a_token_with_a_wrong_an_expired_or_too_small_a_one_nothing_is_served() {
    let sandbox = Sandbox::at(NOW).await;
    let known = credentials(&sandbox).await;
    let routes = [
        (Method::GET, "/api/webhooks/webhook-stats"),
        (Method::GET, "/api/webhooks/subscription-status/somebody"),
        (Method::POST, "/api/webhooks/trigger-maintenance"),
        (Method::POST, "/api/webhooks/ecpay-manual-retry"),
        (Method::POST, "/api/subscriptions"),
        (Method::GET, "/api/subscriptions/DK0"),
        (Method::POST, "/api/subscriptions/DK0/extend-grace"),
        (Method::GET, "/quarantine"),
    ];
    for (method, path) in routes {
        for token in [None, Some(""), Some("wrong"), Some("null"), known["expired_token"].as_str()] {
            let mut request = sandbox.http.request(method.clone(), format!("{}{path}", sandbox.base));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} {token:?}");
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
            assert_eq!(challenge == "Bearer", token.is_none(), "{challenge}");
            assert!(token.is_none() || challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        }
    }
    let reader = known["read_token"].as_str().unwrap();
    let answer = sandbox
        .http
        .post(format!("{}/api/webhooks/trigger-maintenance", sandbox.base))
        .bearer_auth(reader)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
    let answer = sandbox.http.get(format!("{}/quarantine", sandbox.base)).bearer_auth(reader).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn health_and_statistics_count_forty_five_callbacks_as_documented() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    // 20 first reports, one of them with a broken digest; 25 periodic ones, four of them declined cards.
    for number in 0..20 {
        let made = sandbox.order(&format!("user{number}"), "monthly", None).await;
        let order = made["subscription_id"].as_str().unwrap();
        let report = first(order, "1", "2025/01/15 10:00:00");
        if number == 7 {
            let reply = sandbox.callback("ecpay-auth", b"MerchantID=3002607&CheckMacValue=00".to_vec()).await;
            assert_eq!(reply.status, 400);
            continue;
        }
        assert_eq!(sandbox.report("ecpay-auth", &report).await, Reply::ok());
        for month in 0..if number == 0 { 7 } else { 1 } {
            let code = if month < 4 && number == 0 { "10100252" } else { "1" };
            let date = format!("2025/01/15 10:00:0{}", month + 2);
            let (successes, gwsr) = ((month + 2).to_string(), format!("1340{number:02}{month:02}"));
            let report = period(order, code, &date, &successes, if code == "1" { &gwsr } else { "" });
            assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
        }
    }
    sandbox.forget_calls().await;
    let health = sandbox.get("/api/webhooks/health").await;
    let reads = sandbox.calls("dynamodb").await;
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["service"], "ecpay-webhooks");
    assert_eq!(health["timestamp"], "2025-01-15T02:00:00Z");
    assert_eq!(
        health["metrics"],
        json!({ "recent_webhooks_30min": 44, "failed_webhooks_24h": 0, "total_webhooks_24h": 44, "success_rate_24h": 100.0 })
    );
    assert_eq!(health["callbacks_24h"], json!({ "applied": 44, "quarantined": 0, "not_kept": 0, "refused": 1 }));
    let stats = sandbox.get("/api/webhooks/webhook-stats?hours=24").await;
    assert_eq!(stats["period_hours"], 24);
    assert_eq!(
        stats["webhook_types"],
        json!({
            "auth_callback": { "total": 19, "success": 19, "failed": 0, "processing": 0, "refused": 1, "success_rate": 100.0 },
            "billing_callback": { "total": 25, "success": 25, "failed": 0, "processing": 0, "refused": 0, "success_rate": 100.0 },
        })
    );
    // The same reads in an empty sandbox.
    let empty = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    empty.forget_calls().await;
    let health = empty.get("/api/webhooks/health").await;
    assert_eq!(health["metrics"]["success_rate_24h"], 100.0);
    assert_eq!(empty.calls("dynamodb").await, reads);
    // A day and a slot later they are history.
    sandbox.world.leap("2025-01-16T10:10:00+08:00".parse().unwrap());
    assert_eq!(sandbox.get("/api/webhooks/health").await["metrics"]["total_webhooks_24h"], 0);
}

#[tokio::test]
async fn hours_outside_of_1_to_168_are_refused_by_name() {
    let sandbox = Sandbox::at(NOW).await;
    for hours in ["0", "169", "-1", "x", ""] {
        let (status, body) =
            sandbox.call(Method::GET, &format!("/api/webhooks/webhook-stats?hours={hours}"), None).await;
        let detail = "hours must be a whole number from 1 to 168";
        assert_eq!((status, &body["detail"]), (StatusCode::BAD_REQUEST, &json!(detail)), "{hours}");
    }
}

#[tokio::test]
async fn the_status_of_a_user_has_the_older_systems_shape() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let nobody = sandbox.get("/api/webhooks/subscription-status/nobody").await;
    assert_eq!(
        nobody,
        json!({ "user_id": "nobody", "subscription_found": false, "message": "No subscription found for user" })
    );
    let order = sandbox.subscribe("somebody", "monthly").await;
    sandbox.world.leap("2025-01-15T10:00:05+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(&order, "10100252", "2025/01/15 10:00:04", "1", "")).await;
    let shown = sandbox.get("/api/webhooks/subscription-status/somebody").await;
    assert_eq!(shown["subscription_found"], true);
    assert_eq!(
        shown["subscription"],
        json!({
            "id": order, "plan_id": "PRO", "status": "past_due", "current_period_end": "2025-02-15",
            "grace_period_ends_at": "2025-01-22T02:00:04Z", "downgrade_reason": null,
        })
    );
    assert_eq!(column(&shown["recent_webhooks"], "type"), ["billing_callback", "auth_callback"]);
    assert_eq!(column(&shown["recent_webhooks"], "status"), ["success", "success"]);
    assert!(shown["recent_webhooks"][0]["processing_time_ms"].is_f64());
    assert_eq!(column(&shown["recent_payments"], "status"), ["failed", "success"]);
    assert_eq!(shown["recent_payments"][0]["amount_twd"], 899);
    assert_eq!(shown["recent_payments"][0]["next_retry_at"], "2025-01-16T02:00:04Z");
    assert_eq!(shown["recent_payments"][1]["next_retry_at"], json!(null));
    assert_eq!(
        shown["summary"],
        json!({ "total_webhooks_30d": 2, "total_payments": 2, "failed_payments": 1, "pending_retries": 1 })
    );
}

#[tokio::test]
async fn maintenance_by_hand_returns_what_it_did_and_what_there_is() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("one", "monthly").await;
    sandbox.subscribe("two", "monthly").await;
    sandbox.world.leap("2025-01-15T10:00:05+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(&order, "10100251", "2025/01/15 10:00:04", "1", "")).await;
    let ran = sandbox.maintain().await;
    assert_eq!(
        (ran["status"].as_str(), ran["maintenance_run_at"].as_str()),
        (Some("completed"), Some("2025-01-15T02:00:05Z"))
    );
    assert_eq!(
        ran["results"],
        json!({
            "expired_subscriptions_processed": 0, "payment_retries_processed": 0,
            "current_active_subscriptions": 1, "current_past_due_subscriptions": 1,
        })
    );
    sandbox.world.leap("2025-02-22T10:00:00+08:00".parse().unwrap());
    // The first run queries the order before its downgrade, the next one downgrades.
    let ran = sandbox.maintain().await;
    assert_eq!(ran["results"]["expired_subscriptions_processed"], 0);
    let ran = sandbox.maintain().await;
    assert_eq!(ran["results"]["expired_subscriptions_processed"], 1);
    assert_eq!(ran["results"]["current_active_subscriptions"], 2);
    assert_eq!(ran["results"]["current_past_due_subscriptions"], 0);
}

#[tokio::test]
async fn an_order_that_cannot_be_made_names_the_field_and_the_reason() {
    let sandbox = Sandbox::at(NOW).await;
    let good = json!({ "user_id": "u", "email": "u@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let cases = [
        ("user_id", json!(""), "user_id must not be empty"),
        ("user_id", json!(7), "user_id must be a text"),
        ("user_id", json!("ü"), "user_id: a user_id is 1 to 128 visible ASCII characters"),
        ("email", json!("no-address"), "email: an email is an address like name@example.com"),
        ("plan_id", json!("FREE"), "plan_id must be one of ENTERPRISE, PRO, STUDENT"),
        ("plan_id", json!("pro"), "plan_id must be one of ENTERPRISE, PRO, STUDENT"),
        ("billing_cycle", json!("weekly"), "billing_cycle must be monthly or annual"),
        ("locale", json!("xx"), "locale must be zh-TW or en"),
        ("replaces", json!("DKUNKNOWN"), "replaces is not an order of this user"),
        ("typo", json!("x"), "typo is not a field of this request"),
    ];
    for (field, value, reason) in cases {
        let mut wanted = good.clone();
        wanted[field] = value;
        let (status, body) = sandbox.call(Method::POST, "/api/subscriptions", Some(wanted)).await;
        assert_eq!(status, 400, "{field}: {body}");
        assert_eq!((body["error"]["param"].as_str(), body["error"]["message"].as_str()), (Some(field), Some(reason)));
        assert_eq!(body["error"]["type"], "invalid_request");
        assert!(body["error"]["request_id"].as_str().unwrap().starts_with("sandbox-"));
    }
    let (status, body) = sandbox.call(Method::GET, "/api/subscriptions/DKNOTTHERE", None).await;
    assert_eq!((status, body["error"]["type"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
}

#[tokio::test]
async fn an_order_is_signed_for_ecpay_and_its_page_holds_nothing_about_the_buyer() {
    let sandbox = Sandbox::at(NOW).await;
    let made = sandbox.order("buyer-77", "annual", None).await;
    let form = made["form_data"].as_object().unwrap();
    let id = made["merchant_trade_no"].as_str().unwrap();
    assert!(id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()), "{id}");
    for (name, value) in [
        ("MerchantTradeNo", id),
        ("MerchantTradeDate", "2025/02/15 12:00:00"),
        ("TotalAmount", "8999"),
        ("PeriodAmount", "8999"),
        ("PeriodType", "Y"),
        ("Frequency", "1"),
        ("ExecTimes", "9"),
        ("NeedExtraPaidInfo", "Y"),
        ("EncryptType", "1"),
        ("ChoosePayment", "Credit"),
    ] {
        assert_eq!(form[name], value, "{name}");
    }
    assert_eq!(form["PeriodReturnURL"], format!("{}/api/webhooks/ecpay-billing", sandbox.base));
    assert_eq!(form["ReturnURL"], format!("{}/api/webhooks/ecpay-auth", sandbox.base));
}

#[tokio::test]
async fn a_live_order_is_replaced_by_name_only() {
    let sandbox = Sandbox::at(NOW).await;
    let old = sandbox.subscribe("owner", "monthly").await;
    let wanted =
        json!({ "user_id": "owner", "email": "owner@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let (status, body) = sandbox.call(Method::POST, "/api/subscriptions", Some(wanted.clone())).await;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::CONFLICT, Some("live_order")));
    assert!(body["error"]["message"].as_str().unwrap().contains(&old));
    let mut stranger = wanted.clone();
    stranger["user_id"] = json!("stranger");
    stranger["replaces"] = json!(old);
    let (status, body) = sandbox.call(Method::POST, "/api/subscriptions", Some(stranger)).await;
    assert_eq!((status, body["error"]["param"].as_str()), (StatusCode::BAD_REQUEST, Some("replaces")));
    let made = sandbox.order("owner", "monthly", Some(&old)).await;
    let new = sandbox.submit(&made).await;
    assert_eq!(sandbox.account(&old).await["superseded_by"], json!(new));
}

#[tokio::test]
async fn history_is_paged_by_the_number_of_its_entries() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("paged", "monthly").await;
    let report = with(&period(&order, "1", "2025/02/15 10:00:00", "2", "13401072"), "RtnMsg", "paid");
    sandbox.world.leap("2025-02-15T10:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &report).await;
    let whole = sandbox.account(&order).await;
    assert_eq!(column(&whole["history"], "seq"), ["1", "2", "3"]);
    let rest = sandbox.get(&format!("/api/subscriptions/{order}?after=2")).await;
    assert_eq!(column(&rest["history"], "rule"), ["renewed"]);
    assert_eq!(rest["history"][0], whole["history"][2]);
    assert_eq!(sandbox.get(&format!("/api/subscriptions/{order}?after=3")).await["history"], json!([]));
}

#[tokio::test]
async fn callback_logs_go_after_thirty_days_and_nothing_else_does() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("old-logs", "monthly").await;
    let logs = |items: &[String]| items.iter().filter(|item| item.contains("WEBHOOK#")).count();
    sandbox.world.leap("2025-02-14T09:59:59+08:00".parse().unwrap());
    sandbox.maintain().await;
    assert_eq!(logs(&sandbox.items()), 1);
    sandbox.world.leap("2025-02-14T10:00:00+08:00".parse().unwrap());
    sandbox.maintain().await;
    assert_eq!(logs(&sandbox.items()), 0);
    let kept = sandbox.items().iter().filter(|item| item.starts_with(&format!("SUB#{order} "))).count();
    // The order, its receipt, its payment, two lines of history and three events.
    assert_eq!(kept, 8);
}

#[tokio::test]
async fn a_user_id_that_needs_encoding_is_found_and_a_broken_body_needs_a_token_first() {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.order("auth0|abc", "monthly", None).await;
    let shown = sandbox.get("/api/webhooks/subscription-status/auth0%7Cabc").await;
    assert_eq!((shown["user_id"].as_str(), shown["subscription_found"].as_bool()), (Some("auth0|abc"), Some(true)));
    let url = format!("{}/api/subscriptions", sandbox.base);
    let broken = || sandbox.http.post(&url).header("content-type", "application/json").body("not json");
    assert_eq!(broken().send().await.unwrap().status(), 401);
    assert_eq!(broken().bearer_auth(&sandbox.token).send().await.unwrap().status(), 400);
}
