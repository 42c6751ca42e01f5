//! An adoption that ends anywhere and is repeated.

use std::collections::BTreeMap;

use sandbox::ecpay::{CallbackUrls, ExistingOrder};
use serde_json::{Value, json};
use testing::harness::{Options, Outcome, TestDeployment, Verdict};

use super::{NOW, charges};
use crate::billing::user_erasure::proceed;

/// Kinds of items that an adoption writes for good.
const KINDS: [&str; 5] = ["SUB#", "USER#", "NUMBER#", "FIND#", "PURCHASE#"];
const QUERY: &str = "QueryCreditCardPeriodInfo";

/// An order at ECPay with 15 charges, so that it is stored in several transactions, one of them failed.
fn deployment() -> TestDeployment {
    let mut deployment = TestDeployment::new(Options { now: NOW.parse().unwrap(), variables: BTreeMap::new() });
    let months =
        (1..=9).map(|month| format!("2025-{month:02}-15")).chain((10..=12).map(|month| format!("2025-{month}-15")));
    let days: Vec<String> =
        months.chain(["2026-01-15!".to_owned(), "2026-02-15".to_owned(), "2026-03-15".to_owned()]).collect();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    let order = json!({
        "merchant_trade_no": "shopA1", "amount": 899, "period_type": "M", "exec_times": 120, "charges": charges(&days),
    });
    let order: ExistingOrder = serde_json::from_value(order).unwrap();
    let address = |path: &str| format!("https://api.duekeeper.example/api/webhooks/{path}");
    let urls = CallbackUrls { first: address("ecpay-auth"), later: address("ecpay-billing") };
    deployment.ecpay(|ecpay, now| ecpay.bring_in(order, urls, now)).unwrap();
    deployment
}

fn event() -> Value {
    json!({ "adopt": {
        "order": {
            "merchant_trade_no": "shopA1", "user_id": "cut-user", "email": "cut@customer.example", "plan": "PRO",
            "monthly_price": 899, "cycle": "monthly", "locale": "zh-TW",
        },
        "by": "support",
    } })
}

fn adopt(deployment: &mut TestDeployment) -> Value {
    let task = deployment.spawn_maintenance(event(), 0);
    let Outcome::Answered { body, .. } = deployment.run_to_end(task) else { panic!("no answer") };
    serde_json::from_str(&body).unwrap()
}

fn stored(deployment: &TestDeployment) -> Vec<Value> {
    let mut items = deployment.items();
    items.retain(|item| KINDS.iter().any(|kind| item["pk"].as_str().unwrap().starts_with(kind)));
    items
}

#[test]
fn an_adoption_that_is_cut_off_anywhere_is_finished_by_repeating_it() {
    let mut uncut = deployment();
    let begun = uncut.transcript().len();
    assert_eq!(adopt(&mut uncut)["outcome"], "adopted");
    let (whole, calls) = (stored(&uncut), uncut.transcript().len() - begun);
    assert!(calls >= 5 && whole.len() > 30, "{calls} calls, {} items", whole.len());
    let mut cuts = 0;
    for call in 0..calls {
        for verdict in [Verdict::CrashBefore, Verdict::CrashAfter] {
            let mut deployment = deployment();
            let task = deployment.spawn_maintenance(event(), 0);
            assert!(proceed(&mut deployment, task, call), "it ends before call {call}");
            let held = deployment.held_calls().remove(0);
            if !verdict.befalls(held.service, &held.action) {
                continue;
            }
            cuts += 1;
            deployment.release(task, verdict);
            deployment.run_to_end(task);
            // A reader meanwhile finds the whole order or none.
            let found = deployment.partition("SUB#shopA1").iter().any(|item| item["sk"] == "STATE");
            let before = stored(&deployment);
            assert!(!found || before == whole, "half an order after {verdict:?} of {held:?}");
            let outcome = adopt(&mut deployment)["outcome"].clone();
            assert_eq!(outcome == "already_held", found, "{outcome} after {verdict:?} of {held:?}");
            assert_eq!(stored(&deployment), whole, "{verdict:?} of {held:?}");
            let queries: u64 = deployment.calls().iter().filter(|(call, _)| call.contains(QUERY)).map(|(_, n)| n).sum();
            assert!((1..=2).contains(&queries), "{:?}", deployment.calls());
        }
    }
    assert!(cuts > calls, "{cuts} cuts of {calls} calls");
}
