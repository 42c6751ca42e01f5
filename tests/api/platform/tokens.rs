//! Tokens: those of `cargo run -- token`, what a 401 and a 403 say, and monitors, which have none.

use std::io::Write;

use chrono::Duration;
use reqwest::{Method, Response};
use sandbox::token::{Wanted, make};
use serde_json::{Value, json};
use testing::support::{Sandbox, period};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// Signing key of the sandbox.
const KEY: &str = "sandbox-jwt-key-invented-and-long-enough";

async fn with(sandbox: &Sandbox, method: Method, path: &str, token: &str) -> Response {
    let request = sandbox.http.request(method, format!("{}{path}", sandbox.base));
    request.bearer_auth(token).send().await.unwrap()
}

/// Status, code and challenge of a refusal.
async fn refusal(sandbox: &Sandbox, path: &str, token: &str) -> (u16, String, String) {
    let answer = with(sandbox, Method::GET, path, token).await;
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (status, body["error"]["code"].as_str().unwrap().to_owned(), challenge)
}

#[tokio::test]
async fn a_json_web_token_from_a_key_file_opens_the_routes_of_its_scopes() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{KEY}").unwrap();
    let wanted = Wanted {
        name: "workshop".to_owned(),
        scopes: "customers,reminders".to_owned(),
        expires_at: None,
        key_file: Some(file.path().to_owned()),
    };
    let text = make(&wanted, sandbox.world.now()).unwrap();
    let token = text.lines().last().unwrap().trim();
    let answer = with(&sandbox, Method::GET, "/api/whoami", token).await;
    assert_eq!(answer.status(), 200);
    let end = (sandbox.world.now() + Duration::hours(12)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let expected = json!({
        "name": "workshop", "kind": "json_web_token", "scopes": ["customers", "reminders"], "expires_at": end,
    });
    assert_eq!(serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap(), expected);
    assert_eq!(with(&sandbox, Method::GET, "/scheduler/maintenance-reminder/status", token).await.status(), 200);
    assert_eq!(with(&sandbox, Method::GET, "/institutions/expiring", token).await.status(), 403);
}

#[tokio::test]
async fn the_name_of_a_json_web_token_is_one_line_wherever_it_is_shown() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{KEY}").unwrap();
    let long = "n".repeat(101);
    for (name, shown) in [(" lin\u{2028}\u{200b}\n wei\u{2029} ", "lin wei"), (long.as_str(), &long[..100])] {
        let key_file = Some(file.path().to_owned());
        let wanted = Wanted { name: name.to_owned(), scopes: "customers".to_owned(), expires_at: None, key_file };
        let text = make(&wanted, sandbox.world.now()).unwrap();
        let answer = with(&sandbox, Method::GET, "/api/whoami", text.lines().last().unwrap().trim()).await;
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["name"], shown);
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong_with_the_token_and_which_scope_it_needs() {
    let sandbox = Sandbox::at(BEGIN).await;
    let known = sandbox.get("/sandbox/credentials").await;
    let token = |name: &str| known[name].as_str().unwrap().to_owned();
    for (path, token, expected) in [
        ("/runs", "unheard-of".to_owned(), (401, "unknown")),
        ("/runs", token("expired_token"), (401, "expired")),
        ("/runs", token("jwt"), (401, "wrong_kind")),
        ("/runs", "a.b.c".to_owned(), (401, "malformed")),
        ("/institutions/expiring", token("jwt_expired"), (401, "expired")),
        ("/institutions/expiring", token("jwt_other_key"), (401, "unknown")),
        ("/institutions/expiring", token("jwt_none"), (401, "malformed")),
        ("/institutions/expiring", token("jwt_wrong_audience"), (401, "malformed")),
        ("/institutions/expiring", token("jwt_too_long"), (401, "malformed")),
        ("/institutions/expiring", token("jwt_reminders_only"), (403, "scope")),
        ("/customers/C-1", token("admin_token"), (403, "scope")),
        ("/api/users/amy/export", token("read_token"), (403, "scope")),
        ("/runs/20250101T000000Z-retry", token("jwt_institutions_only"), (404, "not_found")),
    ] {
        if expected.0 == 404 {
            assert_eq!(with(&sandbox, Method::GET, path, &token).await.status(), 404, "{path}");
            continue;
        }
        let (status, code, challenge) = refusal(&sandbox, path, &token).await;
        assert_eq!((status, code.as_str()), expected, "{path} {challenge}");
        let kind = if status == 401 { "invalid_token" } else { "insufficient_scope" };
        assert!(challenge.starts_with(&format!("Bearer error=\"{kind}\"")), "{challenge}");
    }
    let (_, _, challenge) = refusal(&sandbox, "/api/users/amy/export", &token("read_token")).await;
    assert!(challenge.ends_with("scope=\"operate\""), "{challenge}");
    // The field of the older system takes admin tokens alone.
    let path = format!("{}/institutions/expiring?admin_token={}", sandbox.base, token("jwt"));
    assert_eq!(sandbox.http.get(path).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn monitors_may_ask_with_head_and_get_503_if_they_ask_strictly() {
    let sandbox = Sandbox::at(BEGIN).await;
    let ask = async |method: Method, query: &str| {
        let url = format!("{}/api/webhooks/health{query}", sandbox.base);
        let answer = sandbox.http.request(method, url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask(Method::HEAD, "").await, (200, String::new()));
    assert_eq!(ask(Method::GET, "?strict=true&from=monitor").await.0, 200);
    // Answered again from memory for a minute.
    sandbox.forget_calls().await;
    assert_eq!(ask(Method::GET, "").await.0, 200);
    assert!(sandbox.calls("dynamodb").await.is_empty());
    // Three reports of orders that are not known.
    for number in 1..=3 {
        let report = period(&format!("DKUNKNOWN00000000{number:03}"), "1", "2025/01/15 09:00:00", "1", "13400001");
        assert_eq!(sandbox.report("ecpay-billing", &report).await.status, 200);
    }
    sandbox.world.leap("2025-01-15T10:02:00+08:00".parse().unwrap());
    let (status, body) = ask(Method::GET, "").await;
    assert!(status == 200 && body.contains("degraded"), "{body}");
    assert_eq!(ask(Method::GET, "?strict=true").await.0, 503);
    assert_eq!(ask(Method::HEAD, "?strict=true").await, (503, String::new()));
}
