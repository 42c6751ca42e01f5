//! Orders that staff edit in ECPay's console: price, charge day, number of charges and pauses. Money that ECPay reports is
//! money, and the plan of a customer who pays stays.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox, column};

const BEGIN: &str = "2025-01-05T10:00:00+08:00";
const DOWNGRADED: &str = "方案已降級為 FREE - Plan Downgraded to FREE";
const RECOVERED: &str = "付款成功，方案已恢復 - Payment Received, Plan Active";

async fn edit(sandbox: &Sandbox, order: &str, edit: Value) {
    sandbox.put(&format!("/sandbox/ecpay/orders/{order}"), edit).await;
}

async fn terms(sandbox: &Sandbox, order: &str, body: Value) -> (u16, Value) {
    let (status, answer) = sandbox.call(Method::POST, &format!("/api/subscriptions/{order}/terms"), Some(body)).await;
    (status.as_u16(), answer)
}

/// Plan, day after the paid period, and cancellations requested from ECPay.
async fn standing(sandbox: &Sandbox, order: &str) -> (String, String, usize) {
    let account = sandbox.account(order).await;
    let text = |name: &str| account[name].as_str().unwrap().to_owned();
    let cancels = sandbox.at_ecpay(order).await["cancels_asked"].as_array().unwrap().len();
    (text("plan_id"), text("current_period_end"), cancels)
}

fn runs_on(until: &str) -> (String, String, usize) {
    ("PRO".to_owned(), until.to_owned(), 0)
}

#[tokio::test]
async fn a_price_that_was_raised_is_charged_and_notified_once_and_ordinary_once_it_is_accepted() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("raised", "monthly").await;
    edit(&sandbox, &order, json!({ "amount": 999 })).await;
    sandbox.travel("2025-04-20T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-05-05"));
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "amount_twd"), ["899", "999", "999", "999"]);
    assert_eq!((&account["price_twd"], &account["status"]), (&json!(899), &json!("active")));
    let notified = [format!("Charged NT$999 instead of NT$899: order {order}")];
    assert_eq!(sandbox.subjects(STAFF).await, notified);
    let (status, account) = terms(&sandbox, &order, json!({ "amount_twd": 999, "why": "raised on 1 January" })).await;
    assert_eq!((status, &account["price_twd"], &account["amount_twd"]), (200, &json!(999), &json!(999)), "{account}");
    sandbox.travel("2025-07-04T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-07-05"));
    assert_eq!(sandbox.subjects(STAFF).await, notified);
    assert_eq!(sandbox.subjects("raised@customer.example").await, [""; 0]);
}

#[tokio::test]
async fn an_announced_charge_day_is_the_new_one_without_a_mail_or_a_query() {
    for (user, day) in [("fifteenth", "15"), ("twenty-fifth", "25"), ("third", "03")] {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = sandbox.subscribe(user, "monthly").await;
        edit(&sandbox, &order, json!({ "next_charge_at": format!("2025-02-{day}T10:00:00+08:00") })).await;
        let announced = json!({ "next_charge_on": format!("2025-02-{day}"), "why": "the customer asked" });
        let (status, account) = terms(&sandbox, &order, announced).await;
        assert_eq!((status, &account["current_period_end"]), (200, &json!(format!("2025-02-{day}"))), "{account}");
        sandbox.travel("2025-03-27T12:00:00+08:00").await;
        assert_eq!(standing(&sandbox, &order).await, runs_on(&format!("2025-04-{day}")));
        assert_eq!(sandbox.at_ecpay(&order).await["queries"], 0);
        assert_eq!(sandbox.get("/sandbox/messages").await["messages"], json!([]), "{day}");
    }
}

#[tokio::test]
async fn a_charge_day_moved_back_two_days_without_a_word_is_followed_without_a_mail() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("early", "monthly").await;
    edit(&sandbox, &order, json!({ "next_charge_at": "2025-02-03T10:00:00+08:00" })).await;
    sandbox.travel("2025-03-20T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-04-03"));
    // Whether a failure explains the day: asked once.
    assert_eq!(sandbox.at_ecpay(&order).await["queries"], 1);
    assert_eq!(sandbox.get("/sandbox/messages").await["messages"], json!([]));
}

#[tokio::test]
async fn a_charge_day_moved_ten_days_without_a_word_takes_the_plan_for_three_days_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("late", "monthly").await;
    edit(&sandbox, &order, json!({ "next_charge_at": "2025-02-15T10:00:00+08:00" })).await;
    sandbox.travel("2025-02-11T23:59:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "PRO");
    sandbox.travel("2025-02-12T06:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((&account["plan_id"], &account["downgrade_reason"]), (&json!("FREE"), &json!("not_charged")));
    sandbox.travel("2025-02-15T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "PRO");
    // Quiet from then on.
    sandbox.travel("2025-04-20T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-05-15"));
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Charge missing: order {order}")]);
    let mails = sandbox.mails("late@customer.example").await;
    assert_eq!(column(&json!(mails), "subject"), [DOWNGRADED, RECOVERED]);
    let body = mails[0]["body"].as_str().unwrap();
    assert!(body.contains("您沒有欠款，也不需要付款"), "{body}");
}

#[tokio::test]
async fn an_order_that_was_paused_at_ecpay_for_two_months_is_never_cancelled() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("paused", "monthly").await;
    edit(&sandbox, &order, json!({ "state": "paused" })).await;
    sandbox.travel("2025-04-01T12:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((&account["plan_id"], &account["downgrade_reason"]), (&json!("FREE"), &json!("not_charged")));
    edit(&sandbox, &order, json!({ "state": "running" })).await;
    sandbox.travel("2025-05-10T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-06-05"));
    assert_eq!(sandbox.subjects("paused@customer.example").await, [DOWNGRADED, RECOVERED]);
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Charge missing: order {order}")]);
}

#[tokio::test]
async fn an_order_that_was_lengthened_runs_on_and_one_that_ended_does_not() {
    let sandbox = Sandbox::with(BEGIN, &[("EXEC_TIMES_MONTHLY", "2")]).await;
    let (longer, ended) = (sandbox.subscribe("longer", "monthly").await, sandbox.subscribe("ended", "monthly").await);
    edit(&sandbox, &longer, json!({ "exec_times": 6 })).await;
    sandbox.travel("2025-03-04T23:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &ended).await, runs_on("2025-03-05"));
    sandbox.travel("2025-04-20T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &longer).await, runs_on("2025-05-05"));
    let account = sandbox.account(&longer).await;
    assert_eq!(column(&account["payments"], "refund_due"), ["false"; 4]);
    let account = sandbox.account(&ended).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("completed"), Some("FREE")));
}

#[tokio::test]
async fn terms_that_cannot_be_meant_are_refused_with_their_field() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("faults", "monthly").await;
    let before = sandbox.account(&order).await;
    for (body, param) in [
        (json!({ "why": "x" }), "amount_twd"),
        (json!({ "amount_twd": 0, "why": "x" }), "amount_twd"),
        (json!({ "amount_twd": 899.5, "why": "x" }), "amount_twd"),
        (json!({ "amount_twd": 999 }), "why"),
        (json!({ "next_charge_on": "2025-02-30", "why": "x" }), "next_charge_on"),
        (json!({ "next_charge_on": "2025-01-05", "why": "x" }), "next_charge_on"),
        (json!({ "next_charge_on": "2026-02-06", "why": "x" }), "next_charge_on"),
        (json!({ "price": 999, "why": "x" }), "price"),
    ] {
        let (status, answer) = terms(&sandbox, &order, body.clone()).await;
        assert_eq!((status, answer["error"]["param"].as_str()), (400, Some(param)), "{body} {answer}");
    }
    assert_eq!(sandbox.account(&order).await, before);
    let unpaid = sandbox.order("unpaid", "monthly", None).await;
    let unpaid = unpaid["subscription_id"].as_str().unwrap();
    let (status, answer) = terms(&sandbox, unpaid, json!({ "amount_twd": 999, "why": "x" })).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("no_terms")), "{answer}");
}

#[tokio::test]
async fn a_charge_day_that_moved_with_a_failed_charge_is_followed_by_the_next_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("early", "monthly").await;
    edit(&sandbox, &order, json!({ "next_charge_at": "2025-02-03T10:00:00+08:00" })).await;
    sandbox.outcomes(&order, &["10100251"]).await;
    sandbox.travel("2025-02-04T12:00:00+08:00").await;
    let path = format!("/api/subscriptions/{order}/extend-grace");
    let (status, answer) = sandbox.call(Method::POST, &path, Some(json!({ "days": 25, "why": "on holiday" }))).await;
    assert_eq!(status.as_u16(), 200, "{answer}");
    sandbox.travel("2025-04-02T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, runs_on("2025-04-03"));
    assert_eq!(sandbox.subjects(STAFF).await, [""; 0]);
    let mails = sandbox.subjects("early@customer.example").await;
    assert_eq!((mails.len(), mails.last().map(String::as_str)), (2, Some(RECOVERED)), "{mails:?}");
}
