//! Idempotency keys: one request each, whatever else it is sent with, whenever it is repeated, and however many come at once.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::Sandbox;

use super::{BEGIN, NO_CREDIT, asked, failing, operate};

fn wanted(user: &str) -> Value {
    json!({ "user_id": user, "email": format!("{user}@customer.example"), "plan_id": "PRO", "billing_cycle": "monthly" })
}

fn extend(order: &str) -> String {
    format!("/api/subscriptions/{order}/extend-grace")
}

/// Status of the answer, and its error's code if there is one.
async fn sent(sandbox: &Sandbox, path: &str, body: Value, key: &str) -> (u16, Option<String>) {
    let (status, answer) = sandbox.keyed(path, body, key).await;
    (status.as_u16(), answer["error"]["code"].as_str().map(str::to_owned))
}

fn reused() -> (u16, Option<String>) {
    (409, Some("key_reused".to_owned()))
}

#[tokio::test]
async fn a_key_is_refused_for_another_order_another_operation_and_another_value() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (first, second) = (failing(&sandbox, "first").await, failing(&sandbox, "second").await);
    let five = json!({ "days": 5, "why": "holiday" });
    assert_eq!(sent(&sandbox, &extend(&first), five.clone(), "K1").await, (200, None));
    let before = sandbox.items();
    let pause = format!("/api/subscriptions/{first}/pause");
    let cancel = format!("/api/subscriptions/{second}/cancel");
    let retry = format!("/api/subscriptions/{first}/retry");
    for (path, body) in [
        (extend(&second), five.clone()),
        (extend(&first), json!({ "days": 6, "why": "holiday" })),
        (extend(&first), json!({ "days": 5, "why": "another reason" })),
        (pause, five.clone()),
        (cancel, json!({ "why": "holiday" })),
        (retry, json!({ "why": "holiday" })),
        ("/api/subscriptions".to_owned(), wanted("third")),
        (
            "/api/webhooks/ecpay-manual-retry".to_owned(),
            json!({ "payment_id": sandbox.latest_payment(&first).await, "why": "holiday" }),
        ),
    ] {
        let (status, answer) = sandbox.keyed(&path, body, "K1").await;
        let said = answer["detail"].as_str().or(answer["error"]["message"].as_str()).unwrap_or_default();
        assert_eq!((status.as_u16(), said), (409, "this Idempotency-Key was used for another request"), "{path}");
    }
    // A dry run says so, too.
    let tried = sent(&sandbox, &format!("{}?dry_run=true", extend(&second)), five.clone(), "K1").await;
    assert_eq!(tried, reused());
    assert_eq!((sandbox.items(), asked(&sandbox, "ReAuth").await), (before, 0));
    assert_eq!(sandbox.account(&second).await["grace_period_ends_at"], "2025-01-22T02:00:01Z");
    // And one that was used for an order is taken for nothing else.
    assert_eq!(sent(&sandbox, "/api/subscriptions", wanted("fourth"), "K2").await, (201, None));
    assert_eq!(sent(&sandbox, &extend(&first), five, "K2").await, reused());
}

#[tokio::test]
async fn a_repetition_does_not_act_after_any_number_of_other_keys() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "often").await;
    for key in 1..=14 {
        let body = json!({ "days": 1, "why": "holiday" });
        assert_eq!(sent(&sandbox, &extend(&order), body, &format!("K{key}")).await, (200, None));
    }
    // Seven days of grace and fourteen by staff.
    assert_eq!(sandbox.account(&order).await["grace_period_ends_at"], "2025-02-05T02:00:01Z");
    for key in 1..=14 {
        let (status, answer) =
            sandbox.keyed(&extend(&order), json!({ "days": 1, "why": "holiday" }), &format!("K{key}")).await;
        assert_eq!((status.as_u16(), &answer["grace_period_ends_at"]), (200, &json!("2025-02-05T02:00:01Z")));
    }
}

#[tokio::test]
async fn a_request_that_found_its_wish_fulfilled_does_not_act_when_it_is_repeated_later() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("stays", "monthly").await;
    let cancel = format!("/api/subscriptions/{order}/cancel");
    operate(&sandbox, &order, "cancel", json!({ "why": "moves away" })).await;
    assert_eq!(sent(&sandbox, &cancel, json!({ "why": "moves away" }), "K1").await, (200, None));
    operate(&sandbox, &order, "undo-cancel", json!({ "why": "stays" })).await;
    assert_eq!(sent(&sandbox, &cancel, json!({ "why": "moves away" }), "K1").await, (200, None));
    assert!(sandbox.account(&order).await["cancel_requested_at"].is_null());
}

#[tokio::test]
async fn a_retry_that_was_requested_before_is_not_requested_again_by_a_repetition() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "asked").await;
    let retry = format!("/api/subscriptions/{order}/retry");
    let why = json!({ "why": "limit raised" });
    assert_eq!(operate(&sandbox, &order, "retry", why.clone()).await.1["outcome"], "asked");
    let (_, second) = sandbox.keyed(&retry, why.clone(), "K1").await;
    assert_eq!(second["outcome"], "already_asked", "{second}");
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-01-15T13:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "resolved");
    let (status, again) = sandbox.keyed(&retry, why, "K1").await;
    assert_eq!((status.as_u16(), &again["outcome"]), (200, &json!("already_asked")), "{again}");
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

#[tokio::test]
async fn a_retry_that_found_the_payment_is_not_requested_by_a_repetition() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (order, other) = (failing(&sandbox, "had-it").await, failing(&sandbox, "other").await);
    let retry = |order: &str| format!("/api/subscriptions/{order}/retry");
    let why = json!({ "why": "limit raised" });
    sandbox.charge(&order, json!({ "rtn_code": "1", "callback": false })).await;
    let (_, paid) = sandbox.keyed(&retry(&order), why.clone(), "K1").await;
    assert_eq!(paid["outcome"], "paid", "{paid}");
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    let (status, again) = sandbox.keyed(&retry(&order), why.clone(), "K1").await;
    assert_eq!((status.as_u16(), &again["outcome"]), (200, &json!("already_asked")), "{again}");
    assert_eq!(sent(&sandbox, &retry(&other), why, "K1").await, reused());
    assert_eq!(asked(&sandbox, "ReAuth").await, 0);
}

#[tokio::test]
async fn a_repetition_while_ecpays_response_to_the_retry_is_unknown_is_not_answered_as_done() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "open").await;
    let retry = format!("/api/subscriptions/{order}/retry");
    let why = json!({ "why": "limit raised" });
    // ECPay answers the query, and its response to the retry is lost.
    sandbox.fault_spec("ecpay", json!({ "fault": "answer_lost", "after": 1 })).await;
    assert_eq!(sent(&sandbox, &retry, why.clone(), "K1").await, (200, None));
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "unknown");
    sandbox.fault("ecpay", "none").await;
    let (status, open) = sandbox.keyed(&retry, why.clone(), "K1").await;
    assert_eq!(
        (status.as_u16(), open["error"]["message"].as_str()),
        (503, Some("There is no response from ECPay yet; check the subscription in a minute."))
    );
    sandbox.travel("2025-01-15T13:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "resolved");
    let (status, again) = sandbox.keyed(&retry, why, "K1").await;
    assert_eq!((status.as_u16(), &again["outcome"]), (200, &json!("already_asked")), "{again}");
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

#[tokio::test]
async fn payments_recorded_at_once_under_several_keys_are_not_recorded_when_they_are_repeated_later() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "transfer").await;
    let path = format!("/api/subscriptions/{order}/mark-paid");
    let body = json!({ "reference": "bank 0042", "why": "transfer seen" });
    let keys = ["K1", "K2", "K3", "K4", "K5"];
    let answers = futures::future::join_all(keys.map(|key| sent(&sandbox, &path, body.clone(), key))).await;
    // The charge of the next month fails.
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-02-15T12:00:00+08:00").await;
    let before = sandbox.account(&order).await;
    assert_eq!(before["status"], "past_due");
    for (key, answer) in keys.iter().zip(answers) {
        // One that was refused because nothing was owed any more used up no key.
        if answer == (200, None) {
            assert_eq!(sent(&sandbox, &path, body.clone(), key).await, (200, None));
        }
    }
    let account = sandbox.account(&order).await;
    assert_eq!((&account["payments"], &account["status"]), (&before["payments"], &before["status"]));
}

#[tokio::test]
async fn what_is_refused_and_what_is_tried_dry_use_up_no_key() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("later", "monthly").await;
    let five = json!({ "days": 5, "why": "holiday" });
    let refused = sent(&sandbox, &extend(&order), five.clone(), "K1").await;
    assert_eq!(refused, (409, Some("no_grace".to_owned())));
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    assert_eq!(sent(&sandbox, &format!("{}?dry_run=true", extend(&order)), five.clone(), "K1").await, (200, None));
    let (_, done) = sandbox.keyed(&extend(&order), five, "K1").await;
    assert_eq!(done["grace_period_ends_at"], "2025-01-27T02:00:01Z");
}

#[tokio::test]
async fn requests_under_one_key_at_the_same_time_have_one_effect_and_other_requests_are_refused() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "clicks").await;
    let path = extend(&order);
    let same = (0..10).map(|_| sent(&sandbox, &path, json!({ "days": 5, "why": "holiday" }), "K1"));
    for answer in futures::future::join_all(same).await {
        assert_eq!(answer, (200, None));
    }
    assert_eq!(sandbox.account(&order).await["grace_period_ends_at"], "2025-01-27T02:00:01Z");
    let others = (1..=10).map(|days| sent(&sandbox, &path, json!({ "days": days, "why": "x" }), "K2"));
    let answers = futures::future::join_all(others).await;
    assert_eq!(answers.iter().filter(|answer| answer.0 == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == reused()).count(), 9, "{answers:?}");
    let orders = (0..10).map(|_| sandbox.keyed("/api/subscriptions", wanted("buyer"), "K3"));
    let orders = futures::future::join_all(orders).await;
    let ids: std::collections::BTreeSet<String> =
        orders.iter().map(|(_, answer)| answer["subscription_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{orders:?}");
}

#[tokio::test]
async fn a_retry_that_ecpay_did_not_take_gives_its_key_back() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "blocked").await;
    let retry = format!("/api/subscriptions/{order}/retry");
    let why = json!({ "why": "limit raised" });
    // ECPay answers the query and refuses what follows.
    sandbox.forget_calls().await;
    sandbox.fault("ecpay", "held").await;
    let strike = async {
        while sandbox.calls("ecpay").await.is_empty() {}
        sandbox.fault("ecpay", "refuse").await;
    };
    let (refused, ()) = tokio::join!(sent(&sandbox, &retry, why.clone(), "K1"), strike);
    assert_eq!(refused, (503, Some("unavailable".to_owned())));
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "not_sent");
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-01-15T10:31:00+08:00").await;
    let (status, answer) = sandbox.keyed(&retry, why.clone(), "K1").await;
    assert_eq!((status.as_u16(), &answer["outcome"]), (200, &json!("asked")), "{answer}");
    let (_, again) = sandbox.keyed(&retry, why, "K1").await;
    assert_eq!(again["outcome"], "already_asked");
}

#[tokio::test]
async fn a_repeated_creation_answers_also_once_it_has_replaced_an_order_and_not_for_an_erased_customer() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("changes", "monthly").await;
    let mut body = wanted("changes");
    body["replaces"] = json!(old);
    let (_, made) = sandbox.keyed("/api/subscriptions", body.clone(), "K1").await;
    let new = sandbox.submit(&made).await;
    assert_eq!(sandbox.account(&old).await["superseded_by"], json!(new));
    let (status, again) = sandbox.keyed("/api/subscriptions", body, "K1").await;
    assert_eq!((status.as_u16(), &again["subscription_id"]), (201, &json!(new)), "{again}");
    // Never paid, expired after a day and erased.
    sandbox.keyed("/api/subscriptions", wanted("leaves"), "K2").await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    let erased = sandbox.call(Method::DELETE, "/api/users/leaves", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    let again = sent(&sandbox, "/api/subscriptions", wanted("leaves"), "K2").await;
    assert_eq!(again, (409, Some("erased".to_owned())));
}
