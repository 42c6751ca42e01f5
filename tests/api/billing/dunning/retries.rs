//! Retries: requested once however many request them, never without a query in between, and only while they can help.

use serde_json::{Value, json};

use testing::support::{Sandbox, column};

const NO_CREDIT: &str = "10100252";
/// An order begins with two charges: one at 10:00:00 that succeeds, one at 10:00:01 that fails. So the retry of
/// day 1 is due on the 16th at 10:00:01, and the first scheduled run after that is the one of 10:30.
const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// A time between the failure and its retry.
const RETRY_DUE: &str = "2025-01-16T10:15:00+08:00";

/// An order whose latest charge failed with `code`.
async fn failing(sandbox: &Sandbox, user: &str, code: &str) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": code })).await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    order
}

/// Calls of ECPay: queries and retry requests.
async fn asked(sandbox: &Sandbox) -> (u64, u64) {
    let calls = sandbox.calls("ecpay").await;
    let count = |operation: &str| calls.get(operation).copied().unwrap_or(0);
    (count("QueryCreditCardPeriodInfo"), count("ReAuth"))
}

fn length(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[tokio::test]
async fn a_double_click_while_the_schedule_runs_asks_ecpay_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "race", NO_CREDIT).await;
    let payment = sandbox.latest_payment(&order).await;
    sandbox.travel(RETRY_DUE).await;
    sandbox.forget_calls().await;
    let click = || sandbox.retry(&payment);
    let run = || sandbox.maintain();
    let (first, second, third, _, _) = tokio::join!(click(), click(), click(), run(), run());
    let clicks = [first, second, third];
    for (status, answer) in &clicks {
        assert_eq!(*status, 200, "{answer}");
        assert!(answer["outcome"] == "asked" || answer["outcome"] == "already_asked", "{answer}");
    }
    assert!(clicks.iter().filter(|(_, answer)| answer["outcome"] == "asked").count() <= 1, "{clicks:?}");
    assert_eq!(asked(&sandbox).await.1, 1);
    let at_ecpay = sandbox.at_ecpay(&order).await;
    assert_eq!(at_ecpay["retries_asked"], json!([{ "at": "2025-01-16T02:15:00Z", "accepted": true }]));
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
    // Its result, an hour later.
    sandbox.travel("2025-01-16T11:15:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["retry"]["state"].as_str()), (Some("active"), Some("resolved")));
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "succeeded"]);
    assert_eq!(column(&sandbox.at_ecpay(&order).await["charges"], "kind"), ["first", "manual", "retry"]);
}

#[tokio::test]
async fn a_retry_whose_answer_was_lost_is_never_asked_again_but_found_by_query() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "lost", NO_CREDIT).await;
    let payment = sandbox.latest_payment(&order).await;
    sandbox.order_behavior(&order, json!({ "callbacks": false })).await;
    sandbox.travel(RETRY_DUE).await;
    sandbox.fault("ecpay", "answer_lost").await;
    sandbox.forget_calls().await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    let retry = json!({ "requested_at": "2025-01-16T02:30:00Z", "state": "unknown" });
    assert_eq!(sandbox.account(&order).await["retry"], retry);
    assert_eq!(asked(&sandbox).await, (1, 1));
    sandbox.fault("ecpay", "none").await;
    // Neither the next runs nor staff request it again; the runs query.
    sandbox.maintain().await;
    let (status, answer) = sandbox.retry(&payment).await;
    assert_eq!((status.as_u16(), answer["outcome"].as_str()), (200, Some("already_asked")));
    assert_eq!(asked(&sandbox).await, (2, 1));
    assert_eq!(sandbox.account(&order).await["retry"], retry);
    // ECPay charges at 11:30 and its callback is lost. The query of 10:30 was in vain, so that the next one is due at 12:30
    // and finds the charge.
    sandbox.travel("2025-01-16T12:29:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    sandbox.travel("2025-01-16T12:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["retry"]["state"].as_str()), (Some("active"), Some("resolved")));
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "succeeded"]);
    assert_eq!(account["payments"][2]["process_date"], "2025-01-16T03:30:00Z");
    assert_eq!(asked(&sandbox).await.1, 1);
}

#[tokio::test]
async fn an_accepted_retry_without_a_result_is_queried_at_growing_intervals_and_closed_after_a_day() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "silence", NO_CREDIT).await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
    sandbox.forget_calls().await;
    sandbox.travel("2025-01-17T10:29:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
    // At 12:00, and then by the first run that is 2, 4 and 8 hours later: at 14:30, 18:30 and 2:30. The next would be 16 hours
    // later, after the end of the retry's day.
    assert_eq!(asked(&sandbox).await, (4, 0));
    sandbox.travel("2025-01-17T10:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["retry"], json!({ "requested_at": "2025-01-16T02:30:00Z", "state": "no_result" }));
    assert_eq!(account["next_action"]["kind"], "retry");
    assert_eq!(account["next_action"]["at"], "2025-01-18T02:00:01Z");
    // A result that comes after all counts.
    sandbox.order_behavior(&order, json!({ "paused": false })).await;
    sandbox.travel("2025-01-17T10:31:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["status"], "active");
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "succeeded"]);
    assert_eq!(asked(&sandbox).await.1, 0);
}

#[tokio::test]
async fn a_retry_that_was_closed_without_an_answer_is_not_followed_by_another_without_a_query() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "unheard", NO_CREDIT).await;
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    sandbox.order_behavior(&order, json!({ "answers": false })).await;
    sandbox.travel("2025-01-26T00:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["retry"], json!({ "requested_at": "2025-01-16T02:30:00Z", "state": "no_result" }));
    assert_eq!(asked(&sandbox).await.1, 1);
}

#[tokio::test]
async fn a_403_stops_every_call_for_thirty_minutes_and_then_work_goes_on() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "refused", NO_CREDIT).await;
    let payment = sandbox.latest_payment(&order).await;
    sandbox.travel(RETRY_DUE).await;
    // Never submitted: to be queried at 10:25.
    sandbox.order("waiting", "monthly", None).await;
    sandbox.forget_calls().await;
    sandbox.fault("ecpay", "refuse").await;
    sandbox.maintain().await;
    assert_eq!(asked(&sandbox).await, (1, 0));
    // ECPay would answer again, but is left alone.
    sandbox.fault("ecpay", "none").await;
    sandbox.forget_calls().await;
    sandbox.travel("2025-01-16T10:44:59+08:00").await;
    sandbox.maintain().await;
    let (status, answer) = sandbox.retry(&payment).await;
    assert_eq!(status, 503, "{answer}");
    assert_eq!(sandbox.calls("ecpay").await.len(), 0);
    assert_eq!(sandbox.account(&order).await["next_action"]["kind"], "retry");
    sandbox.travel("2025-01-16T10:45:00+08:00").await;
    sandbox.maintain().await;
    // The retry and the query before it, and the query about the order that waits.
    assert_eq!(asked(&sandbox).await, (2, 1));
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
}

#[tokio::test]
async fn a_403_to_the_ask_itself_means_that_nothing_was_asked_and_the_retry_stays_due() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "turned-away", NO_CREDIT).await;
    sandbox.travel(RETRY_DUE).await;
    sandbox.maintain_until_query("refuse").await;
    assert_eq!(asked(&sandbox).await, (1, 1));
    let account = sandbox.account(&order).await;
    assert_eq!(account["retry"]["state"], "not_sent");
    assert_eq!(
        (&account["next_action"]["kind"], &account["next_action"]["at"]),
        (&json!("retry"), &json!("2025-01-16T02:00:01Z"))
    );
    assert_eq!(sandbox.at_ecpay(&order).await["retries_asked"], json!([]));
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-01-16T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
    assert_eq!(length(&sandbox.at_ecpay(&order).await["retries_asked"]), 1);
}

#[tokio::test]
async fn retries_that_an_outage_made_overdue_collapse_into_one_before_the_downgrade() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "outage", NO_CREDIT).await;
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.fault("ecpay", "down").await;
    // The days 1, 3 and 7 pass, and with day 7 the grace period: a retry that is due goes before the downgrade.
    sandbox.travel("2025-01-22T13:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("past_due"), Some("PRO")));
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-01-22T16:00:00+08:00").await;
    // It failed, the second time: ten days of grace, and no further retry, but a query 12 hours before the end.
    let account = sandbox.account(&order).await;
    assert_eq!(account["grace_period_ends_at"], "2025-01-25T02:00:01Z");
    assert_eq!(account["next_action"]["kind"], "reconcile");
    assert_eq!(account["next_action"]["at"], "2025-01-24T14:00:01Z");
    sandbox.travel("2025-01-25T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "FREE");
    assert_eq!(length(&sandbox.at_ecpay(&order).await["retries_asked"]), 1);
}

#[tokio::test]
async fn a_retry_that_ecpay_refuses_is_over_and_the_next_day_of_the_policy_counts() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "refuses", NO_CREDIT).await;
    // ECPay takes the retry of day 1, never makes it, and so does not take that of day 3.
    sandbox.order_behavior(&order, json!({ "paused": true })).await;
    sandbox.travel("2025-01-18T10:30:00+08:00").await;
    assert_eq!(column(&sandbox.at_ecpay(&order).await["retries_asked"], "accepted"), ["true", "false"]);
    let account = sandbox.account(&order).await;
    assert_eq!(account["retry"], json!({ "requested_at": "2025-01-18T02:30:00Z", "state": "refused" }));
    assert_eq!(
        (&account["next_action"]["kind"], &account["next_action"]["at"]),
        (&json!("retry"), &json!("2025-01-22T02:00:01Z"))
    );
}

#[tokio::test]
async fn a_retry_whose_result_ecpay_does_not_know_yet_stays_open_until_it_does() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "open", NO_CREDIT).await;
    let payment = sandbox.latest_payment(&order).await;
    sandbox.outcomes(&order, &["10300066", "1"]).await;
    assert_eq!(sandbox.retry(&payment).await.1["outcome"], "asked");
    sandbox.travel("2025-01-15T11:29:59+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "pending"]);
    assert_eq!((account["status"].as_str(), account["retry"]["state"].as_str()), (Some("past_due"), Some("accepted")));
    assert_eq!(sandbox.retry(&payment).await.1["outcome"], "already_asked");
    sandbox.travel("2025-01-15T11:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["retry"]["state"].as_str()), (Some("active"), Some("resolved")));
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed", "pending", "succeeded"]);
}

#[tokio::test]
async fn while_ecpay_is_not_reached_nothing_is_asked_and_the_retry_stays_due() {
    // No server listens on port 1; the buyer reaches ECPay all the same.
    let closed = "http://127.0.0.1:1/ecpay";
    let sandbox = Sandbox::with(BEGIN, &[("ECPAY_ENDPOINT_URL", closed)]).await;
    let mut made = sandbox.order("cut-off", "monthly", None).await;
    let action_url = made["action_url"].as_str().unwrap().replace(closed, &format!("{}/ecpay", sandbox.base));
    made["action_url"] = json!(action_url);
    let order = sandbox.submit(&made).await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    let payment = sandbox.latest_payment(&order).await;
    sandbox.travel("2025-01-16T12:30:00+08:00").await;
    let (status, answer) = sandbox.retry(&payment).await;
    assert_eq!(status, 503, "{answer}");
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), &account["retry"]), (Some("past_due"), &json!(null)));
    assert_eq!(account["next_action"]["kind"], "retry");
    assert_eq!(account["next_action"]["at"], "2025-01-16T02:00:01Z");
    assert_eq!(sandbox.at_ecpay(&order).await["retries_asked"], json!([]));
}

#[tokio::test]
async fn while_ecpay_answers_with_errors_nothing_is_asked_and_afterwards_one_retry_is() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "down", NO_CREDIT).await;
    sandbox.fault("ecpay", "down").await;
    sandbox.travel("2025-01-16T12:30:00+08:00").await;
    assert_eq!(asked(&sandbox).await.1, 0);
    assert_eq!(sandbox.account(&order).await["next_action"]["kind"], "retry");
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-01-16T14:30:00+08:00").await;
    assert_eq!(asked(&sandbox).await.1, 1);
    assert_eq!(sandbox.account(&order).await["retry"]["state"], "accepted");
}

#[tokio::test]
async fn after_the_fifth_failure_a_retry_needs_a_query_that_shows_the_order_running_and_the_sixth_may_end_it() {
    let short = [("DUNNING_RETRY_DAYS", "1,3"), ("DUNNING_GRACE_DAYS", "3"), ("DUNNING_EXTRA_GRACE_DAYS", "0")];
    let sandbox = Sandbox::with(BEGIN, &short).await;
    let order = failing(&sandbox, "six", NO_CREDIT).await;
    for _ in 0..4 {
        sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    }
    let payment = sandbox.latest_payment(&order).await;
    let account = sandbox.account(&order).await;
    assert_eq!(length(&account["payments"]), 1 + 5);
    assert_eq!(account["next_action"]["kind"], "retry");
    let (status, answer) = sandbox.retry(&payment).await;
    assert_eq!(status, 409, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("five charges"), "{answer}");
    // The query did not show that the order runs on after the latest failure.
    assert_eq!(asked(&sandbox).await, (1, 0));
    sandbox.forget_calls().await;
    // The retry of day 1 queries first. Its charge, an hour later, is the sixth failure, at which ECPay ends the order.
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    assert_eq!(asked(&sandbox).await, (1, 1));
    sandbox.travel("2025-01-16T11:30:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["history"], "rule").last().map(String::as_str), Some("sixth-failure"));
    // A query finds that out at the next run; until then nothing is concluded.
    assert_eq!(account["next_action"]["kind"], "reconcile");
    sandbox.travel("2025-01-16T12:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["history"], "rule").last().map(String::as_str), Some("order-over"));
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("past_due"), Some("PRO")));
    // Grace ends on the 18th at 10:00:01 as the mails said; the run of 12:00 downgrades the plan. Nothing is requested.
    sandbox.travel("2025-01-18T10:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "PRO");
    sandbox.travel("2025-01-18T12:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(
        (account["plan_id"].as_str(), account["downgrade_reason"].as_str()),
        (Some("FREE"), Some("payment_failure"))
    );
    let at_ecpay = sandbox.at_ecpay(&order).await;
    assert_eq!((length(&at_ecpay["retries_asked"]), &at_ecpay["cancels_asked"]), (1, &json!([])));
    assert_eq!(sandbox.retry(&payment).await.0, 409);
}

#[tokio::test]
async fn a_card_that_is_expired_lost_or_stolen_is_not_retried_unless_staff_ask() {
    let sandbox = Sandbox::at(BEGIN).await;
    let codes = ["10100251", "10100255", "10100256"];
    let mut orders = Vec::new();
    for code in codes {
        orders.push(failing(&sandbox, &format!("card-{code}"), code).await);
    }
    // Past the days 1 and 3.
    sandbox.travel("2025-01-18T12:30:00+08:00").await;
    assert_eq!(asked(&sandbox).await, (0, 0));
    for (code, order) in codes.iter().zip(&orders) {
        let mails = sandbox.mails(&format!("card-{code}@customer.example")).await;
        assert_eq!(column(&json!(mails), "subject"), ["付款失敗通知 - Payment Failure Notice"]);
        assert!(mails[0]["body"].as_str().unwrap().contains("新的信用卡"), "{code}");
        let payment = sandbox.latest_payment(order).await;
        let (status, answer) = sandbox.retry(&payment).await;
        assert_eq!((status.as_u16(), answer["outcome"].as_str()), (200, Some("asked")), "{code}");
        assert_eq!(length(&sandbox.at_ecpay(order).await["retries_asked"]), 1);
    }
}

#[tokio::test]
async fn a_mail_about_a_card_that_may_still_work_does_not_ask_for_a_new_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    failing(&sandbox, "credit", NO_CREDIT).await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let mails = sandbox.mails("credit@customer.example").await;
    assert_eq!(mails.len(), 1);
    let body = mails[0]["body"].as_str().unwrap();
    assert!(body.contains("再次嘗試扣款") && !body.contains("新的信用卡"), "{body}");
}

#[tokio::test]
async fn only_a_payment_that_exists_and_failed_can_be_retried() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("paid", "monthly").await;
    let payment = sandbox.latest_payment(&order).await;
    let (status, answer) = sandbox.retry(&payment).await;
    assert_eq!((status.as_u16(), answer["detail"].as_str()), (409, Some("Only a failed payment can be retried.")));
    for unknown in ["DKNOSUCHORDER0000001.S:1", &format!("{order}.S:9"), "nonsense", "."] {
        let (status, answer) = sandbox.retry(unknown).await;
        assert_eq!((status.as_u16(), answer["detail"].as_str()), (404, Some("Payment not found")), "{unknown}");
    }
    assert_eq!(sandbox.calls("lambda").await.len(), 0);
    // A failed charge that was paid meanwhile is not owed any more.
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    let failed = sandbox.latest_payment(&order).await;
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    let (status, answer) = sandbox.retry(&failed).await;
    assert_eq!((status.as_u16(), answer["detail"].as_str()), (409, Some("no failed charge is open")));
    assert_eq!(asked(&sandbox).await, (0, 0));
}

#[tokio::test]
async fn a_payment_that_ecpay_had_already_is_applied_instead_of_asking_for_a_retry() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "had-it", NO_CREDIT).await;
    let failed = sandbox.latest_payment(&order).await;
    sandbox.charge(&order, json!({ "rtn_code": "1", "callback": false })).await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    let (status, answer) = sandbox.retry(&failed).await;
    assert_eq!((status.as_u16(), answer["outcome"].as_str()), (200, Some("paid")));
    assert_eq!(sandbox.account(&order).await["status"], "active");
    assert_eq!(asked(&sandbox).await, (1, 0));
}
