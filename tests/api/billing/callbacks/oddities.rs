//! Forms of ECPay that are spelled otherwise than documented, and forms at the other address.

use sandbox::ecpay::{Fields, form_body};
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, column, fields, first, form, period, signed, with};

const CHARGED: &str = "2025/02/15 11:58:03";
const NO_CREDIT: &str = "10100252";

async fn order_at_second_charge() -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("odd", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.report("ecpay-auth", &first(&order, "1", "2025/01/15 10:02:11")).await, Reply::ok());
    sandbox.world.leap("2025-02-15T12:00:00+08:00".parse().unwrap());
    (sandbox, order)
}

/// The payments of an order as their amounts, and whether a report was quarantined.
async fn amounts(sandbox: &Sandbox, order: &str) -> (Value, usize) {
    let payments = sandbox.account(order).await["payments"].clone();
    let amounts = payments.as_array().unwrap().iter().map(|payment| payment["amount_twd"].clone()).collect();
    (amounts, sandbox.quarantine_items().await.len())
}

fn renamed(report: &Fields, from: &str, to: &str) -> Fields {
    let mut report = report.clone();
    report.iter_mut().find(|(name, _)| name == from).unwrap().0 = to.to_owned();
    report
}

#[tokio::test]
async fn a_first_charges_form_at_the_other_address_is_refused_stored_nowhere_and_counted() {
    let (sandbox, order) = order_at_second_charge().await;
    let (before, account) = (sandbox.items(), sandbox.account(&order).await);
    for code in ["1", NO_CREDIT] {
        let mut report = first(&order, code, "2025/01/15 10:02:11");
        report.extend(fields(&[("gwsr", "13401070"), ("process_date", "2025/01/15 10:02:11"), ("amount", "899")]));
        for spelled in
            [report.clone(), renamed(&report, "amount", "Amount"), renamed(&report, "PaymentDate", "PAYMENTDATE")]
        {
            let reply = sandbox.report("ecpay-billing", &spelled).await;
            assert_eq!((reply.status, reply.body.starts_with("0|")), (400, true), "{reply:?}");
        }
    }
    let grown: Vec<_> = sandbox.items().into_iter().filter(|item| !before.contains(item)).collect();
    assert!(grown.iter().all(|item| item.starts_with("COUNT#callbacks#")), "{grown:?}");
    assert_eq!(sandbox.account(&order).await, account);
    sandbox.world.leap("2025-02-15T12:00:02+08:00".parse().unwrap());
    assert_eq!(sandbox.callback("ecpay-billing", b"x=1".to_vec()).await.status, 400);
    let health = sandbox.get("/api/webhooks/health").await;
    assert_eq!(health["callbacks_24h"], json!({ "applied": 0, "quarantined": 0, "not_kept": 0, "refused": 7 }));
    assert_eq!(health["status"], "healthy");
}

#[tokio::test]
async fn a_recurring_charges_form_is_taken_at_either_address_and_once() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = period(&order, "1", CHARGED, "2", "13401071");
    for (address, spelled) in [
        ("ecpay-auth", report.clone()),
        ("ecpay-billing", report.clone()),
        ("ecpay-auth", renamed(&report, "ProcessDate", "processdate")),
    ] {
        assert_eq!(sandbox.report(address, &spelled).await, Reply::ok());
    }
    let account = sandbox.account(&order).await;
    assert_eq!(
        (account["payments"].as_array().unwrap().len(), &account["current_period_end"]),
        (2, &json!("2025-03-15"))
    );
    let stats = sandbox.get("/api/webhooks/webhook-stats?hours=1").await;
    assert_eq!(stats["webhook_types"]["billing_callback"]["success"], 1);
    assert_eq!(stats["webhook_types"]["auth_callback"], json!(null));
}

#[tokio::test]
async fn harmless_oddities_of_a_true_form_are_accepted() {
    let address = "https://x/?a=1&amount=3";
    for (what, more) in [
        ("amount as well", vec![("amount", "899")]),
        ("gwsr twice", vec![("Gwsr", "13401071")]),
        ("a name with other characters", vec![("x-y z", "1"), ("額度", "2"), ("", "3")]),
    ] {
        let (sandbox, order) = order_at_second_charge().await;
        let mut report = period(&order, "1", CHARGED, "2", "13401071");
        report.extend(fields(&more));
        assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok(), "{what}");
        assert_eq!(amounts(&sandbox, &order).await, (json!([899, 899]), 0), "{what}");
    }
    let (sandbox, order) = order_at_second_charge().await;
    let mut number = 2;
    let mut report = || {
        number += 1;
        period(
            &order,
            "1",
            &format!("2025/02/15 11:58:{number:02}"),
            &(number - 1).to_string(),
            &format!("134010{number:02}"),
        )
    };
    let custom = ["CustomField1", "CustomField2", "CustomField3", "CustomField4"];
    let bodies = [
        form(&renamed(&report(), "Amount", "amount")),
        form(&custom.iter().fold(report(), |fields, name| with(&fields, name, address))),
        [form(&report()), b"&".to_vec()].concat(),
        [b"&".to_vec(), form(&report())].concat(),
        form(&report().into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect()),
        form_body(&renamed(&signed(&report()), "CheckMacValue", "checkmacvalue")),
    ];
    for (place, body) in bodies.into_iter().enumerate() {
        assert_eq!(sandbox.callback("ecpay-billing", body).await, Reply::ok(), "{place}");
    }
    assert_eq!(amounts(&sandbox, &order).await, (json!([899, 899, 899, 899, 899, 899, 899]), 0));
}

#[tokio::test]
async fn two_spellings_with_different_values_are_quarantined_and_prove_nothing() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = period(&order, "1", CHARGED, "2", "13401071");
    for (name, value) in [("amount", "1"), ("Gwsr", "13401072"), ("rtncode", NO_CREDIT), ("TOTALSUCCESSTIMES", "3")] {
        let mut twice = report.clone();
        twice.push((name.to_owned(), value.to_owned()));
        assert_eq!(sandbox.report("ecpay-billing", &twice).await, Reply::ok(), "{name}");
    }
    assert_eq!(amounts(&sandbox, &order).await, (json!([899]), 4));
    let kept = sandbox.quarantine_items().await;
    let mut details = column(&json!(kept), "detail");
    details.sort();
    let names = ["Amount", "RtnCode", "TotalSuccessTimes", "gwsr"];
    assert_eq!(details, names.map(|name| format!("ambiguous: {name} came with two values")));
}

#[tokio::test]
async fn a_failure_with_amount_0_begins_dunning() {
    let (sandbox, order) = order_at_second_charge().await;
    let failed = with(&period(&order, "10100058", CHARGED, "1", "0"), "Amount", "0");
    assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok());
    sandbox.maintain().await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    assert_eq!(sandbox.subjects("odd@customer.example").await, ["付款失敗通知 - Payment Failure Notice"]);
    assert_eq!(sandbox.quarantine_items().await.len(), 0);
    // The same at the first authorisation.
    let made = sandbox.order("declined", "monthly", None).await;
    let declined = made["subscription_id"].as_str().unwrap();
    let failed = with(&first(declined, "10100058", CHARGED), "TradeAmt", "0");
    assert_eq!(sandbox.report("ecpay-auth", &failed).await, Reply::ok());
    assert_eq!(sandbox.account(declined).await["status"], "failed");
}

#[tokio::test]
async fn a_renewal_whose_amount_cannot_be_read_renews() {
    for amount in ["", "0", "899.5", "NT$899"] {
        let (sandbox, order) = order_at_second_charge().await;
        let paid = with(&period(&order, "1", CHARGED, "2", "13401071"), "Amount", amount);
        assert_eq!(sandbox.report("ecpay-billing", &paid).await, Reply::ok(), "{amount}");
        let account = sandbox.account(&order).await;
        assert_eq!(account["current_period_end"], "2025-03-15", "{amount}");
        assert_eq!(sandbox.quarantine_items().await.len(), 0, "{amount}");
    }
    // A first charge must say what was paid.
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("first", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    for amount in ["", "0", "899.5", "999"] {
        let paid = with(&first(order, "1", "2025/01/15 10:00:00"), "TradeAmt", amount);
        assert_eq!(sandbox.report("ecpay-auth", &paid).await, Reply::ok(), "{amount}");
    }
    assert_eq!(sandbox.account(order).await["status"], "pending");
    assert_eq!(sandbox.quarantine_items().await.len(), 4);
}

#[tokio::test]
async fn a_date_in_another_spelling_is_the_same_charge() {
    let (sandbox, order) = order_at_second_charge().await;
    for date in
        ["2025-02-15 11:58:03", "2025/2/15 11:58:3", "2025/02/15 11:58:03.127", "2025/02/15 上午 11:58:03", CHARGED]
    {
        let failed = period(&order, NO_CREDIT, date, "1", "");
        assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok(), "{date}");
    }
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "failed"]);
    assert_eq!(account["payments"][1]["process_date"], "2025-02-15T03:58:03Z");
    assert_eq!(sandbox.quarantine_items().await.len(), 0);
}
