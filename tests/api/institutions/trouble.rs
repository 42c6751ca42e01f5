//! MMS and Slack when they do not do as they should.

use reqwest::Method;
use serde_json::{Value, json};

use super::{BEGIN, RUN, institution, texts, uids};
use testing::support::{STAFF, Sandbox};

const FAILED: &str = "MMS 到期掃描未完成 2026-11-20";

fn titles(payloads: &[Value]) -> Vec<String> {
    payloads.iter().map(|payload| texts(payload)[0].clone()).collect()
}

/// Enough for three messages.
fn many() -> Vec<Value> {
    (0..100).map(|number| institution(&format!("N{number:03}"), number % 20)).collect()
}

#[tokio::test]
async fn an_mms_that_refuses_is_never_taken_for_nothing_expiring() {
    for (fault, reason) in [
        ("refuse", "MMS refused: HTTP 401: token not valid"),
        ("refuse_with_ok", "MMS refused: token not valid"),
        ("repeat_page", "MMS repeats page 2 without end"),
    ] {
        let sandbox = Sandbox::at(BEGIN).await;
        sandbox.mms(&[institution("A", 3)]).await;
        sandbox.fault("mms", fault).await;
        let report = sandbox.scan().await;
        assert_eq!(report["status"], "failed", "{report}");
        assert_eq!(report["error"], json!({ "service": "mms", "reason": reason }));
        // Reported once, however many attempts that day.
        let ran = sandbox.travel("2026-11-20T12:00:00+08:00").await;
        assert!(
            ran.iter().any(|ran| ran.ends_with(&format!("MmsExpiryScan WeekdayDigest: failed: {reason}"))),
            "{ran:?}"
        );
        let slack = sandbox.slack().await;
        assert_eq!(titles(&slack), [FAILED], "{fault}");
        assert!(texts(&slack[0])[2].contains(&format!("原因：{reason}")), "{slack:?}");
        let runs = sandbox.get("/runs").await["runs"].as_array().unwrap().clone();
        let run = runs.iter().find(|run| run["jobs"] == json!(["mms-expiry-scan"])).unwrap();
        assert_eq!((&run["status"], &run["error"]), (&json!("failed"), &json!(reason)));
        sandbox.fault("mms", "none").await;
        assert_eq!(sandbox.scan().await["status"], "done");
        assert_eq!(uids(&sandbox.slack().await), ["A"]);
    }
}

#[tokio::test]
async fn an_mms_that_is_down_fails_the_run_which_is_worth_repeating() {
    for fault in ["down", "html", "answer_lost"] {
        let sandbox = Sandbox::at(BEGIN).await;
        sandbox.mms(&[institution("A", 3)]).await;
        sandbox.fault("mms", fault).await;
        let (status, answer) = sandbox.call(Method::POST, RUN, None).await;
        assert_eq!(status, 503, "{fault}: {answer}");
        // The first try and three repetitions.
        assert_eq!(sandbox.calls("mms").await["byPage"], 4, "{fault}");
        assert_eq!(titles(&sandbox.slack().await), [FAILED], "{fault}");
        sandbox.fault("mms", "none").await;
        assert_eq!(sandbox.scan().await["status"], "done");
        assert_eq!(uids(&sandbox.slack().await), ["A"], "{fault}");
    }
}

#[tokio::test]
async fn a_page_that_fails_for_a_moment_is_asked_for_again() {
    let sandbox = Sandbox::with(BEGIN, &[("API_PAGE_SIZE", "10")]).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("mms", json!({ "fault": "down", "after": 4, "times": 3 })).await;
    assert_eq!(sandbox.scan().await["institutions"]["urgent"], 40);
    // Ten pages, the empty one behind them, and three in vain.
    assert_eq!(sandbox.calls("mms").await["byPage"], 14);
    assert_eq!(uids(&sandbox.slack().await).len(), 100);
}

#[tokio::test]
async fn what_arrived_before_slack_went_down_is_not_repeated() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("slack", json!({ "fault": "down", "after": 1 })).await;
    let (status, _) = sandbox.call(Method::POST, RUN, None).await;
    assert_eq!(status, 503);
    assert_eq!(sandbox.slack().await.len(), 1);
    sandbox.fault("slack", "none").await;
    // MMS is not read again: the messages are the same ones.
    sandbox.forget_calls().await;
    sandbox.mms(&[]).await;
    let report = sandbox.scan().await;
    let slack = sandbox.slack().await;
    assert_eq!(
        report["posting"],
        json!({ "messages": slack.len(), "posted": slack.len() - 1, "posted_before": 1, "unclear": 0 })
    );
    assert!(sandbox.calls("mms").await.is_empty());
    let mut found = uids(&slack);
    assert_eq!(found.len(), 100);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 100);
}

#[tokio::test]
async fn the_next_day_marks_as_new_what_did_not_arrive() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("slack", json!({ "fault": "down", "after": 1 })).await;
    // Through the last run of the day.
    let ran = sandbox.travel("2026-11-20T18:00:00+08:00").await;
    assert!(ran.iter().any(|ran| ran.contains("MmsExpiryScan WeekdayDigest: failed: ")), "{ran:?}");
    let arrived = uids(&sandbox.slack().await);
    sandbox.fault("slack", "none").await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let monday = sandbox.slack().await[1..].to_vec();
    let is_new = |uid: &String| {
        let section = monday.iter().flat_map(texts).find(|text| text.contains(&format!("/organizations/{uid}|")));
        section.is_some_and(|section| section.contains("【新】"))
    };
    let shown = uids(&monday);
    assert!(shown.iter().all(|uid| arrived.contains(uid) != is_new(uid)), "{arrived:?}");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_repeated_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("slack", json!({ "fault": "answer_lost", "after": 1, "times": 1 })).await;
    assert_eq!(sandbox.call(Method::POST, RUN, None).await.0, 503);
    assert_eq!(sandbox.slack().await.len(), 2);
    let report = sandbox.scan().await;
    let slack = sandbox.slack().await;
    assert_eq!(report["posting"]["posted_before"], 1);
    assert_eq!(
        (slack.len(), &slack[1]),
        (usize::try_from(report["posting"]["messages"].as_u64().unwrap()).unwrap() + 1, &slack[2])
    );
    // With every answer lost nothing is posted a third time.
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 3)]).await;
    sandbox.fault("slack", "answer_lost").await;
    assert_eq!(sandbox.call(Method::POST, RUN, None).await.0, 503);
    assert_eq!(sandbox.scan().await["posting"]["unclear"], 1);
    assert_eq!(sandbox.scan().await["status"], "already_posted");
    assert_eq!(sandbox.slack().await.len(), 2);
}

#[tokio::test]
async fn a_slack_that_asks_for_patience_gets_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 3)]).await;
    sandbox.fault_spec("slack", json!({ "fault": "limit", "times": 1 })).await;
    assert_eq!(sandbox.scan().await["posting"]["posted"], 1);
    assert_eq!((sandbox.slack().await.len(), sandbox.calls("slack").await["webhook"]), (1, 2));
}

#[tokio::test]
async fn a_long_wait_is_met_by_a_later_run_of_the_day() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("slack", json!({ "fault": "long_limit", "after": 1, "times": 1 })).await;
    // Lambda does not repeat what it cannot outlast.
    let ran = sandbox.travel("2026-11-20T10:00:00+08:00").await;
    let scans: Vec<&String> = ran.iter().filter(|ran| ran.contains("MmsExpiryScan")).collect();
    assert_eq!(scans.len(), 1, "{ran:?}");
    assert!(scans[0].ends_with("failed: Slack did not accept a message: HTTP 429: rate_limited"), "{scans:?}");
    assert_eq!((sandbox.slack().await.len(), sandbox.calls("slack").await["webhook"]), (1, 2));
    assert_eq!(sandbox.subjects(STAFF).await, ["No expiry digest in Slack: 2026-11-20"]);
    // A run by staff before the time is over asks Slack nothing.
    let report = sandbox.scan().await;
    assert_eq!(report["status"], "failed");
    assert!(report["error"]["reason"].as_str().unwrap().contains("rate limited until 2026-11-20T0"), "{report}");
    assert_eq!(sandbox.calls("slack").await["webhook"], 2);
    // No person is needed for the rest, and MMS is not read again.
    sandbox.mms(&[]).await;
    sandbox.travel("2026-11-20T12:00:00+08:00").await;
    let slack = sandbox.slack().await;
    let mut found = uids(&slack);
    found.sort();
    found.dedup();
    assert_eq!((found.len(), uids(&slack).len()), (100, 100));
    assert_eq!(sandbox.subjects(STAFF).await.len(), 1);
    assert_eq!(sandbox.scan().await["status"], "already_posted");
}

#[tokio::test]
async fn a_failed_scan_is_made_up_for_by_a_later_run_of_the_day() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 3)]).await;
    sandbox.fault("mms", "down").await;
    sandbox.travel("2026-11-20T10:00:00+08:00").await;
    assert_eq!(titles(&sandbox.slack().await), [FAILED]);
    sandbox.fault("mms", "none").await;
    sandbox.travel("2026-11-20T12:00:00+08:00").await;
    assert_eq!(uids(&sandbox.slack().await[1..]), ["A"]);
}

#[tokio::test]
async fn a_slack_that_refuses_for_good_fails_the_run_and_staff_are_notified_by_mail_once() {
    for (fault, word) in [
        ("refuse", "HTTP 404: no_service"),
        ("archived", "HTTP 410: channel_is_archived"),
        ("invalid_blocks", "HTTP 400: invalid_blocks"),
    ] {
        let sandbox = Sandbox::at(BEGIN).await;
        sandbox.mms(&[institution("A", 3)]).await;
        sandbox.fault("slack", fault).await;
        let report = sandbox.scan().await;
        let reason = format!("Slack did not accept a message: {word}");
        assert_eq!(
            (&report["status"], &report["error"]),
            (&json!("failed"), &json!({ "service": "slack", "reason": reason }))
        );
        // Repeating is left to people.
        assert_eq!(sandbox.calls("slack").await["webhook"], 1, "{fault}");
        sandbox.travel("2026-11-20T12:00:00+08:00").await;
        let mails = sandbox.mails(STAFF).await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        assert_eq!(mails[0]["subject"], "No expiry digest in Slack: 2026-11-20");
        assert!(mails[0]["body"].as_str().unwrap().contains(word), "{}", mails[0]);
        sandbox.fault("slack", "none").await;
        assert_eq!(sandbox.scan().await["status"], "done");
        assert_eq!(uids(&sandbox.slack().await), ["A"]);
    }
}

#[tokio::test]
async fn with_both_refusing_staff_are_notified_by_mail() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 3)]).await;
    sandbox.fault("mms", "refuse").await;
    sandbox.fault("slack", "refuse").await;
    assert_eq!(sandbox.scan().await["status"], "failed");
    sandbox.travel("2026-11-20T08:10:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await, ["No expiry digest in Slack: 2026-11-20"]);
    // Once Slack takes messages, the failure of the scan is posted there.
    sandbox.fault("slack", "none").await;
    sandbox.scan().await;
    assert_eq!(titles(&sandbox.slack().await), [FAILED]);
}

#[tokio::test]
async fn what_perhaps_never_arrived_is_reported_by_mail_and_counts_as_not_announced() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("OVER", -1), institution("A", 20)]).await;
    // A proxy before Slack answers 200 and delivers nothing.
    sandbox.fault("slack", "html").await;
    assert_eq!(sandbox.call(Method::POST, RUN, None).await.0, 503);
    assert_eq!(sandbox.scan().await["posting"]["unclear"], 1);
    sandbox.travel("2026-11-20T08:10:00+08:00").await;
    assert_eq!(sandbox.subjects(STAFF).await, ["No expiry digest in Slack: 2026-11-20"]);
    assert!(sandbox.slack().await.is_empty());
    sandbox.fault("slack", "none").await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(uids(&slack), ["A", "OVER"]);
    assert!(slack[0].to_string().matches("【新】").count() >= 2, "{slack:?}");
}

#[tokio::test]
async fn one_message_that_slack_does_not_want_keeps_no_other_waiting() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&many()).await;
    sandbox.fault_spec("slack", json!({ "fault": "invalid_blocks", "after": 1, "times": 1 })).await;
    let report = sandbox.scan().await;
    let messages = report["posting"]["messages"].as_u64().unwrap();
    assert_eq!((&report["status"], &report["posting"]["posted"]), (&json!("failed"), &json!(messages - 1)));
    assert_eq!(sandbox.slack().await.len(), usize::try_from(messages).unwrap() - 1);
}
