//! The same fact, however often and by whichever way it comes, is one payment, one line of history and one mail; and
//! what each callback costs.

use serde_json::json;

use testing::support::{Reply, Sandbox, column, first, period, with};

const CHARGED: &str = "2025/02/15 11:58:03";

async fn order_at_second_charge() -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("repeats", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.report("ecpay-auth", &first(&order, "1", "2025/01/15 10:02:11")).await, Reply::ok());
    sandbox.world.leap("2025-02-15T12:00:00+08:00".parse().unwrap());
    (sandbox, order)
}

#[tokio::test]
async fn a_failure_that_is_reported_ten_times_with_other_words_is_one_payment_one_entry_and_one_mail() {
    let (sandbox, order) = order_at_second_charge().await;
    for round in 0..10 {
        let report =
            with(&period(&order, "10100252", CHARGED, "1", ""), "RtnMsg", &format!("declined, told {round} times"));
        assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    }
    sandbox.maintain().await;
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed"]);
    assert_eq!(column(&account["history"], "rule"), ["order-created", "first-charge-paid", "grace-began"]);
    assert_eq!(sandbox.subjects("repeats@customer.example").await, ["付款失敗通知 - Payment Failure Notice"]);
}

#[tokio::test]
async fn ten_repeats_at_the_same_moment_are_one_payment_too() {
    for code in ["1", "10100252"] {
        let (sandbox, order) = order_at_second_charge().await;
        let (successes, gwsr) = if code == "1" { ("2", "13401071") } else { ("1", "") };
        let posts = (0..10).map(|round| {
            let report =
                with(&period(&order, code, CHARGED, successes, gwsr), "RtnMsg", &format!("told {round} times"));
            let sandbox = &sandbox;
            async move { sandbox.report("ecpay-billing", &report).await }
        });
        for reply in futures::future::join_all(posts).await {
            assert_eq!(reply, Reply::ok());
        }
        sandbox.maintain().await;
        let account = sandbox.account(&order).await;
        assert_eq!(account["payments"].as_array().unwrap().len(), 2, "{account}");
        assert_eq!(account["history"].as_array().unwrap().len(), 3, "{account}");
        let mails = if code == "1" { 0 } else { 1 };
        assert_eq!(sandbox.subjects("repeats@customer.example").await.len(), mails);
    }
}

#[tokio::test]
async fn a_repeat_costs_one_read_and_no_write_and_a_first_report_one_read_one_transaction_and_one_update() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = period(&order, "1", CHARGED, "2", "13401071");
    sandbox.forget_calls().await;
    sandbox.report("ecpay-billing", &report).await;
    let calls = sandbox.calls("dynamodb").await;
    assert_eq!(json!(calls), json!({ "GetItem": 1, "TransactWriteItems": 1, "UpdateItem": 1 }));
    sandbox.forget_calls().await;
    sandbox.report("ecpay-billing", &with(&report, "RtnMsg", "paid")).await;
    assert_eq!(json!(sandbox.calls("dynamodb").await), json!({ "GetItem": 1 }));
}

#[tokio::test]
async fn a_first_charge_costs_reads_of_its_purchase_and_of_the_order_that_it_replaces_and_of_that_ones_payment() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let old = sandbox.subscribe("replacing", "monthly").await;
    let made = sandbox.order("replacing", "monthly", Some(&old)).await;
    let order = made["subscription_id"].as_str().unwrap();
    // A second change of the user within one second would be tried twice, for its version.
    sandbox.world.leap("2025-01-15T10:02:11+08:00".parse().unwrap());
    sandbox.forget_calls().await;
    sandbox.report("ecpay-auth", &first(order, "1", "2025/01/15 10:02:11")).await;
    assert_eq!(
        json!(sandbox.calls("dynamodb").await),
        json!({ "GetItem": 4, "TransactWriteItems": 1, "UpdateItem": 1 })
    );
}

#[tokio::test]
async fn the_same_success_by_callback_and_by_query_is_one_payment_in_either_order() {
    for callback_first in [true, false] {
        let sandbox = Sandbox::at("2025-02-15T09:00:00+08:00").await;
        let order = sandbox.subscribe("both", "monthly").await;
        // ECPay charges on the next due day; where the query is first its callback is lost.
        sandbox.charge(&order, json!({ "rtn_code": "1", "callback": callback_first })).await;
        let gwsr = sandbox.at_ecpay(&order).await["charges"][1]["gwsr"].to_string().replace('"', "");
        let date = sandbox.at_ecpay(&order).await["charges"][1]["process_date"].as_str().unwrap().to_owned();
        // A day after the next due date no other charge has come: the order is queried.
        sandbox.world.leap("2025-03-15T08:00:00+08:00".parse().unwrap());
        sandbox.travel("2025-03-16T07:00:00+08:00").await;
        let late = period(&order, "1", &date, "2", &gwsr);
        assert_eq!(sandbox.report("ecpay-billing", &late).await, Reply::ok());
        let account = sandbox.account(&order).await;
        let numbers = column(&account["payments"], "number");
        assert_eq!(numbers, ["1", "2", "3"], "callback first: {callback_first}");
    }
}

#[tokio::test]
async fn a_known_number_with_another_authorisation_or_amount_is_a_conflict() {
    let (sandbox, order) = order_at_second_charge().await;
    sandbox.report("ecpay-billing", &period(&order, "1", CHARGED, "2", "13401071")).await;
    assert_eq!(sandbox.report("ecpay-billing", &period(&order, "1", CHARGED, "2", "13401072")).await, Reply::ok());
    let account = sandbox.account(&order).await;
    assert_eq!(account["payments"].as_array().unwrap().len(), 2);
    let set_aside = sandbox.get("/quarantine").await;
    assert_eq!(column(&set_aside["quarantine"], "reason"), ["conflict"]);
}

#[tokio::test]
async fn a_success_that_was_never_reported_is_found_when_the_next_one_counts_it() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("gap", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": "1", "callback": false })).await;
    assert_eq!(column(&sandbox.account(&order).await["payments"], "number"), ["1"]);
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "number"), ["1", "3"]);
    assert_eq!(account["next_action"]["kind"], "reconcile");
    // The simulator gives no two charges the same second, so they were made a moment after the standing clock.
    sandbox.world.leap("2025-01-15T10:01:00+08:00".parse().unwrap());
    sandbox.maintain().await;
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "number"), ["1", "2", "3"]);
    assert_eq!(account["next_action"]["at"], "2025-02-15T16:00:00Z");
}

#[tokio::test]
async fn one_authorisation_under_two_numbers_is_a_conflict_and_not_lost() {
    let (sandbox, order) = order_at_second_charge().await;
    sandbox.report("ecpay-billing", &period(&order, "1", CHARGED, "2", "13401071")).await;
    assert_eq!(sandbox.report("ecpay-billing", &period(&order, "1", CHARGED, "3", "13401071")).await, Reply::ok());
    assert_eq!(column(&sandbox.account(&order).await["payments"], "number"), ["1", "2"]);
    let set_aside = sandbox.get("/quarantine").await;
    assert_eq!(column(&set_aside["quarantine"], "reason"), ["conflict"]);
    assert_eq!(column(&set_aside["quarantine"], "event"), ["S:3"]);
}

#[tokio::test]
async fn an_authorisation_that_was_pending_or_failed_under_its_number_can_still_succeed() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("same-gwsr", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    for code in ["10300066", "1"] {
        let report = with(&first(order, code, "2025/01/15 10:02:11"), "gwsr", "13401070");
        assert_eq!(sandbox.report("ecpay-auth", &report).await, Reply::ok());
    }
    assert_eq!(sandbox.account(order).await["status"], "active");
    sandbox.world.leap("2025-02-16T11:00:01+08:00".parse().unwrap());
    for (code, at, status) in [
        ("10100252", "2025/02/15 10:00:00", "past_due"),
        ("10300066", "2025/02/16 11:00:00", "past_due"),
        ("1", "2025/02/16 11:00:01", "active"),
    ] {
        let successes = if code == "1" { "2" } else { "1" };
        sandbox.report("ecpay-billing", &period(order, code, at, successes, "13401071")).await;
        assert_eq!(sandbox.account(order).await["status"], status, "{code}");
    }
    let mut outcomes = column(&sandbox.account(order).await["payments"], "outcome");
    outcomes.sort();
    assert_eq!(outcomes, ["failed", "pending", "pending", "succeeded", "succeeded"]);
}
