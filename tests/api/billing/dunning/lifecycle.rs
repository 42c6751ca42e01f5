//! The document's integration flow and the turns it can take, on the moving clock.

use serde_json::json;

use testing::support::{Sandbox, column, first, period, with};

const NO_CREDIT: &str = "10100252";

#[tokio::test]
async fn the_documents_six_steps_lead_from_active_to_free_and_back() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("flow", "monthly").await;
    let mail = "flow@customer.example";
    // 1 active
    let account = sandbox.account(&order).await;
    assert_eq!((account["plan_id"].as_str(), account["amount_twd"].as_u64()), (Some("PRO"), Some(899)));
    assert_eq!(account["current_period_start"], "2025-01-15");
    assert_eq!(account["current_period_end"], "2025-02-15");
    // 2 the first failure: past due, seven days; nothing is due in between
    sandbox.world.leap("2025-02-15T09:00:00+08:00".parse().unwrap());
    sandbox.outcomes(&order, &[NO_CREDIT, NO_CREDIT, NO_CREDIT, NO_CREDIT]).await;
    sandbox.travel("2025-02-15T10:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["status"], "past_due");
    assert_eq!(account["plan_id"], "PRO");
    assert_eq!(account["grace_period_ends_at"], "2025-02-22T02:00:00Z");
    // 3 the second failure, by the retry of day 1: three days more
    sandbox.travel("2025-02-16T23:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["grace_period_ends_at"], "2025-02-25T02:00:00Z");
    // 4 the third, by the retry of day 3: no more days
    sandbox.travel("2025-02-18T23:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(
        (account["status"].as_str(), account["grace_period_ends_at"].as_str()),
        (Some("past_due"), Some("2025-02-25T02:00:00Z"))
    );
    // the fourth, by the retry of day 7, sends no mail
    sandbox.travel("2025-02-22T23:00:00+08:00").await;
    assert_eq!(
        sandbox.subjects(mail).await,
        [
            "付款失敗通知 - Payment Failure Notice",
            "第二次付款失敗 - Second Payment Failure",
            "最終付款失敗通知 - Final Payment Failure Notice"
        ]
    );
    // 5 grace ends on day 10
    sandbox.travel("2025-02-25T09:59:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    sandbox.travel("2025-02-25T12:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("FREE")));
    assert_eq!(account["amount_twd"], 0);
    assert_eq!(account["downgrade_reason"], "payment_failure");
    assert_eq!(account["downgraded_at"], "2025-02-25T04:00:00Z");
    assert_eq!(sandbox.subjects(mail).await.len(), 4);
    // 6 a late success brings the plan back
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["amount_twd"], 899);
    assert_eq!(account["downgraded_at"], json!(null));
    assert_eq!(account["current_period_end"], "2025-03-15");
    assert_eq!(
        column(&account["payments"], "outcome"),
        ["succeeded", "failed", "failed", "failed", "failed", "succeeded"]
    );
    let retries = sandbox.at_ecpay(&order).await["retries_asked"].as_array().unwrap().len();
    assert_eq!(retries, 3);
}

/// A subscriber whose charge failed at noon of 15 February, reported at once; later charges are up to the test.
async fn failed_on_15_february(user: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T12:00:00+08:00").await;
    let made = sandbox.order(user, "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.report("ecpay-auth", &first(&order, "1", "2025/01/15 12:00:00")).await;
    sandbox.world.leap("2025-02-15T12:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(&order, NO_CREDIT, "2025/02/15 12:00:00", "1", "")).await;
    // No downgrade before the first mail was sent three days ago.
    sandbox.post("/runs/send-mail", json!({})).await;
    (sandbox, order)
}

async fn standing(sandbox: &Sandbox, order: &str) -> (String, String, String) {
    let account = sandbox.account(order).await;
    let text = |name: &str| account[name].as_str().unwrap_or("-").to_owned();
    (text("status"), text("plan_id"), text("grace_period_ends_at"))
}

fn is(status: &str, plan: &str, grace: &str) -> (String, String, String) {
    (status.to_owned(), plan.to_owned(), grace.to_owned())
}

#[tokio::test]
async fn a_second_failure_lengthens_grace_whether_it_comes_before_or_after_the_first_retry() {
    for second in ["2025/02/15 18:00:00", "2025/02/17 12:00:00"] {
        let (sandbox, order) = failed_on_15_february("second").await;
        assert_eq!(standing(&sandbox, &order).await, is("past_due", "PRO", "2025-02-22T04:00:00Z"));
        sandbox.world.leap("2025-02-17T12:00:00+08:00".parse().unwrap());
        sandbox.report("ecpay-billing", &period(&order, NO_CREDIT, second, "1", "")).await;
        assert_eq!(standing(&sandbox, &order).await, is("past_due", "PRO", "2025-02-25T04:00:00Z"), "{second}");
        let rules = column(&sandbox.account(&order).await["history"], "rule");
        assert_eq!(rules.last().unwrap(), "grace-extended-once");
    }
}

#[tokio::test]
async fn a_success_between_failures_clears_only_those_before_it() {
    let (sandbox, order) = failed_on_15_february("between").await;
    // Next month's charge fails too, and only then the success of a retry is reported.
    sandbox.world.leap("2025-03-15T12:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(&order, NO_CREDIT, "2025/03/15 12:00:00", "2", "")).await;
    sandbox.report("ecpay-billing", &period(&order, "1", "2025/02/16 13:00:00", "2", "13401071")).await;
    let account = sandbox.account(&order).await;
    assert_eq!(standing(&sandbox, &order).await, is("past_due", "PRO", "2025-03-22T04:00:00Z"));
    assert_eq!(account["current_period_end"], "2025-03-15");
}

#[tokio::test]
async fn a_failure_that_arrives_after_the_newer_success_changes_nothing() {
    let sandbox = Sandbox::at("2025-01-15T12:00:00+08:00").await;
    let made = sandbox.order("late", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    sandbox.report("ecpay-auth", &first(order, "1", "2025/01/15 12:00:00")).await;
    sandbox.world.leap("2025-02-17T12:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(order, "1", "2025/02/16 13:00:00", "2", "13401071")).await;
    sandbox.report("ecpay-billing", &period(order, NO_CREDIT, "2025/02/15 12:00:00", "1", "")).await;
    assert_eq!(standing(&sandbox, order).await, is("active", "PRO", "-"));
    sandbox.maintain().await;
    assert_eq!(sandbox.subjects("late@customer.example").await, Vec::<String>::new());
    let account = sandbox.account(order).await;
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "succeeded"]);
    assert_eq!(account["current_period_end"], "2025-03-15");
}

#[tokio::test]
async fn callbacks_in_reverse_order_lead_to_the_same_place() {
    let sandbox = Sandbox::at("2025-01-15T11:58:00+08:00").await;
    let made = sandbox.order("reverse", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    sandbox.world.leap("2025-03-16T12:00:00+08:00".parse().unwrap());
    let reports = [
        ("ecpay-billing", period(order, NO_CREDIT, "2025/03/15 12:00:00", "2", "")),
        ("ecpay-billing", period(order, "1", "2025/02/16 13:00:00", "2", "13401071")),
        ("ecpay-billing", period(order, NO_CREDIT, "2025/02/15 12:00:00", "1", "")),
        ("ecpay-auth", first(order, "1", "2025/01/15 12:00:00")),
    ];
    for (address, report) in &reports {
        assert_eq!(sandbox.report(address, report).await, testing::support::Reply::ok());
    }
    assert_eq!(standing(&sandbox, order).await, is("past_due", "PRO", "2025-03-22T04:00:00Z"));
    assert_eq!(sandbox.account(order).await["current_period_end"], "2025-03-15");
    sandbox.maintain().await;
    assert_eq!(sandbox.subjects("reverse@customer.example").await, ["付款失敗通知 - Payment Failure Notice"]);
}

#[tokio::test]
async fn a_further_charge_failing_in_an_episode_that_staff_kept_open_neither_restarts_grace_nor_repeats_a_mail() {
    let (sandbox, order) = failed_on_15_february("kept-open").await;
    sandbox.maintain().await;
    let extended = sandbox
        .post(&format!("/api/subscriptions/{order}/extend-grace"), json!({ "days": 30, "why": "on holiday" }))
        .await;
    assert_eq!(extended["grace_period_ends_at"], "2025-03-24T04:00:00Z");
    assert_eq!(extended["history"].as_array().unwrap().last().unwrap()["why"], "on holiday");
    assert_eq!(extended["history"].as_array().unwrap().last().unwrap()["by"], "staff:support");
    sandbox.world.leap("2025-03-15T12:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &period(&order, NO_CREDIT, "2025/03/15 12:00:00", "1", "")).await;
    sandbox.post("/runs/send-mail", json!({})).await;
    assert_eq!(standing(&sandbox, &order).await, is("past_due", "PRO", "2025-03-24T04:00:00Z"));
    assert_eq!(sandbox.subjects("kept-open@customer.example").await.len(), 1);
}

#[tokio::test]
async fn a_yearly_plan_is_charged_after_a_calendar_year() {
    let sandbox = Sandbox::at("2024-02-29T10:00:00+08:00").await;
    let order = sandbox.subscribe("yearly", "annual").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["amount_twd"], 8999);
    assert_eq!(
        (account["current_period_start"].as_str(), account["current_period_end"].as_str()),
        (Some("2024-02-29"), Some("2025-02-28"))
    );
    let report = with(&period(&order, "1", "2025/02/28 10:00:00", "2", "13401071"), "Amount", "8999");
    let report = with(&with(&report, "PeriodType", "Y"), "FirstAuthAmount", "8999");
    sandbox.world.leap("2025-02-28T10:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &report).await;
    assert_eq!(sandbox.account(&order).await["current_period_end"], "2026-02-28");
    // From the leap day again, not from the 28th.
    let third = with(&with(&report, "ProcessDate", "2027/02/28 10:00:00"), "TotalSuccessTimes", "4");
    sandbox.world.leap("2027-02-28T10:00:00+08:00".parse().unwrap());
    sandbox.report("ecpay-billing", &with(&third, "gwsr", "13401073")).await;
    assert_eq!(sandbox.account(&order).await["current_period_end"], "2028-02-29");
}

#[tokio::test]
async fn a_charge_on_the_31st_keeps_its_anchor() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    let order = sandbox.subscribe("month-end", "monthly").await;
    assert_eq!(sandbox.account(&order).await["current_period_end"], "2025-02-28");
    for (date, successes, gwsr, end) in [
        ("2025/02/28 10:00:00", "2", "13401072", "2025-03-31"),
        ("2025/03/31 10:00:00", "3", "13401073", "2025-04-30"),
        ("2025/04/30 10:00:00", "4", "13401074", "2025-05-31"),
    ] {
        let charged = format!("{}+08:00", date.replace('/', "-").replace(' ', "T"));
        sandbox.world.leap(charged.parse().unwrap());
        sandbox.report("ecpay-billing", &period(&order, "1", date, successes, gwsr)).await;
        assert_eq!(sandbox.account(&order).await["current_period_end"], end);
    }
}

#[tokio::test]
async fn a_pending_first_charge_that_then_succeeds_begins_the_plan() {
    let sandbox = Sandbox::at("2025-01-15T12:00:00+08:00").await;
    let made = sandbox.order("pending", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    sandbox.report("ecpay-auth", &first(order, "10300066", "2025/01/15 12:00:00")).await;
    let account = sandbox.account(order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("pending"), Some("FREE")));
    assert_eq!(column(&account["payments"], "outcome"), ["pending"]);
    sandbox.report("ecpay-auth", &first(order, "1", "2025/01/15 12:00:00")).await;
    assert_eq!(standing(&sandbox, order).await, is("active", "PRO", "-"));
}

#[tokio::test]
async fn a_failed_first_charge_grants_nothing_and_a_new_order_needs_no_replaces() {
    let sandbox = Sandbox::at("2025-01-15T12:00:00+08:00").await;
    let made = sandbox.order("declined", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    sandbox.outcomes(order, &["10100251"]).await;
    sandbox.submit(&made).await;
    let account = sandbox.account(order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("failed"), Some("FREE")));
    assert_eq!(account["next_action"], json!(null));
    let again = sandbox.order("declined", "monthly", None).await;
    let again = sandbox.submit(&again).await;
    assert_eq!(standing(&sandbox, &again).await, is("active", "PRO", "-"));
}

#[tokio::test]
async fn grace_ends_to_the_second() {
    let (sandbox, order) = failed_on_15_february("to-the-second").await;
    // An expired card is not retried, so only grace precedes the downgrade.
    sandbox.report("ecpay-billing", &period(&order, "10100251", "2025/02/15 12:00:01", "1", "")).await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.world.leap("2025-02-25T11:59:59+08:00".parse().unwrap());
    sandbox.maintain().await;
    assert_eq!(standing(&sandbox, &order).await, is("past_due", "PRO", "2025-02-25T04:00:00Z"));
    sandbox.travel("2025-02-25T12:00:00+08:00").await;
    sandbox.maintain().await;
    let account = sandbox.account(&order).await;
    assert_eq!(
        (account["plan_id"].as_str(), account["downgraded_at"].as_str()),
        (Some("FREE"), Some("2025-02-25T04:00:00Z"))
    );
}

#[tokio::test]
async fn runs_missed_for_three_days_are_made_up_by_one_retry() {
    let sandbox = Sandbox::at("2025-02-15T12:00:00+08:00").await;
    let order = sandbox.subscribe("missed", "monthly").await;
    sandbox.world.leap("2025-03-15T11:00:00+08:00".parse().unwrap());
    sandbox.outcomes(&order, &[NO_CREDIT, NO_CREDIT]).await;
    sandbox.travel("2025-03-15T12:30:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    // The table does not answer the runs of three days: the retries of day 1 and 3 fall due unasked.
    sandbox.world.leap("2025-03-18T12:30:00+08:00".parse().unwrap());
    sandbox.forget_calls().await;
    sandbox.maintain().await;
    assert_eq!(sandbox.calls("ecpay").await.get("ReAuth"), Some(&1));
    sandbox.travel("2025-03-18T16:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["next_action"]["kind"], "retry");
    assert_eq!(account["next_action"]["at"], "2025-03-22T04:00:00Z");
    assert_eq!(sandbox.calls("ecpay").await.get("ReAuth"), Some(&1));
}

#[tokio::test]
async fn a_run_started_twice_at_once_is_one_run() {
    let (sandbox, order) = failed_on_15_february("twice").await;
    // An expired card is not retried, so that the end of grace is due.
    sandbox.report("ecpay-billing", &period(&order, "10100251", "2025/02/15 12:00:01", "1", "")).await;
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.world.leap("2025-02-26T12:00:00+08:00".parse().unwrap());
    sandbox.post("/runs/reconcile", json!({})).await;
    let event = json!({ "task": ["end-grace"], "scheduled_at": "2025-02-26T04:00:00Z" });
    let (one, other) =
        tokio::join!(sandbox.world.invoke_maintenance(event.clone()), sandbox.world.invoke_maintenance(event));
    let (one, other) = (one.unwrap(), other.unwrap());
    let statuses = [&one["status"], &other["status"]];
    assert!(statuses.contains(&&json!("done")), "{one} {other}");
    let done = [&one, &other]
        .into_iter()
        .filter(|run| run["status"] == "done" && run["tasks"]["end-grace"]["done"] == 1)
        .count();
    assert!(done >= 1, "{one} {other}");
    let rules = column(&sandbox.account(&order).await["history"], "rule");
    assert_eq!(rules.iter().filter(|rule| *rule == "grace-ended").count(), 1);
}
