//! Mails that are no longer true when they can be sent.

use serde_json::json;

use testing::support::Sandbox;

use super::notices::{notice, resend, why};
use super::outbox::{BEGIN, SUBJECT, failing, states};

#[tokio::test]
async fn a_customer_who_paid_while_the_warning_waited_gets_no_warning() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "mei").await;
    sandbox.fault("mail", "down").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    assert_eq!(
        sandbox.subjects("mei@customer.example").await,
        ["付款成功，方案已恢復 - Payment Received, Plan Active"]
    );
    let mut states = states(&sandbox, &order).await;
    states.sort();
    assert_eq!(states, ["first-payment-failure obsolete", "recovered sent"]);
    let messages = sandbox.get(&format!("/api/subscriptions/{order}/messages")).await;
    let warning = messages["messages"].as_array().unwrap().iter().find(|mail| mail["subject"] == SUBJECT).unwrap();
    assert_eq!((&warning["state"], &warning["detail"]), (&json!("obsolete"), &json!("no longer true")));
    assert_eq!((&warning["can_resend"], &warning["resend_refusal"]), (&json!(false), &json!("obsolete")));
    let id = warning["id"].as_str().unwrap();
    let (status, answer) = resend(&sandbox, id, why()).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("obsolete")), "{answer}");
}

#[tokio::test]
async fn a_new_address_does_not_bring_an_obsolete_mail_back() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "old").await;
    sandbox.fault("mail", "down").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    sandbox
        .post(&format!("/api/subscriptions/{order}/email"), json!({ "email": "new@customer.example", "why": "moved" }))
        .await;
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    assert_eq!(sandbox.subjects("new@customer.example").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_warning_that_is_resent_after_the_payment_is_not_sent() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "una").await;
    sandbox.fault("mail", "answer_lost").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    sandbox.fault("mail", "none").await;
    let id = notice(&sandbox, &order).await;
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    assert_eq!(resend(&sandbox, &id, why()).await.0, 200);
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    let subjects = sandbox.subjects("una@customer.example").await;
    // The first attempt arrived before the payment.
    assert_eq!(subjects.iter().filter(|subject| *subject == SUBJECT).count(), 1, "{subjects:?}");
}
