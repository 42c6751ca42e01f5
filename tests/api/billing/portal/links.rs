//! Links to the page: of mails, of the app, and those that lead nowhere.

use reqwest::Method;
use serde_json::json;
use testing::support::Sandbox;

use super::{BEGIN, EXPIRED_CARD, Page, link, mailed, pressed};

#[tokio::test]
async fn the_page_shows_plan_days_amounts_and_last_digits_and_nothing_else_of_the_customer() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("canary-user", "monthly").await;
    let page = Page::of(&sandbox, "canary-user").await;
    assert_eq!(page.status, 200, "{}", page.html);
    for shown in [
        "<html lang=\"zh-Hant\">",
        "PRO",
        "每月 NT$899",
        "使用中，已付費至 2025-02-15",
        "2025-02-15，NT$899",
        "<td>2025-01-15</td><td>NT$899</td><td>已付款</td>",
    ] {
        assert!(page.says(shown), "{shown} in {}", page.html);
    }
    let account = sandbox.account(&order).await;
    let payment = &account["payments"][0];
    let digits = page.html.split("<dt>卡號末四碼</dt><dd>").nth(1).unwrap().split('<').next().unwrap();
    assert!(digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{digits}");
    for hidden in ["canary-user", "customer.example", order.as_str(), payment["gwsr"].as_str().unwrap()] {
        assert!(!page.html.contains(hidden), "{hidden} in {}", page.html);
    }
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("content-security-policy"),
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!((header("cache-control"), header("referrer-policy")), ("no-store".to_owned(), "no-referrer".to_owned()));
    assert!(!page.html.contains("<script") && !page.html.contains("style="), "{}", page.html);
    // The other language, whatever else stands in the address.
    let english = Page::open(&sandbox, &format!("{}?utm_source=mail&lang=en&lang2=x", page.url)).await;
    for shown in ["<html lang=\"en\">", "NT$899 a month", "Active, paid until 2025-02-15.", "<td>Paid</td>"] {
        assert!(english.says(shown), "{shown} in {}", english.html);
    }
    let hostile = Page::open(&sandbox, &format!("{}?lang=%3Cscript%3E&said=%22%3E%3Cscript%3E", page.url)).await;
    assert_eq!(hostile.html, page.html);
}

#[tokio::test]
async fn each_mail_has_a_link_of_its_own_which_is_stored_as_a_hash_and_masked_for_staff() {
    let sandbox = Sandbox::with(BEGIN, &[("RECEIPTS", "on")]).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    let receipt = mailed(&sandbox, "mei@customer.example", "付款收據").await;
    sandbox.charge(&order, json!({ "rtn_code": EXPIRED_CARD })).await;
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    let failure = mailed(&sandbox, "mei@customer.example", "付款失敗通知").await;
    assert_ne!(receipt, failure);
    for url in [&receipt, &failure] {
        assert_eq!(Page::open(&sandbox, url).await.status, 200, "the earlier one stays valid");
        let token = url.rsplit_once('/').unwrap().1;
        assert!(token.len() == 40 && token.bytes().all(|letter| letter.is_ascii_alphanumeric()), "{token}");
        assert!(!sandbox.items().concat().contains(token), "only a hash is stored");
        for path in ["messages", ""] {
            let shown = sandbox.get(format!("/api/subscriptions/{order}/{path}").trim_end_matches('/')).await;
            assert!(!shown.to_string().contains(token), "{shown}");
        }
        assert!(!sandbox.get("/api/users/mei/export").await.to_string().contains(token));
    }
    let messages = sandbox.get(&format!("/api/subscriptions/{order}/messages")).await;
    assert!(messages["messages"][0]["text"].as_str().unwrap().contains("/portal/***"), "{messages}");
    // Thirty days from its sending.
    sandbox.travel("2025-02-14T10:04:00+08:00").await;
    assert_eq!((Page::open(&sandbox, &receipt).await.status, Page::open(&sandbox, &failure).await.status), (200, 200));
    sandbox.travel("2025-02-14T10:06:00+08:00").await;
    assert_eq!((Page::open(&sandbox, &receipt).await.status, Page::open(&sandbox, &failure).await.status), (404, 200));
}

#[tokio::test]
async fn an_app_makes_links_of_as_many_days_as_it_needs_that_lead_back_to_the_shop() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("shopper", "monthly").await;
    let path = "/api/users/shopper/portal-link";
    // The shop of the sandbox, below its own address.
    let shop = format!("{}/shop", sandbox.base);
    let host = sandbox.base.strip_prefix("http://").unwrap();
    let (name, port) = host.split_once(':').unwrap();
    let body = json!({ "valid_days": 1, "return_url": format!("{shop}/account?tab=plan&x=\"><b>") });
    let (status, _) = sandbox.call(Method::POST, path, Some(body)).await;
    assert_eq!(status, 400, "not an address");
    let body = json!({ "valid_days": 1, "return_url": format!("{shop}/account?tab=plan&page=2") });
    let made = sandbox.post(path, body).await;
    assert_eq!(made["expires_at"], "2025-01-16T02:00:00Z");
    let url = made["url"].as_str().unwrap();
    let page = Page::open(&sandbox, url).await;
    assert!(page.html.contains(&format!("<a href=\"{shop}/account?tab=plan&#38;page=2\">")), "{}", page.html);
    let ordinary = Page::of(&sandbox, "shopper").await;
    assert!(ordinary.html.contains(&format!("<a href=\"{shop}/billing\">")), "{}", ordinary.html);
    for other in [
        format!("http://{name}.attacker.example:{port}/shop"),
        format!("http://attacker.example/?{shop}"),
        format!("http://{host}@attacker.example/"),
        format!("http://user@{host}/shop"),
        format!("http://{name}:1{port}/shop"),
        format!("http://{name}/shop"),
        format!("https://{host}/shop"),
        format!("//{host}/shop"),
        "/shop".to_owned(),
        "javascript:alert(1)".to_owned(),
        format!("http://{host}\\@attacker.example/"),
        String::new(),
    ] {
        let (status, answer) = sandbox.call(Method::POST, path, Some(json!({ "return_url": other }))).await;
        assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!("return_url")), "{other}: {answer}");
    }
    for (body, param) in [
        (json!({ "valid_days": 0 }), "valid_days"),
        (json!({ "valid_days": 91 }), "valid_days"),
        (json!({ "days": 3 }), "days"),
    ] {
        let (status, answer) = sandbox.call(Method::POST, path, Some(body)).await;
        assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!(param)), "{answer}");
    }
    let (status, _) = sandbox.call(Method::POST, "/api/users/stranger/portal-link", Some(json!({}))).await;
    assert_eq!(status, 404);
    sandbox.travel("2025-01-16T10:00:00+08:00").await;
    let expired = Page::open(&sandbox, url).await;
    assert!(expired.status == 404 && expired.says("此連結已失效") && !expired.says("<form"), "{}", expired.html);
    assert!(ordinary.button("cancel").is_some());
}

#[tokio::test]
async fn a_guessed_token_and_the_button_of_another_customer_do_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (mine, theirs) = (sandbox.subscribe("mine", "monthly").await, sandbox.subscribe("theirs", "monthly").await);
    let (my_page, their_page) = (Page::of(&sandbox, "mine").await, Page::of(&sandbox, "theirs").await);
    let before = sandbox.items();
    let guessed = format!("{}/portal/0123456789ABCDEFGHJKMNPQRSTVWXYZ01234567", sandbox.base);
    assert_eq!(Page::open(&sandbox, &guessed).await.status, 404);
    // My token with their order, and a button that there is none.
    let reference = |page: &Page| page.button("cancel").unwrap().rsplit('/').nth(1).unwrap().to_owned();
    let (me, them) = (reference(&my_page), reference(&their_page));
    for address in [
        format!("{}/{them}/cancel", my_page.url),
        format!("{}/{them}/pay", my_page.url),
        format!("{}/{me}/refund", my_page.url),
        format!("{guessed}/{me}/cancel"),
    ] {
        let target = pressed(&sandbox, &address).await;
        assert!(target.contains("/portal/") && !target.contains("checkout"), "{target}");
    }
    assert_eq!(sandbox.items(), before);
    for order in [&mine, &theirs] {
        assert!(sandbox.account(order).await["cancel_requested_at"].is_null());
    }
}

#[tokio::test]
async fn an_erased_customer_has_no_page_also_where_the_user_id_is_used_again() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("again", "monthly").await;
    let page = Page::of(&sandbox, "again").await;
    pressed(&sandbox, &page.button("cancel").unwrap()).await;
    sandbox.travel("2025-02-16T10:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "cancelled");
    let url = link(&sandbox, "again").await;
    let body = json!({ "why": "asked for it" });
    let (status, answer) = sandbox.call(Method::DELETE, "/api/users/again", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(Page::open(&sandbox, &url).await.status, 404);
    sandbox.subscribe("again", "monthly").await;
    assert_eq!(Page::open(&sandbox, &url).await.status, 404, "the link was another person's");
}

#[tokio::test]
async fn a_customer_without_a_live_order_sees_the_latest_paid_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("ended", "monthly").await;
    let page = Page::of(&sandbox, "ended").await;
    pressed(&sandbox, &page.button("cancel").unwrap()).await;
    sandbox.travel("2025-02-17T10:00:00+08:00").await;
    // An attempt that came to nothing is not the subscription that they had.
    sandbox.order("ended", "annual", None).await;
    sandbox.travel("2025-02-19T10:00:00+08:00").await;
    let page = Page::of(&sandbox, "ended").await;
    for url in [&page.url, &link(&sandbox, "ended").await] {
        let page = Page::open(&sandbox, url).await;
        assert!(page.says("已終止，不再扣款。") && page.says("<strong>FREE</strong>"), "{}", page.html);
        assert!(page.says("重新訂閱") && page.says("每月 NT$899") && page.button("cancel").is_none(), "{}", page.html);
    }
}

#[tokio::test]
async fn a_mailed_link_ends_with_the_address_and_one_of_the_app_does_not() {
    let sandbox = Sandbox::with(BEGIN, &[("RECEIPTS", "on")]).await;
    let order = sandbox.subscribe("moved", "monthly").await;
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    let (mailed, made) = (mailed(&sandbox, "moved@customer.example", "付款收據").await, link(&sandbox, "moved").await);
    assert!(!sandbox.items().concat().contains("moved@customer.example|"), "the address is no part of the page's item");
    let email = json!({ "email": "new@customer.example", "why": "a former mailbox" });
    sandbox.post(&format!("/api/subscriptions/{order}/email"), email).await;
    let ended = Page::open(&sandbox, &mailed).await;
    assert!(
        ended.status == 404 && ended.says("此連結已失效") && ended.says("This link has expired."),
        "{}",
        ended.html
    );
    assert_eq!(Page::open(&sandbox, &made).await.status, 200);
}

#[tokio::test]
async fn two_live_orders_stand_side_by_side_each_with_its_own_buttons() {
    let sandbox = Sandbox::at(BEGIN).await;
    let first = sandbox.subscribe("both", "monthly").await;
    let order = json!({
        "merchant_trade_no": "Legacy0001", "amount": 8999, "period_type": "Y", "exec_times": 9,
        "charges": [{ "at": "2025-01-10T10:00:00+08:00", "rtn_code": "1" }],
    });
    sandbox.post("/sandbox/ecpay/orders", order).await;
    let adopted = json!({
        "merchant_trade_no": "Legacy0001", "user_id": "both", "email": "both@customer.example", "plan_id": "PRO",
        "billing_cycle": "annual",
    });
    sandbox.post("/api/subscriptions/adopt", adopted).await;
    let page = Page::of(&sandbox, "both").await;
    let sections: Vec<&str> = page.html.split("<section>").skip(1).collect();
    assert_eq!(sections.len(), 2, "{}", page.html);
    let annual = sections.iter().find(|section| section.contains("每年 NT$8999")).unwrap();
    assert!(annual.contains("已付費至 2026-01-10") && !annual.contains("每月"), "{annual}");
    // The button of the annual one ends that one only.
    let action = annual.split("action=\"").find(|part| part.contains("/cancel")).unwrap().split('"').next().unwrap();
    pressed(&sandbox, &format!("{}/portal/{action}", sandbox.base)).await;
    assert!(!sandbox.account("Legacy0001").await["cancel_requested_at"].is_null());
    assert!(sandbox.account(&first).await["cancel_requested_at"].is_null());
}

/// Names of plans are capital letters, digits and `_`: other ones end the start.
#[tokio::test]
async fn hostile_names_are_text_on_both_pages() {
    let (plan, business) = ("A_PLAN_OF_20_LETTERS", "<b onclick=\"x\">&'{{7*7}}</b>");
    let prices = json!({ plan: { "monthly": 899, "annual": 8999 } }).to_string();
    let sandbox = Sandbox::with(BEGIN, &[("BUSINESS_NAME", business), ("PLAN_PRICES", &prices)]).await;
    let order = json!({
        "user_id": "<i>user", "email": "hostile@customer.example", "plan_id": plan, "billing_cycle": "monthly",
    });
    let made = sandbox.post("/api/subscriptions", order).await;
    let checkout = Page::open(&sandbox, made["checkout_url"].as_str().unwrap()).await;
    sandbox.submit(&made).await;
    let link = sandbox.post("/api/users/%3Ci%3Euser/portal-link", json!({})).await;
    let page = Page::open(&sandbox, link["url"].as_str().unwrap()).await;
    for page in [&checkout, &page] {
        assert!(page.status == 200 && page.says(plan), "{}", page.html);
        for mark in ["<b onclick", "<i>", ">49", "onclick=\"x\""] {
            assert!(!page.html.contains(mark), "{mark} in {}", page.html);
        }
    }
    assert!(page.says("<h1>&#60;b onclick=&#34;x&#34;&#62;&#38;&#39;{{7*7}}&#60;/b&#62;</h1>"), "{}", page.html);
}
