//! A dry run and the run after it decide the same, and the dry run changes nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use testing::harness::{Service, TestDeployment};

use testing::support::model_runs::seeded_history::seeded_history;
use testing::support::model_runs::{each, request};
use testing::support::random::Random;
use testing::support::scale::Scale;

const JOBS: [&str; 8] =
    ["reconcile", "check-pending", "resume", "retry", "end-grace", "cancel", "clean-up", "send-mail"];

/// Actions in a run's report, without what only ECPay's response to a request could show: the response itself, and the
/// end of an order whose cancellation was requested.
fn did(report: &Value, job: &str) -> Vec<Value> {
    let mut deeds = report["did"].get(job).and_then(Value::as_array).cloned().unwrap_or_default();
    // Several orders are handled at a time, so only the sequence within one of them is certain.
    deeds.sort_by_key(|deed| deed["subscription"].to_string());
    let mut kept: Vec<Value> = Vec::new();
    for mut deed in deeds {
        deed.as_object_mut().unwrap().remove("answer");
        if deed["outcome"] == "would_send" {
            deed["outcome"] = "sent".into();
        }
        // No endpoint takes any here.
        if deed["outcome"] == "would_post" {
            deed["outcome"] = "delivered".into();
        }
        let follows = kept.last().is_some_and(|last| {
            last["asks"] == "Cancel" && last["subscription"] == deed["subscription"] && deed["rule"] == "order-over"
        });
        if !follows {
            kept.push(deed);
        }
    }
    kept
}

/// Counts in a run's report: due items, remaining ones and the reason.
fn counts(report: &Value, job: &str) -> Value {
    let task = &report["tasks"][job];
    json!([task["due"], task["done"], task["skipped"], task["failed"], task["stopped"], task["events"]["due"]])
}

fn start(deployment: &mut TestDeployment, job: &str, dry: bool) -> Value {
    let path = format!("/runs/{job}{}", if dry { "?dry_run=true" } else { "" });
    let (status, report) = request(deployment, "POST", &path, None);
    assert_eq!((status, &report["dry_run"]), (200, &json!(dry)), "{job}: {report}");
    report
}

/// The table without the pace of the calls to ECPay, in which a dry run takes its turn too.
fn items(deployment: &TestDeployment) -> Vec<Value> {
    deployment.items().into_iter().filter(|item| item["pk"] != "PACE").collect()
}

/// Calls since a step that do more than read and take a turn at ECPay.
fn effects(deployment: &TestDeployment, from: usize) -> Vec<String> {
    let reads = |service: Service, action: &str| match service {
        Service::DynamoDb => matches!(action, "GetItem" | "BatchGetItem" | "Query"),
        Service::Ecpay => action.starts_with("Query"),
        Service::SecretsManager | Service::Lambda => true,
        Service::Ses | Service::StarSender | Service::Mms | Service::Slack | Service::App => false,
    };
    let steps = deployment.transcript()[from..].iter();
    let effects = steps.filter(|step| !reads(step.call.service, &step.call.action) && step.call.subject != "PACE");
    effects.map(ToString::to_string).collect()
}

#[test]
fn a_dry_run_and_the_run_after_it_decide_the_same_over_random_tables() {
    let due = Mutex::new(BTreeMap::<&str, u64>::new());
    each(Scale { few: 50, many: 50, all: 1_000 }.count(), |seed| {
        let mut random = Random::scrambled(seed.try_into().unwrap());
        let orders = 2 + random.below(5);
        let (mut deployment, _) = seeded_history(&mut random, orders);
        let mut jobs = JOBS.to_vec();
        while !jobs.is_empty() {
            let job = jobs.swap_remove(random.below(jobs.len()));
            let (before, from) = (items(&deployment), deployment.transcript().len());
            let dry = start(&mut deployment, job, true);
            assert_eq!(items(&deployment), before, "seed {seed}: {job} tried dry");
            assert_eq!(effects(&deployment, from), Vec::<String>::new(), "seed {seed}: {job} tried dry");
            let real = start(&mut deployment, job, false);
            assert_eq!(did(&dry, job), did(&real, job), "seed {seed}: {job}");
            assert_eq!(counts(&dry, job), counts(&real, job), "seed {seed}: {job}");
            *due.lock().unwrap().entry(job).or_default() += real["tasks"][job]["due"].as_u64().unwrap();
        }
    });
    let due = due.into_inner().unwrap();
    println!("due: {due:?}");
    assert!(JOBS.iter().all(|job| due[job] > 0), "a job had never anything to do: {due:?}");
}
