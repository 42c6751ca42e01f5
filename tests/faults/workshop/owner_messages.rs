//! One message about several vehicles under fault: every cut of a run that sends it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use lambda_http::http::Method;
use serde_json::{Value, json};
use testing::harness::{Options, Outcome, Service, TaskId, TestDeployment, Verdict};

use testing::support::model_runs::answer;

const NOW: &str = "2025-12-16T02:00:00Z";
const PLATES: [&str; 3] = ["B 1 Q", "B 2 Q", "B 3 Q"];

fn ask(deployment: &mut TestDeployment, path: &str, body: &Value) {
    let bearer = format!("Bearer {}", sandbox::world::credentials::jwt(deployment.now()));
    let task = deployment.spawn_admin(Method::PUT.as_str(), path, Some(body), &[("authorization", &bearer)]);
    let (status, answer) = answer(&deployment.run_to_end(task));
    assert!(status < 300, "{path}: {status} {answer}");
}

fn event() -> Value {
    json!({ "task": "maintenance-reminder", "scheduled_at": NOW })
}

/// Three vehicles of one number, which two customers have, and the run begun.
fn begun() -> (TestDeployment, TaskId) {
    let variables = [("REMINDER_GROUPING".to_owned(), "owner".to_owned())];
    let mut deployment = TestDeployment::new(Options { now: NOW.parse().unwrap(), variables: variables.into() });
    for customer in ["c1", "c2"] {
        ask(&mut deployment, &format!("/customers/{customer}"), &json!({ "name": "Owner", "phone": "628550000001" }));
    }
    for (plate, customer) in PLATES.iter().zip(["c1", "c2", "c1"]) {
        let vehicle = json!({ "customer_id": customer, "last_visit_date": "2025-08-17" });
        ask(&mut deployment, &format!("/vehicles/{}", plate.replace(' ', "")), &vehicle);
    }
    let task = deployment.spawn_reminders(event(), 0);
    (deployment, task)
}

/// The vehicles that each message is about.
fn messages(deployment: &TestDeployment) -> Vec<BTreeSet<&'static str>> {
    let bodies = deployment.messages().into_iter().map(|message| message.body.to_string());
    bodies.map(|body| PLATES.into_iter().filter(|plate| body.contains(plate)).collect()).collect()
}

/// The vehicles whose reminder is stored in that state.
fn in_state(deployment: &TestDeployment, state: &str) -> BTreeSet<String> {
    let items = deployment.items().into_iter().filter(|item| item["data"]["state"] == state);
    let reminders = items.filter(|item| item["sk"].as_str().unwrap().starts_with("REMINDER#"));
    reminders.map(|item| item["data"]["plate"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_message_about_several_vehicles_is_sent_once_or_in_doubt_for_each_at_every_cut() {
    let (mut whole, task) = begun();
    let first = whole.transcript().len();
    whole.run_to_end(task);
    assert_eq!(messages(&whole), [BTreeSet::from(PLATES)]);
    assert_eq!(in_state(&whole, "sent").len(), 3);
    let calls: Vec<_> = whole.transcript()[first..].iter().map(|step| step.call.clone()).collect();
    for (place, call) in calls.iter().enumerate() {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.befalls(call.service, &call.action)) {
            let (mut deployment, task) = begun();
            for _ in 0..place {
                deployment.release(task, Verdict::Proceed);
            }
            deployment.release(task, verdict);
            let crashed = matches!(verdict, Verdict::CrashBefore | Verdict::CrashAfter);
            if !crashed && deployment.finished(task).is_none() {
                deployment.run_to_end(task);
            }
            let mut task = task;
            for minutes in [1, 2] {
                if matches!(deployment.finished(task), Some(Outcome::Answered { .. })) {
                    break;
                }
                deployment.set_now(deployment.now() + TimeDelta::minutes(minutes));
                task = deployment.spawn_reminders(event(), 0);
                deployment.run_to_end(task);
            }
            // The next morning.
            deployment.set_now(deployment.now() + TimeDelta::hours(24));
            let next = json!({ "task": "maintenance-reminder", "scheduled_at": deployment.now() });
            let task = deployment.spawn_reminders(next, 0);
            deployment.run_to_end(task);
            let (sent, unclear) = (messages(&deployment), in_state(&deployment, "unclear"));
            let at = format!("{place} {call:?} {verdict:?}: {sent:?} {unclear:?}");
            assert!(sent.len() <= 1, "{at}");
            let silent = sent.is_empty();
            assert!(!silent || unclear.len() == 3, "{at}");
            assert!(sent.iter().all(|plates| plates.len() == 3), "{at}");
            assert_eq!(in_state(&deployment, "claimed").len(), 0, "{at}");
            // All of a message share its outcome.
            assert!(unclear.is_empty() || unclear.len() == 3, "{at}");
            let sending = call.service == Service::StarSender
                || call.action == "TransactWriteItems"
                || calls.get(place.wrapping_sub(1)).is_some_and(|before| before.service == Service::StarSender);
            assert!(sending || unclear.is_empty(), "{at}");
        }
    }
}
