//! Change of plan: its terms are shown before, the page says what it costs and gives back, and what cannot change is refused.

use serde_json::{Value, json};
use testing::support::{Sandbox, column};

use super::{BEGIN, changed, due, paid, to};
use crate::billing::checkout::{attempt, open, press, submit};

#[tokio::test]
async fn a_monthly_plan_becomes_an_annual_one_and_returns() {
    let sandbox = Sandbox::at(BEGIN).await;
    let monthly = sandbox.subscribe("mei", "monthly").await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let before = sandbox.items();
    let (status, dry) = changed(&sandbox, &monthly, "?dry_run=true", to("PRO", "annual")).await;
    assert_eq!((status, &sandbox.items()), (200, &before));
    // Paid from the 5th until 5 February, 31 days, of which 16 are left: 899 * 16 / 31 = 464.
    let terms = json!({
        "plan_id": "PRO", "billing_cycle": "annual", "new_amount_twd": 8999, "credit_twd": 464, "unused_days": 16,
        "starts_on": "2025-01-20", "pay_until": "2025-01-23T02:00:00Z", "replaces": monthly,
    });
    let with = |more: Value| {
        let mut all = terms.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    assert_eq!(dry, with(json!({ "dry_run": true })));
    let (status, offer) = changed(&sandbox, &monthly, "", to("PRO", "annual")).await;
    let named = json!({ "subscription_id": offer["subscription_id"], "checkout_url": offer["checkout_url"] });
    assert_eq!((status, &offer), (201, &with(named)));
    let page = open(&sandbox, &offer).await.text().await.unwrap();
    for part in [
        "綠界今天會一次收取整期費用 NT$8999。",
        "ECPay charges the whole period, NT$8999, at once today.",
        "您目前的訂閱今天尚未使用的部分為 NT$464（16 天），將另外退還給您。",
        "NT$464 (16 days) of your present subscription is unused today and will be refunded separately.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let annual = paid(&sandbox, &offer).await;
    let account = sandbox.account(&annual).await;
    assert_eq!((&account["status"], &account["billing_cycle"]), (&json!("active"), &json!("annual")));
    assert_eq!(account["current_period_end"], "2026-01-20");
    assert_eq!(due(&sandbox, &monthly, 0).await, json!([true, 464, 0]));
    sandbox.travel("2025-02-20T10:00:00+08:00").await;
    // Of 365 days 334 are left: 8999 * 334 / 365 = 8234.7.
    let (_, back) = changed(&sandbox, &annual, "", to("PRO", "monthly")).await;
    assert_eq!((&back["new_amount_twd"], &back["credit_twd"]), (&json!(899), &json!(8235)));
    let monthly = paid(&sandbox, &back).await;
    assert_eq!(sandbox.account(&monthly).await["current_period_end"], "2025-03-20");
    assert_eq!(due(&sandbox, &annual, 0).await, json!([true, 8235, 0]));
    sandbox.travel("2025-03-21T10:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&annual).await["state"], "cancelled");
}

#[tokio::test]
async fn two_presses_at_once_make_one_change() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("double", "monthly").await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let path = format!("/api/subscriptions/{order}/change");
    let press_once = || sandbox.keyed(&path, to("STUDENT", "monthly"), "change-1");
    let ((_, one), (_, other)) = tokio::join!(press_once(), press_once());
    assert_eq!(one["subscription_id"], other["subscription_id"]);
    assert_ne!(one["checkout_url"], other["checkout_url"]);
    let other_terms = sandbox.keyed(&path, to("STUDENT", "annual"), "change-1").await;
    assert_eq!((other_terms.0.as_u16(), &other_terms.1["error"]["code"]), (409, &json!("key_reused")));
    // Without a key there are two offers, of which one is paid.
    let (_, third) = changed(&sandbox, &order, "", to("ENTERPRISE", "monthly")).await;
    let forms = [attempt(&sandbox, &one).await, attempt(&sandbox, &other).await];
    let new = submit(&sandbox, &forms[0], "1").await;
    assert_eq!(press(&sandbox, &third).await.status(), 409);
    // The second form of one purchase is a charge that goes back as a whole, and the credit stays as it was.
    let twice = submit(&sandbox, &forms[1], "1").await;
    assert_eq!(due(&sandbox, &twice, 0).await, json!([true, 299, 0]));
    assert_eq!(due(&sandbox, &order, 0).await, json!([true, 464, 0]));
    // What a repetition asks for is done.
    let (status, again) = sandbox.keyed(&path, to("STUDENT", "monthly"), "change-1").await;
    assert_eq!((status.as_u16(), &again["error"]["code"]), (409, &json!("already_replaced")));
    assert_eq!(sandbox.account(&new).await["plan_id"], "STUDENT");
}

#[tokio::test]
async fn what_is_no_change_is_refused_by_field_or_code() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("faults", "monthly").await;
    let before = sandbox.items();
    for (body, param) in [
        (to("FREE", "monthly"), "plan_id"),
        (to("GOLD", "monthly"), "plan_id"),
        (json!({ "billing_cycle": "annual" }), "plan_id"),
        (json!({ "plan_id": "PRO" }), "billing_cycle"),
        (to("PRO", "weekly"), "billing_cycle"),
        (json!({ "plan_id": "PRO", "billing_cycle": "annual", "valid_hours": 721 }), "valid_hours"),
        (json!({ "plan_id": "PRO", "billing_cycle": "annual", "why": "two\nlines" }), "why"),
        (json!({ "plan_id": "PRO", "billing_cycle": "annual", "prorate": true }), "prorate"),
    ] {
        let (status, answer) = changed(&sandbox, &order, "", body.clone()).await;
        assert_eq!((status, &answer["error"]["param"]), (400, &json!(param)), "{body}: {answer}");
    }
    let (_, free) = changed(&sandbox, &order, "", to("FREE", "monthly")).await;
    assert!(free["error"]["message"].as_str().unwrap().contains("/cancel"), "{free}");
    assert_eq!(changed(&sandbox, &order, "", to("PRO", "monthly")).await.1["error"]["code"], "same_plan");
    assert_eq!(sandbox.items(), before);
    assert_eq!(changed(&sandbox, "DKNOTSTORED000000001", "", to("PRO", "annual")).await.0, 404);
}

#[tokio::test]
async fn an_order_that_is_not_live_is_refused_with_its_reason() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("pending", "monthly", None).await;
    let pending = made["subscription_id"].as_str().unwrap();
    let replaced = sandbox.subscribe("replaced", "monthly").await;
    let new = sandbox.order("replaced", "annual", Some(&replaced)).await;
    sandbox.submit(&new).await;
    let over = sandbox.subscribe("over", "monthly").await;
    sandbox.post(&format!("/api/subscriptions/{over}/cancel"), json!({ "why": "moves" })).await;
    let refused = async |order: &str, query: &str| {
        let (status, answer) = changed(&sandbox, order, query, to("STUDENT", "annual")).await;
        (status, answer["error"]["code"].as_str().unwrap().to_owned())
    };
    for query in ["", "?dry_run=true"] {
        assert_eq!(refused(pending, query).await, (409, "not_paid".to_owned()));
        assert_eq!(refused(&replaced, query).await, (409, "already_replaced".to_owned()));
    }
    sandbox.travel("2025-02-09T10:00:00+08:00").await;
    assert_eq!(refused(pending, "").await, (409, "order_over".to_owned()));
    assert_eq!(sandbox.account(&over).await["plan_id"], "FREE");
    assert_eq!(refused(&over, "").await, (409, "order_over".to_owned()));
    let erased = sandbox.call(reqwest::Method::DELETE, "/api/users/over", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    assert_eq!(refused(&over, "").await, (409, "erased".to_owned()));
}

#[tokio::test]
async fn a_change_waits_for_its_payment_and_ends_without_a_trace() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("waits", "monthly").await;
    let mut body = to("ENTERPRISE", "annual");
    (body["valid_hours"], body["why"]) = (json!(1), json!("asked by phone"));
    let (_, offer) = changed(&sandbox, &order, "", body).await;
    let offered = offer["subscription_id"].as_str().unwrap();
    let line = &sandbox.account(offered).await["history"][0];
    assert_eq!((&line["by"], &line["why"]), (&json!("staff:support"), &json!("asked by phone")));
    sandbox.travel("2025-01-05T11:30:00+08:00").await;
    assert_eq!(open(&sandbox, &offer).await.status(), 404);
    let history = sandbox.account(offered).await["history"].clone();
    assert_eq!(column(&history, "rule"), ["order-created", "link-ended"]);
    let account = sandbox.account(&order).await;
    assert_eq!((&account["plan_id"], &account["superseded_by"]), (&json!("PRO"), &Value::Null));
    assert_eq!(due(&sandbox, &order, 0).await, json!([false, 0, 0]));
}
