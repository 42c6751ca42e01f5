//! Messages of an order, as support reads them: text, address, attempts, and whether one can be sent again.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{STAFF, Sandbox, column};

use super::outbox::{BEGIN, SUBJECT, failing};

async fn messages(sandbox: &Sandbox, order: &str, query: &str) -> Value {
    sandbox.get(&format!("/api/subscriptions/{order}/messages{query}")).await
}

#[tokio::test]
async fn support_reads_what_the_customer_was_sent_and_where() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "mei").await;
    let queued = messages(&sandbox, &order, "").await["messages"][0].clone();
    assert_eq!(
        (&queued["state"], &queued["can_resend"], &queued["resend_refusal"], &queued["again_at"]),
        (&json!("queued"), &json!(false), &json!("waiting"), &json!("2025-01-15T02:00:00Z"))
    );
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let listed = messages(&sandbox, &order, "").await;
    assert_eq!(listed["next"], Value::Null);
    let sent = sandbox.mails("mei@customer.example").await;
    let shown = &listed["messages"][0];
    // With the token of the customer page masked.
    let body = sent[0]["body"].as_str().unwrap();
    let token = body.split("/portal/").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!((&shown["subject"], &shown["text"]), (&json!(SUBJECT), &json!(body.replace(token, "***"))));
    assert_eq!((&shown["to"], &shown["address"]), (&json!("customer"), &json!("mei@customer.example")));
    assert_eq!(
        (&shown["state"], &shown["attempts"], &shown["created_at"], &shown["first_attempt_at"], &shown["ended_at"]),
        (
            &json!("sent"),
            &json!(1),
            &json!("2025-01-15T02:00:00Z"),
            &json!("2025-01-15T02:05:00Z"),
            &json!("2025-01-15T02:05:00Z")
        )
    );
    assert_eq!(
        (&shown["can_resend"], &shown["resend_refusal"], &shown["again_at"], &shown["resend"]),
        (&json!(false), &json!("already_sent"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_refused_message_has_ses_answer_and_says_that_it_can_be_sent_again() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "refused").await;
    sandbox.fault("mail", "refuse").await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.fault("mail", "none").await;
    let shown = messages(&sandbox, &order, "").await["messages"][0].clone();
    assert_eq!(
        (&shown["state"], &shown["detail"], &shown["can_resend"], &shown["resend_refusal"]),
        (&json!("dead"), &json!("MessageRejected: content refused"), &json!(true), &Value::Null)
    );
    let id = shown["id"].as_str().unwrap();
    sandbox.post(&format!("/notices/{id}/resend"), json!({ "why": "mailbox works" })).await;
    let shown = messages(&sandbox, &order, "").await["messages"][0].clone();
    assert_eq!((&shown["state"], &shown["resend"]["by"]), (&json!("queued"), &json!("staff:support")));
}

#[tokio::test]
async fn messages_come_in_pages_latest_first_and_with_those_to_staff() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "pages").await;
    sandbox.travel("2025-01-22T13:00:00+08:00").await;
    let paid = json!({ "amount_twd": 899, "why": "transfer seen" });
    sandbox.post(&format!("/api/subscriptions/{order}/mark-paid"), paid).await;
    // A charge of another amount: staff are notified.
    sandbox.travel("2025-02-15T10:00:00+08:00").await;
    sandbox.charge(&order, json!({ "rtn_code": "1", "amount": 999 })).await;
    sandbox.travel("2025-02-15T10:10:00+08:00").await;
    let all = messages(&sandbox, &order, "?limit=100").await["messages"].clone();
    let kinds = column(&all, "kind");
    assert_eq!(kinds.last().map(String::as_str), Some("first-payment-failure"));
    let staff = all.as_array().unwrap().iter().find(|message| message["to"] == "staff").unwrap();
    assert_eq!((&staff["address"], sandbox.subjects(STAFF).await.len()), (&Value::Null, 1));
    assert_eq!(staff["subject"], sandbox.subjects(STAFF).await[0]);
    let (mut seen, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = messages(&sandbox, &order, &query).await;
        seen.extend(column(&page["messages"], "kind"));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&after={next}");
    }
    assert_eq!(seen, kinds);
}

#[tokio::test]
async fn messages_need_the_scope_of_the_export_and_are_empty_for_an_erased_customer() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "gone").await;
    let url = format!("{}/api/subscriptions/{order}/messages", sandbox.base);
    let reader = sandbox.http.get(&url).bearer_auth("sandbox-reader-token-invented").send().await.unwrap();
    assert_eq!(reader.status(), 403);
    for (query, param) in [("?limit=0", "limit"), ("?limit=101", "limit"), ("?after=x", "after"), ("?state=x", "state")]
    {
        let path = format!("/api/subscriptions/{order}/messages{query}");
        let (status, answer) = sandbox.call(Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!(param)), "{query}: {answer}");
    }
    sandbox.post("/runs/send-mail", json!({})).await;
    let unknown = sandbox.call(Method::GET, "/api/subscriptions/DKNOTSTORED000000001/messages", None).await;
    assert_eq!(unknown.0, 404);
    for at in [
        "2025-01-22T10:30:00+08:00",
        "2025-01-22T12:30:00+08:00",
        "2025-02-06T10:00:00+08:00",
        "2025-02-07T10:00:00+08:00",
    ] {
        sandbox.world.leap(at.parse().unwrap());
        sandbox.maintain().await;
        sandbox.maintain().await;
    }
    let erased = sandbox.call(Method::DELETE, "/api/users/gone", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    let listed = messages(&sandbox, &order, "").await["messages"].clone();
    for message in listed.as_array().unwrap().iter().filter(|message| message["to"] == "customer") {
        assert_eq!(
            (&message["address"], &message["subject"], &message["text"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
    }
}
