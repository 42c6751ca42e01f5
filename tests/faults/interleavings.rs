//! Three handlers on one subscription in every interleaving of their calls: one winner, and an end that some order of
//! the three one after the other has too.
//!
//! Explored depth first. Of two calls next to each other that do not touch the same thing (two reads, two services,
//! the callbacks' counters, rows of two runs) only one order is tried, for the other cannot differ (sleep sets).

use std::sync::Mutex;

use sandbox::ecpay::{Callback, ChargeNow};
use serde_json::json;
use testing::harness::{HeldCall, Outcome, Service, TaskId, TestDeployment, Verdict};

use testing::support::model_runs::concurrent_handlers::{Actor, ConcurrentHandlers, End};
use testing::support::model_runs::{answer, deployment, each, list, view};
use testing::support::scale::Scale;

/// Start of three handlers.
struct Scene {
    name: &'static str,
    handlers: ConcurrentHandlers,
    /// Assertions at the end of each interleaving.
    hold: fn(&End),
}

/// True if two calls of different tasks have the same effect in either order.
fn commute(one: &HeldCall, other: &HeldCall) -> bool {
    let reads = |call: &HeldCall| match call.service {
        Service::DynamoDb => matches!(call.action.as_str(), "GetItem" | "Query"),
        Service::Ecpay => call.action.starts_with("Query"),
        Service::SecretsManager => true,
        Service::Ses | Service::Lambda | Service::StarSender | Service::Mms | Service::Slack | Service::App => false,
    };
    let apart = |call: &HeldCall| matches!(call.subject.as_str(), "COUNT" | "RUN");
    let breaker = |call: &HeldCall| call.subject == "BREAKER" && reads(call);
    one.service != other.service
        || (reads(one) && reads(other))
        || (apart(one) || apart(other))
        || (breaker(one) && other.subject != "BREAKER")
        || (breaker(other) && one.subject != "BREAKER")
}

/// A state on the way: which calls wait, which were tried here, and which need not be.
struct Node {
    held: Vec<HeldCall>,
    asleep: Vec<TaskId>,
    tried: Vec<TaskId>,
    chosen: TaskId,
}

impl Node {
    fn call(&self, task: TaskId) -> &HeldCall {
        self.held.iter().find(|call| call.task == task).unwrap()
    }

    /// Tasks whose calls need not come first after the chosen one: they were tried before it, and commute with it.
    fn asleep_after(&self) -> Vec<TaskId> {
        let resting = self.asleep.iter().chain(&self.tried).copied();
        resting.filter(|task| commute(self.call(*task), self.call(self.chosen))).collect()
    }

    fn next(&mut self) -> bool {
        self.tried.push(self.chosen);
        let fresh = |call: &&HeldCall| !self.asleep.contains(&call.task) && !self.tried.contains(&call.task);
        let Some(call) = self.held.iter().find(fresh) else { return false };
        self.chosen = call.task;
        true
    }
}

/// Explores a scene; returns the number of distinct interleavings.
fn explore(scene: &Scene, most: usize) -> usize {
    let possible: Vec<End> = scene.handlers.one_by_one();
    possible.iter().for_each(scene.hold);
    let mut path: Vec<Node> = Vec::new();
    let mut explored = 0;
    loop {
        let (mut deployment, tasks) = scene.handlers.begin();
        for node in &path {
            deployment.release(node.chosen, Verdict::Proceed);
        }
        let mut pruned = false;
        while let held = deployment.held_calls()
            && !held.is_empty()
        {
            let asleep = path.last().map(Node::asleep_after).unwrap_or_default();
            let Some(chosen) = held.iter().map(|call| call.task).find(|task| !asleep.contains(task)) else {
                pruned = true;
                break;
            };
            path.push(Node { held, asleep, tried: Vec::new(), chosen });
            deployment.release(chosen, Verdict::Proceed);
        }
        if !pruned {
            let steps: Vec<String> = deployment.transcript().iter().map(ToString::to_string).collect();
            let end = End::of(deployment, &scene.handlers.id, &tasks);
            (scene.hold)(&end);
            end.is_one_of(&possible, &steps);
            explored += 1;
        }
        while path.last_mut().is_some_and(|node| !node.next()) {
            path.pop();
        }
        if path.is_empty() || explored == most {
            return explored;
        }
    }
}

/// An order whose second charge is due, and ends as a code says.
fn renewing(code: &str) -> (TestDeployment, String) {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let id = deployment.subscribe("amy", "monthly");
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&id, vec![code.to_owned()]));
    deployment.set_now("2025-02-28T10:30:00+08:00".parse().unwrap());
    (deployment, id)
}

/// The same, once its failure was reported.
fn failed(code: &str) -> (TestDeployment, String) {
    let (mut deployment, id) = renewing(code);
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    (deployment, id)
}

/// A charge out of schedule, and its callback.
fn charged(deployment: &mut TestDeployment, id: &str, at: &str, code: &str) -> Callback {
    deployment.set_now(at.parse().unwrap());
    let charge = ChargeNow { rtn_code: code.to_owned(), callback: true, simulate: false, amount: None };
    deployment.ecpay(|ecpay, now| ecpay.charge_now(id, charge, now)).unwrap();
    deployment.due_callbacks().remove(0)
}

fn acknowledged(outcome: &Outcome) {
    assert_eq!(*outcome, Outcome::Answered { status: 200, body: "1|OK".to_owned() });
}

fn same_callback() -> Scene {
    let (mut deployment, id) = renewing("1");
    let callback = deployment.due_callbacks().remove(0);
    let actors = [0, 1, 2].map(|_| Actor::Callback(callback.clone()));
    let hold = |end: &End| {
        end.outcomes.iter().for_each(acknowledged);
        assert_eq!((end.payments("succeeded"), end.entries("renewed")), (2, 1));
    };
    Scene { name: "one callback three times", handlers: ConcurrentHandlers { deployment, id, actors }, hold }
}

fn callback_and_query() -> Scene {
    let (mut deployment, id) = renewing("1");
    let first = deployment.due_callbacks().remove(0);
    deployment.ecpay(|ecpay, now| ecpay.callback_answered(first.id, false, now));
    deployment.set_now("2025-03-01T12:30:00+08:00".parse().unwrap());
    let again = deployment.due_callbacks().remove(0);
    assert_ne!(first.body, again.body);
    let actors = [Actor::Callback(first), Actor::run("reconcile"), Actor::Callback(again)];
    let hold = |end: &End| {
        acknowledged(&end.outcomes[0]);
        acknowledged(&end.outcomes[2]);
        assert_eq!((end.payments("succeeded"), end.entries("renewed")), (2, 1));
    };
    Scene {
        name: "a callback, a query, a changed callback",
        handlers: ConcurrentHandlers { deployment, id, actors },
        hold,
    }
}

fn failure_success_grace() -> Scene {
    let (mut deployment, id) = failed("10100251");
    let failure = charged(&mut deployment, &id, "2025-03-06T10:00:00+08:00", "10100251");
    let success = charged(&mut deployment, &id, "2025-03-09T10:00:00+08:00", "1");
    deployment.set_now("2025-03-10T12:00:00+08:00".parse().unwrap());
    let actors = [Actor::Callback(failure), Actor::Callback(success), Actor::run("end-grace")];
    let hold = |end: &End| {
        acknowledged(&end.outcomes[0]);
        acknowledged(&end.outcomes[1]);
        assert_eq!((end.payments("succeeded"), end.payments("failed")), (2, 2));
        assert!(end.entries("grace-ended") <= 1);
        assert_eq!((&end.view["plan_id"], &end.view["status"]), (&json!("PRO"), &json!("active")));
        assert_eq!((end.notices("downgraded"), end.notices("recovered")), (end.entries("grace-ended"), 1));
    };
    Scene {
        name: "a failure, a later success, the end of grace",
        handlers: ConcurrentHandlers { deployment, id, actors },
        hold,
    }
}

fn manual_retry(deployment: &mut TestDeployment, id: &str) -> Actor {
    let seen = view(deployment, id);
    let failed = list(&seen, "payments").iter().find(|payment| payment["outcome"] == "failed").unwrap();
    let body = json!({ "payment_id": failed["id"], "why": "the customer called" });
    Actor::Staff("POST", "/api/webhooks/ecpay-manual-retry".to_owned(), Some(body))
}

fn three_retries() -> Scene {
    let (mut deployment, id) = failed("10100252");
    deployment.set_now("2025-03-01T10:30:00+08:00".parse().unwrap());
    let actors = [manual_retry(&mut deployment, &id), manual_retry(&mut deployment, &id), Actor::run("retry")];
    let hold = |end: &End| {
        assert_eq!((end.asks(), end.entries("retry-requested")), (1, 1));
        let told = end.outcomes[..2].iter().map(|outcome| answer(outcome).1["outcome"].clone());
        assert!(told.filter(|told| told == "asked").count() <= 1);
    };
    Scene {
        name: "two retries by hand, one by schedule",
        handlers: ConcurrentHandlers { deployment, id, actors },
        hold,
    }
}

fn paid_twice() -> Scene {
    let (mut deployment, id) = failed("10100251");
    let success = charged(&mut deployment, &id, "2025-03-06T10:00:00+08:00", "1");
    deployment.set_now("2025-03-10T12:00:00+08:00".parse().unwrap());
    let body = json!({ "amount_twd": 899, "reference": "transfer 17", "why": "by bank" });
    let path = format!("/api/subscriptions/{id}/mark-paid");
    let actors = [Actor::Staff("POST", path, Some(body)), Actor::Callback(success), Actor::run("end-grace")];
    let hold = |end: &End| {
        acknowledged(&end.outcomes[1]);
        assert_eq!((end.payments("succeeded"), end.payments("failed")), (2, 1));
        assert!(end.entries("grace-ended") <= 1 && end.payments("paid_out_of_band") <= 1);
        // A customer who paid twice is owed one of the two.
        assert_eq!(end.notices("refund-due"), end.payments("paid_out_of_band"));
        assert_eq!((&end.view["plan_id"], &end.view["status"]), (&json!("PRO"), &json!("active")));
    };
    Scene {
        name: "paid outside, a success, the end of grace",
        handlers: ConcurrentHandlers { deployment, id, actors },
        hold,
    }
}

fn credited() -> Scene {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let id = deployment.subscribe("amy", "monthly");
    deployment.set_now("2025-02-10T10:00:00+08:00".parse().unwrap());
    let new = deployment.replacement("amy", "annual", &id);
    deployment.submit(&new);
    let first = deployment.due_callbacks().remove(0);
    let seen = view(&mut deployment, &id);
    let body = json!({ "payment_id": list(&seen, "payments")[0]["id"], "amount_twd": 400, "why": "a goodwill" });
    let refund = Actor::Staff("POST", format!("/api/subscriptions/{id}/refund"), Some(body));
    let actors = [Actor::Callback(first.clone()), refund, Actor::Callback(first)];
    let hold = |end: &End| {
        acknowledged(&end.outcomes[0]);
        acknowledged(&end.outcomes[2]);
        assert_eq!((end.entries("superseded"), end.entries("refunded"), end.notices("refund-due")), (1, 1, 1));
        let payment = &list(&end.view, "payments")[0];
        assert_eq!(payment["refunded_twd"], 400);
        // 18 of 28 days: of 899, less the 400 that went back then, or of the 499 that were left.
        let due = payment["refund_due_twd"].as_u64().unwrap();
        assert!([578 - 400, 321].contains(&due), "{payment}");
    };
    Scene {
        name: "a replacing first success twice, a refund",
        handlers: ConcurrentHandlers { deployment, id, actors },
        hold,
    }
}

fn two_drains() -> Scene {
    let (deployment, id) = failed("10100252");
    let read = Actor::Staff("GET", format!("/api/subscriptions/{id}"), None);
    let actors = [Actor::run("send-mail"), Actor::run("send-mail"), read];
    let hold = |end: &End| {
        assert_eq!(end.mails.len(), 1);
        assert_eq!(list(&end.view, "notices")[0]["state"], "sent");
        assert_eq!(answer(&end.outcomes[2]).0, 200);
    };
    Scene { name: "two drains, one reader", handlers: ConcurrentHandlers { deployment, id, actors }, hold }
}

#[test]
fn three_handlers_in_every_interleaving_have_one_winner_and_the_end_of_some_order() {
    let scenes =
        [same_callback, callback_and_query, failure_success_grace, three_retries, paid_twice, credited, two_drains];
    let told = Mutex::new(Vec::new());
    let most = Scale { few: 20, many: 70, all: usize::MAX }.count();
    each(scenes.len(), |number| {
        let scene = scenes[number]();
        let explored = explore(&scene, most);
        assert!(explored > 6, "{}: {explored}", scene.name);
        told.lock().unwrap().push(format!("{}: {explored}", scene.name));
    });
    println!("{:#?}", told.lock().unwrap());
}

/// Three first charges of one user, whose orders were all made before any was paid. Each pair of the charges conflicts on
/// the user's item, the last one with both others.
#[test]
fn three_first_charges_of_one_user_at_once_are_all_applied_and_staff_are_notified_of_each_further_one() {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let made: Vec<_> = (0..3).map(|_| deployment.order("mei", "monthly")).collect();
    let orders: Vec<String> = made.iter().map(|made| deployment.submit(made)).collect();
    let callbacks = deployment.due_callbacks();
    let tasks: Vec<TaskId> = callbacks.iter().map(|callback| deployment.spawn_callback(callback)).collect();
    let is_write = |deployment: &TestDeployment, task: TaskId| {
        deployment.held_calls().iter().any(|call| call.task == task && call.action == "TransactWriteItems")
    };
    for task in &tasks {
        while !is_write(&deployment, *task) {
            deployment.release(*task, Verdict::Proceed);
        }
    }
    // The last one decides again after each of the others.
    for task in [tasks[0], tasks[2], tasks[1], tasks[1]] {
        assert!(is_write(&deployment, task), "a write is held");
        deployment.release(task, Verdict::Proceed);
    }
    for (callback, task) in callbacks.iter().zip(tasks) {
        assert_eq!(deployment.run_to_end(task), Outcome::Answered { status: 200, body: "1|OK".to_owned() });
        deployment.answered(callback, task);
    }
    let mut notified = Vec::new();
    for order in &orders {
        let seen = view(&mut deployment, order);
        assert_eq!((seen["status"].as_str(), seen["plan_id"].as_str()), (Some("active"), Some("PRO")));
        let notices = list(&seen, "notices").iter().filter(|notice| notice["kind"] == "second-live-order").count();
        notified.push(notices);
    }
    assert_eq!(notified, [0, 1, 1]);
}
