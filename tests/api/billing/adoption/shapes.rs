//! Orders of many shapes.

use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox, column};

use super::{NOW, adopt, adopted, calls, existing, number_of_mail, request, seen};
use reqwest::StatusCode;

fn shown(status: &str, plan: &str, charges: [u32; 2], next: Option<&str>) -> [Value; 5] {
    [json!(status), json!(plan), json!(charges[0]), json!(charges[1]), json!(next)]
}

#[tokio::test]
async fn a_monthly_order_goes_on_from_its_last_charge_and_its_next_callback_is_an_ordinary_one() {
    let sandbox = Sandbox::at(NOW).await;
    let answer = adopted(&sandbox, "shop00001742A", &["2026-01-31", "2026-02-28"], json!({})).await;
    // Counted from the 31st: February's last day is followed by the 31st of March.
    assert_eq!(seen(&answer), shown("active", "PRO", [2, 0], Some("2026-03-31")));
    assert_eq!((&answer["amount_twd"], &answer["exec_times"]), (&json!(899), &json!(120)));
    assert_eq!(answer["first_charge_at"], "2026-01-31T03:00:00Z");
    assert_eq!(answer["last_charge_at"], "2026-02-28T03:00:00Z");
    let account = sandbox.account("shop00001742A").await;
    assert_eq!((&account["status"], &account["plan_id"]), (&json!("active"), &json!("PRO")));
    assert_eq!(account["current_period_end"], "2026-03-31");
    assert_eq!(column(&account["payments"], "process_date"), ["2026-01-31T03:00:00Z", "2026-02-28T03:00:00Z"]);
    sandbox.travel("2026-04-01T12:00:00+08:00").await;
    let account = sandbox.account("shop00001742A").await;
    assert_eq!(column(&account["payments"], "number"), ["1", "2", "3"]);
    assert_eq!(account["current_period_end"], "2026-04-30");
    assert_eq!(calls(&sandbox, "QueryCreditCardPeriodInfo").await, 1, "the adoption's own");
    assert_eq!(sandbox.quarantine_items().await.len(), 0);
    assert_eq!(sandbox.subjects(STAFF).await.len(), 0);
}

#[tokio::test]
async fn an_annual_order_is_charged_again_a_year_after_its_last_charge() {
    let sandbox = Sandbox::at(NOW).await;
    let yearly = json!({ "period_type": "Y", "amount": 8999, "exec_times": 9 });
    existing(&sandbox, "ANNUAL1", &["2024-06-01", "2025-06-01"], yearly).await;
    let mut body = request("ANNUAL1");
    body["billing_cycle"] = json!("annual");
    let (status, answer) = adopt(&sandbox, body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(seen(&answer), shown("active", "PRO", [2, 0], Some("2026-06-01")));
}

#[tokio::test]
async fn an_order_in_arrears_mails_nobody_is_not_retried_and_keeps_its_plan_for_three_days() {
    let sandbox = Sandbox::at(NOW).await;
    let answer = adopted(&sandbox, "ARREARS", &["2026-01-15", "2026-02-15", "2026-03-15!"], json!({})).await;
    assert_eq!(seen(&answer), shown("past_due", "PRO", [2, 1], Some("2026-04-15")));
    // Seven days from the failure are over on the 22nd, three from the adoption on the 23rd.
    assert_eq!(sandbox.account("ARREARS").await["grace_period_ends_at"], "2026-03-23T02:00:00Z");
    sandbox.travel("2026-03-23T09:59:00+08:00").await;
    assert_eq!(sandbox.account("ARREARS").await["plan_id"], "PRO");
    assert_eq!(sandbox.subjects(&number_of_mail("ARREARS")).await, [""; 0]);
    sandbox.travel("2026-03-24T12:00:00+08:00").await;
    assert_eq!(sandbox.account("ARREARS").await["plan_id"], "FREE");
    assert_eq!(calls(&sandbox, "CreditCardPeriodAction").await + calls(&sandbox, "ReAuth").await, 0);
}

#[tokio::test]
async fn an_order_whose_grace_is_long_over_is_on_free_and_says_so_to_nobody() {
    let sandbox = Sandbox::at(NOW).await;
    let days = ["2025-11-15", "2025-12-15", "2026-01-15!", "2026-02-15!", "2026-03-15!"];
    let answer = adopted(&sandbox, "LONGOVER", &days, json!({})).await;
    assert_eq!(seen(&answer)[..4], shown("active", "FREE", [2, 3], None)[..4]);
    sandbox.travel("2026-03-21T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects(&number_of_mail("LONGOVER")).await, [""; 0]);
    let user = sandbox.get("/api/webhooks/subscription-status/user-longover").await;
    assert_eq!(user["subscription"]["plan_id"], "FREE", "{user}");
}

#[tokio::test]
async fn a_cancelled_order_keeps_its_plan_until_the_paid_period_ends_and_no_longer() {
    let sandbox = Sandbox::at(NOW).await;
    let cancelled = json!({ "state": "cancelled" });
    let answer = adopted(&sandbox, "CANCELLED", &["2026-02-10", "2026-03-10"], cancelled.clone()).await;
    assert_eq!(seen(&answer), shown("active", "PRO", [2, 0], None));
    assert_eq!(answer["next_action"], json!({ "task": "end-grace", "at": "2026-04-09T16:00:00Z" }));
    let answer = adopted(&sandbox, "CANCELLEDOLD", &["2025-10-10", "2025-11-10"], cancelled).await;
    assert_eq!(seen(&answer), shown("cancelled", "FREE", [2, 0], None));
    assert_eq!(answer["next_action"], Value::Null);
}

#[tokio::test]
async fn an_order_with_all_its_charges_made_ends_with_its_last_period() {
    let sandbox = Sandbox::at(NOW).await;
    let finished = json!({ "state": "finished", "exec_times": 3 });
    let answer = adopted(&sandbox, "FINISHED", &["2026-01-10", "2026-02-10", "2026-03-10"], finished).await;
    assert_eq!(seen(&answer), shown("active", "PRO", [3, 0], None));
    sandbox.travel("2026-04-11T12:00:00+08:00").await;
    let account = sandbox.account("FINISHED").await;
    assert_eq!((&account["status"], &account["plan_id"]), (&json!("completed"), &json!("FREE")));
}

#[tokio::test]
async fn a_paused_order_is_active_and_one_that_was_not_charged_for_weeks_is_on_free() {
    let sandbox = Sandbox::at(NOW).await;
    let paused = json!({ "state": "paused" });
    let answer = adopted(&sandbox, "PAUSED", &["2026-02-15", "2026-03-15"], paused.clone()).await;
    assert_eq!(seen(&answer), shown("active", "PRO", [2, 0], Some("2026-04-15")));
    let answer = adopted(&sandbox, "PAUSEDLONG", &["2025-11-15", "2025-12-15"], paused).await;
    assert_eq!(seen(&answer)[..4], shown("active", "FREE", [2, 0], None)[..4]);
    sandbox.travel("2026-03-21T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects(&number_of_mail("PAUSEDLONG")).await, [""; 0]);
}

#[tokio::test]
async fn an_order_that_ecpay_ended_after_six_failures_is_cancelled_and_on_free() {
    let sandbox = Sandbox::at(NOW).await;
    let days = ["2025-09-05", "2025-10-05!", "2025-11-05!", "2025-12-05!", "2026-01-05!", "2026-02-05!", "2026-03-05!"];
    let answer = adopted(&sandbox, "SIXFAILED", &days, json!({ "state": "cancelled" })).await;
    assert_eq!(seen(&answer), shown("cancelled", "FREE", [1, 6], None));
}

#[tokio::test]
async fn the_price_is_what_ecpay_charges_from_now_on_and_past_charges_keep_their_amounts() {
    let sandbox = Sandbox::at(NOW).await;
    let order = json!({ "merchant_trade_no": "REPRICED", "amount": 999, "period_type": "M", "exec_times": 99, "charges": [
        { "at": "2026-01-10T11:00:00+08:00", "rtn_code": "1", "amount": 599 },
        { "at": "2026-02-10T11:00:00+08:00", "rtn_code": "1", "amount": 899 },
        { "at": "2026-03-10T11:00:00+08:00", "rtn_code": "1", "amount": 899 },
    ] });
    sandbox.post("/sandbox/ecpay/orders", order).await;
    let (_, answer) = adopt(&sandbox, request("REPRICED")).await;
    assert_eq!((&answer["amount_twd"], &answer["status"]), (&json!(999), &json!("active")));
    sandbox.travel("2026-04-10T12:00:00+08:00").await;
    let account = sandbox.account("REPRICED").await;
    assert_eq!(column(&account["payments"], "amount_twd"), ["599", "899", "899", "999"]);
    assert_eq!(sandbox.subjects(STAFF).await.len(), 0, "no charge differed from the price");
}

#[tokio::test]
async fn numbers_of_other_systems_are_held_as_they_were_issued() {
    let sandbox = Sandbox::at(NOW).await;
    for number in ["staff", "Ab12cD", "0000000000000000001z", "x"] {
        adopted(&sandbox, number, &["2026-03-01"], json!({})).await;
        assert_eq!(sandbox.get(&format!("/api/subscriptions/{number}")).await["id"], number);
    }
    // A charge that fails is about this order and reaches its customer.
    sandbox.outcomes("staff", &[super::DECLINED]).await;
    sandbox.travel("2026-04-02T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects("staff@customer.example").await.len(), 1);
    assert_eq!(sandbox.account("Ab12cD").await["current_period_end"], "2026-05-01");
}

/// First day of a month, so many months after January 2018.
fn month(count: usize) -> String {
    format!("{}-{:02}-15", 2018 + count / 12, count % 12 + 1)
}

#[tokio::test]
async fn eight_years_of_charges_are_held_in_full() {
    let sandbox = Sandbox::at(NOW).await;
    let days: Vec<String> = (0..99).map(month).collect();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    let answer = adopted(&sandbox, "OLD99", &days, json!({})).await;
    assert_eq!(seen(&answer), shown("active", "PRO", [99, 0], Some("2026-04-15")));
    let payments = sandbox.get("/api/subscriptions/OLD99").await["payments"].clone();
    assert_eq!(column(&payments, "process_date").len(), 99);
    assert_eq!(sandbox.get("/api/payments?month=2021-07").await["payments"][0]["merchant_trade_no"], "OLD99");
    // A query later finds nothing new.
    let items = sandbox.items();
    assert_eq!(adopt(&sandbox, request("OLD99")).await.0, StatusCode::OK);
    assert_eq!(sandbox.items(), items);
    sandbox.travel("2026-04-16T12:00:00+08:00").await;
    assert_eq!(sandbox.account("OLD99").await["current_period_end"], "2026-05-15");
    assert_eq!(sandbox.quarantine_items().await.len(), 0);
}

#[tokio::test]
async fn a_log_that_lacks_early_charges_numbers_the_later_ones_by_ecpays_count() {
    let sandbox = Sandbox::at(NOW).await;
    existing(&sandbox, "SHORTLOG", &["2026-01-15", "2026-02-15", "2026-03-15"], json!({})).await;
    sandbox.order_behavior("SHORTLOG", json!({ "query": { "TotalSuccessTimes": 30 } })).await;
    let (status, answer) = adopt(&sandbox, request("SHORTLOG")).await;
    assert_eq!((status, &answer["succeeded"]), (StatusCode::CREATED, &json!(30)), "{answer}");
    assert_eq!(column(&sandbox.account("SHORTLOG").await["payments"], "number"), ["28", "29", "30"]);
}

/// A charge as ECPay lists it, on that day.
fn entry(day: &str, rtn_code: &str, gwsr: Option<u64>) -> Value {
    json!({ "at": format!("{day}T11:00:00+08:00"), "rtn_code": rtn_code, "gwsr": gwsr })
}

#[tokio::test]
async fn charges_that_share_an_authorisation_are_held_once() {
    let sandbox = Sandbox::at(NOW).await;
    let charges = [
        entry("2026-01-15", "1", Some(71)),
        entry("2026-02-15", super::DECLINED, None),
        entry("2026-02-16", "1", Some(72)),
        entry("2026-03-15", "1", Some(72)),
    ];
    let order = json!({ "merchant_trade_no": "SHARED", "amount": 899, "period_type": "M", "exec_times": 99, "charges": charges });
    sandbox.post("/sandbox/ecpay/orders", order).await;
    let (status, answer) = adopt(&sandbox, request("SHARED")).await;
    assert_eq!((status, &answer["status"]), (StatusCode::CREATED, &json!("active")), "{answer}");
    // The second of the two is not recorded, and still proves that its period is paid.
    assert_eq!(sandbox.account("SHARED").await["current_period_end"], "2026-04-15");
}

#[tokio::test]
async fn successes_without_an_authorisation_number_are_numbered_by_the_list() {
    let sandbox = Sandbox::at(NOW).await;
    existing(&sandbox, "NOGWSR", &["2026-02-15", "2026-03-15"], json!({})).await;
    let log: Vec<Value> = ["2026/02/15", "2026/03/15"]
        .iter()
        .map(|day| json!({ "RtnCode": 1, "amount": 899, "gwsr": "", "process_date": format!("{day} 11:00:00") }))
        .collect();
    sandbox.order_behavior("NOGWSR", json!({ "query": { "ExecLog": log, "TotalSuccessTimes": null } })).await;
    let (status, answer) = adopt(&sandbox, request("NOGWSR")).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(seen(&answer), shown("active", "PRO", [2, 0], Some("2026-04-15")));
}

#[tokio::test]
async fn an_order_whose_result_is_open_is_not_downgraded_before_it_is_known() {
    let sandbox = Sandbox::at(NOW).await;
    let charges = [
        entry("2026-01-05", "1", None),
        entry("2026-02-05", super::DECLINED, None),
        entry("2026-03-19", "10300066", None),
    ];
    let order =
        json!({ "merchant_trade_no": "OPEN", "amount": 899, "period_type": "M", "exec_times": 99, "charges": charges });
    sandbox.post("/sandbox/ecpay/orders", order).await;
    let (_, answer) = adopt(&sandbox, request("OPEN")).await;
    assert_eq!((&answer["status"], &answer["plan"]), (&json!("past_due"), &json!("PRO")), "{answer}");
}

#[tokio::test]
async fn an_annual_order_adopted_shortly_before_its_charge_is_announced_all_the_same() {
    let sandbox = Sandbox::at(NOW).await;
    let yearly = json!({ "period_type": "Y", "amount": 8999, "exec_times": 9 });
    existing(&sandbox, "SOON", &["2025-03-28"], yearly).await;
    let mut body = request("SOON");
    body["billing_cycle"] = json!("annual");
    assert_eq!(adopt(&sandbox, body).await.0, StatusCode::CREATED);
    assert_eq!(sandbox.subjects(&number_of_mail("SOON")).await, [""; 0]);
    sandbox.travel("2026-03-21T12:00:00+08:00").await;
    assert_eq!(sandbox.subjects(&number_of_mail("SOON")).await.len(), 1);
}

#[tokio::test]
async fn the_mails_of_an_order_named_staff_are_its_own() {
    let sandbox = Sandbox::at(NOW).await;
    adopted(&sandbox, "staff", &["2026-03-01"], json!({})).await;
    sandbox.outcomes("staff", &[super::DECLINED]).await;
    sandbox.travel("2026-04-02T12:00:00+08:00").await;
    let messages = sandbox.get("/api/subscriptions/staff/messages").await;
    assert_eq!(column(&messages["messages"], "kind"), ["first-payment-failure"], "{messages}");
}
