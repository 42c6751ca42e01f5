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
async fn a_mail_that_is_resent_while_the_address_changes_goes_to_the_new_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.fault("mail", "refuse").await;
    let mut orders = Vec::new();
    for number in 0..5 {
        orders.push(failing(&sandbox, &format!("old-{number}")).await);
        sandbox.post("/runs/send-mail", json!({})).await;
    }
    sandbox.fault("mail", "none").await;
    for (number, order) in orders.iter().enumerate() {
        assert_eq!(states(&sandbox, order).await, ["first-payment-failure dead"]);
        let id = sandbox.account(order).await["notices"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/notices/{id}/resend");
        let resend = async { drop(sandbox.post(&path, json!({ "why": "the mailbox works" })).await) };
        let change = async { assert_eq!(moved(&sandbox, order, NEW).await.0, 200) };
        // Each of them begins first some times.
        if number % 2 == 0 {
            tokio::join!(resend, change)
        } else {
            tokio::join!(change, resend)
        };
    }
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    for number in 0..5 {
        assert_eq!(sandbox.subjects(&format!("old-{number}@customer.example")).await, Vec::<String>::new());
    }
    assert_eq!(sandbox.subjects(NEW).await, [SUBJECT; 5]);
}

#[tokio::test]
async fn a_mail_that_ses_did_not_accept_while_the_address_changed_goes_to_the_new_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.fault("mail", "down").await;
    for number in 0..5 {
        let order = failing(&sandbox, &format!("old-{number}")).await;
        let run = sandbox.post("/runs/send-mail", json!({}));
        let (_, (status, answer)) = tokio::join!(run, moved(&sandbox, &order, NEW));
        assert_eq!(status, 200, "{answer}");
    }
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-15T10:20:00+08:00").await;
    for number in 0..5 {
        assert_eq!(sandbox.subjects(&format!("old-{number}@customer.example")).await, Vec::<String>::new());
    }
    assert_eq!(sandbox.subjects(NEW).await, [SUBJECT; 5]);
}

#[tokio::test]
async fn a_notice_that_cannot_be_read_keeps_no_other_from_the_list_and_the_address_from_no_change() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "broken").await;
    sandbox.fault("mail", "refuse").await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.fault("mail", "none").await;
    let items = sandbox::world::table_inspect::contents(&sandbox.world);
    let is_notice = |item: &&Value| item["sk"]["S"].as_str().is_some_and(|key| key.starts_with("NOTICE#"));
    let mut broken = items.iter().find(is_notice).unwrap().clone();
    broken["sk"]["S"] = json!(format!("NOTICE#{order}/first-payment-failure/2024-12-15"));
    broken["data"]["M"]["state"]["S"] = json!("of another version");
    sandbox::world::table_inspect::put(&sandbox.world, &broken).unwrap();
    let (status, answer) = moved(&sandbox, &order, NEW).await;
    assert_eq!((status, answer["notices"].as_array().unwrap().len()), (200, 1), "{answer}");
    let listed = sandbox.get(&format!("/api/subscriptions/{order}/messages")).await;
    assert_eq!(listed["messages"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["messages"][0]["state"], "dead");
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
