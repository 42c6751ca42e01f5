//! Events whose claim, post or record is cut off, lost or refused: each arrives, none twice but where that cannot be known, and none
//! before what it tells is stored.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};
use testing::harness::{HeldCall, Options, Service, TestDeployment, Verdict};
use testing::support::Sandbox;
use testing::support::model_runs::{each, run};
use testing::support::scale::Scale;

const BEGIN: &str = "2025-01-31T10:00:00+08:00";
/// Minutes after which no claim of a run that is gone holds any more.
const LATER: i64 = 5;

/// An order was paid, and its three events wait.
fn paid() -> TestDeployment {
    let variables = BTreeMap::from([("EVENTS_SECRET_ID".to_owned(), "duekeeper/events".to_owned())]);
    let mut deployment = TestDeployment::new(Options { now: BEGIN.parse().unwrap(), variables });
    deployment.subscribe("events", "monthly");
    deployment
}

/// Ids of the stored events, with their states.
fn stored(deployment: &TestDeployment) -> BTreeMap<String, String> {
    let items = deployment.items().into_iter();
    let events = items.filter(|item| item["sk"].as_str().unwrap().starts_with("EVENT#"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events.map(|item| (text(&item["data"]["id"]), text(&item["data"]["state"]))).collect()
}

fn posted(deployment: &TestDeployment) -> Vec<String> {
    deployment.posted().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// The event of a run by the schedule, or of the stream's first delivery.
fn sending(deployment: &TestDeployment, by_stream: bool) -> Value {
    if !by_stream {
        return json!({ "task": "send-mail" });
    }
    let items = deployment.items().into_iter();
    let events = items.filter(|item| item["sk"].as_str().unwrap().starts_with("EVENT#"));
    let records: Vec<Value> = events
        .enumerate()
        .map(|(number, item)| {
            let keys = json!({ "pk": { "S": item["pk"] }, "sk": { "S": item["sk"] } });
            let change = json!({ "Keys": keys, "SequenceNumber": number.to_string() });
            json!({ "eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": change })
        })
        .collect();
    json!({ "Records": records })
}

/// Lets the events be sent with this verdict at one call. Gives the calls, and the number of attempts that may have arrived twice.
fn sent(deployment: &mut TestDeployment, by_stream: bool, cut: Option<(usize, Verdict)>) -> Vec<HeldCall> {
    let event = sending(deployment, by_stream);
    let task = deployment.spawn_maintenance(event, 0);
    let mut calls = Vec::new();
    while deployment.finished(task).is_none() {
        let call = deployment.held_calls().remove(0);
        let verdict = cut.filter(|(place, _)| *place == calls.len()).map_or(Verdict::Proceed, |(_, verdict)| verdict);
        calls.push(call.clone());
        deployment.release_call(&call, verdict);
    }
    calls
}

fn later(deployment: &mut TestDeployment) {
    deployment.set_now(deployment.now() + TimeDelta::minutes(LATER));
}

#[test]
fn each_event_arrives_once_where_nothing_fails() {
    for by_stream in [true, false] {
        let mut deployment = paid();
        assert_eq!(posted(&deployment), Vec::<String>::new());
        sent(&mut deployment, by_stream, None);
        let events = stored(&deployment);
        assert!(events.len() == 3 && events.values().all(|state| state == "delivered"), "{events:?}");
        let mut arrived = posted(&deployment);
        arrived.sort();
        assert_eq!(arrived, events.keys().cloned().collect::<Vec<_>>());
        later(&mut deployment);
        run(&mut deployment, json!({ "task": "send-mail" }));
        assert_eq!(posted(&deployment).len(), 3);
    }
}

#[test]
fn cut_off_at_any_call_each_event_arrives_in_the_end() {
    for by_stream in [true, false] {
        let calls = sent(&mut paid(), by_stream, None);
        let posts = calls.iter().filter(|call| call.service == Service::App).count();
        let writes = calls.iter().filter(|call| call.action == "PutItem" && call.subject.ends_with(" EVENT")).count();
        assert!(posts == 3 && writes == 6, "a claim and a record for each: {calls:?}");
        let cuts: Vec<(usize, Verdict)> = calls
            .iter()
            .enumerate()
            .flat_map(|(place, call)| {
                let befalls =
                    |verdict: &Verdict| verdict.befalls(call.service, &call.action) && *verdict != Verdict::Deny;
                Verdict::ALL.into_iter().filter(befalls).map(move |verdict| (place, verdict))
            })
            .collect();
        each(cuts.len(), |number| {
            let cut = cuts[number];
            let mut deployment = paid();
            sent(&mut deployment, by_stream, Some(cut));
            // The schedule goes on, also where a failed attempt is repeated after five minutes.
            for _ in 0..3 {
                later(&mut deployment);
                sent(&mut deployment, false, None);
            }
            let events = stored(&deployment);
            assert!(events.values().all(|state| state == "delivered"), "{cut:?} {:?}: {events:?}", calls[cut.0]);
            let arrived = posted(&deployment);
            let distinct: BTreeSet<&String> = arrived.iter().collect();
            assert_eq!(distinct, events.keys().collect(), "{cut:?}");
            // A crash can leave all three without a record; any other fault concerns one attempt.
            let is_crash = matches!(cut.1, Verdict::CrashBefore | Verdict::CrashAfter);
            assert!(arrived.len() <= if is_crash { 6 } else { 4 }, "{cut:?}: {arrived:?}");
        });
    }
}

#[test]
fn two_runs_at_once_post_each_event_once() {
    let calls = sent(&mut paid(), false, None).len();
    for split in 0..calls {
        let mut deployment = paid();
        let first = deployment.spawn_maintenance(sending(&deployment, true), 0);
        for _ in 0..split {
            if deployment.finished(first).is_none() {
                deployment.release(first, Verdict::Proceed);
            }
        }
        let event = sending(&deployment, false);
        let second = deployment.spawn_maintenance(event, 1);
        deployment.run_to_end(second);
        deployment.run_to_end(first);
        let events = stored(&deployment);
        assert!(events.values().all(|state| state == "delivered"), "{split}: {events:?}");
        assert_eq!(posted(&deployment).len(), 3, "{split}");
    }
}

#[test]
fn a_table_that_fails_for_a_record_has_it_delivered_again_and_no_other() {
    let mut deployment = paid();
    let task = deployment.spawn_maintenance(sending(&deployment, true), 0);
    // The SDK tries the second read three times.
    let mut reads = 0;
    let outcome = loop {
        if let Some(outcome) = deployment.finished(task) {
            break outcome;
        }
        let call = deployment.held_calls().remove(0);
        let is_second = call.action == "GetItem" && call.subject.ends_with("EVENT") && {
            reads += 1;
            (2..=4).contains(&reads)
        };
        deployment.release_call(&call, if is_second { Verdict::Throttle } else { Verdict::Proceed });
    };
    let (_, answer) = testing::support::model_runs::answer(&outcome);
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] }));
    assert_eq!(posted(&deployment).len(), 1);
}

/// A quarter of an hour, after which an endpoint that was slow counts as slow no longer.
const ENDURED_DAYS: f64 = 15.0 / (24.0 * 60.0);

/// Lets the business's app have this fault for so many requests.
async fn fault(sandbox: &Sandbox, fault: &str, times: usize) {
    sandbox.put("/sandbox/faults", json!({ "events": { "fault": fault, "times": times } })).await;
}

#[tokio::test]
async fn events_in_number_arrive_whatever_the_receiver_does_and_tell_each_user_s_plan() {
    // Three events each: more than 10,000.
    let users = Scale { few: 70, many: 3_400, all: 3_400 }.count();
    let faults = ["down", "refuse", "slow", "closed", "redirect", "answer_lost", "huge"];
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    for user in 0..users {
        if user % 10 == 0 {
            // An endpoint that was slow gets nothing by the stream for ten minutes; then each fault meets posts.
            sandbox.advance(ENDURED_DAYS).await;
            // Three failures in a row end an invocation for the endpoint, so there are more and fewer.
            fault(&sandbox, faults[(user / 10) % faults.len()], 1 + user % 7).await;
        }
        sandbox.subscribe(&format!("many-{user}"), "monthly").await;
    }
    // Down for a day, with the schedule's attempts, and then up for as long as the longest wait by then.
    sandbox.put("/sandbox/faults", json!({ "events": "down" })).await;
    sandbox.subscribe("many-in-the-end", "monthly").await;
    sandbox.advance(1.0).await;
    sandbox.put("/sandbox/faults", json!({ "events": "none" })).await;
    sandbox.advance(0.7).await;
    let received = sandbox.get("/sandbox/events").await["events"].clone();
    let bodies = || received.as_array().unwrap().iter().map(|event| &event["body"]);
    let ids: BTreeSet<String> = bodies().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 3 * (users + 1));
    assert!(bodies().count() > ids.len(), "some arrived twice");
    // The highest version tells the plan of each user, in whatever sequence they came.
    let mut plans: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for event in bodies().filter(|event| event["type"] == "user.plan_changed") {
        let data = &event["data"];
        let known = (data["user_version"].as_u64().unwrap(), data["plan_id"].as_str().unwrap().to_owned());
        let newest = plans.entry(data["user_id"].to_string()).or_default();
        *newest = known.max(newest.clone());
    }
    assert!(plans.len() == users + 1 && plans.values().all(|(_, plan)| plan == "PRO"), "{}", plans.len());
}
