//! Credit where reports come late: the first success found by query, and a charge of the old order that became known after its
//! replacement.

use serde_json::json;
use testing::support::{Reply, Sandbox, period};

use super::{BEGIN, changed, due, refund_mails, to};
use crate::billing::checkout::{attempt, submit};

#[tokio::test]
async fn a_first_success_found_by_query_credits_from_the_day_of_the_charge() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("quiet", "monthly").await;
    sandbox.travel("2025-01-20T23:58:00+08:00").await;
    let (_, offer) = changed(&sandbox, &old, "", to("PRO", "annual")).await;
    let form = attempt(&sandbox, &offer).await;
    let new = form.fields["MerchantTradeNo"].clone();
    sandbox.order_behavior(&new, json!({ "callbacks": false })).await;
    submit(&sandbox, &form, "1").await;
    assert_eq!(due(&sandbox, &old, 0).await, json!([false, 0, 0]));
    sandbox.travel("2025-01-21T12:00:00+08:00").await;
    assert_eq!(sandbox.account(&old).await["superseded_by"], json!(new));
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 464, 0]));
}

#[tokio::test]
async fn a_charge_of_the_old_order_that_becomes_known_later_gives_its_part() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("slow", "monthly").await;
    // Charged on 5 February without a callback, and replaced on the 6th before a query finds it.
    sandbox.order_behavior(&old, json!({ "callbacks": false })).await;
    sandbox.travel("2025-02-05T23:00:00+08:00").await;
    let (_, offer) = changed(&sandbox, &old, "", to("STUDENT", "monthly")).await;
    let form = attempt(&sandbox, &offer).await;
    sandbox.world.leap("2025-02-06T00:30:00+08:00".parse().unwrap());
    let new = submit(&sandbox, &form, "1").await;
    assert_eq!(sandbox.account(&old).await["payments"].as_array().unwrap().len(), 1);
    assert_eq!(due(&sandbox, &old, 0).await, json!([false, 0, 0]));
    sandbox.travel("2025-02-08T10:00:00+08:00").await;
    // 27 of 28 days: 899 * 27 / 28 = 866.9.
    assert_eq!(due(&sandbox, &old, 0).await, json!([false, 0, 0]));
    assert_eq!(due(&sandbox, &old, 1).await, json!([true, 867, 0]));
    let history = sandbox.account(&old).await["history"].clone();
    let line = history.as_array().unwrap().iter().find(|line| line["rule"] == "late-success").unwrap();
    assert_eq!((&line["credits"][0]["replaced_by"], &line["credits"][0]["unused_days"]), (&json!(new), &json!(27)));
    let mails = refund_mails(&sandbox, &old).await;
    assert!(mails.len() == 1 && mails[0].contains("Please return NT$867"), "{mails:?}");
}

#[tokio::test]
async fn a_charge_after_the_replacement_goes_back_as_a_whole_beside_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("again", "monthly").await;
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    let new = sandbox.order("again", "annual", Some(&old)).await;
    sandbox.submit(&new).await;
    sandbox.travel("2025-01-20T10:30:00+08:00").await;
    let charge = period(&old, "1", "2025/01/20 10:20:00", "2", "99000002");
    assert_eq!(sandbox.report("ecpay-billing", &charge).await, Reply::ok());
    assert_eq!(due(&sandbox, &old, 0).await, json!([true, 464, 0]));
    assert_eq!(due(&sandbox, &old, 1).await, json!([true, 899, 0]));
    let mails = refund_mails(&sandbox, &old).await;
    assert_eq!(mails.len(), 2);
    assert!(mails[1].contains("Please return NT$899") && mails[1].contains("was over or replaced"), "{mails:?}");
}
