//! Cancellation of orders at ECPay: requested at the right time, done only once a query confirms it, and the meaning of
//! payments that come afterwards.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::{Reply, STAFF, Sandbox, column, period};

const NO_CREDIT: &str = "10100252";
/// Decline code of a card that is not retried, so that only grace ends.
const STOLEN: &str = "10100256";
const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// Grace of three days, so that less time has to pass.
const SHORT: [(&str, &str); 3] =
    [("DUNNING_RETRY_DAYS", "1"), ("DUNNING_GRACE_DAYS", "3"), ("DUNNING_EXTRA_GRACE_DAYS", "0")];

async fn count(sandbox: &Sandbox, operation: &str) -> u64 {
    sandbox.calls("ecpay").await.get(operation).copied().unwrap_or(0)
}

/// True if ECPay accepted one cancellation, in that second.
fn cancelled_once(at_ecpay: &Value, second: &str) -> bool {
    let asked = at_ecpay["cancels_asked"].as_array().unwrap();
    matches!(&asked[..], [one] if one["at"].as_str().unwrap().starts_with(second) && one["accepted"] == true)
}

/// Status and plan of an order.
async fn standing(sandbox: &Sandbox, order: &str) -> (String, String) {
    let account = sandbox.account(order).await;
    (account["status"].as_str().unwrap().to_owned(), account["plan_id"].as_str().unwrap().to_owned())
}

fn is(status: &str, plan: &str) -> (String, String) {
    (status.to_owned(), plan.to_owned())
}

/// The order and plan that support sees for a user.
async fn users(sandbox: &Sandbox, user: &str) -> (String, String) {
    let shown = sandbox.get(&format!("/api/webhooks/subscription-status/{user}")).await;
    let text = |name: &str| shown["subscription"][name].as_str().unwrap().to_owned();
    (text("id"), text("plan_id"))
}

/// An order whose charge failed at 10:00:01 of the first day.
async fn failing(sandbox: &Sandbox, user: &str, code: &str) -> String {
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": code })).await;
    order
}

/// An order that fails and the paid one that replaces it.
async fn replaced(sandbox: &Sandbox, user: &str) -> (String, String) {
    let old = failing(sandbox, user, NO_CREDIT).await;
    let made = sandbox.order(user, "monthly", Some(&old)).await;
    let new = sandbox.submit(&made).await;
    (old, new)
}

#[tokio::test]
async fn fourteen_days_after_a_downgrade_the_order_is_cancelled_and_a_query_confirms_it() {
    let sandbox = Sandbox::with(BEGIN, &SHORT).await;
    let order = failing(&sandbox, "window", STOLEN).await;
    // Grace ends on the 18th at 10:00:01; the run of 12:00 takes the plan away.
    sandbox.travel("2025-01-18T12:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["downgraded_at"], "2025-01-18T04:00:00Z");
    assert_eq!(account["next_action"]["kind"], "cancel");
    assert_eq!(account["next_action"]["at"], "2025-02-01T04:00:00Z");
    sandbox.travel("2025-02-01T11:59:59+08:00").await;
    // The query before the downgrade.
    assert_eq!((count(&sandbox, "QueryCreditCardPeriodInfo").await, count(&sandbox, "Cancel").await), (1, 0));
    assert_eq!(standing(&sandbox, &order).await, is("active", "FREE"));
    sandbox.travel("2025-02-01T12:00:00+08:00").await;
    let at_ecpay = sandbox.at_ecpay(&order).await;
    assert!(cancelled_once(&at_ecpay, "2025-02-01T04:00:00"), "{at_ecpay}");
    // One query before the downgrade, one before the cancellation, and one that confirms it.
    assert_eq!((at_ecpay["state"].as_str(), at_ecpay["queries"].as_u64()), (Some("cancelled"), Some(3)));
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("cancelled"), Some("FREE")));
    assert_eq!(account["next_action"], json!(null));
    let rules = column(&account["history"], "rule");
    assert_eq!(rules[rules.len() - 3..], ["grace-ended", "cancel-requested-at-ecpay", "order-over"]);
}

#[tokio::test]
async fn a_downgrade_shortly_before_the_next_charge_is_cancelled_two_days_before_that() {
    let sandbox = Sandbox::with("2025-02-01T10:00:00+08:00", &SHORT).await;
    let order = failing(&sandbox, "lead", STOLEN).await;
    let extended = json!({ "days": 10, "why": "the customer waits for a new card" });
    sandbox.post(&format!("/api/subscriptions/{order}/extend-grace"), extended).await;
    sandbox.travel("2025-02-14T12:00:00+08:00").await;
    // 14 days later would be the 28th at noon; the next charge is due on 1 March.
    let account = sandbox.account(&order).await;
    assert_eq!(account["downgraded_at"], "2025-02-14T04:00:00Z");
    assert_eq!(account["next_action"]["at"], "2025-02-26T16:00:00Z");
    sandbox.travel("2025-02-26T23:59:59+08:00").await;
    assert_eq!(count(&sandbox, "Cancel").await, 0);
    sandbox.travel("2025-02-27T00:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&order).await["state"], "cancelled");
    assert_eq!(standing(&sandbox, &order).await, is("cancelled", "FREE"));
}

#[tokio::test]
async fn until_the_order_is_cancelled_staff_can_bring_the_customer_back_by_a_retry() {
    let sandbox = Sandbox::with(BEGIN, &SHORT).await;
    let order = failing(&sandbox, "back", STOLEN).await;
    sandbox.travel("2025-01-18T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &order).await, is("active", "FREE"));
    let payment = sandbox.latest_payment(&order).await;
    assert_eq!(sandbox.retry(&payment).await.1["outcome"], "asked");
    sandbox.travel("2025-01-18T13:00:02+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["current_period_end"], "2025-02-15");
    // A day after the next charge is due, if that is not reported.
    assert_eq!(account["next_action"]["kind"], "reconcile");
    assert_eq!(account["next_action"]["at"], "2025-02-15T16:00:00Z");
    assert_eq!(users(&sandbox, "back").await, (order, "PRO".to_owned()));
}

#[tokio::test]
async fn money_after_the_confirmed_cancel_is_a_refund_due_but_a_charge_before_it_pays_its_period() {
    let sandbox = Sandbox::with(BEGIN, &SHORT).await;
    let after = failing(&sandbox, "after", STOLEN).await;
    let before = failing(&sandbox, "before", STOLEN).await;
    // 14 days after the downgrade.
    sandbox.travel("2025-02-01T12:00:00+08:00").await;
    assert_eq!(standing(&sandbox, &after).await, is("cancelled", "FREE"));
    assert_eq!(standing(&sandbox, &before).await, is("cancelled", "FREE"));
    // A charge of the very second of the confirmation is too late: it revives nothing.
    let paid = period(&after, "1", "2025/02/01 12:00:00", "2", "99000002");
    assert_eq!(sandbox.report("ecpay-billing", &paid).await, Reply::ok());
    let account = sandbox.account(&after).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("cancelled"), Some("FREE")));
    assert_eq!((&account["amount_twd"], &account["next_action"]), (&json!(0), &json!(null)));
    assert_eq!(column(&account["payments"], "refund_due"), ["false", "false", "true"]);
    assert_eq!(users(&sandbox, "after").await, (after.clone(), "FREE".to_owned()));
    sandbox.travel("2025-02-01T12:05:00+08:00").await;
    let mails = sandbox.mails(STAFF).await;
    assert_eq!(column(&json!(mails), "subject"), [format!("Refund due: order {after}")]);
    let body = mails[0]["body"].as_str().unwrap();
    assert!(body.contains("99000002") && body.contains("2025-02-01 12:00"), "{body}");
    // One of the second before it pays: of the period from 15 January to 15 February the customer has the rest.
    let paid = period(&before, "1", "2025/02/01 11:59:59", "2", "99000003");
    assert_eq!(sandbox.report("ecpay-billing", &paid).await, Reply::ok());
    let account = sandbox.account(&before).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("cancelled"), Some("PRO")));
    assert_eq!(account["current_period_end"], "2025-02-15");
    assert_eq!((&account["downgraded_at"], &account["downgrade_reason"]), (&json!(null), &json!(null)));
    assert_eq!(column(&account["payments"], "refund_due"), ["false", "false", "false"]);
    assert_eq!(account["next_action"]["kind"], "end-grace");
    assert_eq!(account["next_action"]["at"], "2025-02-14T16:00:00Z");
    assert_eq!(users(&sandbox, "before").await, (before, "PRO".to_owned()));
    sandbox.travel("2025-02-01T12:10:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await.len(), 1);
}

#[tokio::test]
async fn a_user_with_a_live_order_gets_another_only_by_naming_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = failing(&sandbox, "changer", NO_CREDIT).await;
    let strangers = sandbox.subscribe("stranger", "monthly").await;
    let wanted = |replaces: Option<&str>| {
        let mut wanted = json!({
            "user_id": "changer", "email": "changer@customer.example", "plan_id": "PRO", "billing_cycle": "annual",
        });
        if let Some(replaces) = replaces {
            wanted["replaces"] = json!(replaces);
        }
        wanted
    };
    let order = async |body: Value| sandbox.call(Method::POST, "/api/subscriptions", Some(body)).await;
    let (status, answer) = order(wanted(None)).await;
    assert_eq!((status.as_u16(), answer["error"]["code"].as_str()), (409, Some("live_order")));
    assert!(answer["error"]["message"].as_str().unwrap().contains(&old), "{answer}");
    for wrong in [strangers.as_str(), "DKNOSUCHORDER0000001"] {
        let (status, answer) = order(wanted(Some(wrong))).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("replaces")), "{wrong}");
    }
    let (status, made) = order(wanted(Some(&old))).await;
    assert_eq!(status, 201, "{made}");
    // Ordered is not paid: the old order stays what it was until the new one is.
    assert_eq!(standing(&sandbox, &old).await, is("past_due", "PRO"));
    let new = made["subscription_id"].as_str().unwrap().to_owned();
    sandbox.outcomes(&new, &[NO_CREDIT]).await;
    sandbox.submit(&made).await;
    assert_eq!(standing(&sandbox, &new).await, is("failed", "FREE"));
    assert_eq!(standing(&sandbox, &old).await, is("past_due", "PRO"));
    assert_eq!(sandbox.account(&old).await["superseded_by"], json!(null));
    assert_eq!(users(&sandbox, "changer").await, (old, "PRO".to_owned()));
}

#[tokio::test]
async fn a_paid_new_order_takes_the_old_ones_place_and_dunning_ends() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (old, new) = replaced(&sandbox, "mover").await;
    let account = sandbox.account(&old).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("FREE")));
    assert_eq!(
        (account["superseded_by"].as_str(), &account["grace_period_ends_at"]),
        (Some(new.as_str()), &json!(null))
    );
    assert_eq!(account["next_action"]["kind"], "cancel");
    assert_eq!(users(&sandbox, "mover").await, (new.clone(), "PRO".to_owned()));
    // Money for the old one is to go back already before its cancel.
    sandbox.charge(&old, json!({ "rtn_code": "1" })).await;
    sandbox.travel("2025-01-15T11:59:59+08:00").await;
    assert_eq!(standing(&sandbox, &old).await, is("active", "FREE"));
    sandbox.travel("2025-01-15T12:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&old).await["state"], "cancelled");
    assert_eq!(standing(&sandbox, &old).await, is("cancelled", "FREE"));
    // And after it.
    sandbox.charge(&old, json!({ "rtn_code": "1" })).await;
    sandbox.travel("2025-01-16T12:30:00+08:00").await;
    let account = sandbox.account(&old).await;
    // The first charge was paid today for a month that the new order has.
    assert_eq!(column(&account["payments"], "refund_due"), ["true", "false", "true", "true"]);
    assert_eq!(standing(&sandbox, &old).await, is("cancelled", "FREE"));
    assert_eq!(sandbox.subjects(STAFF).await, vec![format!("Refund due: order {old}"); 3]);
    // Past the day of the first retry: none was requested, and the warning that waited was no longer true.
    assert_eq!((count(&sandbox, "ReAuth").await, count(&sandbox, "Cancel").await), (0, 1));
    assert_eq!(sandbox.subjects("mover@customer.example").await, Vec::<String>::new());
    assert_eq!(users(&sandbox, "mover").await, (new.clone(), "PRO".to_owned()));
    assert_eq!(standing(&sandbox, &new).await, is("active", "PRO"));
}

#[tokio::test]
async fn a_cancel_whose_answer_was_lost_is_not_called_done_until_a_query_says_so() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (old, _) = replaced(&sandbox, "unheard").await;
    sandbox.fault("ecpay", "answer_lost").await;
    sandbox.maintain().await;
    assert_eq!(sandbox.at_ecpay(&old).await["state"], "cancelled");
    let account = sandbox.account(&old).await;
    assert_eq!((account["status"].as_str(), account["next_action"]["kind"].as_str()), (Some("active"), Some("cancel")));
    sandbox.fault("ecpay", "none").await;
    sandbox.maintain().await;
    assert_eq!(standing(&sandbox, &old).await, is("cancelled", "FREE"));
    assert_eq!(count(&sandbox, "Cancel").await, 1);
}

#[tokio::test]
async fn a_cancel_waits_while_ecpay_is_down_or_refuses_calls() {
    for fault in ["down", "refuse"] {
        let sandbox = Sandbox::at(BEGIN).await;
        let (old, _) = replaced(&sandbox, "waits").await;
        sandbox.fault("ecpay", fault).await;
        sandbox.maintain().await;
        assert_eq!(standing(&sandbox, &old).await, is("active", "FREE"), "{fault}");
        sandbox.fault("ecpay", "none").await;
        // Past the half hour that follows a 403.
        sandbox.travel("2025-01-15T10:30:00+08:00").await;
        assert_eq!(sandbox.at_ecpay(&old).await["state"], "running", "{fault}");
        sandbox.maintain().await;
        assert_eq!(standing(&sandbox, &old).await, is("cancelled", "FREE"), "{fault}");
        assert_eq!(count(&sandbox, "Cancel").await, 1, "{fault}");
    }
}

#[tokio::test]
async fn a_cancel_that_ecpay_never_took_is_asked_again_an_hour_later() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (old, _) = replaced(&sandbox, "again").await;
    sandbox.maintain_until_query("down").await;
    assert_eq!(count(&sandbox, "Cancel").await, 1);
    assert_eq!(sandbox.at_ecpay(&old).await["cancels_asked"], json!([]));
    sandbox.fault("ecpay", "none").await;
    // Until then queries only check whether it is done.
    sandbox.travel("2025-01-15T10:59:59+08:00").await;
    sandbox.maintain().await;
    assert_eq!(count(&sandbox, "Cancel").await, 1);
    assert_eq!(standing(&sandbox, &old).await, is("active", "FREE"));
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    sandbox.maintain().await;
    assert_eq!(count(&sandbox, "Cancel").await, 2);
    assert_eq!(standing(&sandbox, &old).await, is("cancelled", "FREE"));
}

#[tokio::test]
async fn a_user_who_pays_two_orders_of_one_plan_has_the_first_and_staff_are_notified() {
    let sandbox = Sandbox::at(BEGIN).await;
    let one = sandbox.order("twice", "monthly", None).await;
    let two = sandbox.order("twice", "monthly", None).await;
    let (one, two) = (sandbox.submit(&one).await, sandbox.submit(&two).await);
    assert_eq!(standing(&sandbox, &one).await, is("active", "PRO"));
    assert_eq!(standing(&sandbox, &two).await, is("active", "PRO"));
    assert_eq!(users(&sandbox, "twice").await, (one.clone(), "PRO".to_owned()));
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await, [format!("Two live orders: {two} and {one}")]);
}

#[tokio::test]
async fn a_cancel_waits_for_the_result_of_a_retry() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = failing(&sandbox, "patient", NO_CREDIT).await;
    let payment = sandbox.latest_payment(&old).await;
    assert_eq!(sandbox.retry(&payment).await.1["outcome"], "asked");
    let made = sandbox.order("patient", "monthly", Some(&old)).await;
    let new = sandbox.submit(&made).await;
    sandbox.maintain().await;
    assert_eq!(sandbox.at_ecpay(&old).await["cancels_asked"], json!([]));
    // The retry succeeds at 11:00: money for an order that was replaced. Then the order is cancelled.
    sandbox.travel("2025-01-15T12:00:00+08:00").await;
    let account = sandbox.account(&old).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("cancelled"), Some("FREE")));
    assert_eq!(column(&account["payments"], "refund_due"), ["true", "false", "true"]);
    assert_eq!(sandbox.at_ecpay(&old).await["state"], "cancelled");
    assert_eq!(users(&sandbox, "patient").await, (new, "PRO".to_owned()));
}

#[tokio::test]
async fn a_cancel_waits_for_the_result_of_a_charge_but_not_for_ever() {
    let sandbox = Sandbox::at(BEGIN).await;
    let soon = sandbox.subscribe("soon", "monthly").await;
    let never = sandbox.subscribe("never", "monthly").await;
    sandbox.outcomes(&soon, &["10300066", "1"]).await;
    sandbox.order_behavior(&soon, json!({ "callbacks": false })).await;
    sandbox.order_behavior(&never, json!({ "paused": true })).await;
    // ECPay does not know the result of the charge of 10:00 before 10:30; of the other one it never will.
    sandbox.travel("2025-02-15T10:10:00+08:00").await;
    let open = period(&never, "10300066", "2025/02/15 10:00:00", "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &open).await, Reply::ok());
    for order in [&soon, &never] {
        let wish = json!({ "why": "the customer is leaving" });
        sandbox.post(&format!("/api/subscriptions/{order}/cancel"), wish).await;
    }
    sandbox.maintain().await;
    assert_eq!(column(&sandbox.account(&soon).await["payments"], "outcome"), ["succeeded", "pending"]);
    assert_eq!(count(&sandbox, "Cancel").await, 0);
    // No callback reports the success, but the run of 12:00 queries before it cancels.
    sandbox.travel("2025-02-15T12:00:00+08:00").await;
    let account = sandbox.account(&soon).await;
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "pending", "succeeded"]);
    assert_eq!(account["current_period_end"], "2025-03-15");
    // With the charge made, the next one is a month away and the request waits for its 72 hours.
    assert_eq!(account["next_action"]["at"], "2025-02-18T02:10:00Z");
    // Three days after a charge without any result the wish goes first: at the next attempt, a day after the one before.
    sandbox.travel("2025-02-18T09:59:59+08:00").await;
    assert_eq!(sandbox.at_ecpay(&never).await["cancels_asked"], json!([]));
    sandbox.travel("2025-02-19T10:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&never).await["state"], "cancelled");
    assert_eq!(
        sandbox.at_ecpay(&soon).await["cancels_asked"],
        json!([{ "at": "2025-02-18T04:00:00Z", "accepted": true }])
    );
}
