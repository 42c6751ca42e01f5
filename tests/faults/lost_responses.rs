//! Responses to requests and mails, lost in every way: ECPay never gets a second request without a query, and no mail
//! is sent twice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use testing::harness::{HeldCall, Service, TestDeployment, Verdict};

use testing::support::model_runs::life::Life;
use testing::support::model_runs::{at_ecpay, deployment, each, list, overdue, view};
use testing::support::random::Random;
use testing::support::scale::Scale;

const DECLINED: &str = "10100252";
/// Hours after which a request without effect is given up.
const GIVEN_UP_HOURS: i64 = 24;

/// An order whose second charge failed and was reported; the first mail of its dunning waits.
fn failed() -> (TestDeployment, String) {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let id = deployment.subscribe("amy", "monthly");
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&id, vec![DECLINED.to_owned()]));
    deployment.set_now("2025-02-28T10:00:00+08:00".parse().unwrap());
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    (deployment, id)
}

/// Lets all tasks go on in a random order.
fn race(
    deployment: &mut TestDeployment,
    random: &mut Random,
    mut decide: impl FnMut(&TestDeployment, &HeldCall, &mut Random) -> Verdict,
) {
    while let held = deployment.held_calls()
        && !held.is_empty()
    {
        let call = &held[random.below(held.len())];
        let verdict = decide(deployment, call, random);
        deployment.release_call(call, verdict);
    }
}

/// Call of ECPay: a retry request, or a query with or without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Asked,
    Learned,
}

/// Fate of a call around a retry request; mostly without a fault.
fn around_ask(call: &HeldCall, random: &mut Random) -> Verdict {
    let hard = [
        Verdict::Proceed,
        Verdict::LoseRequest,
        Verdict::LoseAnswer,
        Verdict::CrashBefore,
        Verdict::CrashAfter,
        Verdict::Down,
    ];
    match (call.service, call.action.as_str()) {
        (Service::Ecpay, "ReAuth") => *random.pick(&hard),
        (Service::Ecpay, _) if random.one_in(8) => *random.pick(&hard),
        (Service::DynamoDb, "TransactWriteItems") if random.one_in(6) => *random.pick(&[
            Verdict::CrashBefore,
            Verdict::CrashAfter,
            Verdict::LoseAnswer,
            Verdict::LoseRequest,
            Verdict::Conflict,
            Verdict::Throttle,
        ]),
        _ => Verdict::Proceed,
    }
}

/// One retry with lost responses; true if a request reached ECPay at all.
fn retry(seed: u64) -> bool {
    let mut random = Random::scrambled(seed);
    let (mut deployment, id) = failed();
    let day = *random.pick(&[1, 3, 7]);
    let codes = [*random.pick(&["1", DECLINED]), *random.pick(&["1", DECLINED])];
    let silent = random.one_in(3);
    deployment.ecpay(|ecpay, _| {
        ecpay.set_next_outcomes(&id, codes.map(str::to_owned).to_vec());
        ecpay.set_callbacks(&id, !silent);
    });
    deployment.set_now(deployment.now() + TimeDelta::days(day) + TimeDelta::minutes(30));
    let said = RefCell::new(Vec::new());
    let note = |deployment: &TestDeployment, call: &HeldCall, verdict: Verdict| {
        let at = deployment.now();
        match (call.service, call.action.as_str()) {
            (Service::Ecpay, "ReAuth") => said.borrow_mut().push((at, Said::Asked)),
            (Service::Ecpay, _) if verdict == Verdict::Proceed => said.borrow_mut().push((at, Said::Learned)),
            _ => {}
        }
        verdict
    };
    for instance in 0..=random.below(3) {
        if instance == 2 {
            let seen = view(&mut deployment, &id);
            let body = json!({ "payment_id": list(&seen, "payments")[1]["id"], "why": "the customer called" });
            deployment.spawn_admin("POST", "/api/webhooks/ecpay-manual-retry", Some(&body), &[]);
        } else {
            deployment.spawn_maintenance(json!({ "task": "retry", "run_id": format!("run{instance}") }), instance);
        }
    }
    race(&mut deployment, &mut random, |deployment, call, random| note(deployment, call, around_ask(call, random)));
    let late = random.one_in(2);
    let mut life = Life::of(deployment).where_calls(|deployment, call| {
        let verdict = if late { around_ask(call, &mut random) } else { Verdict::Proceed };
        note(deployment, call, verdict)
    });
    life.pass_hours(30);
    life.decide = Box::new(|deployment, call| note(deployment, call, Verdict::Proceed));
    life.pass_hours(60);
    let mut deployment = life.deployment;
    let seen = view(&mut deployment, &id);
    let ecpay = at_ecpay(&mut deployment, &id);
    never_blindly(seed, &said.borrow(), &ecpay);
    let open = ["accepted", "unknown"];
    assert!(!open.iter().any(|state| seen["retry"]["state"] == *state), "seed {seed}: {}", seen["retry"]);
    let charges = list(&ecpay, "charges").len();
    assert_eq!(list(&seen, "payments").len(), charges, "seed {seed}");
    assert_eq!(overdue(&deployment), Vec::<String>::new(), "seed {seed}");
    !list(&ecpay, "retries_asked").is_empty()
}

/// Asserts that a second request comes after the first one's result, or once a query showed a day later that it had
/// none.
fn never_blindly(seed: u64, said: &[(DateTime<Utc>, Said)], ecpay: &Value) {
    let charged = |at: &Value| at.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let charged: Vec<_> = list(ecpay, "charges").iter().map(|charge| charged(&charge["at"])).collect();
    let mut earlier: Option<DateTime<Utc>> = None;
    for (place, (at, what)) in said.iter().enumerate() {
        if *what != Said::Asked {
            continue;
        }
        if let Some(before) = earlier {
            let result = charged.iter().any(|charge| before < *charge && charge <= at);
            let given_up = *at - before >= TimeDelta::hours(GIVEN_UP_HOURS)
                && said[..place]
                    .iter()
                    .any(|(asked, what)| *what == Said::Learned && *asked - before >= TimeDelta::hours(GIVEN_UP_HOURS));
            assert!(result || given_up, "seed {seed}: asked at {before} and again at {at}");
        }
        earlier = Some(*at);
    }
}

/// Fates of a mail, the mildest first.
const MAIL: [Verdict; 8] = [
    Verdict::Proceed,
    Verdict::Throttle,
    Verdict::Down,
    Verdict::Refuse,
    Verdict::LoseRequest,
    Verdict::LoseAnswer,
    Verdict::CrashBefore,
    Verdict::CrashAfter,
];

/// One notice with its answers lost; gives its state at the end.
fn mail(seed: u64) -> String {
    let mut random = Random::scrambled(seed);
    let (mut deployment, id) = failed();
    deployment.ecpay(|ecpay, now| ecpay.set_paused(&id, true, now));
    // Of SES itself: only "later", or anything; and whether the store and the instances fail too.
    let (harsh, store) = (random.below(2) * 5 + 3, random.one_in(2));
    let (refused, hard) = (Cell::new(0_usize), Cell::new(false));
    let fate = |call: &HeldCall, random: &mut Random| {
        let verdict = match (call.service, call.action.as_str()) {
            (Service::Ses, _) => *random.pick(&MAIL[..harsh]),
            (Service::DynamoDb, "PutItem") if store && call.subject.ends_with("NOTICE") && random.one_in(4) => *random
                .pick(&[
                    Verdict::LoseAnswer,
                    Verdict::LoseRequest,
                    Verdict::CrashBefore,
                    Verdict::CrashAfter,
                    Verdict::Throttle,
                ]),
            _ => Verdict::Proceed,
        };
        let later = call.service == Service::Ses && [Verdict::Throttle, Verdict::Down].contains(&verdict);
        hard.set(hard.get() || !(later || verdict == Verdict::Proceed));
        refused.set(refused.get() + usize::from(verdict == Verdict::Refuse));
        verdict
    };
    for instance in 0..=random.below(2) {
        deployment.spawn_maintenance(json!({ "task": "send-mail", "run_id": format!("run{instance}") }), instance);
    }
    race(&mut deployment, &mut random, |_, call, random| fate(call, random));
    let mut life = Life::of(deployment).where_calls(|_, call| fate(call, &mut random));
    life.pass_hours(3);
    life.decide = Box::new(|_, _| Verdict::Proceed);
    life.pass_hours(17);
    let mut deployment = life.deployment;
    let seen = view(&mut deployment, &id);
    let notices = list(&seen, "notices");
    assert_eq!(notices.len(), 1, "seed {seed}: {notices:?}");
    let state = notices[0]["state"].as_str().unwrap().to_owned();
    let sent = deployment.messages().len();
    assert!(sent <= 1, "seed {seed}: {sent} mails");
    match state.as_str() {
        "sent" => assert_eq!(sent, 1, "seed {seed}"),
        "dead" => assert_eq!((sent, refused.get()), (0, 1), "seed {seed}"),
        "unclear" => assert!(hard.get(), "seed {seed}: nothing was unclear"),
        other => panic!("seed {seed}: the notice is {other}"),
    }
    assert!(hard.get() || state == "sent", "seed {seed}: refused for later only, but {state}");
    state
}

/// A mail that SES is slow to take is marked by another run, and neither sends it again.
#[test]
fn a_mail_that_takes_longer_than_its_lease_goes_once_and_staff_see_that_it_is_unclear() {
    let (mut deployment, id) = failed();
    let slow = deployment.spawn_maintenance(json!({ "task": "send-mail" }), 0);
    while deployment.held_calls()[0].service != Service::Ses {
        deployment.release(slow, Verdict::Proceed);
    }
    deployment.set_now(deployment.now() + TimeDelta::minutes(3));
    let other = deployment.spawn_maintenance(json!({ "task": "send-mail", "run_id": "other" }), 1);
    deployment.run_to_end(other);
    deployment.run_to_end(slow);
    assert_eq!(deployment.messages().len(), 1);
    assert_eq!(list(&view(&mut deployment, &id), "notices")[0]["state"], "unclear");
    assert_eq!(overdue(&deployment), Vec::<String>::new());
}

#[test]
fn answers_to_retries_that_are_lost_never_lead_to_a_blind_second_ask() {
    let asked = Mutex::new(0);
    let count = Scale { few: 40, many: 120, all: 4_000 }.count();
    each(count, |seed| *asked.lock().unwrap() += usize::from(retry(seed.try_into().unwrap())));
    let asked = asked.into_inner().unwrap();
    println!("{count} retries, {asked} reached ECPay");
    assert!(asked > count / 2, "{asked} of {count} asks reached ECPay");
}

#[test]
fn answers_to_mails_that_are_lost_never_lead_to_a_second_mail() {
    let states = Mutex::new(BTreeMap::new());
    let count = Scale { few: 60, many: 180, all: 6_000 }.count();
    each(count, |seed| *states.lock().unwrap().entry(mail(seed.try_into().unwrap())).or_insert(0) += 1);
    let states = states.into_inner().unwrap();
    println!("{count} mails: {states:?}");
    assert_eq!(states.keys().map(String::as_str).collect::<Vec<_>>(), ["dead", "sent", "unclear"]);
}
