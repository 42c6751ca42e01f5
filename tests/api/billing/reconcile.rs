//! Reconciliation: lost callbacks, charges that never come, orders that are not paid.

use serde_json::{Value, json};

use testing::support::{Reply, STAFF, Sandbox, column, first, period};

const NO_CREDIT: &str = "10100252";
const RESULT_OPEN: &str = "10300066";
const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn queries(sandbox: &Sandbox) -> u64 {
    sandbox.calls("ecpay").await.get("QueryCreditCardPeriodInfo").copied().unwrap_or(0)
}

/// The entries of the quarantine as `reason type event`.
async fn set_aside(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.get("/quarantine").await;
    let entries = listed["quarantine"].as_array().unwrap().iter();
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    entries.map(|entry| ["reason", "type", "event"].map(|name| word(entry, name)).join(" ")).collect()
}

#[tokio::test]
async fn a_charge_whose_callback_was_lost_is_found_a_day_later_and_its_late_callback_changes_nothing() {
    let sandbox = Sandbox::at("2025-02-01T10:00:00+08:00").await;
    let told = sandbox.subscribe("told", "monthly").await;
    let lost = sandbox.subscribe("lost", "monthly").await;
    sandbox.order_behavior(&lost, json!({ "callbacks": false })).await;
    sandbox.travel("2025-03-01T23:59:59+08:00").await;
    assert_eq!(sandbox.account(&told).await["current_period_end"], "2025-04-01");
    assert_eq!(sandbox.account(&lost).await["current_period_end"], "2025-03-01");
    assert_eq!(queries(&sandbox).await, 0);
    sandbox.travel("2025-03-02T00:00:00+08:00").await;
    let account = sandbox.account(&lost).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["current_period_start"], "2025-03-01");
    assert_eq!(account["current_period_end"], "2025-04-01");
    assert_eq!(column(&account["payments"], "number"), ["1", "2"]);
    assert_eq!(account["payments"][1]["process_date"], "2025-03-01T02:00:00Z");
    assert_eq!(queries(&sandbox).await, 1);
    // The callback that was thought lost.
    let gwsr = sandbox.at_ecpay(&lost).await["charges"][1]["gwsr"].to_string();
    let items = sandbox.items();
    let late = period(&lost, "1", "2025/03/01 10:00:00", "2", &gwsr);
    assert_eq!(sandbox.report("ecpay-billing", &late).await, Reply::ok());
    assert_eq!(sandbox.items(), items);
    assert_eq!(sandbox.account(&lost).await["payments"], account["payments"]);
    // Both are paid until April: no further query.
    sandbox.travel("2025-03-03T00:00:00+08:00").await;
    assert_eq!(queries(&sandbox).await, 1);
    assert_eq!(sandbox.subjects(STAFF).await.len(), 0);
}

#[tokio::test]
async fn an_order_that_ecpay_does_not_charge_is_reported_to_staff_after_three_days_and_ends_on_free_after_seven() {
    let sandbox = Sandbox::at("2025-02-01T10:00:00+08:00").await;
    let order = sandbox.subscribe("uncharged", "monthly").await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-03-03T23:59:59+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await.len(), 0);
    sandbox.travel("2025-03-04T00:05:00+08:00").await;
    let mails = sandbox.mails(STAFF).await;
    assert_eq!(column(&json!(mails), "subject"), [format!("Charge missing: order {order}")]);
    assert!(mails[0]["body"].as_str().unwrap().contains("the charge due on 2025-03-01"));
    sandbox.travel("2025-03-07T23:59:59+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(sandbox.subjects(STAFF).await.len(), 1);
    sandbox.travel("2025-03-08T00:05:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("FREE")));
    assert_eq!(account["downgrade_reason"], "not_charged");
    assert_eq!(account["downgraded_at"], "2025-03-07T16:00:00Z");
    assert_eq!(sandbox.subjects("uncharged@customer.example").await.len(), 1);
    assert_eq!(sandbox.get("/api/webhooks/subscription-status/uncharged").await["subscription"]["plan_id"], "FREE");
    // ECPay charges after all.
    sandbox.order_behavior(&order, json!({ "paused": false })).await;
    sandbox.travel("2025-03-08T00:10:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["plan_id"].as_str(), &account["downgraded_at"]), (Some("PRO"), &json!(null)));
    assert_eq!(account["current_period_end"], "2025-04-01");
    assert_eq!(sandbox.subjects(STAFF).await.len(), 1);
}

#[tokio::test]
async fn what_callbacks_reported_is_known_when_a_query_shows_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("both", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    let before = sandbox.account(&order).await;
    assert_eq!(column(&before["payments"], "outcome"), ["succeeded", "failed"]);
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["queries"], 1);
    let after = sandbox.account(&order).await;
    assert_eq!(after["payments"], before["payments"]);
    let new = column(&after["history"], "rule").split_off(column(&before["history"], "rule").len());
    assert_eq!(new, ["retry-requested", "retry-accepted"]);
    assert_eq!(set_aside(&sandbox).await.len(), 0);
}

#[tokio::test]
async fn a_failure_found_by_query_counts_once_though_its_callback_comes_later() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("later", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT, "callback": false })).await;
    assert_eq!(sandbox.account(&order).await["grace_period_ends_at"], "2025-01-22T02:00:01Z");
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    // The query before the retry of day 1 finds the second failure: three days more of grace.
    sandbox.travel("2025-01-16T10:35:00+08:00").await;
    let found = sandbox.account(&order).await;
    assert_eq!(found["grace_period_ends_at"], "2025-01-25T02:00:01Z");
    assert_eq!(column(&found["payments"], "outcome"), ["succeeded", "failed", "failed"]);
    let late = period(&order, NO_CREDIT, "2025/01/15 10:00:02", "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &late).await, Reply::ok());
    sandbox.travel("2025-01-16T10:45:00+08:00").await;
    let after = sandbox.account(&order).await;
    assert_eq!((&after["payments"], &after["history"]), (&found["payments"], &found["history"]));
    assert_eq!(
        sandbox.subjects("later@customer.example").await,
        ["付款失敗通知 - Payment Failure Notice", "第二次付款失敗 - Second Payment Failure"]
    );
}

#[tokio::test]
async fn another_authorisation_under_a_known_number_is_a_conflict_however_old_the_number_is() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("conflict", "monthly").await;
    // So many that the first is no longer among the twelve that the order itself remembers.
    for _ in 0..13 {
        sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    }
    let account = sandbox.account(&order).await;
    let numbers: Vec<String> = (1..=14).map(|number: u32| number.to_string()).collect();
    assert_eq!(column(&account["payments"], "number"), numbers);
    for (number, gwsr) in [("14", "99000014"), ("2", "99000002")] {
        let other = period(&order, "1", "2025/01/15 10:00:01", number, gwsr);
        assert_eq!(sandbox.report("ecpay-billing", &other).await, Reply::ok());
    }
    let mut listed = set_aside(&sandbox).await;
    listed.sort();
    assert_eq!(listed, ["conflict billing_callback S:14", "conflict billing_callback S:2"]);
    assert_eq!(sandbox.account(&order).await["payments"], account["payments"]);
    // Staff must look for that money.
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Quarantined: a report about order {order}")]);
}

#[tokio::test]
async fn a_log_entry_that_contradicts_a_callback_is_a_conflict_too_and_reported_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("contradiction", "monthly").await;
    let told = period(&order, "1", "2025/01/15 10:00:01", "2", "99000002");
    assert_eq!(sandbox.report("ecpay-billing", &told).await, Reply::ok());
    // ECPay's log has another authorisation as the second success.
    sandbox.charge(&order, json!({ "rtn_code": "1", "callback": false })).await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["status"], "past_due");
    // Every query shows it: before the retry, after it, and the next day.
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-01-17T10:30:00+08:00").await;
    assert_eq!(set_aside(&sandbox).await, ["conflict query S:2"]);
    let payments = sandbox.account(&order).await["payments"].clone();
    assert_eq!(payments[1]["gwsr"], "99000002");
    assert_eq!(column(&payments, "outcome"), ["succeeded", "succeeded", "failed", "failed"]);
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Quarantined: a report about order {order}")]);
}

#[tokio::test]
async fn a_pending_first_charge_grants_nothing_until_its_success_is_reported() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("pending", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.outcomes(&order, &[RESULT_OPEN]).await;
    sandbox.submit(&made).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("pending"), Some("FREE")));
    assert_eq!(column(&account["payments"], "outcome"), ["pending"]);
    sandbox.travel("2025-01-15T10:29:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "pending");
    assert_eq!(queries(&sandbox).await, 1);
    sandbox.travel("2025-01-15T10:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(column(&account["payments"], "outcome"), ["pending", "succeeded"]);
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    assert_eq!(queries(&sandbox).await, 1);
}

#[tokio::test]
async fn a_pending_first_charge_whose_callbacks_are_lost_is_found_by_the_second_query() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("unheard", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.outcomes(&order, &[RESULT_OPEN]).await;
    sandbox.order_behavior(&order, json!({ "callbacks": false })).await;
    sandbox.submit(&made).await;
    assert_eq!(sandbox.account(&order).await["payments"], json!([]));
    sandbox.travel("2025-01-15T10:39:59+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["status"], "pending");
    assert_eq!(column(&account["payments"], "outcome"), ["pending"]);
    sandbox.travel("2025-01-15T10:40:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["current_period_start"], "2025-01-15");
    assert_eq!(sandbox.at_ecpay(&order).await["queries"], 2);
}

#[tokio::test]
async fn an_order_that_is_never_submitted_is_queried_twice_and_expires_after_a_day_but_a_late_payment_counts() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("hesitant", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    for (at, asked) in [("10:09:59", 0), ("10:10:00", 1), ("10:39:59", 1), ("10:40:00", 2)] {
        sandbox.travel(&format!("2025-01-15T{at}+08:00")).await;
        assert_eq!(queries(&sandbox).await, asked, "{at}");
    }
    sandbox.travel("2025-01-16T09:59:59+08:00").await;
    assert_eq!(queries(&sandbox).await, 2);
    assert_eq!(sandbox.account(&order).await["status"], "pending");
    // A last look, then it is given up.
    sandbox.travel("2025-01-16T10:00:00+08:00").await;
    assert_eq!(queries(&sandbox).await, 3);
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), &account["next_action"]), (Some("failed"), &json!(null)));
    sandbox.travel("2025-01-16T11:00:00+08:00").await;
    assert_eq!(queries(&sandbox).await, 3);
    sandbox.submit(&made).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["current_period_end"], "2025-02-16");
}

#[tokio::test]
async fn a_first_charge_that_failed_grants_nothing_and_its_success_later_still_counts() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("declined", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.submit(&made).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("failed"), Some("FREE")));
    assert_eq!(account["next_action"], json!(null));
    let paid = first(&order, "1", "2025/01/15 10:02:00");
    assert_eq!(sandbox.report("ecpay-auth", &paid).await, Reply::ok());
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
}

#[tokio::test]
async fn one_run_asks_about_each_order_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let retried = sandbox.subscribe("retried", "monthly").await;
    sandbox.charge(&retried, json!({ "rtn_code": NO_CREDIT })).await;
    let open = sandbox.subscribe("open", "monthly").await;
    sandbox.charge(&open, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.travel("2025-01-16T10:05:00+08:00").await;
    let payment = sandbox.latest_payment(&open).await;
    assert_eq!(sandbox.retry(&payment).await.1["outcome"], "asked");
    sandbox.order("waiting", "monthly", None).await;
    sandbox.fault("ecpay", "down").await;
    sandbox.travel("2025-01-16T10:20:00+08:00").await;
    sandbox.fault("ecpay", "none").await;
    let asked_before = sandbox.at_ecpay(&open).await["queries"].as_u64().unwrap();
    sandbox.forget_calls().await;
    sandbox.maintain().await;
    assert_eq!(queries(&sandbox).await, 3);
    assert_eq!(sandbox.at_ecpay(&retried).await["queries"], 1);
    assert_eq!(sandbox.at_ecpay(&open).await["queries"], asked_before + 1);
}

#[tokio::test]
async fn the_only_customer_is_downgraded_too_when_ecpay_could_not_be_reached_for_a_day() {
    for fault in ["down", "refuse"] {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = sandbox.subscribe("only", "monthly").await;
        // A stolen card is not retried. Grace ends on the 22nd at 10:00:01.
        sandbox.charge(&order, json!({ "rtn_code": "10100256" })).await;
        sandbox.travel("2025-01-21T10:00:00+08:00").await;
        sandbox.fault("ecpay", fault).await;
        // The query before the downgrade is due from the 21st at 22:00:01 on.
        sandbox.travel("2025-01-22T22:29:59+08:00").await;
        assert_eq!(sandbox.account(&order).await["plan_id"], "PRO", "{fault}");
        sandbox.travel("2025-01-22T22:30:00+08:00").await;
        let account = sandbox.account(&order).await;
        assert_eq!((&account["plan_id"], &account["downgrade_reason"]), (&json!("FREE"), &json!("payment_failure")));
    }
}
