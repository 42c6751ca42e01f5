//! Payment links: a checkout page for the customer of an order, which lives as long as staff chose.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, column};

use crate::billing::checkout::{attempt, open, press, says_paid, submit};

const BEGIN: &str = "2025-01-05T10:00:00+08:00";
const WHY: &str = "the customer has a new card";

async fn linked(sandbox: &Sandbox, order: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/subscriptions/{order}/payment-link");
    let (status, answer) = sandbox.call(Method::POST, &path, Some(body)).await;
    (status.as_u16(), answer)
}

async fn queries(sandbox: &Sandbox) -> u64 {
    sandbox.calls("ecpay").await.get("QueryCreditCardPeriodInfo").copied().unwrap_or(0)
}

#[tokio::test]
async fn a_link_of_thirty_days_is_paid_on_its_last_day_and_replaces_the_order() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("card", "annual").await;
    let (status, link) = linked(&sandbox, &old, json!({ "valid_hours": 720, "why": WHY })).await;
    assert_eq!(status, 201, "{link}");
    assert_eq!(
        link["offer"],
        json!({
            "plan_id": "PRO", "billing_cycle": "annual", "price_twd": 8999, "replaces": old,
            "pay_until": "2025-02-04T02:00:00Z",
        })
    );
    let offered = link["subscription_id"].as_str().unwrap();
    let account = sandbox.account(offered).await;
    assert_eq!((account["status"].as_str(), account["user_id"].as_str()), (Some("pending"), Some("card")));
    assert_eq!(account["next_action"]["at"], "2025-02-04T02:00:00Z");
    assert_eq!(account["next_action"]["why"], "the payment link ends then");
    let entry = &account["history"][0];
    assert_eq!((&entry["by"], &entry["why"]), (&json!("staff:support"), &json!(WHY)));
    // Nothing happens to it until the button is pressed: no query, no mail, no end.
    sandbox.forget_calls().await;
    sandbox.travel("2025-02-04T09:00:00+08:00").await;
    assert_eq!((queries(&sandbox).await, sandbox.account(offered).await["status"].clone()), (0, json!("pending")));
    let page = open(&sandbox, &link).await.text().await.unwrap();
    assert!(page.contains("NT$8999") && page.contains("<form method=\"post\">"), "{page}");
    let paid = submit(&sandbox, &attempt(&sandbox, &link).await, "1").await;
    assert_ne!(paid, offered);
    assert_eq!(sandbox.account(&old).await["superseded_by"], json!(paid));
    let account = sandbox.account(&paid).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["purchase"], json!({ "first": offered, "paid_by": paid }));
    assert_eq!(sandbox.account(offered).await["purchase"]["paid_by"], json!(paid));
    says_paid(&sandbox, &link).await;
    // The page says so long after its end, and the offer ends without a mail.
    sandbox.travel("2025-02-20T10:00:00+08:00").await;
    says_paid(&sandbox, &link).await;
    assert_eq!(sandbox.account(offered).await["status"], "failed");
    assert_eq!(sandbox.subjects("card@customer.example").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_attempt_that_is_not_paid_expires_after_a_day_and_the_link_goes_on() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("slow", "monthly").await;
    let (_, link) = linked(&sandbox, &old, json!({ "why": WHY })).await;
    assert_eq!(link["offer"]["pay_until"], "2025-01-08T02:00:00Z");
    let offered = link["subscription_id"].as_str().unwrap();
    let first = attempt(&sandbox, &link).await.fields["MerchantTradeNo"].clone();
    sandbox.travel("2025-01-06T12:30:00+08:00").await;
    assert_eq!(sandbox.account(&first).await["status"], "failed");
    assert_eq!(sandbox.account(offered).await["status"], "pending");
    let second = attempt(&sandbox, &link).await.fields["MerchantTradeNo"].clone();
    assert_ne!(second, first);
    sandbox.travel("2025-01-08T10:00:00+08:00").await;
    for answer in [open(&sandbox, &link).await, press(&sandbox, &link).await] {
        assert_eq!(answer.status(), 404);
    }
    sandbox.maintain().await;
    let account = sandbox.account(offered).await;
    assert_eq!((&account["status"], &account["next_action"]), (&json!("failed"), &Value::Null));
    assert_eq!(column(&account["history"], "rule"), ["order-created", "link-ended"]);
    assert_eq!(sandbox.account(&old).await["status"], "active");
}

#[tokio::test]
async fn a_link_for_an_order_that_is_over_replaces_nothing_and_may_be_for_another_plan() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("back", "monthly", None).await;
    let failed = made["subscription_id"].as_str().unwrap();
    sandbox.travel("2025-01-06T12:30:00+08:00").await;
    let body = json!({ "plan_id": "STUDENT", "billing_cycle": "annual", "valid_hours": 1, "why": WHY });
    let (status, link) = linked(&sandbox, failed, body).await;
    assert_eq!(status, 201, "{link}");
    let offer = &link["offer"];
    assert_eq!(
        (&offer["plan_id"], &offer["billing_cycle"], &offer["replaces"]),
        (&json!("STUDENT"), &json!("annual"), &Value::Null)
    );
    assert_eq!(offer["pay_until"], "2025-01-06T05:30:00Z");
    let paid = submit(&sandbox, &attempt(&sandbox, &link).await, "1").await;
    assert_eq!(sandbox.account(&paid).await["plan_id"], "STUDENT");
    // By now the customer has a live order, for which a link is to be made instead.
    let (status, refused) = linked(&sandbox, failed, json!({ "why": WHY })).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("live_order")));
    assert!(refused["error"]["message"].as_str().unwrap().contains(&paid), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_offered_is_refused_and_a_dry_run_shows_the_offer() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("faults", "monthly").await;
    let before = sandbox.items();
    for (body, param) in [
        (json!({ "valid_hours": 0, "why": WHY }), "valid_hours"),
        (json!({ "valid_hours": 721, "why": WHY }), "valid_hours"),
        (json!({ "plan_id": "FREE", "why": WHY }), "plan_id"),
        (json!({ "billing_cycle": "weekly", "why": WHY }), "billing_cycle"),
        (json!({ "valid_days": 3, "why": WHY }), "valid_days"),
        (json!({}), "why"),
    ] {
        let (status, answer) = linked(&sandbox, &order, body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (400, &json!(param)), "{body}: {answer}");
    }
    let dry = format!("/api/subscriptions/{order}/payment-link?dry_run=true");
    let (status, tried) = sandbox.call(Method::POST, &dry, Some(json!({ "why": WHY }))).await;
    assert_eq!((status.as_u16(), &tried["dry_run"]), (200, &json!(true)), "{tried}");
    assert_eq!(sandbox.items(), before);
    let (_, link) = linked(&sandbox, &order, json!({ "why": WHY })).await;
    assert_eq!(tried["would"], link["offer"]);
    let newer = submit(&sandbox, &attempt(&sandbox, &link).await, "1").await;
    let (status, refused) = linked(&sandbox, &order, json!({ "why": WHY })).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("already_replaced")));
    assert!(refused["error"]["message"].as_str().unwrap().contains(&newer), "{refused}");
    assert_eq!(linked(&sandbox, "DKNOTSTORED000000001", json!({ "why": WHY })).await.0, 404);
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_offer_with_the_same_end() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("again", "monthly").await;
    let path = format!("/api/subscriptions/{order}/payment-link");
    let body = json!({ "valid_hours": 48, "why": WHY });
    let (_, link) = sandbox.keyed(&path, body.clone(), "K1").await;
    sandbox.travel("2025-01-06T10:00:00+08:00").await;
    let (status, again) = sandbox.keyed(&path, body, "K1").await;
    assert_eq!(status, 201);
    assert_eq!((&again["subscription_id"], &again["offer"]), (&link["subscription_id"], &link["offer"]));
    let other = sandbox.keyed(&path, json!({ "valid_hours": 49, "why": WHY }), "K1").await;
    assert_eq!((other.0.as_u16(), &other.1["error"]["code"]), (409, &json!("key_reused")));
    // An absent value counts as its default.
    let (_, absent) = sandbox.keyed(&path, json!({ "why": WHY }), "K2").await;
    let (status, same) = sandbox.keyed(&path, json!({ "valid_hours": 72, "why": WHY }), "K2").await;
    assert_eq!((status.as_u16(), &same["subscription_id"]), (201, &absent["subscription_id"]), "{same}");
    // Both pages are of one purchase.
    submit(&sandbox, &attempt(&sandbox, &again).await, "1").await;
    says_paid(&sandbox, &link).await;
}

#[tokio::test]
async fn an_offer_that_was_not_taken_does_not_hold_up_an_erasure_and_ends_with_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("leaves", "monthly", None).await;
    let failed = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.travel("2025-01-06T12:30:00+08:00").await;
    let path = format!("/api/subscriptions/{failed}/payment-link");
    let body = json!({ "valid_hours": 720, "why": WHY });
    let (_, link) = sandbox.keyed(&path, body.clone(), "K1").await;
    let erased = sandbox.call(Method::DELETE, "/api/users/leaves", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    assert_eq!(open(&sandbox, &link).await.status(), 404);
    let offered = sandbox.account(link["subscription_id"].as_str().unwrap()).await;
    assert_eq!((&offered["status"], &offered["next_action"]), (&json!("failed"), &Value::Null));
    let (status, refused) = linked(&sandbox, &failed, json!({ "why": WHY })).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("erased")));
    // So is a repetition, which opens no page for an offer that has ended.
    let before = sandbox.items();
    let (status, refused) = sandbox.keyed(&path, body, "K1").await;
    assert_eq!((status.as_u16(), &refused["error"]["code"]), (409, &json!("erased")));
    assert_eq!(sandbox.items(), before);
}
