//! The simulation's harness: calls park, verdicts do what they say, and the same decisions give the same story.

use sandbox::ecpay::{Callback, Merchant};
use sandbox::world::credentials::ECPAY_SECRET;
use serde_json::{Value, json};
use testing::harness::{Options, Outcome, Service, TaskId, TestDeployment, Verdict};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

fn deployment() -> TestDeployment {
    TestDeployment::new(Options { now: BEGIN.parse().unwrap(), variables: Default::default() })
}

/// A deployment on which an order's first charge succeeded, and its callback.
fn paid() -> (TestDeployment, Callback) {
    let mut deployment = deployment();
    let made = deployment.order("amy", "monthly");
    deployment.submit(&made);
    let callback = deployment.due_callbacks().remove(0);
    (deployment, callback)
}

/// An order whose second charge failed, and a run whose call is held when it requests a retry.
fn retrying() -> (TestDeployment, TaskId) {
    let mut deployment = deployment();
    let order = deployment.subscribe("amy", "monthly");
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&order, vec!["10100252".to_owned()]));
    deployment.set_now("2025-02-28T10:30:00+08:00".parse().unwrap());
    for callback in deployment.due_callbacks() {
        assert_eq!(status(&deployment.deliver(&callback)), 200);
    }
    deployment.set_now("2025-03-01T10:30:00+08:00".parse().unwrap());
    let run = deployment.spawn_maintenance(json!({ "task": "retry" }), 0);
    proceed_to(&mut deployment, run, "ReAuth");
    (deployment, run)
}

/// A run that parks when it sends a mail.
fn mailing() -> (TestDeployment, TaskId) {
    let (mut deployment, run) = retrying();
    deployment.run_to_end(run);
    let run = deployment.spawn_maintenance(json!({ "task": "send-mail" }), 0);
    proceed_to(&mut deployment, run, "SendEmail");
    (deployment, run)
}

fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Answered { status, .. } => *status,
        Outcome::Failed(_) | Outcome::Crashed => panic!("no answer: {outcome:?}"),
    }
}

/// Number of the table's items of a kind, by the beginning of their sort key.
fn count(deployment: &TestDeployment, kind: &str) -> usize {
    deployment.items().iter().filter(|item| item["sk"].as_str().unwrap().starts_with(kind)).count()
}

/// Field of the only item of a kind.
fn only(deployment: &TestDeployment, kind: &str, pointer: &str) -> Value {
    let items = deployment.items();
    let mut found = items.iter().filter(|item| item["sk"].as_str().unwrap().starts_with(kind));
    let value = found.next().unwrap().pointer(pointer).unwrap().clone();
    assert_eq!(found.next(), None);
    value
}

/// Number of retry requests for the only order, as ECPay counts them.
fn retries_at_ecpay(deployment: &mut TestDeployment) -> usize {
    let order = deployment.orders().remove(0);
    deployment.ecpay(|ecpay, _| ecpay.view(&order)).unwrap()["retries_asked"].as_array().unwrap().len()
}

/// Lets a task proceed until it parks at `action`.
fn proceed_to(deployment: &mut TestDeployment, task: TaskId, action: &str) {
    while !deployment.held_calls().iter().any(|call| call.task == task && call.action == action) {
        assert_eq!(deployment.finished(task), None, "it ends without {action}");
        deployment.release(task, Verdict::Proceed);
    }
}

/// The first callback of an order, where its transaction has a verdict.
fn first_callback(verdict: Verdict) -> (TestDeployment, Callback, Outcome) {
    let (mut deployment, callback) = paid();
    let task = deployment.spawn_callback(&callback);
    proceed_to(&mut deployment, task, "TransactWriteItems");
    deployment.release(task, verdict);
    let outcome = deployment.run_to_end(task);
    (deployment, callback, outcome)
}

/// Number of calls of `action` in the transcript.
fn calls(deployment: &TestDeployment, task: usize, action: &str) -> usize {
    deployment.transcript().iter().filter(|step| step.call.task == TaskId(task) && step.call.action == action).count()
}

#[test]
fn each_call_of_a_subscription_is_seen_and_none_of_its_random_ids() {
    let mut deployment = deployment();
    let order = deployment.subscribe("amy", "monthly");
    let steps: Vec<String> = deployment.transcript().iter().map(ToString::to_string).collect();
    assert_eq!(
        steps,
        [
            "0 dynamodb.TransactWriteItems order0 STATE +5: Proceed",
            "0 dynamodb.PutItem CHECKOUT: Proceed",
            "1 dynamodb.GetItem order0 STATE: Proceed",
            "1 dynamodb.GetItem PURCHASE: Proceed",
            "1 dynamodb.TransactWriteItems order0 RECEIPT +13: Proceed",
            "1 dynamodb.UpdateItem COUNT: Proceed",
        ]
    );
    assert_eq!(deployment.orders(), [order]);
    assert_eq!(only(&deployment, "PAYMENT#", "/data/amount"), 899);
    assert_eq!(deployment.calls()["dynamodb.TransactWriteItems"], 2);
    assert_eq!(deployment.due_callbacks(), []);
}

#[test]
fn whatever_becomes_of_a_transaction_it_is_stored_once_or_the_callback_comes_again() {
    // The verdict, the answer's status (none: the instance is gone), payments stored, transactions tried.
    let cases = [
        (Verdict::Proceed, Some(200), 1, 1),
        (Verdict::Throttle, Some(200), 1, 2),
        (Verdict::Conflict, Some(200), 1, 2),
        (Verdict::LoseRequest, Some(200), 1, 2),
        (Verdict::LoseAnswer, Some(200), 1, 2),
        (Verdict::CrashBefore, None, 0, 1),
        (Verdict::CrashAfter, None, 1, 1),
    ];
    for (verdict, answer, payments, tries) in cases {
        let (mut deployment, callback, outcome) = first_callback(verdict);
        match answer {
            Some(expected) => assert_eq!(status(&outcome), expected, "{verdict:?}"),
            None => assert_eq!(outcome, Outcome::Crashed, "{verdict:?}"),
        }
        assert_eq!(
            (count(&deployment, "PAYMENT#"), calls(&deployment, 1, "TransactWriteItems")),
            (payments, tries),
            "{verdict:?}"
        );
        let again = deployment.deliver(&callback);
        assert_eq!((status(&again), count(&deployment, "PAYMENT#")), (200, 1), "{verdict:?}");
    }
    // A conflict is decided again from order and purchase as they are stored then; anything else is repeated by the SDK.
    assert_eq!(calls(&first_callback(Verdict::Conflict).0, 1, "GetItem"), 4);
    assert_eq!(calls(&first_callback(Verdict::LoseAnswer).0, 1, "GetItem"), 2);
}

#[test]
fn a_table_that_takes_nothing_stores_nothing_and_the_callback_is_not_acknowledged() {
    let (mut deployment, callback) = paid();
    let task = deployment.spawn_callback(&callback);
    proceed_to(&mut deployment, task, "TransactWriteItems");
    let before = deployment.items();
    while deployment.finished(task).is_none() {
        deployment.release(task, Verdict::Throttle);
    }
    assert_eq!(status(&deployment.finished(task).unwrap()), 503);
    assert_eq!(calls(&deployment, 1, "TransactWriteItems"), 3);
    assert_eq!(deployment.items(), before);
    deployment.answered(&callback, task);
    deployment.set_now("2025-01-31T10:10:00+08:00".parse().unwrap());
    assert_eq!(deployment.due_callbacks().len(), 1);
}

#[test]
fn two_deliveries_at_the_same_time_store_one_payment() {
    let (mut deployment, callback) = paid();
    let (first, second) = (deployment.spawn_callback(&callback), deployment.spawn_callback(&callback));
    proceed_to(&mut deployment, first, "TransactWriteItems");
    proceed_to(&mut deployment, second, "TransactWriteItems");
    deployment.release(second, Verdict::Proceed);
    assert_eq!((status(&deployment.run_to_end(first)), status(&deployment.run_to_end(second))), (200, 200));
    assert_eq!(count(&deployment, "PAYMENT#"), 1);
}

#[test]
fn a_retry_reaches_ecpay_or_not_and_is_never_requested_again() {
    let cases = [
        (Verdict::Proceed, 1, false),
        (Verdict::LoseRequest, 0, false),
        (Verdict::LoseAnswer, 1, false),
        (Verdict::CrashBefore, 0, true),
        (Verdict::CrashAfter, 1, true),
        (Verdict::Down, 0, false),
        (Verdict::Refuse, 0, false),
    ];
    for (verdict, asked, crashed) in cases {
        let (mut deployment, run) = retrying();
        deployment.release(run, verdict);
        assert_eq!(deployment.run_to_end(run) == Outcome::Crashed, crashed, "{verdict:?}");
        assert_eq!(retries_at_ecpay(&mut deployment), asked, "{verdict:?}");
        let breaker = deployment.items().iter().filter(|item| item["pk"] == "BREAKER").count();
        assert_eq!(breaker == 1, verdict == Verdict::Refuse, "{verdict:?}: the breaker");
        let again = deployment.spawn_maintenance(json!({ "task": "retry", "run_id": "again" }), 0);
        assert_eq!(status(&deployment.run_to_end(again)), 200);
        assert_eq!(retries_at_ecpay(&mut deployment), asked, "{verdict:?}");
    }
}

#[test]
fn a_mail_is_sent_or_not_as_the_verdict_says() {
    let cases = [
        (Verdict::Proceed, 1, "sent"),
        (Verdict::Throttle, 0, "queued"),
        (Verdict::LoseRequest, 0, "unclear"),
        (Verdict::LoseAnswer, 1, "unclear"),
        (Verdict::CrashBefore, 0, "claimed"),
        (Verdict::CrashAfter, 1, "claimed"),
        (Verdict::Down, 0, "queued"),
        (Verdict::Refuse, 0, "dead"),
    ];
    for (verdict, sent, state) in cases {
        let (mut deployment, run) = mailing();
        deployment.release(run, verdict);
        deployment.run_to_end(run);
        assert_eq!(
            (deployment.messages().len(), only(&deployment, "NOTICE#", "/data/state")),
            (sent, json!(state)),
            "{verdict:?}"
        );
    }
}

#[test]
fn an_invoked_function_is_a_task_of_its_own() {
    let trigger = |deployment: &mut TestDeployment| {
        deployment.spawn_admin("POST", "/api/webhooks/trigger-maintenance", Some(&json!({})), &[])
    };
    let invoked =
        |deployment: &TestDeployment| deployment.held_calls().first().map(|call| (call.task, call.subject.clone()));
    // The verdict on the invocation, whether the run begins, and the answer's status (none: the instance is gone).
    for (verdict, begins, answer) in [
        (Verdict::Proceed, true, Some(200)),
        (Verdict::Throttle, false, Some(409)),
        (Verdict::LoseRequest, false, Some(503)),
        (Verdict::LoseAnswer, true, Some(503)),
        (Verdict::CrashBefore, false, None),
        (Verdict::CrashAfter, true, None),
    ] {
        let mut deployment = deployment();
        let admin = trigger(&mut deployment);
        deployment.release(admin, verdict);
        assert_eq!(invoked(&deployment), begins.then(|| (TaskId(1), "LEASE".to_owned())), "{verdict:?}");
        if begins {
            assert_eq!(status(&deployment.run_to_end(TaskId(1))), 200, "{verdict:?}");
        }
        let outcome = deployment.run_to_end(admin);
        match answer {
            Some(expected) => assert_eq!(status(&outcome), expected, "{verdict:?}"),
            None => assert_eq!(outcome, Outcome::Crashed, "{verdict:?}"),
        }
    }
    let mut deployment = deployment();
    let admin = trigger(&mut deployment);
    deployment.release(admin, Verdict::Proceed);
    deployment.release(TaskId(1), Verdict::CrashAfter);
    assert_eq!(status(&deployment.run_to_end(admin)), 503);
}

#[test]
fn keys_that_were_changed_at_both_ends_are_read_again() {
    let (mut deployment, _) = paid();
    let (hash_key, hash_iv) = ("AnotherKeyInvent".to_owned(), "AnotherIvInvente".to_owned());
    deployment.rotate_secret(ECPAY_SECRET, json!({ "hash_key": hash_key, "hash_iv": hash_iv }).to_string());
    deployment.ecpay(|ecpay, _| ecpay.set_merchant(Merchant { hash_key, hash_iv, ..ecpay.merchant().clone() }));
    deployment.set_now("2025-01-31T10:10:00+08:00".parse().unwrap());
    let made = deployment.order("bob", "annual");
    deployment.submit(&made);
    let callbacks = deployment.due_callbacks();
    assert_eq!(callbacks.len(), 1);
    assert_eq!(status(&deployment.deliver(&callbacks[0])), 200);
    // The admin's instance had its keys for ten minutes; the webhook's was started just now.
    let read = deployment.transcript().iter().filter(|step| step.call.service == Service::SecretsManager);
    let read: Vec<&str> = read.map(|step| step.call.subject.as_str()).collect();
    assert_eq!(read, ["duekeeper/admin AWSCURRENT", "duekeeper/ecpay AWSCURRENT", "duekeeper/ecpay AWSPREVIOUS"]);
}

/// Two orders with callbacks delivered twice, runs beside them, and a generator that decides who goes on and how.
fn story(seed: u64) -> (Vec<String>, Vec<String>) {
    let mut random = seed;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % bound
    };
    let mut deployment = deployment();
    for user in ["amy", "bob"] {
        let order = deployment.subscribe(user, "monthly");
        deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&order, vec!["10100252".to_owned(), "1".to_owned()]));
    }
    for (round, now) in ["2025-02-28T10:30", "2025-03-01T10:30", "2025-03-01T12:30"].into_iter().enumerate() {
        deployment.set_now(format!("{now}:00+08:00").parse().unwrap());
        for callback in deployment.due_callbacks() {
            deployment.spawn_callback(&callback);
            deployment.spawn_callback(&callback);
        }
        // Two runs of the same tasks would exclude each other.
        for (instance, tasks) in
            [json!(["reconcile", "retry", "send-mail"]), json!(["reconcile", "retry"])].iter().enumerate()
        {
            deployment.spawn_maintenance(json!({ "run_id": format!("{round}-{instance}"), "task": tasks }), instance);
        }
        while !deployment.held_calls().is_empty() {
            let held = deployment.held_calls();
            let call = &held[below(held.len())];
            let verdict = Verdict::ALL[below(Verdict::ALL.len())];
            let strikes = below(8) == 0 && verdict.befalls(call.service, &call.action);
            deployment.release_call(call, if strikes { verdict } else { Verdict::Proceed });
        }
    }
    let mails = deployment.messages().into_iter().map(|mail| mail.to).collect();
    (deployment.transcript().iter().map(ToString::to_string).collect(), mails)
}

#[test]
fn the_same_decisions_give_the_same_story() {
    for seed in 0..4 {
        let (first, second) = (story(seed), story(seed));
        assert!(first.0.len() > 80, "{} steps", first.0.len());
        let differs = first.0.iter().zip(&second.0).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(story(0), story(1));
}
