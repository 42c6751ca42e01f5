//! Who gets in: tokens, sessions and their ends, and the origin of forms.

use chrono::TimeDelta;
use sandbox::world::credentials::{ADMIN_SECRET, ADMIN_TOKEN};
use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::platform::hash::sha256_hex as digest;
use shared::store::billing::counters::Counter;
use testing::support::Sandbox;
use testing::support::console::{Page, Staff};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000"),
];

async fn sign_in(sandbox: &Sandbox, token: &str) -> Page {
    sandbox.visitor().post("/console/login", &[("token", token)]).await
}

fn minutes_later(sandbox: &Sandbox, minutes: i64) {
    sandbox.world.leap(sandbox.world.now() + TimeDelta::minutes(minutes));
}

/// True if the first page is shown, and not the sign-in.
async fn is_in(staff: &Staff) -> bool {
    let page = staff.get("/console").await;
    assert!(page.status == 200 || page.location() == "/console/login", "{page:?}");
    page.status == 200
}

/// The secret of admin tokens with these entries.
fn tokens(entries: &[(&str, &str, &[&str], Option<String>)]) -> String {
    let entry = |(name, token, scopes, end): &(&str, &str, &[&str], Option<String>)| json!({ "name": name, "sha256": digest(token), "scopes": scopes, "expires_at": end });
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({ "tokens": entries, "jwt_key": "sandbox-jwt-key-invented-and-long-enough" }).to_string()
}

#[tokio::test]
async fn a_session_is_a_cookie_of_which_the_table_has_the_digest_alone() {
    let sandbox = Sandbox::at(BEGIN).await;
    let page = sign_in(&sandbox, ADMIN_TOKEN).await;
    assert_eq!((page.status, page.location()), (303, "/console"));
    let set = page.headers["set-cookie"].to_str().unwrap();
    let value = set.strip_prefix("duekeeper=").unwrap().split(';').next().unwrap();
    assert_eq!(set, format!("duekeeper={value}; Path=/; HttpOnly; SameSite=Strict"));
    // 52 characters of 5 bits.
    assert!(value.len() == 52 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
    let items = sandbox.items();
    assert!(items.contains(&format!("SESSION#{} STATE", digest(value))), "{items:?}");
    assert!(!items.iter().any(|item| item.contains(value)));
    let mut staff = sandbox.visitor();
    staff.cookie = page.cookie().unwrap();
    assert!(is_in(&staff).await);
    staff.cookie.push('A');
    assert!(!is_in(&staff).await);
}

#[tokio::test]
async fn over_https_the_cookie_belongs_to_the_host_alone() {
    let sandbox = Sandbox::with(BEGIN, &[("API_BASE_URL", "https://api.shop.example")]).await;
    let page = sign_in(&sandbox, ADMIN_TOKEN).await;
    let set = page.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.starts_with("__Host-duekeeper=") && set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let mut staff = sandbox.visitor();
    staff.cookie = page.cookie().unwrap();
    assert!(is_in(&staff).await);
    // The name without its prefix, which a page over plain HTTP could set.
    staff.cookie = staff.cookie.replace("__Host-", "");
    assert!(!is_in(&staff).await);
    // Browsers without Sec-Fetch-Site name the origin.
    let other = [("origin", "https://api.shop.example.evil.example")];
    assert_eq!(sandbox.visitor().post_with("/console/login", &[("token", ADMIN_TOKEN)], &other).await.status, 403);
    let own = [("origin", "https://api.shop.example")];
    assert_eq!(sandbox.visitor().post_with("/console/login", &[("token", ADMIN_TOKEN)], &own).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_after_half_an_hour_without_a_page_and_after_eight_hours_with_pages() {
    let sandbox = Sandbox::at(BEGIN).await;
    let idle = sandbox.signed_in("support").await;
    minutes_later(&sandbox, 29);
    assert!(is_in(&idle).await);
    minutes_later(&sandbox, 29);
    assert!(is_in(&idle).await);
    minutes_later(&sandbox, 30);
    assert!(!is_in(&idle).await);
    let busy = sandbox.signed_in("support").await;
    for _ in 0..23 {
        minutes_later(&sandbox, 20);
        assert!(is_in(&busy).await);
    }
    minutes_later(&sandbox, 19);
    assert!(is_in(&busy).await);
    minutes_later(&sandbox, 1);
    assert!(!is_in(&busy).await);
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_has_no_scope_that_the_token_lost_or_won_meanwhile() {
    let sandbox = Sandbox::at(BEGIN).await;
    let end = (sandbox.world.now() + TimeDelta::minutes(50)).to_rfc3339();
    let secret = |scopes: &[&str], end: Option<String>| tokens(&[("lin", "invented-token-of-lin", scopes, end)]);
    sandbox.world.rotate_secret(ADMIN_SECRET, secret(&["read", "operate"], Some(end.clone())));
    minutes_later(&sandbox, 10);
    let mut staff = sandbox.visitor();
    staff.cookie = sign_in(&sandbox, "invented-token-of-lin").await.cookie().unwrap();
    let may = async |path: &str| staff.get(path).await.status;
    assert_eq!((may("/console/subscriptions").await, may("/console/institutions").await), (200, 403));
    // Scopes are those of the secret, of which at most the ones of the sign-in count.
    sandbox.world.rotate_secret(ADMIN_SECRET, secret(&["operate", "institutions"], Some(end.clone())));
    minutes_later(&sandbox, 10);
    assert_eq!((may("/console/subscriptions").await, may("/console/institutions").await), (403, 403));
    // It ends with the token's time, before the half hour without a page.
    minutes_later(&sandbox, 20);
    assert!(is_in(&staff).await);
    minutes_later(&sandbox, 10);
    assert!(!is_in(&staff).await);
    // And with its entry.
    sandbox.world.rotate_secret(ADMIN_SECRET, secret(&["read"], None));
    minutes_later(&sandbox, 10);
    staff.cookie = sign_in(&sandbox, "invented-token-of-lin").await.cookie().unwrap();
    assert!(is_in(&staff).await);
    sandbox.world.rotate_secret(ADMIN_SECRET, tokens(&[("other", "invented-token-of-other", &["read"], None)]));
    minutes_later(&sandbox, 10);
    assert!(!is_in(&staff).await);
}

#[tokio::test]
async fn after_signing_out_the_cookie_opens_nothing_also_where_it_was_copied() {
    let sandbox = Sandbox::at(BEGIN).await;
    let staff = sandbox.signed_in("support").await;
    let (thief, other) = (staff.clone(), sandbox.signed_in("support").await);
    let out = staff.post("/console/logout", &[]).await;
    assert_eq!((out.status, out.location()), (303, "/console/login"));
    let set = out.headers["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("duekeeper=;") && set.contains("Max-Age=0"), "{set}");
    assert!(!is_in(&thief).await);
    assert!(is_in(&other).await, "another session of the same token goes on");
}

#[tokio::test]
async fn ten_refused_attempts_close_the_sign_in_for_five_minutes_and_are_counted() {
    let sandbox = Sandbox::at(BEGIN).await;
    let jwt = sandbox.get("/sandbox/credentials").await["jwt"].as_str().unwrap().to_owned();
    for token in ["invented-wrong-token", "", &jwt, "sandbox-expired-token-invented"] {
        let page = sign_in(&sandbox, token).await;
        assert_eq!((page.status, page.cookie()), (401, None), "{token}");
        assert!(page.body.contains("role=\"alert\"") && (token.is_empty() || !page.body.contains(token)));
    }
    for _ in 4..10 {
        assert_eq!(sign_in(&sandbox, "invented-wrong-token").await.status, 401);
    }
    assert_eq!(sign_in(&sandbox, ADMIN_TOKEN).await.status, 429);
    minutes_later(&sandbox, 5);
    assert_eq!(sign_in(&sandbox, ADMIN_TOKEN).await.status, 303);
    let now = Timestamp::new(sandbox.world.now());
    let counts = sandbox.store().billing.counts(now.plus_hours(-1), now).await.unwrap();
    assert_eq!(counts.get(Counter::SignInRefused), 10);
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("origin", "monthly").await;
    let staff = sandbox.signed_in("support").await;
    let path = format!("/console/subscriptions/{order}/note");
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "http://other.127.0.0.1")],
        &[("sec-fetch-site", "none")],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[],
    ] {
        let page = staff.post_with(&path, &[("note", "forged")], headers).await;
        assert_eq!(page.status, 403, "{headers:?}");
        assert_eq!(sandbox.visitor().post_with("/console/login", &[("token", ADMIN_TOKEN)], headers).await.status, 403);
    }
    assert!(is_in(&staff).await);
    let history = sandbox.account(&order).await["history"].clone();
    assert!(!history.to_string().contains("forged"), "{history}");
    assert_eq!(staff.post(&path, &[("note", "true")]).await.status, 303);
}

#[tokio::test]
async fn the_api_takes_no_cookie_and_the_console_no_bearer() {
    let sandbox = Sandbox::at(BEGIN).await;
    let staff = sandbox.signed_in("owner").await;
    assert_eq!(staff.get("/api/whoami").await.status, 401);
    assert_eq!(staff.get("/api/subscriptions").await.status, 401);
    let request = sandbox.http.get(format!("{}/console", sandbox.base)).bearer_auth(ADMIN_TOKEN);
    let page = sandbox.visitor().send(request).await;
    assert_eq!((page.status, page.location()), (303, "/console/login"));
    let request = sandbox.http.get(format!("{}/console/subscriptions?admin_token={ADMIN_TOKEN}", sandbox.base));
    assert_eq!(sandbox.visitor().send(request).await.status, 303);
}

#[tokio::test]
async fn the_sign_in_leads_to_the_page_that_was_asked_for_and_nowhere_else() {
    let sandbox = Sandbox::at(BEGIN).await;
    let asked = sandbox.visitor().get("/console/subscriptions?status=past_due").await;
    assert_eq!(asked.status, 303);
    let login = sandbox.visitor().get(asked.location()).await;
    let (_, hidden) = login.form("/console/login").unwrap();
    assert_eq!(hidden["next"], "/console/subscriptions?status=past_due");
    for (next, leads_to) in [
        ("/console/subscriptions?status=past_due", "/console/subscriptions?status=past_due"),
        ("https://evil.example/console", "/console"),
        ("//evil.example/console", "/console"),
        ("/console\\evil", "/console"),
        ("/consoles", "/console"),
    ] {
        let page = sandbox.visitor().post("/console/login", &[("token", ADMIN_TOKEN), ("next", next)]).await;
        assert_eq!((page.status, page.location()), (303, leads_to), "{next}");
    }
}

#[tokio::test]
async fn every_answer_forbids_frames_caches_and_other_sources() {
    let sandbox = Sandbox::at(BEGIN).await;
    let staff = sandbox.signed_in("support").await;
    let answers = [
        sandbox.visitor().get("/console").await,
        sandbox.visitor().get("/console/login").await,
        sign_in(&sandbox, "wrong").await,
        sandbox.visitor().post_with("/console/login", &[], &[]).await,
        staff.get("/console").await,
        staff.get("/console/subscriptions/DK00000000000000000A").await,
        staff.get("/console/customers").await,
        staff.get("/console/messages?after=x").await,
        staff.get("/console/nowhere/at/all").await,
        staff.post("/console/logout", &[]).await,
    ];
    let statuses = answers.each_ref().map(|page| page.status);
    assert_eq!(statuses, [303, 200, 401, 403, 200, 404, 403, 400, 404, 303]);
    for page in answers {
        for (name, value) in HEADERS {
            assert_eq!(page.headers[name], value, "{page:?}");
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|rule| rule == part), "{part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe") && !page.body.contains(" style=") && !page.body.contains("onclick"));
    }
}
