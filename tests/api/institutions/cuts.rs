//! A run of the scan under fault: every cut of one run at every call, with every verdict, mended by nothing but Lambda's own
//! repetitions. What must be in the channel is worked out from MMS's list alone.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use sandbox::world::state::{Body, Message};
use serde_json::{Value, json};
use testing::harness::{Options, Outcome, Service, TaskId, TestDeployment, Verdict};

use super::{TODAY, institution, uids};

const NAME: &str = "mms-expiry-scan";

/// Forty institutions, which are two messages, and what is due of the rest.
fn begun() -> (TestDeployment, TaskId) {
    let mut deployment =
        TestDeployment::new(Options { now: format!("{TODAY}T01:30:00Z").parse().unwrap(), variables: BTreeMap::new() });
    deployment.set_institutions((0..40).map(|number| institution(&format!("N{number:02}"), number % 20)).collect());
    let task = scan(&mut deployment);
    (deployment, task)
}

fn scan(deployment: &mut TestDeployment) -> TaskId {
    let day = deployment.now().format("%Y-%m-%d");
    deployment.spawn_expiry_scan(json!({ "task": NAME, "scheduled_at": format!("{day}T01:30:00Z") }), 0)
}

fn is_answered(deployment: &TestDeployment, task: TaskId) -> bool {
    matches!(deployment.finished(task), Some(Outcome::Answered { .. }))
}

/// One minute after a failure, and two more after the next.
fn repeat_as_lambda_does(deployment: &mut TestDeployment, begun: TaskId) -> TaskId {
    let mut task = begun;
    for minutes in [1, 2] {
        if is_answered(deployment, task) {
            break;
        }
        deployment.set_now(deployment.now() + TimeDelta::minutes(minutes));
        task = scan(deployment);
        deployment.run_to_end(task);
    }
    task
}

fn posted(messages: &[Message], title: &str) -> Vec<Value> {
    let of_slack = messages.iter().filter(|message| message.channel == "slack");
    let payload = |message: &Message| match &message.body {
        Body::Payload(payload) => payload.clone(),
        Body::Text(text) => panic!("{text}"),
    };
    of_slack.map(payload).filter(|payload| payload["text"].as_str().unwrap().starts_with(title)).collect()
}

#[test]
fn a_scan_that_is_cut_off_at_any_call_is_complete_after_lambdas_own_repetitions() {
    let (mut whole, task) = begun();
    let first = whole.transcript().len();
    whole.run_to_end(task);
    let calls: Vec<_> = whole.transcript()[first..].iter().map(|step| step.call.clone()).collect();
    assert!(calls.iter().filter(|call| call.service == Service::Slack).count() == 2, "{calls:?}");
    let expected = posted(&whole.messages(), "MMS 機構到期提醒 2026-11-20");
    for (place, call) in calls.iter().enumerate() {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.befalls(call.service, &call.action)) {
            let at = format!("{place} {call:?} {verdict:?}");
            let (mut deployment, task) = begun();
            for _ in 0..place {
                deployment.release(task, Verdict::Proceed);
            }
            deployment.release(task, verdict);
            let crashed = matches!(verdict, Verdict::CrashBefore | Verdict::CrashAfter);
            if !crashed && deployment.finished(task).is_none() {
                deployment.run_to_end(task);
            }
            let mut task = repeat_as_lambda_does(&mut deployment, task);
            let Some(Outcome::Answered { body, .. }) = deployment.finished(task) else { panic!("{at}: no end") };
            // What repeating cannot help waits for people, who begin another run.
            if verdict == Verdict::Refuse {
                assert!(body.contains(r#""status":"failed""#), "{at}: {body}");
                task = deployment.spawn_expiry_scan(
                    json!({ "task": NAME, "scheduled_at": format!("{TODAY}T03:00:00Z"), "run_id": "manual-1", "requested_by": "support" }),
                    0,
                );
                assert!(
                    matches!(deployment.run_to_end(task), Outcome::Answered { body, .. } if body.contains(r#""status":"done""#)),
                    "{at}"
                );
            } else {
                assert!(body.contains(r#""status":"done""#) || body.contains("already_posted"), "{at}: {body}");
            }
            let found = posted(&deployment.messages(), "MMS 機構到期提醒 2026-11-20");
            // Two messages with all institutions, as without the cut; one may have come twice where no run could know.
            let mut distinct = found.clone();
            distinct.dedup_by_key(|payload| uids(std::slice::from_ref(payload)));
            assert_eq!(uids(&distinct), uids(&expected), "{at}");
            // From the claim to its settling, between which lies a read.
            let around = &calls[place.saturating_sub(2)..calls.len().min(place + 2)];
            let in_doubt = around.iter().any(|call| call.service == Service::Slack);
            assert!(found.len() == 2 || (in_doubt && found.len() == 3), "{at}: {}", found.len());
            // A failure is reported once, if there was one.
            let failures = posted(&deployment.messages(), "MMS 到期掃描未完成").len();
            let expected_failures = usize::from(call.service == Service::Mms && verdict == Verdict::Refuse);
            assert_eq!(failures, expected_failures, "{at}");
            // On Monday nothing is new.
            deployment.set_now("2026-11-23T01:30:00Z".parse().unwrap());
            let task = scan(&mut deployment);
            deployment.run_to_end(task);
            let monday = posted(&deployment.messages(), "MMS 機構到期提醒 2026-11-23");
            assert!(!monday.is_empty() && monday.iter().all(|payload| !payload.to_string().contains("【新】")), "{at}");
        }
    }
}
