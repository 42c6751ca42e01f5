//! Checkout page: a purchase is shown, attempted with a new order number each time, and paid once.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-05T10:00:00+08:00";

/// ECPay's form on a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    action: String,
    pub(super) fields: BTreeMap<String, String>,
}

fn form_of(page: &str) -> Form {
    let plain =
        |text: &str| text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = page.split("<input type=\"hidden\" name=\"").skip(1).map(|input| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        (name.to_owned(), plain(rest.split('"').next().unwrap()))
    });
    Form { action: plain(action), fields: fields.collect() }
}

pub(super) async fn open(sandbox: &Sandbox, made: &Value) -> Response {
    sandbox.http.get(made["checkout_url"].as_str().unwrap()).send().await.unwrap()
}

pub(super) async fn press(sandbox: &Sandbox, made: &Value) -> Response {
    sandbox.http.post(made["checkout_url"].as_str().unwrap()).send().await.unwrap()
}

/// The buyer presses the button; gives ECPay's form.
pub(crate) async fn attempt(sandbox: &Sandbox, made: &Value) -> Form {
    let answer = press(sandbox, made).await;
    assert_eq!(answer.status(), 200);
    form_of(&answer.text().await.unwrap())
}

/// The buyer's browser submits the form, and the card is charged with this result; gives the order.
pub(crate) async fn submit(sandbox: &Sandbox, form: &Form, code: &str) -> String {
    let order = form.fields["MerchantTradeNo"].clone();
    sandbox.outcomes(&order, &[code]).await;
    let page = sandbox.http.post(&form.action).form(&form.fields).send().await.unwrap();
    assert_eq!(page.status(), 200, "{}", page.text().await.unwrap());
    order
}

pub(super) async fn says_paid(sandbox: &Sandbox, made: &Value) {
    for answer in [open(sandbox, made).await, press(sandbox, made).await] {
        assert_eq!(answer.status(), 200);
        let page = answer.text().await.unwrap();
        assert!(page.contains("Your payment has been received") && page.contains("/billing\">"), "{page}");
        assert!(!page.contains("<form"), "{page}");
    }
}

async fn keyed(sandbox: &Sandbox, user: &str) -> (u16, Value) {
    let body = json!({
        "user_id": user, "email": format!("{user}@customer.example"), "plan_id": "PRO", "billing_cycle": "monthly",
    });
    let request = sandbox.http.request(Method::POST, format!("{}/api/subscriptions", sandbox.base));
    let request = request.bearer_auth(&sandbox.token).header("idempotency-key", format!("checkout-{user}"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn the_page_shows_the_purchase_and_reading_it_changes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("reader", "annual", None).await;
    let before = sandbox.items();
    for _ in 0..2 {
        let answer = open(&sandbox, &made).await;
        assert_eq!(answer.status(), 200);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        let page = answer.text().await.unwrap();
        for part in ["PRO", "NT$8999", "每年", "a year", "<form method=\"post\">"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("reader") && !page.contains("customer.example"), "{page}");
    }
    assert_eq!(sandbox.items(), before);
    let wrong = sandbox.http.get(format!("{}/checkout/0123456789", sandbox.base)).send().await.unwrap();
    assert_eq!(wrong.status(), 404);
    sandbox.world.leap("2025-01-05T11:00:00+08:00".parse().unwrap());
    for answer in [open(&sandbox, &made).await, press(&sandbox, &made).await] {
        assert_eq!(answer.status(), 404);
    }
}

#[tokio::test]
async fn every_attempt_has_a_number_that_ecpay_has_not_seen() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("often", "monthly", None).await;
    let mut numbers = BTreeSet::new();
    let first = attempt(&sandbox, &made).await;
    assert_eq!(first.fields, serde_json::from_value(made["form_data"].clone()).unwrap());
    numbers.insert(submit(&sandbox, &first, "10100252").await);
    for _ in 1..20 {
        let form = attempt(&sandbox, &made).await;
        assert_eq!((form.fields["TotalAmount"].as_str(), form.fields["PeriodType"].as_str()), ("899", "M"));
        numbers.insert(submit(&sandbox, &form, "10100252").await);
    }
    assert_eq!(numbers.len(), 20);
    let answer = press(&sandbox, &made).await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("subscribe again"));
    for number in numbers {
        assert_eq!(sandbox.account(&number).await["status"], "failed");
    }
    assert_eq!(sandbox.subjects("often@customer.example").await, Vec::<String>::new());
}

#[tokio::test]
async fn after_a_decline_the_next_attempt_pays_and_each_order_names_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("second", "monthly", None).await;
    let declined = submit(&sandbox, &attempt(&sandbox, &made).await, "10100252").await;
    assert_eq!(open(&sandbox, &made).await.status(), 200);
    let paid = submit(&sandbox, &attempt(&sandbox, &made).await, "1").await;
    for (order, status) in [(&declined, "failed"), (&paid, "active")] {
        let account = sandbox.account(order).await;
        assert_eq!(account["status"], status);
        assert_eq!(account["purchase"], json!({ "first": declined, "paid_by": paid }));
    }
    let account = sandbox.account(&paid).await;
    assert_eq!(account["history"][0]["by"], "buyer");
    says_paid(&sandbox, &made).await;
    // Long after the hour in which it could be paid.
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    says_paid(&sandbox, &made).await;
}

#[tokio::test]
async fn of_two_attempts_that_are_paid_the_first_counts_and_the_other_is_refunded_and_cancelled() {
    for swapped in [false, true] {
        let sandbox = Sandbox::at(BEGIN).await;
        let made = sandbox.order("twice", "monthly", None).await;
        let mut forms = [attempt(&sandbox, &made).await, attempt(&sandbox, &made).await];
        if swapped {
            forms.reverse();
        }
        let winner = submit(&sandbox, &forms[0], "1").await;
        let loser = submit(&sandbox, &forms[1], "1").await;
        let account = sandbox.account(&loser).await;
        assert_eq!(account["purchase"]["paid_by"], json!(winner));
        assert_eq!(account["superseded_by"], json!(winner));
        assert_eq!(column(&account["payments"], "refund_due"), ["true"]);
        assert_eq!(
            (account["plan_id"].as_str(), account["next_action"]["kind"].as_str()),
            (Some("FREE"), Some("cancel"))
        );
        sandbox.travel("2025-01-06T10:00:00+08:00").await;
        assert_eq!(sandbox.at_ecpay(&loser).await["state"], "cancelled");
        assert_eq!(sandbox.account(&loser).await["status"], "cancelled");
        let account = sandbox.account(&winner).await;
        assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
        assert_eq!(sandbox.at_ecpay(&winner).await["state"], "running");
        let status = sandbox.get("/api/webhooks/subscription-status/twice").await;
        assert_eq!(status["subscription"]["plan_id"], "PRO", "{status}");
        assert_eq!(sandbox.subjects("twice@customer.example").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_repeated_key_gives_an_order_that_can_be_paid() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (_, made) = keyed(&sandbox, "again").await;
    let declined = submit(&sandbox, &attempt(&sandbox, &made).await, "10100252").await;
    assert_eq!(made["subscription_id"], json!(declined));
    let (status, second) = keyed(&sandbox, "again").await;
    assert_eq!(status, 201);
    assert_ne!(second["subscription_id"], made["subscription_id"]);
    assert_eq!(keyed(&sandbox, "again").await.1["subscription_id"], second["subscription_id"]);
    // It expires unpaid after a day.
    sandbox.travel("2025-01-07T10:00:00+08:00").await;
    let (_, third) = keyed(&sandbox, "again").await;
    assert!(![&made, &second].map(|made| &made["subscription_id"]).contains(&&third["subscription_id"]));
    let fields = serde_json::from_value(third["form_data"].clone()).unwrap();
    let form = Form { action: third["action_url"].as_str().unwrap().to_owned(), fields };
    let paid = submit(&sandbox, &form, "1").await;
    assert_eq!(sandbox.account(&paid).await["status"], "active");
    assert_eq!(sandbox.account(&declined).await["purchase"]["paid_by"], json!(paid));
    says_paid(&sandbox, &third).await;
}

#[tokio::test]
async fn a_buyer_who_bought_otherwise_meanwhile_is_told_so() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("elsewhere", "monthly", None).await;
    submit(&sandbox, &attempt(&sandbox, &made).await, "10100252").await;
    sandbox.subscribe("elsewhere", "annual").await;
    let answer = press(&sandbox, &made).await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("You already have an active plan"));
}
