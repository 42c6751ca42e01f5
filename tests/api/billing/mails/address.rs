//! Change of the address to which an order's mails go.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::Sandbox;

use super::outbox::{BEGIN, SUBJECT, failing, states};

const NEW: &str = "moved@customer.example";

async fn moved(sandbox: &Sandbox, order: &str, email: &str) -> (u16, Value) {
    let body = json!({ "email": email, "why": "asked for by phone" });
    let (status, answer) = sandbox.call(Method::POST, &format!("/api/subscriptions/{order}/email"), Some(body)).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn a_mail_that_waits_goes_to_the_new_address_and_so_do_the_later_ones() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "old").await;
    let (status, answer) = moved(&sandbox, &order, NEW).await;
    assert_eq!(status, 200, "{answer}");
    let entry = answer["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&entry["what"], &entry["by"], &entry["why"]),
        (
            &json!("staff changed the address of the order's mails"),
            &json!("staff:support"),
            &json!("asked for by phone")
        )
    );
    assert!(!answer.to_string().contains('@'), "{answer}");
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(sandbox.subjects("old@customer.example").await, Vec::<String>::new());
    assert_eq!(sandbox.subjects(NEW).await, [SUBJECT]);
    // The downgrade a week later.
    sandbox.travel("2025-01-22T13:00:00+08:00").await;
    assert_eq!(sandbox.subjects("old@customer.example").await, Vec::<String>::new());
    assert_eq!(sandbox.subjects(NEW).await.len(), 2);
}

#[tokio::test]
async fn a_mail_that_was_refused_at_the_old_address_is_resent_to_the_new_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "typo").await;
    sandbox.fault("mail", "refuse").await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.fault("mail", "none").await;
    assert_eq!(moved(&sandbox, &order, NEW).await.0, 200);
    // It is at its end, so only staff have it sent again.
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure dead"]);
    let id = sandbox.account(&order).await["notices"][0]["id"].as_str().unwrap().to_owned();
    sandbox.post(&format!("/notices/{id}/resend"), json!({ "why": "the address was wrong" })).await;
    sandbox.travel("2025-01-15T11:05:00+08:00").await;
    assert_eq!(sandbox.subjects(NEW).await, [SUBJECT]);
    assert_eq!(sandbox.subjects("typo@customer.example").await, Vec::<String>::new());
}

#[tokio::test]
async fn changes_and_runs_at_the_same_time_send_the_mail_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "race").await;
    let run = || sandbox.post("/runs/send-mail", json!({}));
    let (first, second, _, _) =
        tokio::join!(moved(&sandbox, &order, NEW), moved(&sandbox, &order, "other@customer.example"), run(), run());
    assert_eq!((first.0, second.0), (200, 200), "{} {}", first.1, second.1);
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
    let mut sent = 0;
    for address in ["race@customer.example", NEW, "other@customer.example"] {
        sent += sandbox.subjects(address).await.len();
    }
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn what_is_no_address_is_refused_and_the_same_address_changes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "same").await;
    for email in ["", "no-address", "two@at@customer.example", "erased@erased.invalid"] {
        let (status, answer) = moved(&sandbox, &order, email).await;
        assert_eq!((status, &answer["error"]["param"]), (400, &json!("email")), "{email}: {answer}");
    }
    let before = sandbox.items();
    assert_eq!(moved(&sandbox, &order, "same@customer.example").await.0, 200);
    assert_eq!(sandbox.items(), before);
    let reader = sandbox.http.post(format!("{}/api/subscriptions/{order}/email", sandbox.base));
    let request = reader.bearer_auth("sandbox-reader-token-invented").header("content-type", "application/json");
    let answer = request.body(json!({ "email": NEW, "why": "x" }).to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 403);
}
