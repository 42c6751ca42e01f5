//! A further reminder of a visit: only where staff allow it, once for each permission.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T09:00:00+07:00";
const CAR: &str = "/vehicles/B1234ABC";
const AGAIN: &str = "/vehicles/B1234ABC/remind-again";

/// A customer who was reminded of the visit in two days.
async fn reminded() -> Sandbox {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    sandbox
}

async fn again(sandbox: &Sandbox, query: &str) -> (StatusCode, Value) {
    let body = json!({ "why": "the number was corrected" });
    sandbox.staff(Method::POST, &format!("{AGAIN}{query}"), Some(body)).await
}

async fn keyed(sandbox: &Sandbox, key: &str, why: &str) -> (u16, Value) {
    let request = sandbox.http.post(format!("{}{AGAIN}", sandbox.base)).bearer_auth(sandbox.jwt().await);
    let request = request.header("idempotency-key", key).header("content-type", "application/json");
    let answer = request.body(json!({ "why": why }).to_string()).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

async fn recipients(sandbox: &Sandbox) -> Vec<String> {
    sandbox.chats().await.into_iter().map(|(to, _)| to).collect()
}

#[tokio::test]
async fn a_corrected_number_gets_one_reminder_more_with_who_allowed_it_and_why() {
    let sandbox = reminded().await;
    sandbox.customer("C-1", "Budi Santoso", "08551234999").await;
    assert_eq!(sandbox.remind().await["already_sent"], 1);
    let before = sandbox.items();
    let (status, answer) = again(&sandbox, "?dry_run=true").await;
    let mut effect = json!({
        "dry_run": true, "plate": "B 1234 ABC", "next_visit_date": "2025-12-18", "latest_message": "sent", "allowed": true,
    });
    assert_eq!((status.as_u16(), &answer), (200, &effect));
    assert_eq!(sandbox.items(), before);
    effect.as_object_mut().unwrap().remove("dry_run");
    assert_eq!(again(&sandbox, "").await.1, effect);
    effect["allowed"] = json!(false);
    assert_eq!(again(&sandbox, "").await.1, effect);
    for sent in [1, 0] {
        assert_eq!(sandbox.remind().await["reminder_sent"], sent);
    }
    assert_eq!(recipients(&sandbox).await, ["628551234567", "628551234999"]);
    let reminder = &sandbox.seen(CAR).await["reminders"][0];
    assert_eq!((&reminder["state"], &reminder["attempts"]), (&json!("sent"), &json!(2)));
    let before = &reminder["before"][0];
    let kept = ["state", "allowed_by", "why"].map(|name| before[name].as_str().unwrap());
    assert_eq!(kept, ["sent", "sandbox", "the number was corrected"]);
}

#[tokio::test]
async fn a_new_owner_and_one_whose_message_is_unclear_can_be_reminded() {
    let sandbox = reminded().await;
    sandbox.customer("C-2", "Sari Dewi", "08551234999").await;
    let sold = json!({ "customer_id": "C-2", "last_visit_date": "2025-08-18" });
    sandbox.keep(&format!("{CAR}?move=true"), sold).await;
    assert_eq!(again(&sandbox, "").await.1["allowed"], true);
    sandbox.fault("starsender", "answer_lost").await;
    assert_eq!(sandbox.remind().await["unclear"], 1);
    sandbox.fault("starsender", "none").await;
    assert_eq!(sandbox.remind().await["unclear"], 1);
    assert_eq!(again(&sandbox, "").await.1["latest_message"], "unclear");
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    assert_eq!(sandbox.remind().await["already_sent"], 1);
    assert_eq!(recipients(&sandbox).await.last().unwrap(), "628551234999");
}

#[tokio::test]
async fn a_request_under_a_key_allows_one_message_however_often_it_comes() {
    let sandbox = reminded().await;
    assert_eq!(keyed(&sandbox, "k1", "a").await.1["allowed"], true);
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    // The same request after the run: without the key it would be a new one.
    assert_eq!(keyed(&sandbox, "k1", "a").await.1["allowed"], false);
    assert_eq!(sandbox.remind().await["already_sent"], 1);
    let (status, refused) = keyed(&sandbox, "k1", "b").await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("key_reused")));
    // A key that found the permission given is used up, too.
    assert_eq!(keyed(&sandbox, "k2", "a").await.1["allowed"], true);
    assert_eq!(keyed(&sandbox, "k3", "a").await.1["allowed"], false);
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    assert_eq!(keyed(&sandbox, "k3", "a").await.1["allowed"], false);
    assert_eq!(sandbox.remind().await["already_sent"], 1);
    assert_eq!(sandbox.chats().await.len(), 3);
}

#[tokio::test]
async fn a_visit_that_a_run_reminds_of_anyway_needs_no_permission() {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
    let (status, answer) = again(&sandbox, "").await;
    assert_eq!((status.as_u16(), &answer["allowed"], &answer["latest_message"]), (200, &json!(false), &Value::Null));
    sandbox.put("/sandbox/whatsapp/628551234567", json!({ "fault": "refuse" })).await;
    assert_eq!(sandbox.remind().await["failed"], 1);
    let answer = again(&sandbox, "").await.1;
    assert_eq!((&answer["allowed"], &answer["latest_message"]), (&json!(false), &json!("failed")));
    sandbox.put("/sandbox/whatsapp/628551234567", json!({ "fault": "none" })).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    assert_eq!(sandbox.remind().await["already_sent"], 1);
}

#[tokio::test]
async fn no_permission_is_given_where_no_run_would_send() {
    let sandbox = reminded().await;
    for (plate, code) in [("B9999ABC", 404), ("unknown", 404)] {
        let body = json!({ "why": "x" });
        let (status, _) = sandbox.staff(Method::POST, &format!("/vehicles/{plate}/remind-again"), Some(body)).await;
        assert_eq!(status.as_u16(), code);
    }
    let (status, answer) = sandbox.staff(Method::POST, AGAIN, Some(json!({}))).await;
    assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!("why")));
    let booked = json!({ "customer_id": "C-1", "last_visit_date": "2025-08-18", "status": "booked" });
    sandbox.keep(CAR, booked).await;
    assert_eq!(again(&sandbox, "").await.1["error"]["code"], "not_active");
    let active = json!({ "customer_id": "C-1", "last_visit_date": "2025-08-18", "status": "active" });
    sandbox.keep(CAR, active).await;
    sandbox.travel("2025-12-18T23:00:00+07:00").await;
    assert_eq!(again(&sandbox, "?dry_run=true").await.0, 200);
    sandbox.travel("2025-12-19T00:30:00+07:00").await;
    let (status, answer) = again(&sandbox, "").await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (409, &json!("visit_over")), "{answer}");
    // A permission does not outweigh an opt-out.
    let unwilling = reminded().await;
    assert_eq!(again(&unwilling, "").await.1["allowed"], true);
    let body = json!({ "name": "Budi Santoso", "phone": "08551234567", "opted_out": true });
    unwilling.keep("/customers/C-1", body).await;
    assert_eq!(unwilling.remind().await["details"][0]["reason"], "opted out");
}
