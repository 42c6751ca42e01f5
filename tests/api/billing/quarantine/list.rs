//! List of quarantined reports: every report once, newest first, page by page, and none for a wrong cursor.

use std::collections::BTreeSet;

use reqwest::Method;
use sandbox::world::TABLE;
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, column, period, with};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const SECOND: &str = "2025/01/15 10:00:01";

fn name(number: u32) -> String {
    format!("DKSTRANGER{number:010}")
}

/// Posts reports about unknown orders, which are quarantined.
async fn strangers(sandbox: &Sandbox, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let report = period(&name(number), "1", SECOND, "2", "99000003");
        assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    }
}

/// A page, and the query of the next.
async fn page(sandbox: &Sandbox, list: &str, after: Option<&str>) -> (Vec<Value>, Option<String>) {
    let after = after.map_or_else(String::new, |after| format!("&after={after}"));
    let answer = sandbox.get(&format!("/quarantine?{list}{after}")).await;
    (answer["quarantine"].as_array().unwrap().clone(), answer["next"].as_str().map(str::to_owned))
}

/// All pages of a list, each of at most `limit`.
async fn pages(sandbox: &Sandbox, list: &str, limit: usize) -> Vec<Value> {
    let list = format!("{list}&limit={limit}");
    let (mut all, mut next) = page(sandbox, &list, None).await;
    while let Some(after) = next {
        let (more, then) = page(sandbox, &list, Some(&after)).await;
        assert!(more.len() <= limit);
        all.extend(more);
        assert!(all.len() <= 1_000, "the list has no end");
        next = then;
    }
    all
}

/// Error of a query: status, code and parameter.
async fn refused(sandbox: &Sandbox, query: &str) -> (u16, String, String) {
    let (status, body) = sandbox.call(Method::GET, &format!("/quarantine?{query}"), None).await;
    let told = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    (status.as_u16(), told("code"), told("param"))
}

#[tokio::test]
async fn every_report_is_listed_once_however_pages_are_cut_and_whatever_arrives_meanwhile() {
    let sandbox = Sandbox::at(BEGIN).await;
    strangers(&sandbox, 0..60).await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    strangers(&sandbox, 60..125).await;
    // Fifty at once, unless it is said otherwise, and the newest.
    let (first, next) = page(&sandbox, "state=open", None).await;
    assert_eq!((first.len(), next.is_some()), (50, true));
    assert!(first.iter().all(|report| report["received_at"] == "2025-01-15T02:05:00Z"));
    for limit in [1, 7, 50, 65, 100] {
        let all = pages(&sandbox, "state=open", limit).await;
        let orders: BTreeSet<String> = column(&json!(all), "merchant_trade_no").into_iter().collect();
        assert_eq!((all.len(), &orders), (125, &(0..125).map(name).collect()), "{limit}");
        let times = column(&json!(all), "received_at");
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{limit}");
    }
    // Between two pages others arrive, in the second that is being listed and in a later one.
    let (mut all, mut next) = page(&sandbox, "limit=9", None).await;
    let mut arriving = 125..;
    while let Some(after) = next {
        let number = arriving.next().unwrap();
        strangers(&sandbox, number..number + 1).await;
        if number == 132 {
            sandbox.travel("2025-01-15T10:10:00+08:00").await;
        }
        let (more, then) = page(&sandbox, "limit=9", Some(&after)).await;
        all.extend(more);
        assert!(all.len() <= 1_000, "the list has no end");
        next = then;
    }
    let told = column(&json!(all), "merchant_trade_no");
    let once: BTreeSet<String> = told.iter().cloned().collect();
    assert_eq!(once.len(), told.len());
    assert!((0..125).map(name).all(|order| once.contains(&order)));
    assert!(all.iter().all(|report| report["received_at"] != "2025-01-15T02:10:00Z"));
}

#[tokio::test]
async fn open_and_resolved_reports_are_listed_apart_and_together_newest_first() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut resolved = BTreeSet::new();
    for hour in 0..4 {
        sandbox.travel(&format!("2025-01-15T1{hour}:00:00+08:00")).await;
        strangers(&sandbox, hour * 5..hour * 5 + 5).await;
        // Two of the five become known.
        for number in [hour * 5 + 1, hour * 5 + 3] {
            sandbox.store_order(&name(number), &format!("user{number}"), BEGIN).await;
            resolved.insert(name(number));
        }
    }
    let range = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "the orders were imported" });
    sandbox.post("/quarantine/replay", range).await;
    let orders = |all: &[Value]| -> BTreeSet<String> {
        all.iter().map(|report| report["merchant_trade_no"].as_str().unwrap().to_owned()).collect()
    };
    let everything: BTreeSet<String> = (0..20).map(name).collect();
    for limit in [1, 2, 3, 7, 100] {
        let (open, done) = (pages(&sandbox, "state=open", limit).await, pages(&sandbox, "state=resolved", limit).await);
        assert_eq!((open.len(), done.len()), (12, 8), "{limit}");
        assert_eq!(orders(&done), resolved);
        assert_eq!(orders(&open), everything.difference(&resolved).cloned().collect());
        assert!(open.iter().all(|report| report["state"] == "open" && report["resolved"].is_null()));
        assert!(done.iter().all(|report| report["state"] == "resolved" && report["resolved"]["outcome"] == "applied"));
        let all = pages(&sandbox, "state=all", limit).await;
        assert_eq!((all.len(), orders(&all)), (20, everything.clone()), "{limit}");
        assert!(column(&json!(all), "received_at").is_sorted_by(|newer, older| newer >= older), "{limit}");
    }
}

#[tokio::test]
async fn a_list_holds_the_days_reason_and_order_that_were_asked_for() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (one, other) = (sandbox.subscribe("one", "monthly").await, sandbox.subscribe("other", "monthly").await);
    let wrong = |order: &str, gwsr: &str| with(&period(order, "1", SECOND, "2", gwsr), "MerchantID", "2000132");
    for number in 0..5 {
        let report = wrong(&one, &format!("9900001{number}"));
        assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    }
    strangers(&sandbox, 0..3).await;
    sandbox.travel("2025-01-16T00:00:00+08:00").await;
    assert_eq!(sandbox.report("ecpay-billing", &wrong(&one, "99000020")).await, Reply::ok());
    assert_eq!(sandbox.report("ecpay-billing", &wrong(&other, "99000021")).await, Reply::ok());
    for (list, expected) in [
        ("from=2025-01-15&to=2025-01-15", 8),
        ("from=2025-01-16&to=2025-01-16", 2),
        ("from=2025-01-17&to=2025-01-17", 0),
        ("to=2025-01-15", 8),
        ("reason=wrong_merchant", 7),
        ("reason=unknown_order", 3),
        ("reason=unknown_order&from=2025-01-16", 0),
        ("state=all&reason=wrong_merchant", 7),
        ("state=resolved", 0),
        (&format!("subscription={one}"), 6),
        (&format!("subscription={one}&from=2025-01-16"), 1),
        (&format!("subscription={one}&to=2025-01-15&state=all"), 5),
        (&format!("subscription={one}&state=resolved"), 0),
        (&format!("subscription={one}&reason=conflict"), 0),
        (&format!("subscription={other}"), 1),
        // Reports about an unknown order have no pointer from it.
        (&format!("subscription={}", name(0)), 0),
    ] {
        for limit in [1, 2, 100] {
            assert_eq!(pages(&sandbox, list, limit).await.len(), expected, "{list} {limit}");
        }
    }
    let told = pages(&sandbox, &format!("subscription={one}"), 2).await;
    assert!(told.iter().all(|report| report["merchant_trade_no"] == one.as_str()));
    assert_eq!(column(&json!(told), "received_at")[..2], ["2025-01-15T16:00:00Z", "2025-01-15T02:00:00Z"]);
    // The pages of one order do not end after thirty days.
    sandbox.travel("2025-03-31T00:00:00+08:00").await;
    assert_eq!(pages(&sandbox, &format!("subscription={one}"), 100).await.len(), 6);
    assert_eq!(pages(&sandbox, "state=open", 100).await.len(), 0);
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_name_and_a_changed_cursor_by_every_letter() {
    let sandbox = Sandbox::at(BEGIN).await;
    strangers(&sandbox, 0..3).await;
    let (_, next) = page(&sandbox, "limit=2", None).await;
    let cursor = next.unwrap();
    let wrong = |param: &str| (400, "invalid_parameter".to_owned(), param.to_owned());
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("state=closed", "state"),
        ("reason=bad", "reason"),
        ("from=yesterday", "from"),
        ("to=2025-02-30", "to"),
        ("to=%2B12025-01-01", "to"),
        ("from=2025-01-16&to=2025-01-15", "to"),
        ("subscription=DK-1", "subscription"),
        ("after=", "after"),
        ("after=2025-01-15T02:00:00Z", "after"),
        ("after=%00%ff", "after"),
        ("after=%F0%9F%92%B8%F0%9F%92%B8", "after"),
        (&format!("after={}", "A".repeat(4_000)), "after"),
        // Of another time than the list's.
        (&format!("from=2025-01-16&to=2025-01-17&after={cursor}"), "after"),
        (&format!("to=2025-01-14&after={cursor}"), "after"),
    ] {
        assert_eq!(refused(&sandbox, query).await, wrong(param), "{query}");
    }
    for place in 0..cursor.len() {
        let other = if &cursor[place..=place] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &cursor[..place], &cursor[place + 1..]);
        assert_eq!(refused(&sandbox, &format!("after={changed}")).await, wrong("after"), "{place}");
        assert_eq!(refused(&sandbox, &format!("after={}", &cursor[..place])).await, wrong("after"), "{place}");
    }
    assert_eq!(page(&sandbox, "limit=2", Some(&cursor)).await.0.len(), 1);
    // One cursor in another list leads to no report that this list does not have.
    assert_eq!(page(&sandbox, "state=resolved", Some(&cursor)).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_report_that_cannot_be_read_hides_no_other_and_keeps_none_from_its_replay() {
    let sandbox = Sandbox::at(BEGIN).await;
    strangers(&sandbox, 0..5).await;
    for number in 0..5 {
        sandbox.store_order(&name(number), &format!("user{number}"), BEGIN).await;
    }
    let ids = column(&json!(pages(&sandbox, "state=open", 100).await), "id");
    let client = aws_sdk_dynamodb::Client::new(&sandbox::aws::config(&sandbox.world.aws_url));
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let change = client
        .update_item()
        .table_name(TABLE)
        .key("pk", text(&format!("QUARANTINE#{}", ids[2])))
        .key("sk", text("STATE"))
        .update_expression("SET #schema = :later")
        .expression_attribute_names("#schema", "schema")
        .expression_attribute_values(":later", aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned()));
    change.send().await.unwrap();
    for limit in [1, 2, 100] {
        let told = column(&json!(pages(&sandbox, "state=open", limit).await), "id");
        assert_eq!(told, [&ids[..2], &ids[3..]].concat(), "{limit}");
    }
    let range = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "the orders were imported" });
    let answer = sandbox.post("/quarantine/replay", range).await;
    assert_eq!(column(&answer["replayed"], "outcome"), ["applied"; 4]);
    assert_eq!(pages(&sandbox, "state=open", 100).await, Vec::<Value>::new());
}
