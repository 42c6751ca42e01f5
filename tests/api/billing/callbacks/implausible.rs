//! Dates and success numbers that an order cannot have are quarantined, and the order stays readable.

use serde_json::json;

use testing::support::{Reply, STAFF, Sandbox, column, first, period, with};

const NO_CREDIT: &str = "10100252";

async fn order_at_second_charge() -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("implausible", "monthly").await;
    sandbox.world.leap("2025-02-15T12:00:00+08:00".parse().unwrap());
    (sandbox, order)
}

#[tokio::test]
async fn a_date_far_ahead_or_before_the_order_is_quarantined() {
    let (sandbox, order) = order_at_second_charge().await;
    let before = sandbox.account(&order).await;
    for (code, date) in [
        ("1", "9999/12/31 23:59:59"),
        ("1", "2099/01/31 10:00:00"),
        (NO_CREDIT, "9999/12/31 23:59:59"),
        (NO_CREDIT, "2035/01/01 00:00:00"),
        ("1", "2025/02/16 12:00:01"),
        (NO_CREDIT, "2025/01/13 23:59:59"),
        ("10300066", "0001/01/01 00:00:00"),
    ] {
        let (successes, gwsr) = if code == "1" { ("2", "13401071") } else { ("1", "") };
        let report = period(&order, code, date, successes, gwsr);
        assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok(), "{date}");
        let account = sandbox.account(&order).await;
        assert_eq!(
            (&account["history"], &account["next_action"]),
            (&before["history"], &before["next_action"]),
            "{date}"
        );
    }
    let kept = sandbox.quarantine_items().await;
    assert_eq!(column(&json!(kept), "reason"), ["implausible_date"; 7]);
    assert_eq!(kept[0]["detail"], "implausible date: more than a day ahead, or before the order was made");
    sandbox.maintain().await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 1);
    // The real charge is not in the way, and a report of tomorrow's clock is taken.
    let real = period(&order, "1", "2025/02/16 12:00:00", "2", "13401071");
    assert_eq!(sandbox.report("ecpay-billing", &real).await, Reply::ok());
    assert_eq!(sandbox.account(&order).await["current_period_end"], "2025-03-15");
}

#[tokio::test]
async fn a_first_charge_of_another_year_is_quarantined() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("another-year", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    for date in ["9999/12/31 23:59:59", "2024/01/15 10:00:00"] {
        assert_eq!(sandbox.report("ecpay-auth", &first(order, "1", date)).await, Reply::ok());
        assert_eq!(sandbox.account(order).await["status"], "pending");
    }
    assert_eq!(sandbox.report("ecpay-auth", &first(order, "1", "2025/01/14 00:00:00")).await, Reply::ok());
    assert_eq!(sandbox.account(order).await["status"], "active");
}

#[tokio::test]
async fn a_success_number_that_the_order_cannot_have_is_quarantined() {
    let (sandbox, order) = order_at_second_charge().await;
    let charged = |number: &str, exec_times: &str| {
        let report = period(&order, "1", "2025/02/15 11:58:03", number, "13401071");
        with(&report, "ExecTimes", exec_times)
    };
    for (number, exec_times) in
        [("4294967295", "99"), ("1000", "999"), ("1000", "4294967295"), ("100", "99"), ("100", "6")]
    {
        assert_eq!(sandbox.report("ecpay-billing", &charged(number, exec_times)).await, Reply::ok());
        let account = sandbox.account(&order).await;
        assert_eq!(
            (&account["status"], account["payments"].as_array().unwrap().len()),
            (&json!("active"), 1),
            "{number}"
        );
    }
    let kept = sandbox.quarantine_items().await;
    let reasons = column(&json!(kept), "reason");
    assert!(reasons.len() >= 3 && reasons.iter().all(|reason| reason == "implausible_number"), "{reasons:?}");
    // The order was lengthened at ECPay, as the report says.
    assert_eq!(sandbox.report("ecpay-billing", &charged("100", "150")).await, Reply::ok());
    assert_eq!(sandbox.account(&order).await["payments"][1]["number"], 100);
}
