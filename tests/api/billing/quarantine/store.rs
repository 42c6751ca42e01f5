//! Signed reports that cannot be applied: acknowledged, stored with their reason, and never in the way of the real
//! report.

use std::collections::BTreeMap;

use sandbox::ecpay::{Fields, Merchant, check_mac_value, form_body};
use sandbox::world::{Options, World};
use serde_json::{Value, json};

use testing::support::{Reply, STAFF, Sandbox, column, fields, first, period, with};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const SECOND: &str = "2025/01/15 10:00:01";

/// Open quarantined reports, newest first.
async fn listed(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.get("/quarantine").await["quarantine"].as_array().unwrap().clone()
}

/// An order without the notices that were written about it.
async fn without_notices(sandbox: &Sandbox, order: &str) -> Value {
    let mut account = sandbox.account(order).await;
    account.as_object_mut().unwrap().remove("notices");
    account
}

/// A report and the address that it is posted to.
struct Report {
    address: &'static str,
    fields: Fields,
}

/// Posts a report that is to be quarantined: acknowledged, one entry more, nothing granted.
async fn quarantined(sandbox: &Sandbox, order: &str, report: Report, reason: &str) -> Value {
    let (before, entries) = (without_notices(sandbox, order).await, listed(sandbox).await.len());
    assert_eq!(sandbox.report(report.address, &report.fields).await, Reply::ok(), "{reason}");
    assert_eq!(without_notices(sandbox, order).await, before, "{reason}");
    let after = listed(sandbox).await;
    assert_eq!(after.len(), entries + 1, "{reason}");
    let entry = after.into_iter().find(|entry| entry["reason"] == reason);
    entry.unwrap_or_else(|| panic!("nothing was quarantined as {reason}"))
}

#[tokio::test]
async fn every_kind_of_report_that_cannot_be_applied_is_acknowledged_listed_and_grants_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("aside", "monthly").await;
    let real = period(&order, "1", SECOND, "2", "99000002");
    let stranger = period("DKSTRANGER0000000001", "1", SECOND, "2", "99000003");
    let billing = |report: Fields| Report { address: "ecpay-billing", fields: report };
    let entry = quarantined(&sandbox, &order, billing(stranger), "unknown_order").await;
    assert_eq!(entry["merchant_trade_no"], "DKSTRANGER0000000001");
    assert_eq!((entry["type"].as_str(), entry["event"].as_str()), (Some("billing_callback"), Some("S:2")));
    assert_eq!(entry["received_at"], "2025-01-15T02:00:00Z");
    // Only the first authorisation is held to the price: it is the order that was signed.
    let made = sandbox.order("cheap", "monthly", None).await;
    let unpaid = made["subscription_id"].as_str().unwrap().to_owned();
    let cheap = with(&first(&unpaid, "1", "2025/01/15 10:00:00"), "TradeAmt", "1");
    let cheap = Report { address: "ecpay-auth", fields: cheap };
    let entry = quarantined(&sandbox, &unpaid, cheap, "wrong_amount").await;
    assert_eq!(entry["detail"], "wrong amount: the order says NT$899");
    assert_eq!((entry["fields"]["TradeAmt"].as_str(), &entry["fields"]["CheckMacValue"]), (Some("1"), &json!(null)));
    quarantined(&sandbox, &order, billing(with(&real, "MerchantID", "2000132")), "wrong_merchant").await;
    quarantined(&sandbox, &order, billing(with(&real, "SimulatePaid", "1")), "simulated").await;
    let entry = quarantined(&sandbox, &order, billing(with(&real, "ProcessDate", "yesterday")), "unusable").await;
    assert_eq!(entry["detail"], "unusable: ProcessDate is malformed");
    assert_eq!((entry["merchant_trade_no"].as_str(), &entry["event"]), (Some(order.as_str()), &json!(null)));
    // Reports of money to look for are mailed at once: the wrong amount and the unusable report.
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let mails = sandbox.mails(STAFF).await;
    let mut subjects = column(&json!(mails), "subject");
    subjects.sort();
    let mut expected = [&order, &unpaid].map(|order| format!("Quarantined: a report about order {order}"));
    expected.sort();
    assert_eq!(subjects, expected);
    let said = |text: &str| mails.iter().filter(|mail| mail["body"].as_str().unwrap().contains(text)).count();
    assert_eq!((said("wrong amount: the order says NT$899"), said("ProcessDate is malformed")), (1, 1));
    // On stage there is no digest of strangers' orders the day after.
    sandbox.travel("2025-01-16T02:05:00+08:00").await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 2);
}

#[tokio::test]
async fn unusable_fields_are_named_and_a_form_that_is_no_report_at_all_is_kept_too() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("fields", "monthly").await;
    let real = period(&order, "1", SECOND, "2", "99000002");
    let cases = [
        (with(&real, "RtnCode", "+1"), "unusable: RtnCode is malformed"),
        (with(&real, "RtnCode", ""), "unusable: RtnCode is missing"),
        (with(&real, "TotalSuccessTimes", "0"), "unusable: TotalSuccessTimes is missing"),
        (with(&real, "gwsr", "12a"), "unusable: gwsr is malformed"),
        (with(&real, "SimulatePaid", "2"), "unusable: SimulatePaid is malformed"),
        (with(&real, "MerchantTradeNo", "DK-1"), "unusable: MerchantTradeNo is malformed"),
        (fields(&[("MerchantID", "3002607")]), "unusable: RtnCode is missing"),
    ];
    let before = sandbox.account(&order).await;
    for (report, _) in &cases {
        assert_eq!(sandbox.report("ecpay-billing", report).await, Reply::ok(), "{report:?}");
    }
    let mut expected: Vec<&str> = cases.iter().map(|(_, detail)| *detail).collect();
    expected.sort_unstable();
    let mut details = column(&json!(listed(&sandbox).await), "detail");
    details.sort();
    assert_eq!(details, expected);
    let after = sandbox.account(&order).await;
    assert_eq!((&after["payments"], &after["history"]), (&before["payments"], &before["history"]));
}

#[tokio::test]
async fn a_report_that_was_set_aside_does_not_block_the_real_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("real", "monthly").await;
    let real = period(&order, "1", SECOND, "2", "99000002");
    let odd = [("ProcessDate", "yesterday"), ("SimulatePaid", "1"), ("MerchantID", "2000132")];
    for wrong in odd.map(|(name, value)| with(&real, name, value)) {
        assert_eq!(sandbox.report("ecpay-billing", &wrong).await, Reply::ok());
    }
    assert_eq!(column(&sandbox.account(&order).await["payments"], "number"), ["1"]);
    assert_eq!(sandbox.report("ecpay-billing", &real).await, Reply::ok());
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "number"), ["1", "2"]);
    assert_eq!(account["payments"][1]["gwsr"], "99000002");
}

#[tokio::test]
async fn a_simulated_first_payment_grants_nothing_and_the_real_one_does() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("simulated", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    let simulated = with(&first(order, "1", "2025/01/15 10:00:00"), "SimulatePaid", "1");
    quarantined(&sandbox, order, Report { address: "ecpay-auth", fields: simulated }, "simulated").await;
    assert_eq!(sandbox.account(order).await["status"], "pending");
    sandbox.submit(&made).await;
    let account = sandbox.account(order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    // And one that ECPay's console simulates for a running order.
    sandbox.charge(order, json!({ "simulate": true })).await;
    assert_eq!(sandbox.account(order).await["payments"], account["payments"]);
    assert_eq!(column(&json!(listed(&sandbox).await), "reason"), ["simulated", "simulated"]);
}

#[tokio::test]
async fn the_test_environment_may_be_set_to_apply_simulated_payments() {
    let sandbox = Sandbox::with(BEGIN, &[("ECPAY_APPLY_SIMULATED", "true")]).await;
    let made = sandbox.order("rehearsal", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    let simulated = with(&first(order, "1", "2025/01/15 10:00:00"), "SimulatePaid", "1");
    assert_eq!(sandbox.report("ecpay-auth", &simulated).await, Reply::ok());
    assert_eq!(sandbox.account(order).await["status"], "active");
}

#[tokio::test]
async fn repeats_of_what_was_set_aside_do_not_grow_the_table() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("repeats", "monthly").await;
    let real = period(&order, "1", SECOND, "2", "99000002");
    let reports = [
        period("DKSTRANGER0000000001", "1", SECOND, "2", "99000003"),
        // Another authorisation under the number of the first charge.
        period(&order, "1", SECOND, "1", "99000009"),
        with(&real, "MerchantID", "2000132"),
        with(&real, "SimulatePaid", "1"),
        with(&real, "ProcessDate", "yesterday"),
    ];
    for report in &reports {
        assert_eq!(sandbox.report("ecpay-billing", report).await, Reply::ok());
    }
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let (items, entries) = (sandbox.items(), listed(&sandbox).await);
    assert_eq!(entries.len(), 5);
    // Word for word, ten minutes later with the text that ECPay's re-sends have, and two at once.
    for report in &reports {
        assert_eq!(sandbox.report("ecpay-billing", report).await, Reply::ok());
    }
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    for report in &reports {
        let again = with(report, "RtnMsg", "paid");
        let (one, other) =
            tokio::join!(sandbox.report("ecpay-billing", &again), sandbox.report("ecpay-billing", &again));
        assert_eq!((one, other), (Reply::ok(), Reply::ok()));
    }
    sandbox.travel("2025-01-15T10:20:00+08:00").await;
    assert_eq!((sandbox.items(), listed(&sandbox).await), (items, entries));
    assert_eq!(sandbox.mails(STAFF).await.len(), 2);
}

#[tokio::test]
async fn of_unknown_orders_two_hundred_a_day_are_kept_and_all_are_acknowledged() {
    let sandbox = Sandbox::at("2025-01-15T23:30:00+08:00").await;
    let order = sandbox.subscribe("among-strangers", "monthly").await;
    let stranger = |number: u32| period(&format!("DKSTRANGER{number:010}"), "1", SECOND, "2", "99000003");
    for number in 0..203 {
        assert_eq!(sandbox.report("ecpay-billing", &stranger(number)).await, Reply::ok());
    }
    let kept = || sandbox.items().iter().filter(|item| item.starts_with("QUARANTINE#")).count();
    assert_eq!(kept(), 200);
    // Our own orders are not counted with them.
    let ours = with(&period(&order, "1", SECOND, "2", "99000002"), "MerchantID", "2000132");
    assert_eq!(sandbox.report("ecpay-billing", &ours).await, Reply::ok());
    assert_eq!(kept(), 201);
    // A new day in Taipei.
    sandbox.travel("2025-01-16T00:00:00+08:00").await;
    assert_eq!(sandbox.report("ecpay-billing", &stranger(203)).await, Reply::ok());
    assert_eq!(kept(), 202);
}

#[tokio::test]
async fn in_production_staff_get_one_digest_a_day_of_what_was_set_aside() {
    let merchant = Merchant {
        merchant_id: "7654321".to_owned(),
        hash_key: "invented0hashkey".to_owned(),
        hash_iv: "invented00hashiv".to_owned(),
    };
    let variables = [("ECPAY_ENVIRONMENT", "production"), ("ECPAY_ENDPOINT_URL", "")];
    let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    // No order is made here, so nothing goes to ECPay's real address.
    let options = Options { port: 0, data: None, now: BEGIN.parse().unwrap(), variables, stream: false };
    let sandbox = Sandbox::over(World::start_as(options, merchant.clone()).await.unwrap()).await;
    let post = async |order: &str| {
        let mut report = with(&period(order, "1", SECOND, "2", "99000003"), "MerchantID", &merchant.merchant_id);
        let digest = check_mac_value(&report, &merchant.hash_key, &merchant.hash_iv);
        report.push(("CheckMacValue".to_owned(), digest));
        sandbox.callback("ecpay-billing", form_body(&report)).await
    };
    // More than one page of the list, and one of them twice.
    for number in (0..120).chain([7]) {
        assert_eq!(post(&format!("DKSTRANGER{number:010}")).await, Reply::ok());
    }
    // Their resolution does not change the number quarantined that day.
    sandbox.store_order(&format!("DKSTRANGER{:010}", 11), "imported", BEGIN).await;
    let days = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "the order was imported" });
    let replayed = sandbox.post("/quarantine/replay", days).await;
    let applied = column(&replayed["replayed"], "outcome").into_iter().filter(|outcome| outcome == "applied").count();
    assert_eq!(applied, 1);
    sandbox.travel("2025-01-16T01:59:59+08:00").await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 0);
    // The daily clean-up counts the day before; staff who run it again by hand get no second mail.
    sandbox.travel("2025-01-16T02:05:00+08:00").await;
    sandbox.maintain().await;
    let mails = sandbox.mails(STAFF).await;
    assert_eq!(column(&json!(mails), "subject"), ["Quarantined on 2025-01-15: 120 reports"]);
    assert!(mails[0]["body"].as_str().unwrap().contains("unknown order"));
    // No report was quarantined on the 16th.
    sandbox.travel("2025-01-17T02:05:00+08:00").await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 1);
    assert_eq!(sandbox.calls("ecpay").await.len(), 0);
}

#[tokio::test]
async fn production_does_not_start_with_the_published_keys() {
    let merchant = Merchant { merchant_id: "7654321".to_owned(), ..sandbox::world::state::test_merchant() };
    let variables = [("ECPAY_ENVIRONMENT", "production"), ("ECPAY_ENDPOINT_URL", "")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let options = Options { port: 0, data: None, now: BEGIN.parse().unwrap(), variables, stream: false };
    let Err(error) = World::start_as(options, merchant).await else { panic!("it started") };
    assert!(shared::platform::logging::error_chain(&error).contains("published test keys"), "{error}");
}
