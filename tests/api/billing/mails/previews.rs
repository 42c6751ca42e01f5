//! Previews of mails: every kind, in both languages, with invented values or those of an order.

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::json;
use shared::domain::billing::notices::NoticeKind;
use testing::support::Sandbox;

use super::outbox::BEGIN;

fn path(kind: &str, query: &str) -> String {
    format!("/api/mail-templates/{kind}/preview{query}")
}

#[tokio::test]
async fn every_kind_is_shown_in_both_languages_without_a_variable_left() {
    let sandbox = Sandbox::at(BEGIN).await;
    for kind in NoticeKind::ALL {
        for (locale, hello) in [("zh-TW", "您好："), ("en", "Hello,")] {
            let shown = sandbox.get(&path(kind.name(), &format!("?locale={locale}"))).await;
            assert_eq!(shown["kind"], kind.name());
            let text = shown["text"].as_str().unwrap();
            assert!(!text.contains("{{") && !shown["subject"].as_str().unwrap().contains("{{"), "{shown}");
            assert_eq!(shown["html"].is_null(), kind.is_for_staff(), "{shown}");
            assert_eq!(text.contains(hello), !kind.is_for_staff(), "{text}");
        }
    }
}

#[tokio::test]
async fn a_part_is_shown_as_a_page_that_loads_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    for (format, content_type, begin) in [
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
        ("text", "text/plain; charset=utf-8", "月松 Moonpine\n"),
    ] {
        let address = format!("{}{}", sandbox.base, path("receipt", &format!("?format={format}")));
        let answer = sandbox.http.get(address).bearer_auth(&sandbox.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()[CONTENT_TYPE], content_type);
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script"), "{policy}");
        assert!(answer.text().await.unwrap().starts_with(begin));
    }
}

#[tokio::test]
async fn an_orders_own_values_and_language_are_shown() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("ann", "annual").await;
    let shown = sandbox.get(&path("annual-charge", &format!("?subscription_id={order}"))).await;
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("NT$8999") && text.contains(&order) && text.contains("您好："), "{text}");
    let english = sandbox.get(&path("annual-charge", &format!("?subscription_id={order}&locale=en"))).await;
    assert!(english["text"].as_str().unwrap().contains("Hello,"), "{english}");
}

#[tokio::test]
async fn what_there_is_no_mail_or_part_of_is_refused_with_the_reason() {
    let sandbox = Sandbox::at(BEGIN).await;
    let cases = [
        (path("birthday", ""), 404, "kind"),
        (path("receipt", "?subscription_id=DKUNKNOWN"), 404, "id"),
        (path("refund-due", "?format=html"), 400, "format"),
        (path("receipt", "?format=pdf"), 400, "format"),
        (path("receipt", "?locale=id"), 400, "locale"),
        (path("receipt", "?language=en"), 400, "language"),
    ];
    for (path, status, param) in cases {
        let (answered, body) = sandbox.call(reqwest::Method::GET, &path, None).await;
        assert_eq!((answered.as_u16(), &body["error"]["param"]), (status, &json!(param)), "{path}: {body}");
    }
    let address = format!("{}{}", sandbox.base, path("receipt", ""));
    assert_eq!(sandbox.http.get(address).send().await.unwrap().status(), 401);
}
