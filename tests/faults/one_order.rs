//! One order or customer for whom a call fails again and again, or whose item is damaged: the run does the same for all
//! others as without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::{Value, json};
use testing::harness::{HeldCall, Outcome, Service, TestDeployment, Verdict};
use testing::support::mails::without_link;
use testing::support::model_runs::{at_ecpay, deployment, each, request, run};
use testing::support::scale::is_full;

const RUN_AT: &str = "2025-03-10T12:30:00+08:00";
/// Lost card: ECPay's decline after which nothing is retried.
const HARD_DECLINE: &str = "10100251";
const DECLINE: &str = "10100252";
/// Each kind of work, done by one run for two customers.
const WORK: [&str; 6] = ["grace", "pause", "lost", "retry", "cancel", "pending"];
const TASKS: [&str; 7] = ["resume", "end-grace", "check-pending", "reconcile", "retry", "cancel", "send-mail"];

/// A deployment at the run, with the order of each customer.
struct World {
    deployment: TestDeployment,
    orders: BTreeMap<String, String>,
}

/// The two customers for whom a kind of work is due.
fn customers(work: &str) -> [String; 2] {
    ["a", "b"].map(|which| format!("{work}-{which}"))
}

impl World {
    fn at(&mut self, day: &str) {
        self.deployment.set_now(format!("2025-{day}:00+08:00").parse().unwrap());
        for callback in self.deployment.due_callbacks() {
            self.deployment.deliver(&callback);
        }
    }

    /// Both customers order, and their next charges have these outcomes.
    fn subscribe(&mut self, work: &str, outcomes: &[&str]) {
        for user in customers(work) {
            let id = self.deployment.subscribe(&user, "monthly");
            let outcomes = outcomes.iter().map(|&code| code.to_owned()).collect();
            self.deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&id, outcomes));
            self.orders.insert(user, id);
        }
    }

    fn operate(&mut self, work: &str, operation: &str, body: &Value) {
        for user in customers(work) {
            let path = format!("/api/subscriptions/{}/{operation}", self.orders[&user]);
            let (status, answer) = request(&mut self.deployment, "POST", &path, Some(body));
            assert_eq!(status, 200, "{answer}");
        }
    }

    fn fork(&self) -> Self {
        Self { deployment: self.deployment.fork(), orders: self.orders.clone() }
    }

    /// The run, with a verdict for each call; its answer where it comes to its end, as done or as failed.
    fn run(&mut self, mut decide: impl FnMut(&HeldCall) -> Verdict) -> Result<String, String> {
        let task = self.deployment.spawn_maintenance(json!({ "task": TASKS, "run_id": "the run" }), 0);
        while let Some(call) = self.deployment.held_calls().into_iter().next() {
            let verdict = decide(&call);
            self.deployment.release_call(&call, verdict);
        }
        match self.deployment.finished(task) {
            Some(Outcome::Answered { status: 200, body }) => Ok(body),
            other => Err(format!("the run ended with {other:?}")),
        }
    }

    /// Items of a customer in the table, their mails, and their order at ECPay.
    fn state(&mut self, user: &str) -> Value {
        let id = self.orders[user].clone();
        let mut items = self.deployment.partition(&format!("SUB#{id}"));
        items.extend(self.deployment.partition(&format!("USER#{user}")));
        for item in &mut items {
            // SES numbers all mails, and the number is kept with the notice.
            if let Some(data) = item["data"].as_object_mut()
                && data.get("state") == Some(&json!("sent"))
            {
                data.remove("detail");
            }
        }
        let about = |message: &&sandbox::world::state::Message| {
            message.to.starts_with(user) || message.body.to_string().contains(&id)
        };
        let mails = self.deployment.messages();
        let mails: BTreeSet<String> =
            mails.iter().filter(about).map(|mail| without_link(&format!("{mail:?}"))).collect();
        json!({ "items": items, "mails": mails, "at_ecpay": at_ecpay(&mut self.deployment, &id) })
    }

    /// A customer's order as calls name it.
    fn subject(&self, user: &str) -> String {
        let place = self.deployment.orders().iter().position(|id| *id == self.orders[user]);
        place.map(|place| format!("order{place}")).unwrap()
    }

    /// True if the call is about this customer alone.
    fn concerns(&self, call: &HeldCall, user: &str) -> bool {
        let order = self.subject(user);
        let subject = call.subject.split(' ').next().unwrap_or_default();
        subject == order || subject == format!("USER#{user}") || subject.starts_with(&format!("{user}@"))
    }
}

/// Customers in each stage, for all of whom something is due.
fn world() -> World {
    let mut world = World { deployment: deployment("2025-02-01T10:00:00+08:00"), orders: BTreeMap::new() };
    world.subscribe("grace", &[HARD_DECLINE]);
    world.at("02-05T10:00");
    world.subscribe("pause", &[HARD_DECLINE]);
    world.at("02-07T10:00");
    world.subscribe("lost", &[]);
    for user in customers("lost") {
        let id = world.orders[&user].clone();
        world.deployment.ecpay(|ecpay, _| ecpay.set_callbacks(&id, false));
    }
    world.at("02-08T10:00");
    world.subscribe("retry", &[DECLINE]);
    world.at("02-20T10:00");
    world.subscribe("cancel", &[]);
    world.at("03-01T11:00");
    run(&mut world.deployment, json!({ "task": "send-mail" }));
    world.at("03-05T11:00");
    world.operate("cancel", "cancel", &json!({ "why": "the customer asked" }));
    world.operate("pause", "pause", &json!({ "days": 3, "why": "the customer asked" }));
    world.at("03-08T11:00");
    world.at("03-10T12:00");
    for user in customers("pending") {
        let made = world.deployment.order(&user, "monthly");
        world.deployment.submit(&made);
        world.orders.insert(user, made["subscription_id"].as_str().unwrap().to_owned());
    }
    world.deployment.set_now(RUN_AT.parse().unwrap());
    world
}

/// How one customer is made to fail.
#[derive(Clone, Debug)]
enum Fault {
    /// Each call of this kind about them.
    Call { action: String, subject: String, verdict: Verdict },
    /// An attribute of an item, in DynamoDB's form; `None`: it is missing.
    Item { pk: String, sk: String, attribute: &'static str, value: Option<Value> },
}

/// ECPay's 403 is a penalty for all.
fn befalls(verdict: Verdict, call: &HeldCall) -> bool {
    let concerns_all = call.service == Service::Ecpay && verdict == Verdict::Refuse;
    let passes = matches!(verdict, Verdict::Proceed | Verdict::CrashBefore | Verdict::CrashAfter);
    !concerns_all && !passes && verdict.befalls(call.service, &call.action)
}

/// All faults of a customer: at each of their calls in the run without faults, and in each of their items.
fn faults(world: &World, calls: &[HeldCall], user: &str) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let own = calls.iter().filter(|call| world.concerns(call, user));
    let own = own.filter(|call| seen.insert((call.action.clone(), call.subject.clone())));
    let mut faults = Vec::new();
    for (place, call) in own.enumerate() {
        let verdicts: Vec<_> = Verdict::ALL.into_iter().filter(|verdict| befalls(*verdict, call)).collect();
        // The gate makes each call fail too, but in one way.
        let tried =
            if is_full() { verdicts.as_slice() } else { std::slice::from_ref(&verdicts[place % verdicts.len()]) };
        faults.extend(tried.iter().map(|&verdict| Fault::Call {
            action: call.action.clone(),
            subject: call.subject.clone(),
            verdict,
        }));
    }
    for pk in [format!("SUB#{}", world.orders[user]), format!("USER#{user}")] {
        for item in
            world.deployment.partition(&pk).iter().filter(|item| item["queue"].is_string() || item["sk"] == "STATE")
        {
            let damages = [
                ("data", None),
                ("data", Some(json!({ "S": "what" }))),
                ("data", Some(json!({ "M": { "status": { "S": "dormant" } } }))),
                ("version", Some(json!({ "S": "two" }))),
                ("due_at", Some(json!({ "S": "2025-03-10" }))),
            ];
            let sk = item["sk"].as_str().unwrap();
            let damages = damages.into_iter().filter(|(name, _)| !item[*name].is_null());
            faults.extend(damages.map(|(attribute, value)| Fault::Item {
                pk: pk.clone(),
                sk: sk.to_owned(),
                attribute,
                value,
            }));
        }
    }
    faults
}

#[test]
fn a_customer_for_whom_everything_fails_changes_nothing_for_the_others() {
    let begin = world();
    let mut well = begin.fork();
    well.run(|_| Verdict::Proceed).unwrap();
    let calls: Vec<HeldCall> = well.deployment.transcript().iter().map(|step| step.call.clone()).collect();
    let users: Vec<String> = WORK.into_iter().flat_map(customers).collect();
    let (mut before, mut after) = (begin.fork(), BTreeMap::new());
    for user in &users {
        let state = well.state(user);
        assert_ne!(state["items"], before.state(user)["items"], "nothing was done for {user}");
        after.insert(user.clone(), state);
    }
    let victims = WORK.map(|work| customers(work)[0].clone());
    let all: Vec<(String, Fault)> = victims
        .iter()
        .flat_map(|user| faults(&begin, &calls, user).into_iter().map(|fault| (user.clone(), fault)))
        .collect();
    let findings = Mutex::new(Vec::new());
    each(all.len(), |number| {
        let (victim, fault) = &all[number];
        if let Err(finding) = changes_nothing(&begin, &after, victim, fault) {
            findings.lock().unwrap().push(format!("{victim} with {fault:?}: {finding}"));
        }
    });
    let findings = findings.into_inner().unwrap();
    assert!(findings.is_empty(), "{} of {} faults:\n{}", findings.len(), all.len(), findings.join("\n"));
}

/// The run with a fault of one customer, compared with the states of the others `after` the run without it.
fn changes_nothing(begin: &World, after: &BTreeMap<String, Value>, victim: &str, fault: &Fault) -> Result<(), String> {
    let mut world = begin.fork();
    let mut met = false;
    if let Fault::Item { pk, sk, attribute, value } = fault {
        world.deployment.damage(pk, sk, attribute, value.clone());
        met = true;
    }
    let ended = world.run(|call| match fault {
        Fault::Call { action, subject, verdict } if (action, subject) == (&call.action, &call.subject) => {
            met = true;
            *verdict
        }
        Fault::Call { .. } | Fault::Item { .. } => Verdict::Proceed,
    });
    assert!(met, "{fault:?} was not met");
    ended?;
    // What was not done for the customer is still due, or waits for a person.
    let state = world.state(victim);
    let is_queued = state["items"].as_array().is_some_and(|items| items.iter().any(|item| item["queue"].is_string()));
    if !is_queued && state != after[victim] {
        return Err(format!("{victim} is forgotten: {state}"));
    }
    for (user, expected) in after.iter().filter(|(user, _)| *user != victim) {
        let state = world.state(user);
        if state != *expected {
            return Err(difference(user, &state, expected));
        }
    }
    Ok(())
}

/// The first entry of two states in which they differ.
fn difference(user: &str, state: &Value, expected: &Value) -> String {
    let entries =
        |state: &Value, part: &str| state[part].as_array().cloned().unwrap_or_else(|| vec![state[part].clone()]);
    let pairs = ["items", "mails", "at_ecpay"].into_iter().flat_map(|part| {
        let (found, wanted) = (entries(state, part), entries(expected, part));
        let longest = found.len().max(wanted.len());
        (0..longest).map(move |place| (found.get(place).cloned(), wanted.get(place).cloned()))
    });
    let differing = pairs.into_iter().find(|(found, wanted)| found != wanted);
    let text = |entry: Option<Value>| entry.map_or_else(|| "nothing".to_owned(), |entry| entry.to_string());
    let (found, wanted) = differing.unwrap_or_default();
    format!("{user} has\n  {}\n  instead of\n  {}", text(found), text(wanted))
}

#[test]
fn a_table_that_stores_nothing_ends_the_run_in_error_and_an_unrecorded_failure_fails_it() {
    let begin = world();
    let refuse = |action: &'static str, part: &str| {
        let mut world = begin.fork();
        let is_refused = |call: &HeldCall| call.action == action && call.subject.contains(part);
        world.run(|call| if is_refused(call) { Verdict::Deny } else { Verdict::Proceed })
    };
    // The third order in a row, and the third mail.
    for (action, part, doing) in [
        ("TransactWriteItems", "STATE", "storing a decision"),
        ("PutItem", "NOTICE", "recording the state of a notice"),
    ] {
        let ended = refuse(action, part).unwrap_err();
        assert!(ended.contains("Failed") && ended.contains(doing), "{ended}");
    }
    // One order for which not even the failure can be stored.
    let answer = refuse("TransactWriteItems", &format!("{} STATE", begin.subject("grace-a"))).unwrap();
    assert!(answer.contains(r#""status":"failed""#) && answer.contains("could not be recorded"), "{answer}");
}

#[test]
fn a_403_stops_a_run_whose_breaker_cannot_be_stored() {
    let mut world = world();
    let task = world.deployment.spawn_maintenance(json!({ "task": TASKS, "run_id": "the run" }), 0);
    let (mut refused, mut under_way) = (0, None::<Vec<HeldCall>>);
    while let Some(call) = world.deployment.held_calls().into_iter().next() {
        let verdict = match (call.service, call.subject.as_str(), call.action.as_str()) {
            (Service::Ecpay, _, _) if under_way.is_none() => {
                refused += 1;
                Verdict::Refuse
            }
            (Service::Ecpay, _, _) => {
                assert!(under_way.as_ref().is_some_and(|calls| calls.contains(&call)), "{call:?} after the 403");
                Verdict::Proceed
            }
            (_, "BREAKER", "PutItem") => {
                under_way.get_or_insert_with(|| world.deployment.held_calls());
                Verdict::Deny
            }
            _ => Verdict::Proceed,
        };
        world.deployment.release_call(&call, verdict);
    }
    assert!(refused > 0 && under_way.is_some());
    assert!(matches!(world.deployment.finished(task), Some(Outcome::Answered { status: 200, .. })));
}

#[test]
fn an_answer_whose_decision_was_not_stored_is_decided_about_again() {
    let mut world = world();
    let id = world.orders["retry-a"].clone();
    let gwsr = at_ecpay(&mut world.deployment, &id)["charges"][0]["gwsr"].clone();
    let entry = |rtn_code: u32, gwsr: &Value, at: &str| json!({ "RtnCode": rtn_code, "amount": 899, "gwsr": gwsr, "process_date": at, "auth_code": "777777" });
    // The second success has no authorisation number: it proves the payment, and cannot be recorded.
    let log = [
        entry(1, &gwsr, "2025/02/08 10:00:00"),
        entry(10_100_252, &json!(""), "2025/03/08 10:00:00"),
        entry(1, &json!(""), "2025/03/09 10:00:00"),
    ];
    let answer = json!({ "TotalSuccessTimes": 1, "ExecLog": log }).as_object().cloned().unwrap();
    world.deployment.ecpay(|ecpay, _| ecpay.set_query_answer(&id, answer));
    let state = |world: &World| {
        let items = world.deployment.partition(&format!("SUB#{id}"));
        items.into_iter().find(|item| item["sk"] == "STATE").unwrap()
    };
    let (order, mut denied) = (world.subject("retry-a"), 0);
    world
        .run(|call| {
            let is_first = denied == 0 && call.action == "TransactWriteItems" && call.subject.starts_with(&order);
            denied += u32::from(is_first);
            if is_first { Verdict::Deny } else { Verdict::Proceed }
        })
        .unwrap();
    let failed = state(&world);
    assert_eq!(
        (denied, failed["queue"].is_string(), failed["data"]["status"] == "active"),
        (1, true, false),
        "{failed}"
    );
    world.at("03-11T12:30");
    run(&mut world.deployment, json!({ "task": ["reconcile", "retry"], "run_id": "the next run" }));
    let decided = state(&world);
    assert_eq!(decided["data"]["status"], "active", "{decided}");
    assert_eq!(at_ecpay(&mut world.deployment, &id)["retries_asked"], json!([]));
}
