//! Replay of quarantined reports: once where the cause is repaired, never where it is not, and each item by itself.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use sandbox::ecpay::Fields;
use serde_json::{Value, json};
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;
use shared::store::billing::quarantine::types::{Quarantined, Resolution, ResolvedAs};
use shared::store::billing::quarantine::{QuarantineOutcome, RelatedWrites};

use testing::support::{Reply, Sandbox, column, first, period, with};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const FIRST: &str = "2025/01/15 09:59:59";
const SECOND: &str = "2025/01/15 10:00:01";
/// An order that comes to be known later.
const LATE: &str = "DKLATE00000000000001";

fn paid(numbers: &[&str]) -> (String, String, Vec<String>) {
    ("active".to_owned(), "PRO".to_owned(), numbers.iter().map(|number| (*number).to_owned()).collect())
}

/// Posts a first payment of an order that is not stored, so that it is quarantined, and stores the order afterwards.
async fn overtaken(sandbox: &Sandbox) -> String {
    let id = sandbox.have_quarantined("ecpay-auth", &first(LATE, "1", FIRST)).await;
    sandbox.store_order(LATE, "late", BEGIN).await;
    assert_eq!(sandbox.account(LATE).await["status"], "pending");
    id
}

#[tokio::test]
async fn a_payment_that_came_before_its_order_is_applied_by_its_replay_and_says_who_and_why() {
    let sandbox = Sandbox::at(BEGIN).await;
    let id = overtaken(&sandbox).await;
    assert!(sandbox.report_expires(&id).await);
    sandbox.travel("2025-01-15T11:00:00+08:00").await;
    let answer = sandbox.replay(&id, "the order was imported late").await;
    assert_eq!((answer["id"].as_str(), answer["outcome"].as_str()), (Some(id.as_str()), Some("applied")));
    assert_eq!(answer["rule"], "first-charge-paid");
    assert_eq!(sandbox.standing(LATE).await, paid(&["1"]));
    // ECPay's report is the cause; the staff member and reason of the replay are stored with the report.
    let account = sandbox.account(LATE).await;
    let entry = account["history"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((entry["by"].as_str(), entry["at"].as_str()), (Some("ecpay"), Some("2025-01-15T03:00:00Z")));
    let [report] = &sandbox.quarantine_items().await[..] else { panic!("one report was set aside") };
    assert_eq!(report["state"], "resolved");
    assert_eq!(
        report["resolved"],
        json!({ "at": "2025-01-15T03:00:00Z", "by": "staff:support", "why": "the order was imported late", "outcome": "applied" })
    );
    assert_eq!(sandbox.get("/quarantine").await["quarantine"], json!([]));
    // The order leads to the report from now on, and the report stays as long as the order does.
    let of_order = sandbox.get(&format!("/quarantine?subscription={LATE}&state=all")).await;
    assert_eq!(of_order["quarantine"], json!([report]));
    assert!(!sandbox.report_expires(&id).await);
    // Again, by itself and in a range: a repeat, which changes neither the order nor what was noted.
    let items = sandbox.items();
    assert_eq!(sandbox.replay(&id, "twice").await, json!({ "id": id, "outcome": "repeat" }));
    assert_eq!(sandbox.replay_day(json!({})).await["replayed"], json!([]));
    assert_eq!((sandbox.items(), sandbox.account(LATE).await), (items, account));
    assert_eq!(sandbox.quarantine_items().await, std::slice::from_ref(report));
    // A re-send by ECPay is a repeat, and not quarantined again.
    assert_eq!(sandbox.report("ecpay-auth", &first(LATE, "1", FIRST)).await, Reply::ok());
    assert_eq!(sandbox.quarantine_items().await.len(), 1);
}

#[tokio::test]
async fn a_replay_that_was_cut_off_before_it_was_noted_finds_a_repeat_and_notes_that() {
    let sandbox = Sandbox::at(BEGIN).await;
    let id = overtaken(&sandbox).await;
    // The report is applied, and the open item is as it was: what a cut leaves behind, and ECPay's own re-send as well.
    assert_eq!(sandbox.report("ecpay-auth", &first(LATE, "1", FIRST)).await, Reply::ok());
    let account = sandbox.account(LATE).await;
    assert_eq!(account["status"], "active");
    assert_eq!(sandbox.quarantine_items().await[0]["state"], "open");
    assert_eq!(sandbox.replay(&id, "looks open").await, json!({ "id": id, "outcome": "repeat" }));
    assert_eq!(sandbox.account(LATE).await, account);
    let report = &sandbox.quarantine_items().await[0];
    assert_eq!((report["state"].as_str(), report["resolved"]["outcome"].as_str()), (Some("resolved"), Some("repeat")));
}

#[tokio::test]
async fn replays_at_once_apply_a_report_once_and_the_one_that_did_is_noted() {
    let sandbox = Sandbox::at(BEGIN).await;
    let id = overtaken(&sandbox).await;
    let reasons: Vec<String> = (0..8).map(|number| format!("click {number}")).collect();
    let answers = join_all(reasons.iter().map(|why| sandbox.replay(&id, why))).await;
    let outcomes = column(&json!(answers), "outcome");
    let winners: Vec<usize> = (0..8).filter(|place| outcomes[*place] == "applied").collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "repeat").count(), 7);
    assert_eq!(sandbox.standing(LATE).await, paid(&["1"]));
    assert_eq!(column(&sandbox.account(LATE).await["history"], "rule"), ["order-created", "first-charge-paid"]);
    let report = &sandbox.quarantine_items().await[0];
    assert_eq!(report["resolved"]["outcome"], "applied");
    assert_eq!(report["resolved"]["why"], reasons[winners[0]].as_str());
    // A range and a click at once, too.
    let other = sandbox.have_quarantined("ecpay-auth", &first("DKLATE00000000000002", "1", FIRST)).await;
    sandbox.store_order("DKLATE00000000000002", "later", BEGIN).await;
    let (range, click) = tokio::join!(sandbox.replay_day(json!({})), sandbox.replay(&other, "click"));
    let told = range["replayed"].as_array().unwrap().iter().chain([&click]);
    assert_eq!(told.filter(|answer| answer["outcome"] == "applied").count(), 1, "{range} {click}");
    assert_eq!(sandbox.standing("DKLATE00000000000002").await, paid(&["1"]));
}

#[tokio::test]
async fn that_a_report_was_applied_is_noted_over_that_it_was_found_applied_and_then_for_good() {
    let sandbox = Sandbox::at(BEGIN).await;
    let id = overtaken(&sandbox).await;
    let (store, order) = (sandbox.store(), SubscriptionId::parse(LATE).unwrap());
    let report = store.billing.quarantined(&id).await.unwrap().unwrap();
    // Of two replays at once, the second is done first: it found the report applied.
    for (outcome, why, noted) in [
        (ResolvedAs::Repeat, "the second", true),
        (ResolvedAs::Repeat, "a third", false),
        (ResolvedAs::Applied, "the first", true),
        (ResolvedAs::Applied, "a fourth", false),
        (ResolvedAs::Repeat, "a fifth", false),
    ] {
        let at = Timestamp::parse(BEGIN).unwrap();
        let resolution = Resolution { at, by: "support".to_owned(), why: why.to_owned(), outcome };
        assert_eq!(store.billing.resolve_quarantined(&report, &order, &resolution).await.unwrap(), noted, "{why}");
    }
    let resolved = sandbox.quarantine_items().await[0]["resolved"].clone();
    assert_eq!((resolved["why"].as_str(), resolved["outcome"].as_str()), (Some("the first"), Some("applied")));
}

#[tokio::test]
async fn what_is_still_wrong_stays_with_its_reason_and_changes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("stays", "monthly").await;
    let real = period(&order, "1", SECOND, "2", "99000002");
    assert_eq!(sandbox.report("ecpay-billing", &real).await, Reply::ok());
    let next = period(&order, "1", "2025/01/15 10:00:02", "3", "99000003");
    sandbox.store_order(LATE, "late", BEGIN).await;
    let wrong = [
        ("unknown_order", period("DKSTRANGER0000000001", "1", SECOND, "2", "99000004")),
        ("wrong_amount", with(&first(LATE, "1", FIRST), "TradeAmt", "1")),
        ("wrong_merchant", with(&next, "MerchantID", "2000132")),
        ("simulated", with(&next, "SimulatePaid", "1")),
        ("unusable", with(&next, "ProcessDate", "yesterday")),
        ("conflict", with(&real, "gwsr", "99000009")),
        // One authorisation under two numbers.
        ("conflict", period(&order, "1", SECOND, "4", "99000002")),
    ];
    let mut ids = Vec::new();
    for (reason, report) in &wrong {
        let address = if *reason == "wrong_amount" { "ecpay-auth" } else { "ecpay-billing" };
        ids.push(sandbox.have_quarantined(address, report).await);
    }
    let (before, items, account) = (sandbox.quarantine_items().await, sandbox.items(), sandbox.account(&order).await);
    for (id, (reason, _)) in ids.iter().zip(&wrong) {
        let answer = sandbox.replay(id, "try").await;
        let detail = before.iter().find(|report| report["id"] == id.as_str()).unwrap()["detail"].clone();
        let stays = json!({ "id": id, "outcome": "still_quarantined", "reason": reason, "detail": detail });
        assert_eq!(answer, stays);
        let range = sandbox.replay_day(json!({ "reason": reason })).await;
        assert!(column(&range["replayed"], "reason").iter().all(|told| told == reason), "{range}");
        assert!(range["replayed"].as_array().unwrap().contains(&stays), "{range}");
    }
    assert_eq!(
        (sandbox.quarantine_items().await, sandbox.items(), sandbox.account(&order).await),
        (before, items, account)
    );
}

#[tokio::test]
async fn a_replay_grants_no_simulated_payment_even_where_callbacks_may() {
    let sandbox = Sandbox::with(BEGIN, &[("ECPAY_APPLY_SIMULATED", "true")]).await;
    let simulated = with(&first(LATE, "1", FIRST), "SimulatePaid", "1");
    let id = sandbox.have_quarantined("ecpay-auth", &simulated).await;
    assert_eq!(sandbox.quarantine_items().await[0]["reason"], "unknown_order");
    sandbox.store_order(LATE, "late", BEGIN).await;
    let answer = sandbox.replay(&id, "rehearsal").await;
    assert_eq!((answer["outcome"].as_str(), answer["reason"].as_str()), (Some("still_quarantined"), Some("simulated")));
    assert_eq!(sandbox.account(LATE).await["status"], "pending");
    // It says the new reason from now on, and its order leads to it.
    let report = &sandbox.get(&format!("/quarantine?subscription={LATE}")).await["quarantine"][0];
    assert_eq!((report["reason"].as_str(), report["state"].as_str()), (Some("simulated"), Some("open")));
    assert!(!sandbox.report_expires(&id).await);
    // ECPay's re-send to the callback address is applied, as configured.
    assert_eq!(sandbox.report("ecpay-auth", &simulated).await, Reply::ok());
    assert_eq!(sandbox.account(LATE).await["status"], "active");
}

/// A report as an older version set it aside: without what it says.
fn older(order: &str, callback: Option<CallbackKind>, fields: &Fields) -> Quarantined {
    Quarantined {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        callback,
        subscription: SubscriptionId::parse(order).ok(),
        event: None,
        reason: "unusable".to_owned(),
        detail: "unusable: ProcessDate is malformed".to_owned(),
        received_at: Timestamp::parse(BEGIN).unwrap(),
        fields: fields.iter().cloned().collect(),
        report: None,
        resolved: None,
    }
}

#[tokio::test]
async fn a_form_that_could_not_be_read_then_is_applied_once_it_can() {
    let cases = [(CallbackKind::Period, true, "renewed"), (CallbackKind::First, false, "first-charge-paid")];
    for (callback, subscribed, rule) in cases {
        let sandbox = Sandbox::at(BEGIN).await;
        if !subscribed {
            sandbox.store_order(LATE, "late", BEGIN).await;
        }
        let order = if subscribed { sandbox.subscribe("learned", "monthly").await } else { LATE.to_owned() };
        let form = if subscribed { period(&order, "1", SECOND, "2", "99000002") } else { first(LATE, "1", FIRST) };
        let id = SubscriptionId::parse(&order).unwrap();
        let report = older(&order, Some(callback), &form);
        let beside = RelatedWrites { order: Some(&id), ..RelatedWrites::default() };
        assert_eq!(
            sandbox.store().billing.quarantine_report(&report, beside).await.unwrap(),
            QuarantineOutcome::Stored
        );
        let answer = sandbox.replay(&report.id, "reads that date now").await;
        assert_eq!((answer["outcome"].as_str(), answer["rule"].as_str()), (Some("applied"), Some(rule)), "{answer}");
        assert_eq!(sandbox.standing(&order).await, paid(if subscribed { &["1", "2"] } else { &["1"] }));
    }
}

#[tokio::test]
async fn an_entry_of_a_query_is_replayed_as_it_was_kept_and_never_guessed_from_its_fields() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("queried", "monthly").await;
    // A report of the second charge with an authorisation that ECPay's log does not have.
    assert_eq!(sandbox.report("ecpay-billing", &period(&order, "1", SECOND, "2", "99000009")).await, Reply::ok());
    // ECPay's own second and third charge, without their callbacks: the fourth makes a query look for the third.
    for callback in [false, false, true] {
        sandbox.charge(&order, json!({ "rtn_code": "1", "callback": callback })).await;
    }
    sandbox.world.leap("2025-01-15T10:01:00+08:00".parse().unwrap());
    sandbox.maintain().await;
    let aside = sandbox.quarantine_items().await;
    assert_eq!(
        (column(&json!(aside), "type"), column(&json!(aside), "reason")),
        (vec!["query".to_owned()], vec!["conflict".to_owned()])
    );
    let id = aside[0]["id"].as_str().unwrap();
    assert_eq!(sandbox.replay(id, "look again").await["reason"], "conflict");
    assert_eq!(sandbox.standing(&order).await, paid(&["1", "2", "3", "4"]));
    let without = older(&order, None, &period(&order, "1", SECOND, "5", "99000002"));
    let stored = sandbox.store().billing.quarantine_report(&without, RelatedWrites::default()).await.unwrap();
    assert_eq!(stored, QuarantineOutcome::Stored);
    let answer = sandbox.replay(&without.id, "look again").await;
    assert_eq!((answer["outcome"].as_str(), answer["reason"].as_str()), (Some("still_quarantined"), Some("unusable")));
    assert_eq!(sandbox.standing(&order).await, paid(&["1", "2", "3", "4"]));
}

#[tokio::test]
async fn in_a_range_only_the_bad_one_stays_wherever_it_stands() {
    const SIZE: usize = 6;
    for bad in 0..=SIZE {
        let sandbox = Sandbox::at(BEGIN).await;
        let name = |place: usize| format!("DKBATCH{place:013}");
        for place in 0..SIZE {
            sandbox.travel(&format!("2025-01-15T10:0{place}:00+08:00")).await;
            let report = first(&name(place), "1", FIRST);
            let report = if place == bad { with(&report, "TradeAmt", "1") } else { report };
            assert_eq!(sandbox.report("ecpay-auth", &report).await, Reply::ok());
        }
        for place in 0..SIZE {
            sandbox.store_order(&name(place), &format!("user{place}"), BEGIN).await;
        }
        let answer = sandbox.replay_day(json!({})).await;
        assert_eq!((answer["more"].as_bool(), &answer["next"]), (Some(false), &json!(null)));
        // Oldest first.
        let expected: Vec<&str> =
            (0..SIZE).map(|place| if place == bad { "still_quarantined" } else { "applied" }).collect();
        assert_eq!(column(&answer["replayed"], "outcome"), expected, "{bad}");
        for place in 0..SIZE {
            let status = sandbox.account(&name(place)).await["status"].clone();
            assert_eq!(status, if place == bad { "pending" } else { "active" }, "{bad} {place}");
        }
        let open = sandbox.get("/quarantine").await["quarantine"].clone();
        let stays = if bad < SIZE { vec![name(bad)] } else { Vec::new() };
        assert_eq!(column(&open, "merchant_trade_no"), stays);
        assert!(column(&open, "reason").iter().all(|reason| reason == "wrong_amount"));
    }
}

#[tokio::test]
async fn a_range_takes_two_hundred_at_a_time_and_says_where_to_go_on() {
    let sandbox = Sandbox::at("2025-01-15T23:00:00+08:00").await;
    for (day, numbers) in [("2025-01-15T23:30:00+08:00", 0..130), ("2025-01-16T00:00:00+08:00", 130..260)] {
        sandbox.travel(day).await;
        for number in numbers {
            let report = first(&format!("DKBATCH{number:013}"), "1", FIRST);
            assert_eq!(sandbox.report("ecpay-auth", &report).await, Reply::ok());
        }
    }
    // The one at the very end is known by now.
    sandbox.store_order(&format!("DKBATCH{:013}", 259), "last", BEGIN).await;
    let range = json!({ "to": "2025-01-16" });
    let begun = sandbox.replay_day(range.clone()).await;
    assert_eq!((begun["replayed"].as_array().unwrap().len(), begun["more"].as_bool()), (200, Some(true)));
    let rest = sandbox.replay_day(json!({ "to": "2025-01-16", "after": begun["next"] })).await;
    assert_eq!((rest["replayed"].as_array().unwrap().len(), rest["more"].as_bool()), (60, Some(false)));
    let all = [column(&begun["replayed"], "id"), column(&rest["replayed"], "id")].concat();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 260);
    let applied = [&begun, &rest].map(|answer| column(&answer["replayed"], "outcome")).concat();
    assert_eq!(applied.iter().filter(|outcome| *outcome == "applied").count(), 1);
    assert_eq!(sandbox.account(&format!("DKBATCH{:013}", 259)).await["status"], "active");
    // Only the first day, and only another reason.
    let day = sandbox.replay_day(json!({})).await;
    assert_eq!((day["replayed"].as_array().unwrap().len(), day["more"].as_bool()), (130, Some(false)));
    let none = sandbox.replay_day(json!({ "to": "2025-01-16", "reason": "conflict" })).await;
    assert_eq!(none, json!({ "replayed": [], "more": false, "next": null }));
}

#[tokio::test]
async fn a_replay_needs_a_token_that_may_operate_a_reason_and_something_to_replay() {
    let sandbox = Sandbox::at(BEGIN).await;
    let id = overtaken(&sandbox).await;
    let (one, range) = (format!("/quarantine/{id}/replay"), "/quarantine/replay".to_owned());
    let days = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "x" });
    let reader = sandbox.get("/sandbox/credentials").await["read_token"].as_str().unwrap().to_owned();
    for (path, body) in [(&one, &json!({ "why": "x" })), (&range, &days)] {
        for (token, expected) in [(Some(reader.as_str()), 403), (Some("nobody"), 401), (None, 401)] {
            let request = sandbox.http.post(format!("{}{path}", sandbox.base)).body(body.to_string());
            let request = request.header("content-type", "application/json");
            let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
            assert_eq!(request.send().await.unwrap().status(), expected, "{path} {token:?}");
        }
    }
    let with = |name: &str, value: Value| {
        let mut body = days.clone();
        body[name] = value;
        body
    };
    for (path, body, status, param) in [
        (&one, json!({}), 400, "why"),
        (&one, json!({ "why": "" }), 400, "why"),
        (&one, json!({ "why": 1 }), 400, "why"),
        (&one, json!({ "why": "x", "from": "2025-01-15" }), 400, "from"),
        (&"/quarantine/0123456789abcdef0123456789abcdef/replay".to_owned(), json!({ "why": "x" }), 404, "id"),
        (&"/quarantine/%F0%9F%92%B8/replay".to_owned(), json!({ "why": "x" }), 404, "id"),
        (&format!("/quarantine/{}/replay", "a".repeat(3_000)), json!({ "why": "x" }), 404, "id"),
        (&range, with("why", json!(null)), 400, "why"),
        (&range, with("from", json!(null)), 400, "from"),
        (&range, with("to", json!("2025-1-16")), 400, "to"),
        (&range, with("to", json!("2025-01-14")), 400, "to"),
        (&range, with("reason", json!("bad")), 400, "reason"),
        (&range, with("reason", json!(["conflict"])), 400, "reason"),
        (&range, with("after", json!("AAAA")), 400, "after"),
        (&range, with("day", json!("2025-01-15")), 400, "day"),
    ] {
        let (answered, told) = sandbox.call(Method::POST, path, Some(body.clone())).await;
        assert_eq!((answered.as_u16(), told["error"]["param"].as_str()), (status, Some(param)), "{path} {body}");
    }
    assert_eq!(sandbox.account(LATE).await["status"], "pending");
    assert_eq!(sandbox.quarantine_items().await[0]["state"], "open");
}
