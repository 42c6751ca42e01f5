//! Mail on its way out: sent once, tried again only where it surely was not taken, and quiet when there is none.

use std::sync::Arc;

use serde_json::json;

use testing::support::{Sandbox, column};

/// A card that is not retried, so that one failure makes one mail and nothing else.
const STOLEN: &str = "10100256";
pub(super) const BEGIN: &str = "2025-01-15T10:00:00+08:00";
pub(super) const SUBJECT: &str = "付款失敗通知 - Payment Failure Notice";

/// An order with the mail about its first failure queued.
pub(super) async fn failing(sandbox: &Sandbox, user: &str) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": STOLEN })).await;
    assert_eq!(states(sandbox, &order).await, ["first-payment-failure queued"]);
    order
}

/// An order's notices as `kind state`.
pub(super) async fn states(sandbox: &Sandbox, order: &str) -> Vec<String> {
    let notices = sandbox.account(order).await["notices"].clone();
    let states = column(&notices, "kind").into_iter().zip(column(&notices, "state"));
    states.map(|(kind, state)| format!("{kind} {state}")).collect()
}

/// Number of calls of SES.
pub(super) async fn sends(sandbox: &Sandbox) -> u64 {
    sandbox.calls("ses").await.get("SendEmail").copied().unwrap_or(0)
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_unclear_and_never_sent_again() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "lost").await;
    sandbox.fault("mail", "answer_lost").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure unclear"]);
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-16T10:05:00+08:00").await;
    sandbox.maintain().await;
    assert_eq!(sandbox.subjects("lost@customer.example").await, [SUBJECT]);
    assert_eq!(sends(&sandbox).await, 1);
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure unclear"]);
}

#[tokio::test]
async fn a_mail_that_could_not_be_taken_is_sent_once_when_it_can() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "later").await;
    sandbox.fault("mail", "down").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure queued"]);
    assert_eq!(sandbox.subjects("later@customer.example").await.len(), 0);
    sandbox.fault("mail", "none").await;
    // Not before five minutes have passed, whichever run sends.
    sandbox.travel("2025-01-15T10:09:59+08:00").await;
    sandbox.maintain().await;
    assert_eq!(sends(&sandbox).await, 1);
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
    sandbox.travel("2025-01-16T10:10:00+08:00").await;
    assert_eq!(sandbox.subjects("later@customer.example").await, [SUBJECT]);
    assert_eq!(sends(&sandbox).await, 2);
}

#[tokio::test]
async fn a_mail_that_is_refused_is_given_up_at_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "refused").await;
    sandbox.fault("mail", "refuse").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure dead"]);
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-16T10:05:00+08:00").await;
    assert_eq!(sandbox.subjects("refused@customer.example").await.len(), 0);
    assert_eq!(sends(&sandbox).await, 1);
}

#[tokio::test]
async fn a_mail_that_is_never_taken_is_given_up_three_days_after_its_first_attempt() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "never").await;
    sandbox.fault("mail", "down").await;
    // From 10:05 on after 5, 10, 20, 40, 80, 160 and 320 minutes, then every four hours.
    for (at, attempts) in [
        ("15T10:05", 1),
        ("15T10:10", 2),
        ("15T10:15", 3),
        ("15T10:25", 4),
        ("15T10:45", 5),
        ("15T11:25", 6),
        ("15T12:45", 7),
        ("15T15:25", 8),
        ("15T19:25", 9),
        ("15T23:25", 10),
        ("18T07:25", 24),
        ("18T10:00", 24),
    ] {
        sandbox.travel(&format!("2025-01-{at}:00+08:00")).await;
        assert_eq!(sends(&sandbox).await, attempts, "{at}");
        assert_eq!(states(&sandbox, &order).await, ["first-payment-failure queued"], "{at}");
    }
    sandbox.travel("2025-01-18T10:05:00+08:00").await;
    assert_eq!(
        (sends(&sandbox).await, states(&sandbox, &order).await),
        (25, vec!["first-payment-failure dead".to_owned()])
    );
    sandbox.fault("mail", "none").await;
    sandbox.travel("2025-01-19T02:00:00+08:00").await;
    assert_eq!(sends(&sandbox).await, 25);
}

#[tokio::test]
async fn several_drains_at_once_send_each_mail_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let users = ["ann", "ben", "cai", "dan", "eve"];
    for user in users {
        failing(&sandbox, user).await;
    }
    let send = || sandbox.world.invoke_maintenance(json!({ "task": "send-mail" }));
    let (_, _, first, second) = tokio::join!(sandbox.maintain(), sandbox.maintain(), send(), send());
    assert!(first.is_ok() && second.is_ok());
    for user in users {
        assert_eq!(sandbox.subjects(&format!("{user}@customer.example")).await, [SUBJECT], "{user}");
    }
    assert_eq!(sends(&sandbox).await, 5);
}

#[tokio::test]
async fn a_send_cut_off_before_its_end_is_unclear_and_not_repeated() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "cut").await;
    sandbox.fault("mail", "held").await;
    let world = Arc::clone(&sandbox.world);
    let drain = tokio::spawn(async move { world.invoke_maintenance(json!({ "task": "send-mail" })).await });
    // SES has the mail and has not answered when the process ends.
    while sends(&sandbox).await == 0 {
        assert!(!drain.is_finished(), "the drain ended without a mail");
    }
    drain.abort();
    assert!(drain.await.unwrap_err().is_cancelled());
    sandbox.fault("mail", "none").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure claimed"]);
    // The claim holds for two minutes, then it is taken for a crash.
    sandbox.travel("2025-01-15T10:01:59+08:00").await;
    sandbox.maintain().await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure claimed"]);
    sandbox.travel("2025-01-15T10:02:00+08:00").await;
    sandbox.maintain().await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure unclear"]);
    assert_eq!(sends(&sandbox).await, 1);
}

#[tokio::test]
async fn a_run_with_no_mail_to_send_is_one_query_and_leaves_no_row() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "idle").await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent"]);
    let items = sandbox.items();
    for (event, queries) in [
        (json!({ "task": "send-mail" }), 1),
        (json!({ "task": ["check-pending", "send-mail"], "scheduled_at": "2025-01-15T02:10:00Z" }), 2),
    ] {
        sandbox.forget_calls().await;
        sandbox.world.invoke_maintenance(event).await.unwrap();
        assert_eq!(sandbox.get("/sandbox/calls").await, json!({ "dynamodb": { "Query": queries } }));
    }
    assert_eq!(sandbox.items(), items);
}
