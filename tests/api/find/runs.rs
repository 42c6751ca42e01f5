//! The run history by job and by state.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn runs(sandbox: &Sandbox, query: &str) -> Vec<String> {
    column(&sandbox.get(&format!("/runs{query}")).await["runs"], "id")
}

/// Runs of a day of the schedule.
async fn history() -> Sandbox {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.travel("2025-01-16T10:00:00+08:00").await;
    sandbox
}

#[tokio::test]
async fn a_job_lists_the_runs_that_had_it() {
    let sandbox = history().await;
    let all = runs(&sandbox, "").await;
    for job in ["retry", "reconcile", "clean-up"] {
        let of_job = runs(&sandbox, &format!("?job={job}")).await;
        assert!(!of_job.is_empty(), "{job}");
        for id in &of_job {
            let run = sandbox.get(&format!("/runs/{id}")).await;
            assert!(run["jobs"].as_array().unwrap().contains(&json!(job)), "{job}: {id}");
        }
        assert!(of_job.windows(2).all(|pair| pair[0] > pair[1]), "the newest comes first");
    }
    assert_eq!(runs(&sandbox, "?status=done").await, all);
    for status in ["failed", "running", "cut_off", "requested"] {
        assert_eq!(runs(&sandbox, &format!("?status={status}")).await, Vec::<String>::new(), "{status}");
    }
}

#[tokio::test]
async fn failed_runs_are_found_among_all_others() {
    let sandbox = history().await;
    sandbox.fault("mms", "down").await;
    let (status, _) = sandbox.staff(Method::POST, "/runs/mms-expiry-scan", None).await;
    assert!(!status.is_success(), "{status}");
    let failed = sandbox.get("/runs?status=failed").await;
    assert_eq!(failed["runs"].as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(failed["runs"][0]["jobs"], json!(["mms-expiry-scan"]));
    assert_eq!(runs(&sandbox, "?status=failed&job=mms-expiry-scan").await.len(), 1);
    assert_eq!(runs(&sandbox, "?status=failed&job=reconcile").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_a_job_hold_every_run_once() {
    let sandbox = history().await;
    let all = runs(&sandbox, "?job=retry").await;
    assert!(all.len() > 5 && all.len() < 50, "{}", all.len());
    let (mut paged, mut before) = (Vec::new(), String::new());
    loop {
        let page = sandbox.get(&format!("/runs?job=retry&limit=4{before}")).await;
        paged.extend(column(&page["runs"], "id"));
        let Value::String(next) = &page["next"] else { break };
        before = format!("&before={next}");
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn an_unknown_job_is_refused_with_the_names_of_all() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (status, answer) = sandbox.call(Method::GET, "/runs?job=reconcil", None).await;
    assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("job")));
    assert!(answer["error"]["message"].as_str().unwrap().contains("reconcile"));
}
