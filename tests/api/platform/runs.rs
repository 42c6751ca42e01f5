//! Runs by hand, tried dry and listed; and what a run does with an order that cannot be helped.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox, column};

const NO_CREDIT: &str = "10100252";
const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn failing(sandbox: &Sandbox, user: &str) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    order
}

async fn run(sandbox: &Sandbox, job: &str) -> Value {
    let (status, answer) = sandbox.call(Method::POST, &format!("/runs/{job}"), None).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_dry_run_lists_what_the_run_then_does_and_writes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "dry").await;
    sandbox.world.leap("2025-01-16T10:00:01+08:00".parse().unwrap());
    // ECPay counts the queries of a dry run too, so their pace is stored.
    let items = || sandbox.items().into_iter().filter(|item| !item.starts_with("PACE ")).collect::<Vec<_>>();
    let before = items();
    sandbox.forget_calls().await;
    let dry = run(&sandbox, "retry?dry_run=true").await;
    assert_eq!(dry["dry_run"], true);
    assert_eq!(dry["tasks"]["retry"]["due"], 1);
    let did = dry["did"]["retry"].as_array().unwrap();
    assert_eq!(did.len(), 2);
    assert_eq!((&did[0]["subscription"], &did[0]["rule"]), (&json!(order), &json!("retry-requested")));
    assert_eq!(did[1], json!({ "subscription": order, "asks": "ReAuth" }));
    assert_eq!(items(), before);
    assert_eq!(sandbox.calls("ecpay").await.keys().collect::<Vec<_>>(), ["QueryCreditCardPeriodInfo"]);
    let calls = sandbox.calls("dynamodb").await;
    assert!(!calls.keys().any(|call| !["Query", "GetItem", "PutItem"].contains(&call.as_str())), "{calls:?}");
    // One for the query, one for the retry that would be requested.
    assert_eq!(calls["PutItem"], 2);
    let wet = run(&sandbox, "retry").await;
    assert_eq!(wet["did"]["retry"][0], did[0]);
    assert_eq!(wet["did"]["retry"][1], json!({ "subscription": order, "asks": "ReAuth", "answer": "accepted" }));
    assert_eq!(sandbox.calls("ecpay").await["ReAuth"], 1);
}

#[tokio::test]
async fn a_dry_run_of_the_mail_reports_what_would_be_sent() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "mail").await;
    let dry = run(&sandbox, "send-mail?dry_run=true").await;
    let id = format!("{order}/first-payment-failure/2025-01-15");
    let mails = |report: &Value| {
        let did = report["did"]["send-mail"].as_array().unwrap().iter();
        json!(did.filter(|entry| entry["notice"].is_string()).collect::<Vec<_>>())
    };
    let would_send = json!([{ "notice": id, "kind": "first-payment-failure", "outcome": "would_send" }]);
    assert_eq!(mails(&dry), would_send);
    assert!(sandbox.mails("mail@customer.example").await.is_empty());
    let sent = json!([{ "notice": id, "kind": "first-payment-failure", "outcome": "sent" }]);
    assert_eq!(mails(&run(&sandbox, "send-mail").await), sent);
    assert_eq!(sandbox.mails("mail@customer.example").await.len(), 1);
}

#[tokio::test]
async fn the_ledger_lists_runs_newest_first_with_what_they_did() {
    let sandbox = Sandbox::at(BEGIN).await;
    failing(&sandbox, "listed").await;
    sandbox.travel("2025-01-16T18:00:00+08:00").await;
    let listed = sandbox.get("/runs?limit=3").await;
    assert_eq!(
        column(&listed["runs"], "scheduled_at"),
        ["2025-01-16T10:00:00Z", "2025-01-16T09:30:00Z", "2025-01-16T08:30:00Z"]
    );
    let mut before = listed["next"].as_str().unwrap().to_owned();
    let mut all = column(&listed["runs"], "id");
    loop {
        let page = sandbox.get(&format!("/runs?limit=3&before={}", before)).await;
        all.extend(column(&page["runs"], "id"));
        match page["next"].as_str() {
            Some(next) => before = next.to_owned(),
            None => break,
        }
    }
    let mut sorted = all.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!(all, sorted);
    let retried = "20250116T023000Z-reconcile.retry";
    assert!(all.contains(&retried.to_owned()), "{all:?}");
    let shown = sandbox.get(&format!("/runs/{retried}")).await;
    assert_eq!((&shown["id"], &shown["status"]), (&json!(retried), &json!("done")));
    assert_eq!((&shown["tasks"]["retry"]["due"], &shown["tasks"]["retry"]["done"]), (&json!(1), &json!(1)));
    assert_eq!(shown["attempts"], 1);
    // The list has the counts, too.
    let listed = sandbox.get("/runs?limit=50&before=20250116T023001Z").await;
    let counts = &listed["runs"][0]["tasks"]["retry"];
    assert_eq!((&listed["runs"][0]["id"], &counts["due"], &counts["done"]), (&json!(retried), &json!(1), &json!(1)));
    assert_eq!((&counts["skipped"], &counts["failed"]), (&json!({}), &json!({})));
    let refused = sandbox.call(Method::POST, "/runs/everything", None).await;
    assert_eq!((refused.0.as_u16(), refused.1["error"]["param"].as_str()), (404, Some("id")));
    assert_eq!(sandbox.call(Method::POST, "/runs/retry?dry_run=yes", None).await.0, 400);
    assert_eq!(sandbox.call(Method::GET, "/runs?limit=51", None).await.0, 400);
    assert_eq!(sandbox.call(Method::GET, "/runs/none", None).await.0, 404);
}

#[tokio::test]
async fn an_order_whose_query_ecpay_answers_with_nonsense_needs_attention_and_delays_no_other() {
    let sandbox = Sandbox::at(BEGIN).await;
    let garbled = failing(&sandbox, "garbled").await;
    let other = failing(&sandbox, "other").await;
    sandbox.put(&format!("/sandbox/ecpay/orders/{garbled}"), json!({ "answers": false })).await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&other).await["retries_asked"].as_array().unwrap().len(), 1);
    let stuck = sandbox.account(&garbled).await["task_failure"].clone();
    assert_eq!(
        (&stuck["task"], &stuck["attempts"], &stuck["needs_attention"]),
        (&json!("retry"), &json!(1), &json!(false))
    );
    assert_eq!(stuck["again_at"], "2025-01-16T03:30:00Z");
    // Tried again after one, two and four hours: at 12:00, 14:30 and 18:30; then staff are notified, once.
    sandbox.travel("2025-01-16T18:25:00+08:00").await;
    assert!(sandbox.subjects(STAFF).await.is_empty());
    sandbox.travel("2025-01-20T00:00:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Action needed: order {garbled}")]);
    let account = sandbox.account(&garbled).await;
    assert_eq!(account["task_failure"]["needs_attention"], true);
    assert!(
        account["explanation"]["en"]
            .as_str()
            .unwrap()
            .contains("The task retry has been failing since 2025-01-16 10:30")
    );
    // 10:30, 12:00, 14:30, 18:30; 02:30 eight hours later; then a day after another.
    assert_eq!(sandbox.at_ecpay(&garbled).await["queries"], 7);
    // It does not keep the plan for ever.
    sandbox.travel("2025-01-22T12:00:00+08:00").await;
    let account = sandbox.account(&garbled).await;
    assert_eq!(
        (account["plan_id"].as_str(), account["downgraded_at"].as_str()),
        (Some("FREE"), Some("2025-01-22T04:00:00Z"))
    );
    assert_eq!(account["task_failure"], json!(null));
    assert!(sandbox.at_ecpay(&garbled).await["retries_asked"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_order_that_can_be_handled_again_is() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "mended").await;
    sandbox.put(&format!("/sandbox/ecpay/orders/{order}"), json!({ "answers": false })).await;
    sandbox.travel("2025-01-16T20:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["task_failure"]["needs_attention"], true);
    sandbox.put(&format!("/sandbox/ecpay/orders/{order}"), json!({ "answers": true })).await;
    // Eight hours after 18:30.
    sandbox.travel("2025-01-17T02:30:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["retries_asked"].as_array().unwrap().len(), 1);
    let account = sandbox.account(&order).await;
    assert_eq!(account["task_failure"], json!(null));
    sandbox.travel("2025-01-17T03:30:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "active");
}

#[tokio::test]
async fn while_ecpay_is_unavailable_no_order_counts_a_failure() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut orders = Vec::new();
    for user in ["a", "b", "c", "d", "e"] {
        orders.push(failing(&sandbox, user).await);
    }
    sandbox.fault("ecpay", "down").await;
    sandbox.forget_calls().await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    // All five at a time; after three silences the run asks about no further order.
    assert_eq!(sandbox.calls("ecpay").await["QueryCreditCardPeriodInfo"], 5);
    for order in &orders {
        assert_eq!(sandbox.account(order).await["task_failure"], json!(null));
    }
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-01-16T12:00:00+08:00").await;
    for order in &orders {
        assert_eq!(sandbox.at_ecpay(order).await["retries_asked"].as_array().unwrap().len(), 1);
    }
}
