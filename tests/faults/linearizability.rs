//! A retry by hand, a run and a callback at once, after a random history: what comes of it is what one after the
//! other would have brought, in some order.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sandbox::ecpay::{Callback, ChargeNow};
use serde_json::json;
use testing::harness::{TaskId, TestDeployment, Verdict};

use testing::support::model_runs::concurrent_handlers::{Actor, ConcurrentHandlers, End};
use testing::support::model_runs::seeded_history::{past, retry_request};
use testing::support::model_runs::{Random, at_ecpay, each, list, run, scaled, view};

/// What the run does, in this order.
const TASKS: [&str; 5] = ["reconcile", "resume", "retry", "end-grace", "cancel"];
/// Interleavings tried of one past.
const EACH: usize = 10;

/// A past of one order, and what comes at once. `None` where nothing ever failed, or where ECPay knows more than the
/// callback tells: a query then brings several facts, and each of them is stored for itself.
fn trio(random: &mut Random) -> Option<ConcurrentHandlers> {
    let (mut stage, ids) = past(random, 1);
    let id = ids[0].clone();
    let mut waiting = stage.due_callbacks();
    let held = if random.one_in(2) { waiting.pop() } else { None };
    for callback in &waiting {
        stage.deliver(callback);
    }
    let retry = retry_request(&mut stage, &id)?;
    let known = list(&view(&mut stage, &id), "payments").len();
    let callback = held.or_else(|| charged(&mut stage, &id, random.pick(&["1", "10100252"])))?;
    if list(&at_ecpay(&mut stage, &id), "charges").len() > known + 1 {
        return None;
    }
    let actors = [
        Actor::Staff("POST", "/api/webhooks/ecpay-manual-retry".to_owned(), Some(retry)),
        Actor::run(TASKS.to_vec()),
        Actor::Callback(callback),
    ];
    Some(ConcurrentHandlers { stage, id, actors })
}

/// The callback of a charge that is made now.
fn charged(stage: &mut TestDeployment, id: &str, code: &str) -> Option<Callback> {
    let charge = ChargeNow { rtn_code: code.to_owned(), callback: true, simulate: false, amount: None };
    let made = stage.ecpay(|ecpay, now| {
        ecpay.set_callbacks(id, true);
        ecpay.charge_now(id, charge, now)
    });
    assert_eq!(made, Ok(()));
    stage.due_callbacks().into_iter().next()
}

/// The three in a random interleaving.
fn at_once(trio: &ConcurrentHandlers, random: &mut Random) -> (TestDeployment, Vec<TaskId>, Vec<String>) {
    let (mut stage, tasks) = trio.begin();
    while let parked = stage.parked()
        && !parked.is_empty()
    {
        let task = parked[random.below(parked.len())].task;
        stage.release(task, Verdict::Proceed);
    }
    let steps = stage.transcript().iter().map(ToString::to_string).collect();
    (stage, tasks, steps)
}

/// The end of the three, or that which the next run leads to.
fn ended(mut stage: TestDeployment, trio: &ConcurrentHandlers, tasks: &[TaskId], next: bool) -> End {
    if next {
        run(&mut stage, json!({ "task": TASKS, "run_id": "next" }));
    }
    End::of(stage, &trio.id, tasks)
}

/// The run task by task, with the other two before, between or after them.
fn between_tasks(trio: &ConcurrentHandlers, next: bool) -> Vec<End> {
    let [retry, _, callback] = &trio.actors;
    let mut ends = Vec::new();
    for (first, second) in [((retry, 0), (callback, 2)), ((callback, 2), (retry, 0))] {
        for early in 0..=TASKS.len() {
            for late in early..=TASKS.len() {
                let mut stage = trio.stage.fork();
                let mut tasks = [TaskId(0); 3];
                let mut done = |(actor, place): (&Actor, usize)| {
                    tasks[place] = actor.spawn(&mut stage, place);
                    stage.run_to_end(tasks[place]);
                };
                for slot in 0..=TASKS.len() {
                    [(early, first), (late, second)]
                        .into_iter()
                        .filter(|(at, _)| *at == slot)
                        .for_each(|(_, who)| done(who));
                    TASKS.get(slot).into_iter().for_each(|task| done((&Actor::run(*task), 1)));
                }
                ends.push(ended(stage, trio, &tasks, next));
            }
        }
    }
    ends
}

#[test]
fn a_retry_by_hand_a_run_and_a_callback_at_once_agree_with_some_order_of_the_three() {
    let (histories, between, statuses) = (Mutex::new(0), Mutex::new(0), Mutex::new(BTreeMap::new()));
    each(scaled(3_000, 50), |seed| {
        let mut random = Random::new(seed.try_into().unwrap());
        let Some(mut trio) = trio(&mut random) else { return };
        let before = view(&mut trio.stage, &trio.id);
        let kind = format!("{} {} {}", before["status"], before["plan_id"], before["next_action"]["kind"]);
        *statuses.lock().unwrap().entry(kind).or_insert(0) += 1;
        let possible = trio.one_by_one();
        for _ in 0..EACH {
            let (stage, tasks, steps) = at_once(&trio, &mut random);
            let yields = format!("{:?}", stage.finished(tasks[1])).contains("changed meanwhile");
            let end = ended(stage, &trio, &tasks, yields);
            // A run is several decisions, between which others come; and one that was overtaken leaves its item to the
            // next run.
            if yields || !possible.iter().any(|other| other.shape() == end.shape()) {
                end.is_one_of(&between_tasks(&trio, yields), &steps);
                *between.lock().unwrap() += 1;
            }
            *histories.lock().unwrap() += 1;
        }
    });
    let histories = histories.into_inner().unwrap();
    println!("{histories} histories, {} between tasks, from {:#?}", between.lock().unwrap(), statuses.lock().unwrap());
    assert!(histories >= scaled(10_000, 150), "{histories}");
}
