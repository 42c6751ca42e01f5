//! One person exported and erased: everything is found, nothing stays, and whatever cuts the erasure off, the same
//! request finishes it.

mod late_reports;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::ecpay::{Callback, Fields};
use serde_json::{Value, json};
use testing::harness::{Options, Outcome, TaskId, TestDeployment, Verdict};

use testing::support::{column, form, period, with};

pub(crate) const USER: &str = "canary|7q";
pub(crate) const EMAIL: &str = "mei.canary@customer.example";
/// Last digits of the simulated card.
pub(crate) const CARD: &str = "2222";
pub(crate) const ERASE: &str = "/api/users/canary%7C7q";
pub(crate) const EXPORT: &str = "/api/users/canary%7C7q/export";
const ERASED_AT: &str = "2025-03-12T10:00:00+08:00";

/// A request to `admin-api`, answered.
pub(crate) fn ask(deployment: &mut TestDeployment, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let task = deployment.spawn_admin(method, path, body.as_ref(), &[]);
    answer(deployment.run_to_end(task))
}

pub(crate) fn answer(outcome: Outcome) -> (u16, Value) {
    let Outcome::Answered { status, body } = outcome else { panic!("no answer: {outcome:?}") };
    (status, serde_json::from_str(&body).unwrap())
}

pub(crate) fn why() -> Value {
    json!({ "why": "asked for, request 17" })
}

pub(crate) fn erase(deployment: &mut TestDeployment) -> (u16, Value) {
    ask(deployment, "DELETE", ERASE, Some(why()))
}

/// An order under a number that follows from its key, so that two deployments hold the same items.
fn order(deployment: &mut TestDeployment, user: &str, email: &str, key: &str) -> Value {
    let wanted = json!({ "user_id": user, "email": email, "plan_id": "PRO", "billing_cycle": "monthly" });
    let task = deployment.spawn_admin("POST", "/api/subscriptions", Some(&wanted), &[("idempotency-key", key)]);
    let (status, made) = answer(deployment.run_to_end(task));
    assert_eq!(status, 201, "{made}");
    made
}

pub(crate) fn run(deployment: &mut TestDeployment, now: &str, tasks: &[&str]) {
    deployment.set_now(now.parse().unwrap());
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    let task = deployment.spawn_maintenance(json!({ "task": tasks, "run_id": now }), 0);
    let outcome = deployment.run_to_end(task);
    assert!(matches!(outcome, Outcome::Answered { status: 200, .. }), "{outcome:?}");
}

/// A callback of our own making.
pub(crate) fn callback(order: &str, fields: &Fields) -> Callback {
    let url = "https://api.duekeeper.example/api/webhooks/ecpay-billing".to_owned();
    Callback { id: 0, url, body: form(fields), merchant_trade_no: order.to_owned(), what: String::new() }
}

/// A report of the first charge with another authorisation number, with the person's card and address in it.
pub(crate) fn odd(order: &str, gwsr: &str) -> Callback {
    let report = period(order, "1", "2025/01/31 10:00:00", "1", gwsr);
    callback(order, &with(&with(&report, "CustomField1", EMAIL), "card4no", CARD))
}

pub(crate) fn deliver(deployment: &mut TestDeployment, callback: &Callback) {
    let task = deployment.spawn_callback(callback);
    let outcome = deployment.run_to_end(task);
    assert_eq!(outcome, Outcome::Answered { status: 200, body: "1|OK".to_owned() });
}

pub(crate) struct Story {
    pub(crate) deployment: TestDeployment,
    /// Order of another user, paid with the same card.
    pub(crate) bystander: String,
    /// Paid, failed, downgraded, cancelled.
    pub(crate) over: String,
    /// Order that was never submitted.
    unpaid: String,
    /// Response of admin-api to its creation.
    pub(crate) made: Value,
}

/// A user with two ended orders, and another user.
pub(crate) fn story() -> Story {
    let mut deployment =
        TestDeployment::new(Options { now: "2025-01-31T10:00:00+08:00".parse().unwrap(), variables: BTreeMap::new() });
    let made = order(&mut deployment, "bystander", "bystander@customer.example", "b-1");
    let bystander = deployment.submit(&made);
    let made = order(&mut deployment, USER, EMAIL, "c-1");
    let over = deployment.submit(&made);
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&over, vec!["10100256".to_owned()]));
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    deliver(&mut deployment, &odd(&over, "99000001"));
    // The card is refused for good, so nothing but the end of grace happens; staff give a day more.
    run(&mut deployment, "2025-02-28T10:30:00+08:00", &["send-mail"]);
    let extended = json!({ "days": 1, "why": format!("{EMAIL} called") });
    let (status, _) = ask(&mut deployment, "POST", &format!("/api/subscriptions/{over}/extend-grace"), Some(extended));
    assert_eq!(status, 200);
    deployment.set_now("2025-03-05T12:00:00+08:00".parse().unwrap());
    let wished = json!({ "why": format!("{USER} wrote") });
    let (status, _) = ask(&mut deployment, "POST", &format!("/api/subscriptions/{over}/cancel"), Some(wished));
    assert_eq!(status, 200);
    run(&mut deployment, "2025-03-08T10:30:00+08:00", &["reconcile"]);
    run(&mut deployment, "2025-03-08T12:00:00+08:00", &["end-grace"]);
    run(&mut deployment, "2025-03-08T14:00:00+08:00", &["cancel"]);
    deployment.set_now("2025-03-10T10:00:00+08:00".parse().unwrap());
    let made = order(&mut deployment, USER, EMAIL, "c-2");
    let unpaid = made["subscription_id"].as_str().unwrap().to_owned();
    run(&mut deployment, "2025-03-11T10:30:00+08:00", &["check-pending"]);
    deployment.set_now(ERASED_AT.parse().unwrap());
    Story { deployment, bystander, over, unpaid, made }
}

/// Stored items without their random parts: tokens of pages, owners of claims, and durations of callbacks.
fn items(deployment: &TestDeployment) -> Vec<Value> {
    let mut items = deployment.items();
    // Keys of pages are random.
    items.retain(|item| !["CHECKOUT#", "PORTAL#"].iter().any(|page| item["pk"].as_str().unwrap().starts_with(page)));
    for item in &mut items {
        if let Some(data) = item["data"].as_object_mut() {
            data.remove("processing_time_ms");
            data.remove("owner");
            data.remove("holder");
        }
    }
    items
}

/// The ways in which a text may hold another one.
fn spellings(canary: &str) -> Vec<String> {
    let bytes = canary.as_bytes();
    let inner = (0..3).map(|skip| STANDARD.encode(&bytes[skip..skip + (bytes.len() - skip) / 3 * 3]));
    let percent = canary.replace('|', "%7C").replace('@', "%40");
    let hexadecimal = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    inner.chain([canary.to_owned(), percent, hexadecimal]).collect()
}

/// True if a text contains personal data of the user.
pub(crate) fn contains_personal_data(text: &str) -> bool {
    let names = [USER, EMAIL, "canary"].into_iter().flat_map(spellings);
    let card = text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == CARD);
    card || names.into_iter().any(|name| text.contains(&name) || text.to_lowercase().contains(&name.to_lowercase()))
}

/// The keys of the items that hold something of the person, but for those of another order.
pub(crate) fn traces(deployment: &TestDeployment, other: &str) -> Vec<String> {
    let found = deployment
        .items()
        .into_iter()
        .filter(|item| !item.to_string().contains(other) && contains_personal_data(&item.to_string()));
    found.map(|item| format!("{} {}", item["pk"].as_str().unwrap(), item["sk"].as_str().unwrap())).collect()
}

/// True if a value equals `wanted` or contains it.
fn contains(value: &Value, wanted: &Value) -> bool {
    value == wanted
        || match value {
            Value::Array(list) => list.iter().any(|item| contains(item, wanted)),
            Value::Object(map) => map.values().any(|item| contains(item, wanted)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
}

#[test]
fn the_export_holds_every_item_in_which_something_of_the_person_stands() {
    let Story { mut deployment, bystander, over, unpaid, .. } = story();
    let (status, export) = ask(&mut deployment, "GET", EXPORT, None);
    assert_eq!((status, export["user_id"].as_str()), (200, Some(USER)));
    let orders = column(&export["subscriptions"], "id");
    let mut expected = vec![over.clone(), unpaid];
    expected.sort();
    assert_eq!(orders, expected);
    assert_eq!(export["user"]["plan"], "FREE");
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for item in deployment.items() {
        let (pk, sk) = (item["pk"].as_str().unwrap(), item["sk"].as_str().unwrap());
        let of_the_order = pk == format!("SUB#{over}") && !sk.starts_with("QUARANTINE#");
        if pk != format!("SUB#{bystander}")
            && !pk.starts_with("USER#")
            && (contains_personal_data(&item.to_string()) || of_the_order)
        {
            assert!(contains(&export, &item["data"]), "{pk} {sk}");
            *kinds.entry(sk.split('#').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    // Both orders' states and one quarantined report; three mails and one notice to staff.
    assert_eq!((kinds["STATE"], kinds["NOTICE"], kinds["PAYMENT"], kinds["RECEIPT"]), (3, 4, 2, 2));
    assert!(kinds["HISTORY"] > 6 && kinds["WEBHOOK"] > 1, "{kinds:?}");
    // No other user is in it.
    assert!(!export.to_string().contains("bystander") && !export.to_string().contains(&bystander));
}

#[test]
fn an_erased_person_is_found_nowhere_the_books_stay_and_they_may_order_again() {
    let Story { mut deployment, bystander, over, unpaid, .. } = story();
    let before = items(&deployment);
    let (status, erased) = erase(&mut deployment);
    assert_eq!((status, &erased["already_erased"], &erased["by"]), (200, &json!(false), &json!("support")));
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
    let after = items(&deployment);
    let of = |items: &[Value], kind: &str| -> Vec<Value> {
        items.iter().filter(|item| item["sk"].as_str().unwrap().starts_with(kind)).cloned().collect()
    };
    // Two orders by their mail address, the paid one also by its card, its TradeNo and the number of its charge; the other
    // user's by that of the second charge, too.
    let found = |items: &[Value], order: &str| {
        let leads_to =
            |item: &&Value| item["pk"].as_str().unwrap().starts_with("FIND#") && item["sk"] == format!("SUB#{order}");
        items.iter().filter(leads_to).count()
    };
    assert_eq!((found(&before, &over), found(&before, &unpaid), found(&before, &bystander)), (4, 1, 5));
    assert_eq!((found(&after, &over), found(&after, &unpaid), found(&after, &bystander)), (0, 0, 5));
    for kind in ["PAYMENT#", "RECEIPT#", "WEBHOOK#"] {
        assert!(!of(&before, kind).is_empty());
        assert_eq!(of(&after, kind), of(&before, kind), "{kind}");
    }
    // A line more for each order, and nothing less but the user's item and the two links.
    assert_eq!(of(&after, "HISTORY#").len(), of(&before, "HISTORY#").len() + 2);
    assert_eq!(after.len(), before.len() + 2 - 3 + 1 - 5);
    let untouched = |items: &[Value]| -> Vec<Value> {
        items.iter().filter(|item| item.to_string().contains(&bystander)).cloned().collect()
    };
    assert_eq!(untouched(&after), untouched(&before));
    let (_, account) = ask(&mut deployment, "GET", &format!("/api/subscriptions/{over}"), None);
    assert_eq!(column(&account["notices"], "state").iter().filter(|state| *state == "dead").count(), 2);
    let last = account["history"].as_array().unwrap().last().unwrap();
    assert_eq!((last["rule"].as_str(), last["by"].as_str()), (Some("user-erased"), Some("staff:support")));
    assert_eq!(last["why"], "asked for, request 17");
    assert_eq!((&account["erased_at"], &account["next_action"]), (&json!("2025-03-12T02:00:00Z"), &json!(null)));
    // A day later the response is the same, and no mail is sent.
    let mails = deployment.messages().len();
    run(&mut deployment, "2025-03-13T10:00:00+08:00", &["reconcile", "retry", "end-grace", "cancel", "send-mail"]);
    assert!(deployment.messages()[mails..].iter().all(|mail| mail.to == "staff@duekeeper.example"));
    let (status, again) = erase(&mut deployment);
    assert_eq!((status, &again["already_erased"]), (200, &json!(true)));
    assert_eq!(again["erased_at"], "2025-03-12T02:00:00Z");
    let (_, export) = ask(&mut deployment, "GET", EXPORT, None);
    assert_eq!((&export["subscriptions"], &export["erased"]["by"]), (&json!([]), &json!("support")));
    let made = order(&mut deployment, USER, "new@customer.example", "c-3");
    let new = deployment.submit(&made);
    run(&mut deployment, "2025-03-13T10:05:00+08:00", &["send-mail"]);
    let (_, export) = ask(&mut deployment, "GET", EXPORT, None);
    assert_eq!(column(&export["subscriptions"], "id"), [new]);
    assert_eq!(export["subscriptions"][0]["subscription"]["status"], "active");
    assert_eq!((export["user"]["plan"].as_str(), erase(&mut deployment).0), (Some("PRO"), 409));
}

#[test]
fn erasing_waits_until_no_order_can_be_charged_and_names_what_is_to_be_done() {
    let mut deployment =
        TestDeployment::new(Options { now: "2025-01-31T10:00:00+08:00".parse().unwrap(), variables: BTreeMap::new() });
    let code = |answer: (u16, Value)| (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default().to_owned());
    assert_eq!(code(erase(&mut deployment)), (404, "not_found".to_owned()));
    assert_eq!(ask(&mut deployment, "GET", EXPORT, None).0, 404);
    let made = order(&mut deployment, USER, EMAIL, "c-1");
    assert_eq!(code(erase(&mut deployment)), (409, "not_paid".to_owned()));
    let id = deployment.submit(&made);
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    let before = deployment.items();
    let (status, refused) = erase(&mut deployment);
    assert_eq!((status, refused["error"]["code"].as_str()), (409, Some("live_order")));
    let expected = format!("order {id} is live; cancel it first, and erase when its paid period is over");
    assert_eq!(refused["error"]["message"], expected);
    let reader = [("authorization", "Bearer sandbox-reader-token-invented")];
    for (method, path, body) in [("GET", EXPORT, None), ("DELETE", ERASE, Some(why()))] {
        let task = deployment.spawn_admin(method, path, body.as_ref(), &reader);
        assert_eq!(answer(deployment.run_to_end(task)).0, 403, "{method}");
    }
    assert_eq!(ask(&mut deployment, "DELETE", ERASE, Some(json!({}))).1["error"]["param"], "why");
    assert_eq!(deployment.items(), before);
    let Story { mut deployment, .. } = story();
    for named in [format!("{USER} asked"), format!("asked by {}", EMAIL.to_uppercase())] {
        let (status, refused) = ask(&mut deployment, "DELETE", ERASE, Some(json!({ "why": named })));
        assert_eq!((status, refused["error"]["param"].as_str()), (400, Some("why")));
    }
    let nobody =
        json!({ "user_id": "x", "email": "erased@erased.invalid", "plan_id": "PRO", "billing_cycle": "monthly" });
    let (status, refused) = ask(&mut deployment, "POST", "/api/subscriptions", Some(nobody));
    assert_eq!((status, refused["error"]["param"].as_str()), (400, Some("email")));
}

/// Lets a task proceed by so many calls; false if it ended before.
pub(crate) fn proceed(deployment: &mut TestDeployment, task: TaskId, calls: usize) -> bool {
    for _ in 0..calls {
        if deployment.finished(task).is_some() {
            return false;
        }
        deployment.release(task, Verdict::Proceed);
    }
    deployment.finished(task).is_none()
}

#[test]
fn an_erasure_that_is_cut_off_anywhere_is_finished_by_repeating_it() {
    let Story { mut deployment, .. } = story();
    let begun = deployment.transcript().len();
    assert_eq!(erase(&mut deployment).0, 200);
    let (whole, calls) = (items(&deployment), deployment.transcript().len() - begun);
    assert!(calls > 20, "{calls}");
    let mut cuts = 0;
    for call in 0..calls {
        for verdict in [Verdict::CrashBefore, Verdict::CrashAfter, Verdict::Conflict] {
            let Story { mut deployment, .. } = story();
            let task = deployment.spawn_admin("DELETE", ERASE, Some(&why()), &[]);
            assert!(proceed(&mut deployment, task, call), "it ends before call {call}");
            let parked = deployment.held_calls().remove(0);
            if !verdict.befalls(parked.service, &parked.action) {
                continue;
            }
            cuts += 1;
            deployment.release(task, verdict);
            deployment.run_to_end(task);
            let (status, _) = erase(&mut deployment);
            assert_eq!(status, 200, "{verdict:?} of {parked:?}");
            assert_eq!(items(&deployment), whole, "{verdict:?} of {parked:?}");
        }
    }
    // Before and after each call; and a conflict where something is written.
    assert!(cuts > 2 * calls, "{cuts} cuts of {calls} calls");
}

#[test]
fn two_erasures_at_once_end_as_one() {
    let Story { mut deployment, .. } = story();
    let begun = deployment.transcript().len();
    assert_eq!(erase(&mut deployment).0, 200);
    let (whole, calls) = (items(&deployment), deployment.transcript().len() - begun);
    for split in 0..calls {
        let Story { mut deployment, .. } = story();
        let first = deployment.spawn_admin("DELETE", ERASE, Some(&why()), &[]);
        let second = deployment.spawn_admin("DELETE", ERASE, Some(&why()), &[]);
        assert!(proceed(&mut deployment, first, split));
        assert_eq!(answer(deployment.run_to_end(second)).0, 200, "{split}");
        assert_eq!(answer(deployment.run_to_end(first)).0, 200, "{split}");
        assert_eq!(items(&deployment), whole, "{split}");
    }
}
