//! Offers to the customer of an order: payment links, changes of plan, and the credit for what is unused of the old order.

mod change;
mod credit;
mod late;
mod payment_link;

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{STAFF, Sandbox};

use crate::billing::checkout::{attempt, submit};

/// First day of every story.
const BEGIN: &str = "2025-01-05T10:00:00+08:00";

async fn changed(sandbox: &Sandbox, order: &str, query: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/subscriptions/{order}/change{query}");
    let (status, answer) = sandbox.call(Method::POST, &path, Some(body)).await;
    (status.as_u16(), answer)
}

fn to(plan: &str, cycle: &str) -> Value {
    json!({ "plan_id": plan, "billing_cycle": cycle })
}

/// The customer pays on the page of an offer; gives the order.
async fn paid(sandbox: &Sandbox, offer: &Value) -> String {
    submit(sandbox, &attempt(sandbox, offer).await, "1").await
}

/// The payment of an order at that place, as the API shows what is due and went back.
async fn due(sandbox: &Sandbox, order: &str, place: usize) -> Value {
    let payment = &sandbox.account(order).await["payments"][place];
    json!([payment["refund_due"], payment["refund_due_twd"], payment["refunded_twd"]])
}

/// Texts of the mails about a refund of an order.
async fn refund_mails(sandbox: &Sandbox, order: &str) -> Vec<String> {
    sandbox.maintain().await;
    let subject = format!("Refund due: order {order}");
    let mails = sandbox.mails(STAFF).await.into_iter().filter(|mail| mail["subject"] == subject);
    mails.map(|mail| mail["body"].as_str().unwrap().to_owned()).collect()
}
