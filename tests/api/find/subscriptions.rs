//! Lists of subscriptions by status, plan, next action and time of the latest change.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const NO_CREDIT: &str = "10100252";
const STOLEN: &str = "10100256";

async fn ids(sandbox: &Sandbox, query: &str) -> Vec<String> {
    column(&sandbox.get(&format!("/api/subscriptions{query}")).await["subscriptions"], "id")
}

/// All pages of a list, by `next`.
async fn all_pages(sandbox: &Sandbox, query: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = sandbox.get(&format!("/api/subscriptions?{query}{after}")).await;
        pages.push(page["subscriptions"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return pages };
        after = format!("&after={next}");
        assert!(pages.len() < 100, "the list has no end");
    }
}

/// Orders of each kind: unpaid, active, in grace, and on FREE after a downgrade.
struct Orders {
    unpaid: String,
    active: String,
    yearly: String,
    in_grace: String,
    downgraded: String,
}

async fn orders(sandbox: &Sandbox) -> Orders {
    let downgraded = sandbox.subscribe("wei", "monthly").await;
    // A stolen card is not tried again: the grace of seven days ends on 22 February.
    sandbox.outcomes(&downgraded, &[STOLEN]).await;
    sandbox.travel("2025-02-22T18:00:00+08:00").await;
    let active = sandbox.subscribe("mei", "monthly").await;
    let yearly = sandbox.subscribe("lin", "annual").await;
    let in_grace = sandbox.subscribe("hui", "monthly").await;
    sandbox.charge(&in_grace, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.advance(0.001).await;
    let unpaid = sandbox.order("jun", "monthly", None).await["subscription_id"].as_str().unwrap().to_owned();
    Orders { unpaid, active, yearly, in_grace, downgraded }
}

#[tokio::test]
async fn each_filter_lists_what_it_names_and_nothing_else() {
    let sandbox = Sandbox::at(BEGIN).await;
    let Orders { unpaid, active, yearly, in_grace, downgraded } = orders(&sandbox).await;
    assert_eq!(sandbox.account(&downgraded).await["plan_id"], "FREE");
    let expected: [(&str, &[&String]); 12] = [
        ("?status=pending", &[&unpaid]),
        ("?status=past_due", &[&in_grace]),
        ("?status=failed", &[]),
        ("?status=active", &[&active, &yearly, &downgraded]),
        ("?status=active&plan=FREE", &[&downgraded]),
        ("?status=active&plan=PRO", &[&active, &yearly]),
        // An order that was not paid grants no plan.
        ("?plan=FREE", &[&unpaid, &downgraded]),
        ("?plan=STUDENT", &[]),
        ("?next_action=retry", &[&in_grace]),
        ("?next_action=cancel", &[&downgraded]),
        ("?next_action=check-pending", &[&unpaid]),
        ("?status=past_due&next_action=reconcile", &[]),
    ];
    for (query, wanted) in expected {
        let found: BTreeSet<String> = ids(&sandbox, query).await.into_iter().collect();
        assert_eq!(found, wanted.iter().map(|id| (*id).clone()).collect(), "{query}");
    }
    let all = ids(&sandbox, "").await;
    assert_eq!(all.len(), 5, "{all:?}");
    assert_eq!(all[0], unpaid, "the latest change comes first");
    assert_eq!(all[4], downgraded);
    let since = ids(&sandbox, "?updated_since=2025-02-22T18:00:00%2B08:00").await;
    assert_eq!(since.len(), 4, "{since:?}");
    assert!(!since.contains(&downgraded), "the downgrade was decided at 12:00");
    let action = sandbox.get("/api/subscriptions?next_action=reconcile").await;
    let due = column(&action["subscriptions"], "id");
    assert_eq!(due, [active, yearly], "the earliest due time comes first");
}

#[tokio::test]
async fn a_summary_has_what_staff_ask_first() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    let listed = sandbox.get("/api/subscriptions").await;
    assert_eq!(listed["next"], Value::Null);
    assert_eq!(
        listed["subscriptions"],
        json!([{
            "id": order, "user_id": "mei", "status": "active", "plan_id": "PRO", "ordered_plan_id": "PRO",
            "billing_cycle": "monthly", "price_twd": 899, "card_last4": "2222", "current_period_end": "2025-02-15",
            "grace_period_ends_at": null, "downgrade_reason": null,
            "next_action": {
                "kind": "reconcile", "at": "2025-02-15T16:00:00Z",
                "why": listed["subscriptions"][0]["next_action"]["why"],
            },
            "created_at": "2025-01-15T02:00:00Z", "updated_at": "2025-01-15T02:00:00Z",
        }])
    );
}

#[tokio::test]
async fn pages_hold_every_subscription_once_in_order_at_any_size() {
    let sandbox = Sandbox::at("2025-01-15T20:00:00+08:00").await;
    // Many of one second, so that only the positions tell them apart.
    for number in 0..90 {
        let minute = number / 10;
        let at = format!("2025-01-15T10:{minute:02}:00+08:00");
        sandbox.store_order(&format!("DKPAGED{number:013}"), &format!("user{number}"), &at).await;
    }
    for size in [1, 7, 20, 89, 90, 100] {
        for query in ["", "&status=pending", "&plan=FREE", "&next_action=check-pending"] {
            let pages = all_pages(&sandbox, &format!("limit={size}{query}")).await;
            assert!(pages.iter().all(|page| page.len() <= size), "{size} {query}");
            let listed: Vec<&Value> = pages.iter().flatten().collect();
            let ids: BTreeSet<&str> = listed.iter().map(|listed| listed["id"].as_str().unwrap()).collect();
            assert_eq!((listed.len(), ids.len()), (90, 90), "{size} {query}");
            let times: Vec<&str> = listed.iter().map(|listed| listed["updated_at"].as_str().unwrap()).collect();
            if !query.starts_with("&next") {
                assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{size} {query}");
            }
        }
    }
    // From the third minute on there are seven minutes with ten orders.
    let pages = all_pages(&sandbox, "limit=30&updated_since=2025-01-15T02:02:00Z").await;
    assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 70);
}

#[tokio::test]
async fn a_position_of_a_list_in_another_order_is_refused() {
    let sandbox = Sandbox::at(BEGIN).await;
    for number in 0..3 {
        sandbox.store_order(&format!("DKOTHER{number:013}"), &format!("user{number}"), BEGIN).await;
    }
    let lists = ["status=pending&limit=1", "next_action=check-pending&limit=1"];
    for (list, other) in [(lists[0], lists[1]), (lists[1], lists[0])] {
        let next = sandbox.get(&format!("/api/subscriptions?{list}")).await["next"].as_str().unwrap().to_owned();
        let path = format!("/api/subscriptions?{other}&after={next}");
        let (status, answer) = sandbox.call(reqwest::Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("after")), "{other}: {answer}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_refused_and_named() {
    let sandbox = Sandbox::at(BEGIN).await;
    for (query, param) in [
        ("status=overdue", "status"),
        ("next_action=send-mail", "next_action"),
        ("updated_since=yesterday", "updated_since"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=abc", "after"),
        ("user=mei", "user"),
    ] {
        let path = format!("/api/subscriptions?{query}");
        let (status, answer) = sandbox.call(reqwest::Method::GET, &path, None).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some(param)), "{query}: {answer}");
    }
}
