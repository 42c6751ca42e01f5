//! Orders that another system made at ECPay are taken over: state, next charge and history are reckoned by hand from the list of
//! charges that the test gives to ECPay.

mod cuts;
mod list;
mod refusals;
mod shapes;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::Sandbox;

/// Time of every adoption below.
pub(crate) const NOW: &str = "2026-03-20T10:00:00+08:00";
pub(crate) const DECLINED: &str = "10100252";

/// Charges at 11:00 in Taipei on these days: a success, or a failure where the day is followed by `!`.
pub(crate) fn charges(days: &[&str]) -> Value {
    let charge = |day: &&str| {
        let rtn_code = if day.ends_with('!') { DECLINED } else { "1" };
        json!({ "at": format!("{}T11:00:00+08:00", day.trim_end_matches('!')), "rtn_code": rtn_code })
    };
    days.iter().map(charge).collect()
}

/// Gives ECPay a monthly order of NT$899 with these charges and changes.
pub(crate) async fn existing(sandbox: &Sandbox, number: &str, days: &[&str], change: Value) {
    let mut order = json!({
        "merchant_trade_no": number, "amount": 899, "period_type": "M", "exec_times": 120, "charges": charges(days),
    });
    order.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    sandbox.post("/sandbox/ecpay/orders", order).await;
}

/// Body of the request for a monthly PRO order.
pub(crate) fn request(number: &str) -> Value {
    json!({
        "merchant_trade_no": number, "user_id": format!("user-{}", number.to_lowercase()),
        "email": format!("{}@customer.example", number.to_lowercase()), "plan_id": "PRO", "billing_cycle": "monthly",
    })
}

pub(crate) async fn adopt(sandbox: &Sandbox, body: Value) -> (StatusCode, Value) {
    sandbox.call(Method::POST, "/api/subscriptions/adopt", Some(body)).await
}

/// Adopts a monthly order with these charges.
pub(crate) async fn adopted(sandbox: &Sandbox, number: &str, days: &[&str], change: Value) -> Value {
    existing(sandbox, number, days, change).await;
    let (status, answer) = adopt(sandbox, request(number)).await;
    assert_eq!((status, &answer["outcome"]), (StatusCode::CREATED, &json!("adopted")), "{answer}");
    answer
}

/// Fields of an answer that a person would look at first.
pub(crate) fn seen(answer: &Value) -> [Value; 5] {
    ["status", "plan", "succeeded", "failed", "next_charge_on"].map(|name| answer[name].clone())
}

/// Calls that ECPay got, by name.
pub(crate) async fn calls(sandbox: &Sandbox, name: &str) -> u64 {
    sandbox.calls("ecpay").await.get(name).copied().unwrap_or(0)
}

pub(crate) fn number_of_mail(number: &str) -> String {
    format!("{}@customer.example", number.to_lowercase())
}

/// Keys of the stored items, without that of the pace of calls.
pub(crate) fn stored(sandbox: &Sandbox) -> Vec<String> {
    sandbox.items().into_iter().filter(|item| item != "PACE ecpay").collect()
}
