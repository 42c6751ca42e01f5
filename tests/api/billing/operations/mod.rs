//! Operations of staff on one subscription: paused and resumed, cancelled at the customer's request, paid out of band;
//! each once for a key, and with actor and reason in the history.

mod cancel;
mod cancel_timing;
mod keys;
mod note;
mod retry;

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox, column};

const NO_CREDIT: &str = "10100252";
const BEGIN: &str = "2025-01-15T10:00:00+08:00";

/// An order whose charge failed at 10:00:01 of the first day: retries on the 16th, 18th and 22nd, grace to the 22nd.
async fn failing(sandbox: &Sandbox, user: &str) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    order
}

async fn operate(sandbox: &Sandbox, order: &str, name: &str, body: Value) -> (u16, Value) {
    let (status, answer) = sandbox.call(Method::POST, &format!("/api/subscriptions/{order}/{name}"), Some(body)).await;
    (status.as_u16(), answer)
}

async fn refused(sandbox: &Sandbox, order: &str, name: &str, body: Value) -> (u16, String) {
    let (status, answer) = operate(sandbox, order, name, body).await;
    (status, answer["error"]["code"].as_str().unwrap().to_owned())
}

async fn asked(sandbox: &Sandbox, operation: &str) -> u64 {
    sandbox.calls("ecpay").await.get(operation).copied().unwrap_or(0)
}

fn last(account: &Value) -> Value {
    account["history"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn a_pause_holds_retries_and_downgrade_and_its_days_are_added_to_grace() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "paused").await;
    sandbox.outcomes(&order, &[NO_CREDIT, NO_CREDIT, NO_CREDIT]).await;
    let (status, paused) = operate(&sandbox, &order, "pause", json!({ "days": 10, "why": "asked for time" })).await;
    assert_eq!(status, 200, "{paused}");
    assert_eq!(paused["paused_until"], "2025-01-25T02:00:00Z");
    assert_eq!(paused["next_action"]["kind"], "resume");
    let line = last(&paused);
    assert_eq!((&line["by"], &line["why"]), (&json!("staff:support"), &json!("asked for time")));
    assert_eq!(line["rule"], "dunning-paused");
    // Retry days and the end of the ordinary grace pass.
    sandbox.travel("2025-01-25T06:30:00+08:00").await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 0);
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("past_due"), Some("PRO")));
    // The run of 12:00 goes on: the days that were missed make one retry, and ten begun days are added.
    sandbox.travel("2025-01-25T12:30:00+08:00").await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
    let account = sandbox.account(&order).await;
    assert_eq!(account["paused_until"], json!(null));
    assert_eq!(account["grace_period_ends_at"], "2025-02-01T02:00:01Z");
    // The retry fails: the second failure adds three days, and no retry day is left.
    sandbox.travel("2025-02-04T11:59:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "PRO");
    sandbox.travel("2025-02-04T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["downgraded_at"], "2025-02-04T04:00:00Z");
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

#[tokio::test]
async fn a_mail_of_dunning_waits_for_the_end_of_the_pause() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("quiet", "monthly").await;
    operate(&sandbox, &order, "pause", json!({ "days": 30, "why": "on a ship" })).await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.travel("2025-01-17T10:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    assert!(sandbox.subjects("quiet@customer.example").await.is_empty());
    let (status, resumed) = operate(&sandbox, &order, "resume", json!({ "why": "back early" })).await;
    assert_eq!((status, last(&resumed)["why"].as_str()), (200, Some("back early")));
    // Two begun days were held.
    assert_eq!(resumed["grace_period_ends_at"], "2025-01-24T02:00:01Z");
    sandbox.advance(0.01).await;
    assert_eq!(sandbox.subjects("quiet@customer.example").await, ["付款失敗通知 - Payment Failure Notice"]);
    assert_eq!(refused(&sandbox, &order, "resume", json!({ "why": "again" })).await, (409, "not_paused".to_owned()));
}

#[tokio::test]
async fn a_cancellation_can_be_undone_for_72_hours_and_what_is_paid_stays() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("leaving", "monthly").await;
    let (status, account) = operate(&sandbox, &order, "cancel", json!({ "why": "moves away" })).await;
    assert_eq!(status, 200);
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["next_action"]["kind"], "cancel");
    assert_eq!(account["next_action"]["at"], "2025-01-18T02:00:00Z");
    // Undone, and requested again.
    let (status, undone) = operate(&sandbox, &order, "undo-cancel", json!({ "why": "stays" })).await;
    assert_eq!((status, undone["next_action"]["kind"].as_str()), (200, Some("reconcile")));
    assert!(undone["cancel_requested_at"].is_null(), "{undone}");
    let again = refused(&sandbox, &order, "undo-cancel", json!({ "why": "again" })).await;
    assert_eq!(again, (409, "no_cancel".to_owned()));
    operate(&sandbox, &order, "cancel", json!({ "why": "moves away" })).await;
    sandbox.travel("2025-01-18T11:59:59+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "running");
    sandbox.travel("2025-01-18T12:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    let account = sandbox.account(&order).await;
    assert_eq!(account["next_action"]["kind"], "end-grace");
    assert_eq!(account["next_action"]["at"], "2025-02-14T16:00:00Z");
    let rules = column(&account["history"], "rule");
    let expected = ["cancel-requested", "cancel-undone", "cancel-requested", "cancel-requested-at-ecpay", "order-over"];
    assert_eq!(rules[2..], expected);
    for operation in ["cancel", "undo-cancel"] {
        let refused = refused(&sandbox, &order, operation, json!({ "why": "again" })).await;
        assert_eq!(refused, (409, "order_over".to_owned()), "{operation}");
    }
    assert_eq!(asked(&sandbox, "Cancel").await, 1);
    sandbox.travel("2025-02-15T06:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("cancelled"), Some("FREE")));
    let told = ["訂閱已取消 - Subscription Cancelled", "訂閱已結束 - Subscription Ended"];
    assert_eq!(sandbox.subjects("leaving@customer.example").await, told);
    assert!(sandbox.mails("leaving@customer.example").await[0]["body"].as_str().unwrap().contains("2025-02-15"));
}

#[tokio::test]
async fn a_cancellation_that_ecpay_does_not_hear_is_done_by_the_schedule() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("later", "monthly").await;
    // Within a week of the next charge, so that ECPay is called at once.
    sandbox.travel("2025-02-10T10:00:00+08:00").await;
    sandbox.fault("ecpay", "down").await;
    let (status, account) = operate(&sandbox, &order, "cancel", json!({ "why": "moves away" })).await;
    assert_eq!((status, account["next_action"]["kind"].as_str()), (200, Some("cancel")));
    assert!(!account["cancel_requested_at"].is_null());
    // The same wish again is no other wish.
    assert_eq!(operate(&sandbox, &order, "cancel", json!({ "why": "still" })).await.0, 200);
    sandbox.fault("ecpay", "none").await;
    sandbox.travel("2025-02-10T12:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    let history = sandbox.account(&order).await["history"].clone();
    assert_eq!(column(&history, "rule").iter().filter(|rule| *rule == "cancel-requested").count(), 1);
}

#[tokio::test]
async fn a_failing_customer_who_wishes_to_leave_is_not_retried_and_falls_to_free() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "both").await;
    operate(&sandbox, &order, "cancel", json!({ "why": "enough" })).await;
    let payment = sandbox.latest_payment(&order).await;
    assert_eq!(sandbox.retry(&payment).await.0, 409);
    sandbox.travel("2025-01-22T12:00:00+08:00").await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 0);
    // Paid until 15 February, so the failed charge of today's period takes nothing away before grace ends.
    assert_eq!(sandbox.account(&order).await["plan_id"], "FREE");
    let unpaid = sandbox.order("unpaid", "monthly", None).await;
    let unpaid = unpaid["subscription_id"].as_str().unwrap();
    assert_eq!(refused(&sandbox, unpaid, "cancel", json!({ "why": "x" })).await, (409, "not_paid".to_owned()));
}

#[tokio::test]
async fn a_bank_transfer_ends_the_arrears_and_a_charge_that_comes_as_well_is_a_refund() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "transfer").await;
    let paid = json!({ "amount_twd": 899, "reference": "bank 0042", "why": "transfer seen" });
    let (status, account) = operate(&sandbox, &order, "mark-paid", paid.clone()).await;
    assert_eq!(status, 200, "{account}");
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    let payment = account["payments"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&payment["outcome"], &payment["amount_twd"]), (&json!("paid_out_of_band"), &json!(899)));
    assert_eq!(payment["rtn_msg"], "bank 0042");
    assert_eq!((&last(&account)["by"], &last(&account)["why"]), (&json!("staff:support"), &json!("transfer seen")));
    assert_eq!(refused(&sandbox, &order, "mark-paid", paid).await, (409, "nothing_owed".to_owned()));
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    sandbox.travel("2025-01-24T10:00:00+08:00").await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 0);
    let account = sandbox.account(&order).await;
    assert_eq!(account["payments"].as_array().unwrap().last().unwrap()["refund_due"], true);
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Refund due: order {order}")]);
    let subjects = sandbox.subjects("transfer@customer.example").await;
    // Paid before the warning could be sent.
    assert_eq!(subjects, ["付款成功，方案已恢復 - Payment Received, Plan Active"]);
}

#[tokio::test]
async fn of_payments_recorded_at_once_one_is_in_the_books_and_the_others_say_so() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "race").await;
    let clicks = (1..=25).map(|amount| {
        let paid = json!({ "amount_twd": amount, "reference": format!("bank {amount}"), "why": "transfer seen" });
        operate(&sandbox, &order, "mark-paid", paid)
    });
    let answers = futures::future::join_all(clicks).await;
    let won: Vec<usize> = (0..25).filter(|place| answers[*place].0 == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for (status, answer) in answers.iter().filter(|(status, _)| *status != 200) {
        assert_eq!((*status, &answer["error"]["code"]), (409, &json!("nothing_owed")));
    }
    let payments = sandbox.account(&order).await["payments"].clone();
    let recorded: Vec<&Value> =
        payments.as_array().unwrap().iter().filter(|payment| payment["outcome"] == "paid_out_of_band").collect();
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["amount_twd"], won[0] + 1);
}

#[tokio::test]
async fn a_bank_transfer_brings_a_customer_back_from_free_but_not_while_a_retry_is_open() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "back").await;
    sandbox.outcomes(&order, &[NO_CREDIT, NO_CREDIT, NO_CREDIT]).await;
    let paid = json!({ "amount_twd": 899, "reference": "cash", "why": "paid at the counter" });
    sandbox.travel("2025-01-16T10:45:00+08:00").await;
    assert_eq!(refused(&sandbox, &order, "mark-paid", paid.clone()).await, (409, "retry_open".to_owned()));
    sandbox.travel("2025-01-25T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["plan_id"], "FREE");
    let (status, account) = operate(&sandbox, &order, "mark-paid", paid).await;
    assert_eq!((status, account["plan_id"].as_str()), (200, Some("PRO")), "{account}");
    assert_eq!(last(&account)["rule"], "plan-restored");
    assert_eq!(account["current_period_end"], "2025-02-15");
}

#[tokio::test]
async fn a_key_makes_two_requests_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "twice").await;
    let path = format!("/api/subscriptions/{order}/extend-grace");
    let body = json!({ "days": 5, "why": "holiday" });
    let first = sandbox.keyed(&path, body.clone(), "click-1").await;
    let again = sandbox.keyed(&path, body, "click-1").await;
    assert_eq!((first.0.as_u16(), first.1["grace_period_ends_at"].as_str()), (200, Some("2025-01-27T02:00:01Z")));
    assert_eq!(first, again);
    let other = sandbox.keyed(&path, json!({ "days": 6, "why": "holiday" }), "click-1").await;
    assert_eq!((other.0.as_u16(), other.1["error"]["code"].as_str()), (409, Some("key_reused")));
    let third = sandbox.keyed(&path, json!({ "days": 5, "why": "holiday" }), "click-2").await;
    assert_eq!(third.1["grace_period_ends_at"], "2025-02-01T02:00:01Z");
    let retry = json!({ "payment_id": sandbox.latest_payment(&order).await });
    let asked_once = sandbox.keyed("/api/webhooks/ecpay-manual-retry", retry.clone(), "retry-1").await;
    assert_eq!(asked_once.1["outcome"], "asked");
    sandbox.outcomes(&order, &[NO_CREDIT]).await;
    sandbox.travel("2025-01-15T13:00:00+08:00").await;
    // Its result is known, so another retry could be requested, but not by this key.
    let again = sandbox.keyed("/api/webhooks/ecpay-manual-retry", retry.clone(), "retry-1").await;
    assert_eq!((again.0.as_u16(), again.1["outcome"].as_str()), (200, Some("already_asked")));
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

#[tokio::test]
async fn an_order_that_is_asked_for_twice_under_one_key_is_one_order() {
    let sandbox = Sandbox::at(BEGIN).await;
    let wanted = json!({ "user_id": "u", "email": "u@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let first = sandbox.keyed("/api/subscriptions", wanted.clone(), "order-1").await;
    let again = sandbox.keyed("/api/subscriptions", wanted.clone(), "order-1").await;
    assert_eq!((first.0.as_u16(), again.0.as_u16()), (201, 201));
    assert_eq!(first.1["subscription_id"], again.1["subscription_id"]);
    assert_eq!(first.1["form_data"], again.1["form_data"]);
    let order = sandbox.submit(&again.1).await;
    // Also when it is live by now.
    let late = sandbox.keyed("/api/subscriptions", wanted.clone(), "order-1").await;
    assert_eq!((late.0.as_u16(), late.1["subscription_id"].as_str()), (201, Some(order.as_str())));
    let mut other = wanted.clone();
    other["plan_id"] = json!("STUDENT");
    let other = sandbox.keyed("/api/subscriptions", other, "order-1").await;
    assert_eq!((other.0.as_u16(), other.1["error"]["code"].as_str()), (409, Some("key_reused")));
    let second = sandbox.keyed("/api/subscriptions", wanted, "order-2").await;
    assert_eq!((second.0.as_u16(), second.1["error"]["code"].as_str()), (409, Some("live_order")));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_its_field() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "faults").await;
    let cases = [
        ("pause", json!({ "days": 0, "why": "x" }), "days"),
        ("pause", json!({ "days": 61, "why": "x" }), "days"),
        ("pause", json!({ "days": 5 }), "why"),
        ("pause", json!({ "days": 5, "why": 7 }), "why"),
        ("pause", json!({ "days": 5, "why": "two\nlines" }), "why"),
        ("pause", json!({ "days": 5, "why": "x", "day": 5 }), "day"),
        ("mark-paid", json!({ "amount_twd": 0, "reference": "r", "why": "x" }), "amount_twd"),
        ("mark-paid", json!({ "amount_twd": 899, "reference": 5, "why": "x" }), "reference"),
        ("extend-grace", json!({ "why": "x" }), "days"),
        ("cancel", json!({}), "why"),
    ];
    let before = sandbox.items();
    for (name, body, param) in cases {
        let (status, answer) = operate(&sandbox, &order, name, body.clone()).await;
        assert_eq!((status, answer["error"]["param"].as_str()), (400, Some(param)), "{name} {body}");
    }
    let long = "k".repeat(256);
    let path = format!("/api/subscriptions/{order}/pause");
    let refused = sandbox.keyed(&path, json!({ "days": 5, "why": "x" }), &long).await;
    assert_eq!((refused.0.as_u16(), refused.1["error"]["param"].as_str()), (400, Some("Idempotency-Key")));
    assert_eq!(sandbox.items(), before);
    let reader = sandbox.get("/sandbox/credentials").await["read_token"].as_str().unwrap().to_owned();
    for name in ["pause", "resume", "cancel", "mark-paid", "extend-grace"] {
        let request = sandbox.http.post(format!("{}/api/subscriptions/{order}/{name}", sandbox.base));
        assert_eq!(request.bearer_auth(&reader).send().await.unwrap().status(), 403, "{name}");
    }
}

#[tokio::test]
async fn a_subscription_explains_itself_in_three_languages() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "told").await;
    let explanation = sandbox.account(&order).await["explanation"].clone();
    assert_eq!(
        explanation["en"],
        "The latest charge failed 1 time(s); PRO stays active until the grace period ends at 2025-01-22 10:00 (Taipei). \
         Next, from 2025-01-16 10:00 (Taipei): a retry is requested from ECPay, because the charge failed and is \
         retried on the days of the policy."
    );
    assert_eq!(
        explanation["zh-TW"],
        "最近一期扣款已失敗 1 次；PRO 保留至寬限期結束 2025-01-22 10:00（台北時間）。\
         下一步自 2025-01-16 10:00（台北時間）起：請綠界再次扣款，因為扣款失敗，依政策日程重試。"
    );
    assert_eq!(
        explanation["id"],
        "Penagihan terakhir gagal 1 kali; PRO tetap berlaku sampai masa tenggang berakhir 2025-01-22 10:00 (waktu \
         Taipei). Berikutnya, mulai 2025-01-16 10:00 (waktu Taipei): ECPay diminta menagih lagi, karena penagihan \
         gagal dan dicoba lagi pada hari-hari yang ditetapkan."
    );
    operate(&sandbox, &order, "pause", json!({ "days": 2, "why": "x" })).await;
    let explanation = sandbox.account(&order).await["explanation"].clone();
    assert!(explanation["zh-TW"].as_str().unwrap().contains("客服已暫停催收至 2025-01-17 10:00（台北時間）。"));
    assert!(explanation["id"].as_str().unwrap().contains("Petugas menahan penagihan ulang sampai 2025-01-17 10:00"));
}
