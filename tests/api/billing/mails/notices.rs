//! Mails that were not sent, in the API: listed without personal data, and sent again by staff.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

use super::outbox::{BEGIN, SUBJECT, failing, sends, states};

/// An order whose mail SES refused for good.
async fn dead(sandbox: &Sandbox, user: &str) -> String {
    let order = failing(sandbox, user).await;
    sandbox.fault("mail", "refuse").await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.fault("mail", "none").await;
    assert_eq!(states(sandbox, &order).await, ["first-payment-failure dead"]);
    order
}

/// Id of an order's notice, as routes have it.
pub(super) async fn notice(sandbox: &Sandbox, order: &str) -> String {
    sandbox.account(order).await["notices"][0]["id"].as_str().unwrap().to_owned()
}

pub(super) async fn resend(sandbox: &Sandbox, id: &str, body: Value) -> (u16, Value) {
    let (status, answer) = sandbox.call(Method::POST, &format!("/notices/{id}/resend"), Some(body)).await;
    (status.as_u16(), answer)
}

async fn listed(sandbox: &Sandbox, query: &str) -> Value {
    sandbox.get(&format!("/notices{query}")).await["notices"].clone()
}

pub(super) fn why() -> Value {
    json!({ "why": "the mailbox works again" })
}

#[tokio::test]
async fn a_dead_mail_is_listed_without_personal_data_and_sent_once_when_staff_resend_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = dead(&sandbox, "amy").await;
    let id = notice(&sandbox, &order).await;
    assert_eq!(id, format!("{order}.first-payment-failure.2025-01-15"));
    let expected = json!([{
        "id": id, "kind": "first-payment-failure", "to": "customer", "merchant_trade_no": order, "state": "dead",
        "detail": "MessageRejected: content refused", "created_at": "2025-01-15T02:00:00Z", "attempts": 1,
        "first_attempt_at": "2025-01-15T02:00:00Z", "again_at": null, "ended_at": "2025-01-15T02:00:00Z",
        "resend": null,
    }]);
    // Without a state the list is of dead ones.
    assert_eq!(listed(&sandbox, "").await, expected);
    assert_eq!(listed(&sandbox, "?state=dead").await, expected);
    let before = sandbox.items();
    let (status, tried) = sandbox.call(Method::POST, &format!("/notices/{id}/resend?dry_run=true"), Some(why())).await;
    assert_eq!((status.as_u16(), &tried["dry_run"], &tried["state"]), (200, &json!(true), &json!("queued")));
    assert_eq!((listed(&sandbox, "").await, sandbox.items()), (expected, before), "a dry run changes nothing");
    let (status, answer) = resend(&sandbox, &id, why()).await;
    assert_eq!((status, &answer["state"], &answer["id"]), (200, &json!("queued"), &json!(id)), "{answer}");
    assert_eq!(answer["resend"]["why"], "the mailbox works again");
    assert!(answer["resend"]["by"].as_str().unwrap().starts_with("staff:"), "{answer}");
    assert_eq!(listed(&sandbox, "").await, json!([]));
    assert_eq!(column(&listed(&sandbox, "?state=queued").await, "id"), [id.as_str()]);
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
    assert_eq!(sandbox.subjects("amy@customer.example").await, [SUBJECT]);
    assert_eq!(notice(&sandbox, &order).await, id);
    assert_eq!(sends(&sandbox).await, 2);
}

#[tokio::test]
async fn requests_and_runs_at_the_same_time_send_a_resent_mail_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = dead(&sandbox, "ben").await;
    let id = notice(&sandbox, &order).await;
    let run = || sandbox.post("/runs/send-mail", json!({}));
    let (first, second, third, _, _) = tokio::join!(
        resend(&sandbox, &id, why()),
        resend(&sandbox, &id, why()),
        resend(&sandbox, &id, why()),
        run(),
        run()
    );
    for (status, answer) in [&first, &second, &third] {
        assert!([200, 409].contains(status), "{answer}");
    }
    assert!([&first, &second, &third].iter().any(|(status, _)| *status == 200));
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    assert_eq!(sandbox.subjects("ben@customer.example").await, [SUBJECT]);
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
}

#[tokio::test]
async fn an_unclear_mail_may_be_resent_and_a_sent_one_not() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "cai").await;
    sandbox.fault("mail", "answer_lost").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    sandbox.fault("mail", "none").await;
    let id = notice(&sandbox, &order).await;
    assert_eq!(column(&listed(&sandbox, "?state=unclear").await, "id"), [id.as_str()]);
    assert_eq!(resend(&sandbox, &id, why()).await.0, 200);
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    // The customer has it twice, as staff decided.
    assert_eq!(sandbox.subjects("cai@customer.example").await, [SUBJECT, SUBJECT]);
    let (status, answer) = resend(&sandbox, &id, why()).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("already_sent")), "{answer}");
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    assert_eq!(sends(&sandbox).await, 2);
}

#[tokio::test]
async fn a_waiting_mail_is_due_at_once_when_staff_resend_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "dan").await;
    sandbox.fault("mail", "down").await;
    sandbox.travel("2025-01-15T15:30:00+08:00").await;
    sandbox.fault("mail", "none").await;
    let waiting = listed(&sandbox, "?state=queued").await;
    assert_eq!(
        (&waiting[0]["again_at"], &waiting[0]["detail"]),
        (&json!("2025-01-15T11:25:00Z"), &json!("HTTP 503: ServiceUnavailable"))
    );
    assert_eq!(resend(&sandbox, &notice(&sandbox, &order).await, why()).await.0, 200);
    sandbox.travel("2025-01-15T15:35:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
}

#[tokio::test]
async fn an_erased_customer_gets_no_mail() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = dead(&sandbox, "eve").await;
    let id = notice(&sandbox, &order).await;
    // Queried, downgraded after seven days, then cancelled at ECPay.
    for at in [
        "2025-01-22T10:30:00+08:00",
        "2025-01-22T12:30:00+08:00",
        "2025-02-06T10:00:00+08:00",
        "2025-02-07T10:00:00+08:00",
    ] {
        sandbox.world.leap(at.parse().unwrap());
        // The first run queries before a downgrade, which the second one makes.
        sandbox.maintain().await;
        sandbox.maintain().await;
    }
    let mails = sandbox.subjects("eve@customer.example").await;
    let (status, answer) =
        sandbox.call(Method::DELETE, "/api/users/eve", Some(json!({ "why": "the customer asked" }))).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = resend(&sandbox, &id, why()).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("erased")), "{answer}");
    assert_eq!(listed(&sandbox, "").await, json!([]));
    sandbox.maintain().await;
    assert_eq!(sandbox.subjects("eve@customer.example").await, mails);
}

#[tokio::test]
async fn a_list_has_pages_and_a_request_that_is_not_right_is_refused_with_the_reason() {
    let sandbox = Sandbox::at(BEGIN).await;
    for user in ["fay", "gus", "hal"] {
        dead(&sandbox, user).await;
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = sandbox.get(&format!("/notices{query}")).await;
        seen.extend(column(&page["notices"], "merchant_trade_no"));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (3, 3));
    for (query, param) in
        [("?state=sent", "state"), ("?limit=0", "limit"), ("?limit=101", "limit"), ("?after=x", "after")]
    {
        let (status, answer) = sandbox.call(Method::GET, &format!("/notices{query}"), None).await;
        assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!(param)), "{query}: {answer}");
    }
    let order = dead(&sandbox, "ida").await;
    let id = notice(&sandbox, &order).await;
    for (body, param) in [(json!({}), "why"), (json!({ "why": " " }), "why"), (json!({ "why": "x", "to": "y" }), "to")]
    {
        let (status, answer) = resend(&sandbox, &id, body).await;
        assert_eq!((status, &answer["error"]["param"]), (400, &json!(param)), "{answer}");
    }
    let others = [format!("{order}.first-payment-failure.2020-01-01"), "staff.x.y".to_owned(), "%20".to_owned()];
    for unknown in others {
        assert_eq!(resend(&sandbox, &unknown, why()).await.0, 404, "{unknown}");
    }
    let reader =
        sandbox.http.post(format!("{}/notices/{id}/resend", sandbox.base)).bearer_auth("sandbox-reader-token-invented");
    let answer = reader.header("content-type", "application/json").body(why().to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let without_token = sandbox.http.get(format!("{}/notices", sandbox.base)).send().await.unwrap();
    assert_eq!(without_token.status(), 401);
}
