//! Odd answers to queries: the plan of a customer who paid stays, an order that lacks a usable answer is no other order's
//! trouble, and a failure in any spelling begins dunning.

use serde_json::{Value, json};

use testing::support::{Reply, STAFF, Sandbox, column, period};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";
const NO_CREDIT: &str = "10100252";

fn success(at: &str, gwsr: Value) -> Value {
    json!({ "RtnCode": 1, "amount": 899, "gwsr": gwsr, "process_date": at, "auth_code": "777777" })
}

/// An order whose charge of 28 February is known from the answers to queries alone.
async fn answered(sandbox: &Sandbox, user: &str, query: Value) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.order_behavior(&order, json!({ "callbacks": false, "paused": true, "query": query })).await;
    order
}

async fn plan(sandbox: &Sandbox, order: &str) -> String {
    sandbox.account(order).await["plan_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_odd_order_stops_no_run_and_no_other_customer() {
    let sandbox = Sandbox::at(BEGIN).await;
    // Two successes of which the first has no authorisation number, so that they cannot be numbered.
    let log = [success("2025/01/31 10:00:00", json!("")), success("2025/02/28 10:00:00", json!(13_499_999))];
    let odd = answered(&sandbox, "odd", json!({ "TotalSuccessTimes": 2, "ExecLog": log })).await;
    let garbled = sandbox.subscribe("garbled", "monthly").await;
    sandbox.order_behavior(&garbled, json!({ "paused": true, "answers": false })).await;
    let failing = sandbox.subscribe("failing", "monthly").await;
    sandbox.outcomes(&failing, &[NO_CREDIT]).await;
    sandbox.travel("2025-03-10T13:00:00+08:00").await;
    let runs = sandbox.get("/runs?limit=50").await;
    assert_eq!(column(&runs["runs"], "status"), vec!["done"; runs["runs"].as_array().unwrap().len()]);
    // Retried on days 1, 3 and 7: the first retry succeeds.
    let account = sandbox.account(&failing).await;
    assert_eq!((&account["status"], &account["plan_id"]), (&json!("active"), &json!("PRO")));
    assert_eq!(plan(&sandbox, &odd).await, "PRO");
    let attention: Vec<String> = sandbox.subjects(STAFF).await;
    let attention = attention.iter().filter(|subject| subject.starts_with("Action needed"));
    assert_eq!(attention.collect::<Vec<_>>(), [&format!("Action needed: order {garbled}")]);
}

#[tokio::test]
async fn a_success_that_cannot_be_recorded_keeps_the_plan() {
    let first = success("2025/01/31 10:00:00", json!(13_400_001));
    for (name, log, successes) in [
        ("without a number of authorisation", json!([first, success("2025/02/28 10:00:00", json!(""))]), 2),
        ("zero as number", json!([first, success("2025/02/28 10:00:00", json!("0"))]), 2),
        ("counts that disagree", json!([success("2025/02/28 10:00:00", json!(13_499_998))]), 5),
        ("a count that is too low", json!([first, success("2025/02/28 10:00:00", json!(null))]), 1),
    ] {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = answered(&sandbox, "odd", json!({ "TotalSuccessTimes": successes, "ExecLog": log })).await;
        sandbox.travel("2025-03-08T12:00:00+08:00").await;
        assert_eq!(plan(&sandbox, &order).await, "PRO", "{name}");
        assert_eq!(sandbox.subjects("odd@customer.example").await, [""; 0], "{name}");
        assert_eq!(sandbox.at_ecpay(&order).await["cancels_asked"], json!([]), "{name}");
        let missing = sandbox.subjects(STAFF).await.into_iter().filter(|subject| subject.starts_with("Charge missing"));
        assert_eq!(missing.count(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_log_with_gaps_keeps_the_plan_for_two_weeks_and_staff_look() {
    let first = success("2025/01/31 10:00:00", json!(13_400_001));
    for log in [json!([first, success("", json!(13_499_998))]), json!([])] {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = answered(&sandbox, "gaps", json!({ "TotalSuccessTimes": 2, "ExecLog": log })).await;
        // Day 7 is 7 March; the first query was made on the 1st.
        sandbox.travel("2025-03-14T12:00:00+08:00").await;
        assert_eq!(plan(&sandbox, &order).await, "PRO", "{log}");
        assert_eq!(sandbox.subjects("gaps@customer.example").await, [""; 0], "{log}");
        assert_eq!(sandbox.subjects(STAFF).await, [format!("Charge missing: order {order}")], "{log}");
        sandbox.travel("2025-03-17T00:00:00+08:00").await;
        assert_eq!(plan(&sandbox, &order).await, "FREE", "{log}");
        assert_eq!(sandbox.at_ecpay(&order).await["cancels_asked"], json!([]), "{log}");
    }
}

#[tokio::test]
async fn a_success_number_that_was_used_before_is_quarantined_and_keeps_the_plan() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("reused", "monthly").await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-02-28T10:00:00+08:00").await;
    // As after a refund of the first charge: number 1 with another authorisation.
    let reused = period(&order, "1", "2025/02/28 10:00:00", "1", "99000001");
    assert_eq!(sandbox.report("ecpay-billing", &reused).await, Reply::ok());
    sandbox.travel("2025-03-08T12:00:00+08:00").await;
    assert_eq!(plan(&sandbox, &order).await, "PRO");
    assert_eq!(sandbox.subjects("reused@customer.example").await, [""; 0]);
    assert_eq!(sandbox.subjects(STAFF).await.iter().filter(|subject| subject.starts_with("Quarantined:")).count(), 1);
}

#[tokio::test]
async fn a_failure_without_a_code_in_the_log_begins_dunning() {
    for code in [json!(""), json!("0"), json!(null)] {
        let sandbox = Sandbox::at(BEGIN).await;
        let failed = json!({ "RtnCode": code, "amount": "", "gwsr": "", "process_date": "2025/02/28 10:00:00" });
        let log = [success("2025/01/31 10:00:00", json!(13_400_001)), failed];
        let order = answered(&sandbox, "nocode", json!({ "TotalSuccessTimes": 1, "ExecLog": log })).await;
        sandbox.travel("2025-03-01T06:10:00+08:00").await;
        let account = sandbox.account(&order).await;
        assert_eq!(account["status"], "past_due", "{code}: {account}");
        assert_eq!(
            sandbox.subjects("nocode@customer.example").await,
            ["付款失敗通知 - Payment Failure Notice"],
            "{code}"
        );
    }
}

#[tokio::test]
async fn an_unpaid_order_fails_or_expires_whatever_ecpay_answers_and_no_mail_is_sent() {
    for (code, until) in [
        ("10100058", "2025-01-31T10:15:00+08:00"),
        ("10200095", "2025-02-01T10:10:00+08:00"),
        ("0", "2025-02-01T10:10:00+08:00"),
        ("", "2025-02-01T10:10:00+08:00"),
    ] {
        let sandbox = Sandbox::at(BEGIN).await;
        let made = sandbox.order("unpaid", "monthly", None).await;
        let order = made["subscription_id"].as_str().unwrap();
        sandbox.order_behavior(order, json!({ "query": { "RtnCode": code } })).await;
        sandbox.travel(until).await;
        assert_eq!(sandbox.account(order).await["status"], "failed", "{code}");
        assert_eq!(sandbox.get("/sandbox/messages").await["messages"], json!([]), "{code}");
    }
}

#[tokio::test]
async fn odd_values_in_an_answer_are_read_where_they_have_one_meaning() {
    let sandbox = Sandbox::at(BEGIN).await;
    let paid = json!({
        "RtnCode": "1", "amount": 899.0, "gwsr": -1, "process_date": "2025-02-28 10:00:00", "auth_code": "777777",
    });
    let log = [success("2025/01/31 10:00:00", json!(13_400_001)), paid];
    let order = answered(&sandbox, "float", json!({ "TotalSuccessTimes": 2, "ExecStatus": "7", "ExecLog": log })).await;
    sandbox.travel("2025-03-08T12:00:00+08:00").await;
    assert_eq!(plan(&sandbox, &order).await, "PRO");
    assert_eq!(sandbox.subjects("float@customer.example").await, [""; 0]);
}
