//! A retry by hand, a run and a callback at once, after a random history: what comes of it is what one after the
//! other would have brought, in some order.

use std::collections::BTreeMap;
use std::sync::Mutex;

use sandbox::ecpay::{Callback, ChargeNow};
use serde_json::json;
use testing::harness::{TaskId, TestDeployment, Verdict};

use testing::support::model_runs::concurrent_handlers::{Actor, ConcurrentHandlers, End};
use testing::support::model_runs::seeded_history::{retry_request, seeded_history};
use testing::support::model_runs::{at_ecpay, each, list, run, view};
use testing::support::random::Random;
use testing::support::scale::Scale;

/// Tasks of the run, in this order.
const TASKS: [&str; 5] = ["resume", "end-grace", "reconcile", "retry", "cancel"];
/// Interleavings tried of one past.
const EACH: usize = 10;

/// A history of one order, and three handlers at the same time. `None` if no charge ever failed, or if ECPay knows more
/// than the callback reports: a query then brings several facts, and each of them is stored for itself.
fn handlers(random: &mut Random) -> Option<ConcurrentHandlers> {
    let (mut deployment, ids) = seeded_history(random, 1);
    let id = ids[0].clone();
    let mut waiting = deployment.due_callbacks();
    let held = if random.one_in(2) { waiting.pop() } else { None };
    for callback in &waiting {
        deployment.deliver(callback);
    }
    let retry = retry_request(&mut deployment, &id)?;
    let known = list(&view(&mut deployment, &id), "payments").len();
    let callback = held.or_else(|| {
        let code = *random.pick(&["1", "10100252"]);
        charged(&mut deployment, &id, code)
    })?;
    if list(&at_ecpay(&mut deployment, &id), "charges").len() > known + 1 {
        return None;
    }
    let actors = [
        Actor::Staff("POST", "/api/webhooks/ecpay-manual-retry".to_owned(), Some(retry)),
        Actor::run(TASKS.to_vec()),
        Actor::Callback(callback),
    ];
    Some(ConcurrentHandlers { deployment, id, actors })
}

/// The callback of a charge that is made now.
fn charged(deployment: &mut TestDeployment, id: &str, code: &str) -> Option<Callback> {
    let charge = ChargeNow { rtn_code: code.to_owned(), callback: true, simulate: false, amount: None };
    let made = deployment.ecpay(|ecpay, now| {
        ecpay.set_callbacks(id, true);
        ecpay.charge_now(id, charge, now)
    });
    assert_eq!(made, Ok(()));
    deployment.due_callbacks().into_iter().next()
}

/// The three in a random interleaving.
fn at_once(handlers: &ConcurrentHandlers, random: &mut Random) -> (TestDeployment, Vec<TaskId>, Vec<String>) {
    let (mut deployment, tasks) = handlers.begin();
    while let held = deployment.held_calls()
        && !held.is_empty()
    {
        let task = held[random.below(held.len())].task;
        deployment.release(task, Verdict::Proceed);
    }
    let steps = deployment.transcript().iter().map(ToString::to_string).collect();
    (deployment, tasks, steps)
}

/// The end of the three, or that which the next run leads to.
fn ended(mut deployment: TestDeployment, handlers: &ConcurrentHandlers, tasks: &[TaskId], next: bool) -> End {
    if next {
        run(&mut deployment, json!({ "task": TASKS, "run_id": "next" }));
    }
    End::of(deployment, &handlers.id, tasks)
}

/// The run task by task, with the other two before, between or after them.
fn between_tasks(handlers: &ConcurrentHandlers, next: bool) -> Vec<End> {
    let [retry, _, callback] = &handlers.actors;
    let mut ends = Vec::new();
    for (first, second) in [((retry, 0), (callback, 2)), ((callback, 2), (retry, 0))] {
        for early in 0..=TASKS.len() {
            for late in early..=TASKS.len() {
                let mut deployment = handlers.deployment.fork();
                let mut tasks = [TaskId(0); 3];
                let mut done = |(actor, place): (&Actor, usize)| {
                    tasks[place] = actor.spawn(&mut deployment, place);
                    deployment.run_to_end(tasks[place]);
                };
                for slot in 0..=TASKS.len() {
                    [(early, first), (late, second)]
                        .into_iter()
                        .filter(|(at, _)| *at == slot)
                        .for_each(|(_, who)| done(who));
                    TASKS.get(slot).into_iter().for_each(|task| done((&Actor::run(*task), 1)));
                }
                ends.push(ended(deployment, handlers, &tasks, next));
            }
        }
    }
    ends
}

#[test]
fn a_retry_by_hand_a_run_and_a_callback_at_once_agree_with_some_order_of_the_three() {
    let (histories, between, statuses) = (Mutex::new(0), Mutex::new(0), Mutex::new(BTreeMap::new()));
    each(Scale { few: 6, many: 20, all: 3_000 }.count(), |seed| {
        let mut random = Random::scrambled(seed.try_into().unwrap());
        let Some(mut handlers) = handlers(&mut random) else { return };
        let before = view(&mut handlers.deployment, &handlers.id);
        let kind = format!("{} {} {}", before["status"], before["plan_id"], before["next_action"]["kind"]);
        *statuses.lock().unwrap().entry(kind).or_insert(0) += 1;
        let possible = handlers.one_by_one();
        for _ in 0..EACH {
            let (deployment, tasks, steps) = at_once(&handlers, &mut random);
            let yields = format!("{:?}", deployment.finished(tasks[1])).contains("changed meanwhile");
            let end = ended(deployment, &handlers, &tasks, yields);
            // A run is several decisions, between which others come; and one that was overtaken leaves its item to the
            // next run.
            if yields || !possible.iter().any(|other| other.shape() == end.shape()) {
                end.is_one_of(&between_tasks(&handlers, yields), &steps);
                *between.lock().unwrap() += 1;
            }
            *histories.lock().unwrap() += 1;
        }
    });
    let histories = histories.into_inner().unwrap();
    println!("{histories} histories, {} between tasks, from {:#?}", between.lock().unwrap(), statuses.lock().unwrap());
    assert!(histories >= Scale { few: 15, many: 60, all: 10_000 }.count(), "{histories}");
}
