//! The main story cut off at every call to the outside, in every way: it comes to the same end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use testing::harness::{HeldCall, Options, TestDeployment, Verdict};

use testing::support::model_runs::life::Life;
use testing::support::model_runs::{at_ecpay, each, list, overdue, request, texts, view};
use testing::support::scale::{is_full, is_thorough};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";
const END: &str = "2025-04-02T09:00:00+08:00";
const DECLINED: &str = "10100252";

/// Place of the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// At a call, by its number.
    Call(usize, Verdict),
    /// The answer to a callback, by its number, does not reach ECPay.
    Reply(usize),
}

/// End of the story.
struct End {
    calls: Vec<HeldCall>,
    replies: usize,
    view: Value,
    ecpay: Value,
    /// Number of mails by subject.
    mails: BTreeMap<String, usize>,
    /// Notices by kind, with their states.
    notices: BTreeMap<String, String>,
    runs: Vec<Value>,
    overdue: Vec<String>,
    /// True if the story reached the cut.
    met: bool,
}

/// A deployment whose customers get receipts.
fn with_receipts() -> TestDeployment {
    let variables = [("RECEIPTS".to_owned(), "on".to_owned())].into();
    TestDeployment::new(Options { now: BEGIN.parse().unwrap(), variables })
}

/// The main story: a charge fails, and so do its retries; grace ends; staff's retry brings the customer back, who
/// then wishes to end the order and keeps the plan until the paid period ends.
fn story(cut: Option<Cut>) -> End {
    let (calls, met) = (RefCell::new(Vec::new()), RefCell::new(false));
    let decide = |_: &TestDeployment, call: &HeldCall| {
        calls.borrow_mut().push(call.clone());
        match cut {
            Some(Cut::Call(number, verdict)) if number == calls.borrow().len() => {
                *met.borrow_mut() = true;
                verdict
            }
            _ => Verdict::Proceed,
        }
    };
    let mut life = Life::of(with_receipts()).where_calls(decide);
    life.hears = Box::new(|number| {
        let lost = cut == Some(Cut::Reply(number));
        *met.borrow_mut() |= lost;
        !lost
    });
    let id = subscribe(&mut life);
    life.deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&id, vec![DECLINED.to_owned(); 9]));
    life.until("2025-03-12T09:00:00+08:00");
    life.deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&id, Vec::new()));
    bring_back(&mut life, &id);
    life.until("2025-03-16T09:00:00+08:00");
    let wish = json!({ "why": "the customer asked" });
    let cancelled = insist(&mut life, &format!("/api/subscriptions/{id}/cancel"), &wish, one_key("cancel"));
    assert!(!cancelled["cancel_requested_at"].is_null(), "{cut:?}: {cancelled}");
    life.until(END);
    let (replies, mut deployment) = (life.posted, life.deployment);
    drop((life.decide, life.hears));
    let overdue = overdue(&deployment);
    let view = view(&mut deployment, &id);
    let notices = list(&view, "notices").iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut mails = BTreeMap::new();
    for message in deployment.messages() {
        *mails.entry(message.subject.unwrap()).or_default() += 1;
    }
    End {
        calls: calls.take(),
        replies,
        ecpay: at_ecpay(&mut deployment, &id),
        mails,
        notices: notices.map(|notice| (text(&notice["kind"]), text(&notice["state"]))).collect(),
        runs: request(&mut deployment, "GET", "/runs", None).1["runs"].as_array().unwrap().clone(),
        overdue,
        view,
        met: met.take(),
    }
}

/// Staff click until they are answered, every twenty minutes.
fn insist(life: &mut Life<'_>, path: &str, body: &Value, key: impl Fn(usize) -> String) -> Value {
    for attempt in 0..4 {
        if let Some((200 | 201, answer)) = life.click("POST", path, body, &key(attempt)) {
            return answer;
        }
        life.pass_minutes(20);
    }
    panic!("{path} is refused");
}

/// A program repeats its request under the same key.
fn one_key(name: &'static str) -> impl Fn(usize) -> String {
    move |_| name.to_owned()
}

fn subscribe(life: &mut Life<'_>) -> String {
    let wanted = json!({
        "user_id": "amy", "email": "amy@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
    });
    let made = insist(life, "/api/subscriptions", &wanted, one_key("order"));
    let id = life.deployment.submit(&made);
    life.deliver();
    id
}

/// Staff request a retry, on each morning again until it recovered the customer.
fn bring_back(life: &mut Life<'_>, id: &str) {
    for day in ["2025-03-12", "2025-03-13", "2025-03-14"] {
        life.until(&format!("{day}T09:00:00+08:00"));
        let seen = view(&mut life.deployment, id);
        let failed = list(&seen, "payments").iter().find(|payment| payment["outcome"] == "failed").unwrap();
        if seen["plan_id"] == "FREE" && seen["next_action"]["kind"] != "reconcile" {
            let body = json!({ "payment_id": failed["id"], "why": "the customer has a new limit" });
            // A person who clicks again makes another request.
            insist(life, "/api/webhooks/ecpay-manual-retry", &body, |attempt| format!("{day}-{attempt}"));
        }
    }
}

fn history(end: &End, rule: &str) -> usize {
    list(&end.view, "history").iter().filter(|entry| entry["rule"] == rule).count()
}

/// Outcome and day of each payment.
fn payments(end: &End) -> Vec<(String, String)> {
    let payments = list(&end.view, "payments");
    let days = texts(payments, "process_date").into_iter().map(|at| at.split('T').next().unwrap().to_owned());
    texts(payments, "outcome").into_iter().zip(days).collect()
}

/// Outcome and time of each payment, and of each charge at ECPay.
fn truth(end: &End) -> [Vec<(bool, i64)>; 2] {
    let at = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let payments = list(&end.view, "payments").iter();
    let charges = list(&end.ecpay, "charges").iter();
    let mut told: Vec<_> = payments.map(|one| (one["outcome"] == "succeeded", at(&one["process_date"]))).collect();
    told.sort_by_key(|(_, at)| *at);
    [told, charges.map(|one| (one["rtn_code"] == "1", at(&one["at"]))).collect()]
}

/// The state that must be the same whatever happened.
fn state(end: &End) -> Value {
    let fields = [
        "plan_id",
        "ordered_plan_id",
        "status",
        "amount_twd",
        "current_period_start",
        "current_period_end",
        "grace_period_ends_at",
        "downgraded_at",
        "downgrade_reason",
        "task_failure",
        "next_action",
    ];
    fields.iter().map(|name| ((*name).to_owned(), end.view[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Holds the end of a story that was cut off against that of the whole one.
fn hold(whole: &End, end: &End, cut: Cut) {
    assert!(end.met, "{cut:?} was not met");
    assert_eq!(state(end), state(whole), "{cut:?}");
    let [told, charged] = truth(end);
    assert_eq!(told, charged, "{cut:?}");
    asked_once(whole, end, cut);
    assert_eq!((history(end, "grace-ended"), history(end, "plan-restored")), (1, 1), "{cut:?}");
    mailed_once(whole, end, cut);
    // A run that is cut off, or whose end is not stored, leaves its row as it is; the next one goes on.
    let broken = matches!(cut, Cut::Call(_, Verdict::CrashBefore | Verdict::CrashAfter | Verdict::Deny));
    let undone: Vec<_> = end.runs.iter().filter(|run| run["status"] != "done").collect();
    assert!(undone.len() <= usize::from(broken), "{cut:?}: {undone:?}");
    assert!(undone.iter().all(|run| run["status"] == "cut_off"), "{cut:?}: {undone:?}");
    assert_eq!(end.overdue, Vec::<String>::new(), "{cut:?}");
}

/// ECPay gets one request for each retry. A request that never reached it is one charge less, or one of a later day.
fn asked_once(whole: &End, end: &End, cut: Cut) {
    let asks = list(&end.ecpay, "retries_asked");
    assert!(asks.iter().all(|ask| ask["accepted"] == true), "{cut:?}: {asks:?}");
    let at = texts(asks, "at");
    let mut days: Vec<_> = at.iter().map(|at| at.split('T').next().unwrap()).collect();
    let charged = texts(list(&end.ecpay, "charges"), "at");
    for pair in at.windows(2) {
        assert!(charged.iter().any(|at| *at > pair[0] && *at < pair[1]), "{cut:?}: asked twice, {at:?}");
    }
    days.dedup();
    assert_eq!(days.len(), at.len(), "{cut:?}: {at:?}");
    let claimed = history(end, "retry-requested") - history(end, "retry-postponed");
    let lost = claimed - asks.len();
    if lost == 0 {
        assert_eq!(payments(end), payments(whole), "{cut:?}");
        return;
    }
    assert_eq!((lost, history(end, "retry-without-result")), (1, 1), "{cut:?}");
    assert!(matches!(cut, Cut::Call(_, verdict) if verdict != Verdict::Throttle && verdict != Verdict::Conflict));
    let (ours, theirs) = (payments(end), payments(whole));
    let missing: Vec<_> = theirs.iter().filter(|payment| !ours.contains(payment)).collect();
    assert_eq!(missing.len(), 1, "{cut:?}: {ours:?}");
    let other: Vec<_> = ours.iter().filter(|payment| !theirs.contains(payment)).collect();
    let later = usize::from(missing[0].0 == "succeeded");
    assert_eq!((other.len(), ours.len()), (later, theirs.len() - 1 + later), "{cut:?}: {ours:?}");
}

/// Each mail once; one that is missing is marked, and staff see it.
fn mailed_once(whole: &End, end: &End, cut: Cut) {
    let kinds = |end: &End| end.notices.keys().cloned().collect::<Vec<_>>();
    assert_eq!(kinds(end), kinds(whole), "{cut:?}");
    assert!(end.mails.iter().all(|(subject, count)| *count == 1 && whole.mails.contains_key(subject)), "{cut:?}");
    let sent = end.notices.values().filter(|state| *state == "sent").count();
    let unsent: Vec<_> = end.notices.values().filter(|state| *state != "sent").collect();
    let allowed = match cut {
        Cut::Call(_, Verdict::Refuse) => "dead",
        Cut::Call(..) | Cut::Reply(_) => "unclear",
    };
    assert!(unsent.len() <= 1 && unsent.iter().all(|state| *state == allowed), "{cut:?}: {:?}", end.notices);
    let total: usize = end.mails.values().sum();
    assert!(total >= sent && total <= sent + unsent.len(), "{cut:?}: {total} mails, {:?}", end.notices);
}

/// True if the verdict applies to the call. Single writes never conflict with a transaction under way.
fn befalls(verdict: Verdict, call: &HeldCall) -> bool {
    let alone = call.subject == "RUN" || call.subject.ends_with("NOTICE") || call.subject.ends_with("WEBHOOK");
    let meets = verdict != Verdict::Conflict || !alone;
    verdict != Verdict::Proceed && meets && verdict.befalls(call.service, &call.action)
}

#[test]
fn the_main_story_cut_off_anywhere_in_any_way_comes_to_the_same_end() {
    let whole = story(None);
    let told: Vec<_> = payments(&whole).into_iter().map(|(outcome, day)| format!("{day} {outcome}")).collect();
    assert_eq!(
        told,
        [
            "2025-01-31 succeeded",
            "2025-02-28 failed",
            "2025-03-01 failed",
            "2025-03-03 failed",
            "2025-03-07 failed",
            "2025-03-12 succeeded",
        ]
    );
    assert_eq!((whole.view["status"].as_str(), whole.view["plan_id"].as_str()), (Some("cancelled"), Some("FREE")));
    assert_eq!(whole.mails.len(), 8, "{:?}", whole.mails);
    let mut cuts: Vec<Cut> = (1..=whole.replies).map(Cut::Reply).collect();
    // By default only every fifth call is cut, and in the gate each one, but in one way.
    let step = if is_thorough() { 1 } else { 5 };
    for (number, (place, call)) in whole.calls.iter().enumerate().step_by(step).enumerate() {
        let verdicts: Vec<_> = Verdict::ALL.into_iter().filter(|verdict| befalls(*verdict, call)).collect();
        let tried =
            if is_full() { verdicts.as_slice() } else { std::slice::from_ref(&verdicts[number % verdicts.len()]) };
        cuts.extend(tried.iter().map(|verdict| Cut::Call(place + 1, *verdict)));
    }
    let unclear = Mutex::new(0);
    each(cuts.len(), |number| {
        let end = story(Some(cuts[number]));
        hold(&whole, &end, cuts[number]);
        *unclear.lock().unwrap() += usize::from(end.notices.values().any(|state| state == "unclear"));
    });
    println!(
        "{} calls, {} replies: {} cuts; {} of them leave a mail unclear",
        whole.calls.len(),
        whole.replies,
        cuts.len(),
        unclear.lock().unwrap()
    );
}
