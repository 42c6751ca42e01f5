//! Replies under fault: callbacks and confirmations that meet failures of the table, lost responses and crashes. The wish is
//! recorded in the end, and no person gets a confirmation twice.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::TimeDelta;
use serde_json::{Value, json};
use testing::harness::{HeldCall, Service, TaskId, TestDeployment, Verdict};
use testing::support::model_runs::{answer, deployment, each};
use testing::support::random::Random;
use testing::support::scale::Scale;

const PATH: &str = "/webhooks/whatsapp/starsender/sandbox-starsender-token-invented";
const TABLE: [Verdict; 5] =
    [Verdict::LoseAnswer, Verdict::LoseRequest, Verdict::CrashBefore, Verdict::CrashAfter, Verdict::Throttle];
const PROVIDER: [Verdict; 5] =
    [Verdict::LoseAnswer, Verdict::LoseRequest, Verdict::CrashBefore, Verdict::CrashAfter, Verdict::Down];

fn fate(call: &HeldCall, random: &mut Random) -> Verdict {
    if call.service == Service::DynamoDb && random.one_in(4) {
        *random.pick(&TABLE)
    } else if call.service == Service::StarSender && random.one_in(2) {
        *random.pick(&PROVIDER)
    } else {
        Verdict::Proceed
    }
}

fn run(deployment: &mut TestDeployment, random: &mut Random, tasks: &[TaskId]) {
    while tasks.iter().any(|task| deployment.finished(*task).is_none()) {
        let held = deployment.held_calls();
        let call = &held[random.below(held.len())];
        let verdict = fate(call, random);
        deployment.release_call(call, verdict);
    }
}

/// One STOP whose callback comes several times; the state of its confirmation at the end.
fn stop(seed: u64) -> String {
    let mut random = Random::scrambled(seed);
    let mut deployment = deployment("2025-12-16T09:00:00+07:00");
    let body = json!({ "from": "628551234567", "message": "STOP", "messageId": "A1" });
    let confirm = json!({ "task": "confirm-opt-outs" });
    for _ in 0..=random.below(3) {
        let callback = deployment.spawn_admin("POST", PATH, Some(&body), &[]);
        let others = [deployment.spawn_reminders(confirm.clone(), 0), deployment.spawn_reminders(confirm.clone(), 1)];
        run(&mut deployment, &mut random, &[callback, others[0], others[1]]);
        deployment.set_now(deployment.now() + TimeDelta::minutes(5));
    }
    // Without faults from now on: the provider sends the callback again until it is taken.
    let callback = deployment.spawn_admin("POST", PATH, Some(&body), &[]);
    assert_eq!(answer(&deployment.run_to_end(callback)).0, 200, "seed {seed}");
    let again = deployment.spawn_reminders(confirm, 0);
    deployment.run_to_end(again);
    let stored: Vec<Value> = deployment.items();
    let text = |item: &Value, path: &str| item.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let opt_outs: Vec<&Value> = stored.iter().filter(|item| text(item, "/pk").starts_with("OPTOUT#")).collect();
    assert_eq!(opt_outs.len(), 1, "seed {seed}");
    assert_eq!(text(opt_outs[0], "/data/latest/wish"), "stop", "seed {seed}");
    let (state, sent) = (text(opt_outs[0], "/data/confirmation/state"), deployment.messages().len());
    match state.as_str() {
        "sent" => assert_eq!(sent, 1, "seed {seed}"),
        "unclear" => assert!(sent <= 1, "seed {seed}: {sent} messages"),
        other => panic!("seed {seed}: the confirmation is {other}"),
    }
    state
}

#[test]
fn a_reply_is_recorded_and_confirmed_at_most_once_whatever_fails() {
    let states = Mutex::new(BTreeMap::new());
    let count = Scale { few: 60, many: 200, all: 5_000 }.count();
    each(count, |seed| *states.lock().unwrap().entry(stop(seed.try_into().unwrap())).or_insert(0) += 1);
    let states = states.into_inner().unwrap();
    println!("{count} replies: {states:?}");
    assert_eq!(states.keys().map(String::as_str).collect::<Vec<_>>(), ["sent", "unclear"]);
}
