//! A month without callbacks: what ECPay knows is found by few queries, and by none while ECPay says that there were
//! too many.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::{Value, json};
use testing::harness::{Service, Step, TaskId, TestDeployment, Verdict};

use testing::support::model_runs::{at_ecpay, deployment, list, view};
use testing::support::random::Random;
use testing::support::scale::Scale;

/// Results of second charges; `None`: never charged.
const ENDS: [Option<&str>; 6] = [Some("1"), Some("1"), Some("1"), Some("10100252"), Some("10100251"), None];
/// ECPay's patience after a 403.
const BREAKER_MINUTES: i64 = 30;

/// Orders whose second charges no callback reported, at a time a day after they were due.
fn silent_month(count: usize, now: &str) -> (TestDeployment, BTreeMap<String, Option<&'static str>>) {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let mut orders = BTreeMap::new();
    for number in 0..count {
        let id = deployment.subscribe(&format!("user{number}"), "monthly");
        let end = ENDS[number % ENDS.len()];
        deployment.ecpay(|ecpay, now| {
            ecpay.set_callbacks(&id, false);
            ecpay.set_next_outcomes(&id, vec![end.unwrap_or("1").to_owned()]);
            ecpay.set_paused(&id, end.is_none(), now);
        });
        orders.insert(id, end);
    }
    deployment.set_now(now.parse().unwrap());
    assert_eq!(deployment.due_callbacks(), []);
    (deployment, orders)
}

/// The two runs of the schedules after the due day and a day.
fn scheduled(place: usize) -> Value {
    match place {
        0 => json!({ "task": ["reconcile", "resume", "retry", "end-grace", "cancel"] }),
        _ => json!({ "task": ["reconcile", "retry"] }),
    }
}

fn queries(steps: &[Step]) -> Vec<&str> {
    let queries = steps.iter().filter(|step| step.call.service == Service::Ecpay);
    queries.map(|step| step.call.subject.as_str()).collect()
}

/// Every subscription says what ECPay says.
fn agrees_with_ecpay(deployment: &mut TestDeployment, orders: &BTreeMap<String, Option<&str>>) {
    for (id, end) in orders {
        let (seen, ecpay) = (view(deployment, id), at_ecpay(deployment, id));
        let (status, plan, payments) = match end {
            Some("1") => ("active", "PRO", 2),
            Some(_) => ("past_due", "PRO", 2),
            None => ("active", "PRO", 1),
        };
        assert_eq!((&seen["status"], &seen["plan_id"]), (&json!(status), &json!(plan)), "{id}");
        let told: Vec<_> = list(&seen, "payments").iter().map(|payment| payment["rtn_code"].clone()).collect();
        let charged: Vec<_> = list(&ecpay, "charges").iter().map(|charge| charge["rtn_code"].clone()).collect();
        assert_eq!((told.len(), told), (payments, charged), "{id}");
    }
}

#[test]
fn a_month_without_callbacks_is_found_out_within_two_runs_at_one_query_an_order_and_run() {
    let count = Scale { few: 40, many: 100, all: 2_000 }.count();
    // At noon the retries of failed charges are due as well: the run that learns of a failure requests its retry, and
    // needs no second query for that.
    let (mut deployment, orders) = silent_month(count, "2025-03-01T12:00:00+08:00");
    for (place, minutes) in [0, 30, 90].into_iter().enumerate() {
        deployment.set_now(deployment.now() + TimeDelta::minutes(minutes));
        let from = deployment.transcript().len();
        let run = deployment.spawn_maintenance(scheduled(place), 0);
        deployment.run_to_end(run);
        let steps = &deployment.transcript()[from..];
        let asked: Vec<_> =
            queries(&steps.iter().filter(|step| step.call.action != "ReAuth").cloned().collect::<Vec<_>>())
                .into_iter()
                .map(str::to_owned)
                .collect();
        let once: BTreeSet<_> = asked.iter().collect();
        assert_eq!(asked.len(), once.len(), "an order was asked about twice");
        // The second run queries the retries that the first one requested. Orders that were never charged were asked about
        // in vain, so they come again two hours later.
        let ended = |code: Option<&str>| orders.values().filter(|end| **end == code).count();
        let expected = [count, ended(Some("10100252")), ended(None)];
        assert_eq!(asked.len(), expected[place]);
        // Before the third run ECPay makes the retries, whose results no callback reports.
        if place == 1 {
            agrees_with_ecpay(&mut deployment, &orders);
        }
    }
}

/// Instances at once until all end; ECPay answers one query, by its number, with its 403.
fn race(deployment: &mut TestDeployment, runs: &[TaskId], random: &mut Random, refused: usize) {
    let mut asked = 0;
    while let held = deployment.held_calls()
        && !held.is_empty()
    {
        let call = &held[random.below(held.len())];
        asked += usize::from(call.service == Service::Ecpay);
        let refuses = call.service == Service::Ecpay && asked == refused;
        deployment.release_call(call, if refuses { Verdict::Refuse } else { Verdict::Proceed });
    }
    assert!(runs.iter().all(|run| deployment.finished(*run).is_some()) && asked >= refused);
}

/// Each call to ECPay takes one look at the circuit breaker, and none that was taken after it opened. A run works on
/// several orders at a time, so a call may follow the 403 of another order whose look came first.
fn stops_from_the_next_call(steps: &[Step]) {
    let is = |step: &Step, action: &str| step.call.action == action && step.call.subject == "BREAKER";
    let mut looks: BTreeMap<TaskId, usize> = BTreeMap::new();
    let mut is_open = false;
    for (place, step) in steps.iter().enumerate() {
        is_open |= is(step, "PutItem");
        let look = looks.entry(step.call.task).or_default();
        if is(step, "GetItem") && !is_open {
            *look += 1;
        } else if step.call.service == Service::Ecpay {
            assert!(*look > 0, "{step} at {place} without a look at the breaker before it opened");
            *look -= 1;
        }
    }
    assert!(is_open, "the breaker was never set");
}

#[test]
fn a_403_stops_the_calls_of_all_instances_for_half_an_hour_and_then_the_queue_drains() {
    for seed in 0..u64::try_from(Scale { few: 4, many: 10, all: 200 }.count()).unwrap() {
        let mut random = Random::scrambled(seed);
        let (mut deployment, orders) = silent_month(12, "2025-03-01T00:00:00+08:00");
        let from = deployment.transcript().len();
        // Runs of the same tasks would exclude each other.
        let tasks = [json!(["reconcile"]), json!(["resume", "reconcile"]), json!(["end-grace", "reconcile"])];
        let runs: Vec<TaskId> = tasks
            .iter()
            .enumerate()
            .map(|(instance, tasks)| {
                let event = json!({ "task": tasks, "run_id": format!("run{instance}") });
                deployment.spawn_maintenance(event, instance)
            })
            .collect();
        let refused = 1 + random.below(12);
        race(&mut deployment, &runs, &mut random, refused);
        stops_from_the_next_call(&deployment.transcript()[from..]);
        let set = deployment.now();
        for minutes in [1, 15, BREAKER_MINUTES - 1] {
            deployment.set_now(set + TimeDelta::minutes(minutes));
            let from = deployment.transcript().len();
            for instance in 0..3 {
                let run = deployment.spawn_maintenance(scheduled(instance), instance);
                deployment.run_to_end(run);
            }
            assert_eq!(
                queries(&deployment.transcript()[from..]),
                Vec::<&str>::new(),
                "seed {seed}: {minutes} minutes later"
            );
        }
        deployment.set_now(set + TimeDelta::minutes(BREAKER_MINUTES));
        let run = deployment.spawn_maintenance(scheduled(1), 0);
        deployment.run_to_end(run);
        agrees_with_ecpay(&mut deployment, &orders);
    }
}
