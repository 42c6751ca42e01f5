//! Credit for the unused part of a replaced order's paid period: reckoned on the day of the payment, recorded once, and settled
//! by a refund.

use serde_json::{Value, json};
use testing::support::{Reply, Sandbox, first};

use super::{BEGIN, changed, due, paid, refund_mails, to};
use crate::billing::checkout::{attempt, submit};

async fn refund(sandbox: &Sandbox, order: &str, payment: &str, dollars: u32) -> Value {
    let body = json!({ "payment_id": payment, "amount_twd": dollars, "why": "sent back" });
    sandbox.post(&format!("/api/subscriptions/{order}/refund"), body).await
}

#[tokio::test]
async fn the_day_of_the_payment_counts_and_staff_learn_which_charge_how_much_and_why() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("later", "monthly").await;
    let payment = sandbox.latest_payment(&old).await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let (_, offer) = changed(&sandbox, &old, "", to("PRO", "annual")).await;
    assert_eq!(offer["credit_twd"], 464);
    sandbox.travel("2025-01-22T23:59:00+08:00").await;
    let new = paid(&sandbox, &offer).await;
    // 14 of 31 days: 899 * 14 / 31 = 406.
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 406, 0]));
    let account = sandbox.account(&old).await;
    let line = account["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&line["rule"], &line["by"]), (&json!("superseded"), &json!("ecpay")));
    assert_eq!(
        line["credits"],
        json!([{ "payment_id": payment, "replaced_by": new, "amount_twd": 406, "unused_days": 14, "period_days": 31 }])
    );
    let mails = refund_mails(&sandbox, &old).await;
    assert_eq!(mails.len(), 1);
    for part in [
        format!(
            "Please return NT$406 to the customer of order {old} (PRO): order {new} replaced this one on 2025-01-22"
        ),
        "14 of the 31 days paid are unused".to_owned(),
        "ECPay charged NT$899 at 2025-01-05 10:".to_owned(),
        payment,
    ] {
        assert!(mails[0].contains(&part), "{part}: {}", mails[0]);
    }
    let listed = sandbox.get("/api/payments?month=2025-01").await;
    let entry = listed["payments"].as_array().unwrap().iter().find(|entry| entry["merchant_trade_no"] == old);
    assert_eq!(entry.map(|entry| (&entry["refund_due"], &entry["refund_due_twd"])), Some((&json!(true), &json!(406))));
}

#[tokio::test]
async fn a_refund_settles_it_in_parts_and_one_before_lowers_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("parts", "monthly").await;
    let payment = sandbox.latest_payment(&old).await;
    refund(&sandbox, &old, &payment, 400).await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let (_, offer) = changed(&sandbox, &old, "", to("STUDENT", "monthly")).await;
    // (899 - 400) * 16 / 31 = 257.5.
    assert_eq!(offer["credit_twd"], 258);
    // And another one while the customer is paying: (899 - 500) * 16 / 31 = 205.9.
    let form = attempt(&sandbox, &offer).await;
    refund(&sandbox, &old, &payment, 100).await;
    submit(&sandbox, &form, "1").await;
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 206, 500]));
    refund(&sandbox, &old, &payment, 200).await;
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 6, 700]));
    refund(&sandbox, &old, &payment, 6).await;
    assert_eq!(due(&sandbox, &old, 0).await, json!([false, 0, 706]));
}

#[tokio::test]
async fn an_unpaid_period_gives_nothing_and_one_paid_by_transfer_does() {
    let sandbox = Sandbox::at(BEGIN).await;
    let [owed, paid_outside] = ["owed", "transfer"].map(|user| sandbox.subscribe(user, "monthly"));
    let (owed, transfer) = (owed.await, paid_outside.await);
    for order in [&owed, &transfer] {
        sandbox.outcomes(order, &["10100252"; 4]).await;
    }
    sandbox.travel("2025-02-07T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&owed).await["status"], "past_due");
    let (_, offer) = changed(&sandbox, &owed, "", to("PRO", "annual")).await;
    assert_eq!((&offer["credit_twd"], &offer["unused_days"]), (&json!(0), &json!(0)));
    paid(&sandbox, &offer).await;
    assert_eq!(due(&sandbox, &owed, 0).await, json!([false, 0, 0]));
    assert_eq!(refund_mails(&sandbox, &owed).await, Vec::<String>::new());
    // From 5 February until 5 March are 28 days.
    let body = json!({ "amount_twd": 899, "reference": "Transfer 0042", "why": "the transfer has arrived" });
    let account = sandbox.post(&format!("/api/subscriptions/{transfer}/mark-paid"), body).await;
    assert_eq!(account["status"], "active");
    sandbox.travel("2025-02-20T10:00:00+08:00").await;
    let (_, offer) = changed(&sandbox, &transfer, "", to("PRO", "annual")).await;
    // 899 * 13 / 28 = 417.4.
    assert_eq!((&offer["credit_twd"], &offer["unused_days"]), (&json!(417), &json!(13)));
    paid(&sandbox, &offer).await;
    let account = sandbox.account(&transfer).await;
    let outside = account["payments"].as_array().unwrap().iter().find(|entry| entry["outcome"] == "paid_out_of_band");
    assert_eq!(outside.unwrap()["refund_due_twd"], 417);
    let mails = refund_mails(&sandbox, &transfer).await;
    assert!(mails.len() == 1 && mails[0].contains("The customer had paid NT$899 outside ECPay"), "{mails:?}");
}

#[tokio::test]
async fn a_cancelled_order_that_still_grants_access_counts() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("leaving", "annual").await;
    sandbox.post(&format!("/api/subscriptions/{old}/cancel"), json!({ "why": "moves" })).await;
    // ECPay is asked after 14 days.
    sandbox.travel("2025-02-04T10:00:00+08:00").await;
    assert_eq!(sandbox.at_ecpay(&old).await["state"], "cancelled");
    assert_eq!(sandbox.account(&old).await["plan_id"], "PRO");
    let (_, offer) = changed(&sandbox, &old, "", to("STUDENT", "annual")).await;
    // 335 of 365 days: 8999 * 335 / 365 = 8259.4.
    assert_eq!((&offer["credit_twd"], &offer["unused_days"]), (&json!(8259), &json!(335)));
    paid(&sandbox, &offer).await;
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 8259, 0]));
}

#[tokio::test]
async fn a_payment_link_and_an_order_of_the_app_give_it_too() {
    let sandbox = Sandbox::at(BEGIN).await;
    let linked = sandbox.subscribe("linked", "monthly").await;
    let app = sandbox.subscribe("app", "monthly").await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let link = format!("/api/subscriptions/{linked}/payment-link");
    let link = sandbox.post(&link, json!({ "why": "the customer has a new card" })).await;
    paid(&sandbox, &link).await;
    let made = sandbox.order("app", "annual", Some(&app)).await;
    sandbox.submit(&made).await;
    for order in [&linked, &app] {
        assert_eq!(due(&sandbox, order, 0).await, json!([true, 464, 0]));
        assert_eq!(refund_mails(&sandbox, order).await.len(), 1);
    }
}

#[tokio::test]
async fn a_repeated_first_success_credits_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("repeated", "monthly").await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let new = sandbox.order("repeated", "monthly", Some(&old)).await;
    let new = new["subscription_id"].as_str().unwrap();
    let report = first(new, "1", "2025/01/20 10:00:00");
    let reports = || sandbox.report("ecpay-auth", &report);
    let (one, other) = tokio::join!(reports(), reports());
    assert_eq!((one, other, reports().await), (Reply::ok(), Reply::ok(), Reply::ok()));
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 464, 0]));
    let payment = sandbox.latest_payment(&old).await;
    refund(&sandbox, &old, &payment, 464).await;
    assert_eq!(reports().await, Reply::ok());
    assert_eq!(due(&sandbox, &old, 0).await, json!([false, 0, 464]));
    assert_eq!(refund_mails(&sandbox, &old).await.len(), 1);
}
