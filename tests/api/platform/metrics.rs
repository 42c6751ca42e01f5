//! The metrics that the real binaries print, line by line, and the documentation's table of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use sandbox::ecpay::form_body;
use serde_json::{Value, json};
use shared::domain::values::time::Zone;
use shared::platform::clock;
use shared::platform::metrics::table::TABLE;
use testing::lambda::environment;

use testing::support::lambda::{Bootstrap, callback, ecpay_time, http_event, lines_and_metrics};
use testing::support::project::text;
use testing::support::{Reply, Sandbox, form, period, signed, with};

const NO_CREDIT: &str = "10100252";
/// A card that is not retried.
const STOLEN: &str = "10100256";

/// A sandbox at the real time with an order that was made and paid `days` ago, without callbacks since.
pub(super) async fn subscribed(user: &str, days: i64) -> (Sandbox, String, DateTime<Utc>) {
    let now = clock::now().utc();
    let sandbox = Sandbox::at(&(now - Duration::days(days)).to_rfc3339()).await;
    let order = sandbox.subscribe(user, "monthly").await;
    sandbox.world.leap(now);
    (sandbox, order, now)
}

/// Lines as `Name{Dimension=value}=amount`; how long something took is left out.
fn printed(log: &str) -> Vec<Vec<String>> {
    assert!(!log.contains("canary") && !log.contains('@'), "personal data: {log}");
    let (_, metrics) = lines_and_metrics(log);
    metrics.iter().map(entries).collect()
}

fn entries(line: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "Duekeeper");
        // The sandbox's stack, which all metrics name.
        assert_eq!(line["Environment"], "duekeeper");
        let keys = directive["Dimensions"][0].as_array().unwrap();
        assert!(keys.contains(&json!("Environment")), "{directive}");
        let others = keys.iter().filter(|key| **key != "Environment");
        let pairs = others.map(|key| format!("{}={}", key.as_str().unwrap(), line[key.as_str().unwrap()]));
        let pairs = pairs.collect::<Vec<_>>().join(",").replace('"', "");
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_number(), "{line}");
            let amount = if metric["Unit"] == "Milliseconds" { String::new() } else { format!("={}", line[name]) };
            all.push(format!("{name}{{{pairs}}}{amount}"));
        }
    }
    all.sort();
    all
}

/// The line of a callback that went that way, with what followed from it.
fn of_callback(outcome: &str, wrong_digest: u64, further: &[&str]) -> Vec<String> {
    let mut all = vec![
        format!("Callbacks{{Outcome={outcome}}}=1"),
        format!("CheckMacValueFailures{{}}={wrong_digest}"),
        "CallbackLatency{}".to_owned(),
    ];
    all.extend(further.iter().map(|entry| (*entry).to_owned()));
    all.sort();
    all
}

#[tokio::test]
async fn each_callback_is_one_line_with_what_followed_from_it() {
    let (sandbox, order, now) = subscribed("canary-webhook", 40).await;
    let failed = |days| period(&order, NO_CREDIT, &ecpay_time(now - Duration::days(days)), "1", "");
    let paid = period(&order, "1", &ecpay_time(now - Duration::days(1)), "2", "13401071");
    let forged = form_body(&with(&signed(&paid), "Amount", "1"));
    let foreign = form_body(&signed(&with(&paid, "MerchantID", "2000132")));
    let failures = [form(&failed(3)), form(&failed(3)), form(&failed(2))];
    let rest = [forged, b"hello".to_vec(), foreign, form(&paid)];
    let mut webhook = Bootstrap::start("ecpay-webhook", &environment(&sandbox.world, "EcpayWebhook")).await;
    for (status, body) in [200, 200, 200, 400, 400, 200, 200].into_iter().zip(failures.into_iter().chain(rest)) {
        assert_eq!(webhook.request(&callback("ecpay-billing", &body)).await.0, status);
    }
    let (stdout, stderr) = webhook.stop().await;
    assert_eq!(stderr, "");
    assert_eq!(
        printed(&stdout),
        [
            of_callback("applied", 0, &["Charges{Result=failed}=1", "EpisodesStarted{}=1"]),
            of_callback("repeat", 0, &[]),
            of_callback("applied", 0, &["Charges{Result=failed}=1"]),
            of_callback("refused", 1, &[]),
            of_callback("refused", 0, &[]),
            of_callback("quarantined", 0, &[]),
            of_callback(
                "applied",
                0,
                &["Charges{Result=succeeded}=1", "Recoveries{DeclineClass=soft_decline,RetryNumber=2}=1"]
            ),
        ]
    );
    let (_, metrics) = lines_and_metrics(&stdout);
    let at = metrics[0]["_aws"]["Timestamp"].as_i64().unwrap();
    assert!((now.timestamp_millis() - 1_000..now.timestamp_millis() + 600_000).contains(&at), "milliseconds: {at}");
}

#[tokio::test]
async fn a_callback_that_could_not_be_stored_is_counted_as_such() {
    let (sandbox, order, now) = subscribed("canary-unstored", 40).await;
    let mut broken: BTreeMap<String, String> = environment(&sandbox.world, "EcpayWebhook");
    broken.insert("TABLE_NAME".to_owned(), "no-such-table".to_owned());
    let mut webhook = Bootstrap::start("ecpay-webhook", &broken).await;
    let body = form(&period(&order, "1", &ecpay_time(now), "2", "13401071"));
    assert_eq!(webhook.request(&callback("ecpay-billing", &body)).await.0, 503);
    let (stdout, _) = webhook.stop().await;
    assert_eq!(printed(&stdout), [of_callback("not_stored", 0, &[])]);
}

#[tokio::test]
async fn a_request_is_counted_by_its_status_and_never_by_its_path() {
    let (sandbox, order, _) = subscribed("canary-admin", 1).await;
    let bearer = format!("Bearer {}", sandbox.token);
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    let show = format!("/api/subscriptions/{order}");
    for (status, path, headers) in [
        (200, show.as_str(), vec![("authorization", bearer.as_str())]),
        (401, "/api/webhooks/subscription-status/canary-admin", vec![]),
    ] {
        assert_eq!(admin.request(&http_event(&format!("GET {path}"), &headers, b"")).await.0, status);
    }
    let (stdout, _) = admin.stop().await;
    assert_eq!(
        printed(&stdout),
        [["RequestLatency{}", "Requests{StatusClass=2xx}=1"], ["RequestLatency{}", "Requests{StatusClass=4xx}=1"],]
    );
    assert!(!stdout.contains(&order), "{stdout}");
}

/// The figures of a busy task.
fn items(task: &str, due: u64, done: u64, failed: u64) -> [String; 3] {
    [("ItemsDone", done), ("ItemsDue", due), ("ItemsFailed", failed)]
        .map(|(name, count)| format!("{name}{{Task={task}}}={count}"))
}

fn line(entries: &[&str], items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).chain(items).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_run_prints_the_ages_of_its_queues_and_what_it_did() {
    let now = clock::now().utc();
    let sandbox = Sandbox::at(&(now - Duration::days(45)).to_rfc3339()).await;
    let first = sandbox.subscribe("canary-first", "monthly").await;
    // Grace began twelve days ago and ended five days ago.
    sandbox.world.leap(now - Duration::days(12));
    let (second, third) =
        (sandbox.subscribe("canary-second", "monthly").await, sandbox.subscribe("canary-third", "monthly").await);
    let began = ecpay_time(now - Duration::days(12));
    assert_eq!(sandbox.report("ecpay-billing", &period(&first, STOLEN, &began, "1", "")).await, Reply::ok());
    sandbox.post("/runs/send-mail", json!({})).await;
    sandbox.world.leap(now);
    // The query before the downgrade, and a mail that is due now.
    sandbox.post("/runs/reconcile", json!({})).await;
    let failed = period(&third, STOLEN, &ecpay_time(now), "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok());
    let mut bootstrap =
        Bootstrap::start("subscription-maintenance", &environment(&sandbox.world, "SubscriptionMaintenance")).await;
    sandbox.fault("mail", "answer_lost").await;
    bootstrap.invoke(&json!({ "task": "send-mail" })).await;
    sandbox.fault("mail", "refuse").await;
    bootstrap.invoke(&json!({ "task": "end-grace", "scheduled_at": now, "dry_run": true })).await;
    bootstrap.invoke(&json!({ "task": "end-grace", "scheduled_at": now })).await;
    bootstrap.invoke(&json!({ "task": "send-mail" })).await;
    sandbox.fault("mail", "none").await;
    let failed = period(&second, STOLEN, &ecpay_time(now), "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok());
    bootstrap.invoke(&json!({ "task": "send-mail" })).await;
    bootstrap.invoke(&json!({ "task": ["check-pending", "send-mail"] })).await;
    let (stdout, stderr) = bootstrap.stop().await;
    assert_eq!(stderr, "");
    let mut lines = printed(&stdout);
    for line in lines.iter_mut().filter(|line| line.iter().any(|entry| entry.starts_with("Notices"))) {
        // Mail is due by real time, so the age of its queue is as long as the test takes.
        line.retain(|entry| !entry.starts_with("OldestDueAge.send-mail{}="));
    }
    let mail = |outcome: &str, done| {
        line(&[&format!("Notices{{Outcome={outcome}}}=1")], items("send-mail", 1, done, 1 - done))
    };
    assert_eq!(
        lines,
        [
            mail("unclear", 0),
            // The dry run prints no metric. 432000 seconds are five days.
            line(
                &["Downgrades{Reason=payment_failure}=1", "OldestDueAge.end-grace{}=432000", "TasksBehind{}=1"],
                items("end-grace", 1, 1, 0)
            ),
            mail("dead", 0),
            mail("sent", 1),
            line(&["OldestDueAge.send-mail{}=0"], []),
        ]
    );
}

#[tokio::test]
async fn a_run_prints_that_ecpay_refuses_calls_and_that_it_stopped() {
    let (sandbox, _, now) = subscribed("canary-blocked", 45).await;
    let mut bootstrap =
        Bootstrap::start("subscription-maintenance", &environment(&sandbox.world, "SubscriptionMaintenance")).await;
    sandbox.fault("ecpay", "refuse").await;
    bootstrap.invoke(&json!({ "task": "reconcile", "scheduled_at": now })).await;
    let (stdout, _) = bootstrap.stop().await;
    let mut metrics = printed(&stdout).remove(0);
    assert!(metrics.remove(4).starts_with("OldestDueAge.reconcile{}="), "{metrics:?}");
    // Due for two weeks.
    let counted = ["EcpayBlocked{}=1", "RunsStopped{Reason=ecpay_blocked}=1", "TasksBehind{}=1"];
    let expected = line(&counted, items("reconcile", 1, 0, 0));
    assert_eq!(metrics, expected);
}

/// The stored order as DynamoDB's own JSON.
pub(super) fn stored(sandbox: &Sandbox, order: &str) -> Value {
    let items = sandbox::world::table_inspect::contents(&sandbox.world);
    let is_order = |item: &&Value| item["pk"]["S"] == format!("SUB#{order}") && item["sk"]["S"] == "STATE";
    items.iter().find(is_order).unwrap().clone()
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_counted_leaves_its_queue_and_comes_back_once_it_can() {
    let (sandbox, order, now) = subscribed("canary-broken", 45).await;
    let put = |item: &Value| sandbox::world::table_inspect::put(&sandbox.world, item).unwrap();
    let mut broken = stored(&sandbox, &order);
    let status = broken["data"]["M"]["status"].clone();
    broken["data"]["M"]["status"] = json!({ "S": "edited" });
    put(&broken);
    let mut bootstrap =
        Bootstrap::start("subscription-maintenance", &environment(&sandbox.world, "SubscriptionMaintenance")).await;
    let mut run = async |task: &str, minute| {
        let event = json!({ "task": task, "scheduled_at": now + Duration::minutes(minute) });
        let report = bootstrap.invoke(&event).await;
        (report["tasks"][task]["due"].clone(), report["tasks"][task]["done"].clone(), report["status"].clone())
    };
    assert_eq!(run("reconcile", 0).await, (json!(1), json!(0), json!("done")));
    assert_eq!(run("reconcile", 1).await, (json!(0), json!(0), json!("done")));
    run("clean-up", 2).await;
    let mut repaired = stored(&sandbox, &order);
    repaired["data"]["M"]["status"] = status;
    put(&repaired);
    run("clean-up", 3).await;
    assert_eq!(run("reconcile", 4).await, (json!(1), json!(1), json!("done")));
    let (stdout, _) = bootstrap.stop().await;
    let unreadable = |entries: Vec<String>| entries.into_iter().find(|entry| entry.starts_with("UnreadableItems"));
    let counted: Vec<_> = printed(&stdout).into_iter().map(unreadable).collect();
    let once = Some("UnreadableItems{}=1".to_owned());
    // The run that had nothing to do printed nothing.
    assert_eq!(counted, [once.clone(), once, None, None]);
}

#[tokio::test]
async fn a_scan_of_institutions_prints_its_result() {
    let now = clock::now();
    let sandbox = Sandbox::at(&now.to_string()).await;
    let day = |ago: i64| now.plus_days(-ago).day(Zone::Taipei);
    let institution = json!({ "uid": "INV-1", "name": "canary", "expirationTime": format!("{}T04:00:00Z", day(-3)) });
    sandbox.put("/sandbox/mms/institutions", json!([institution])).await;
    let mut scan = Bootstrap::start("mms-expiry-scan", &environment(&sandbox.world, "MmsExpiryScan")).await;
    let at = |ago: i64, run: &str| json!({ "scheduled_at": now.plus_days(-ago), "run_id": run });
    scan.invoke(&json!({ "dry_run": true })).await;
    for (service, fault) in [("mms", "refuse"), ("mms", "html"), ("slack", "archived"), ("slack", "html")] {
        sandbox.fault(service, fault).await;
        scan.invoke_in_vain(&at(1, fault)).await;
        sandbox.fault(service, "none").await;
    }
    for run in ["first", "second"] {
        scan.invoke(&at(0, run)).await;
    }
    sandbox.put("/sandbox/mms/institutions", json!([{ "uid": "INV-1", "expirationTime": "canary" }])).await;
    scan.invoke(&at(2, "unreadable")).await;
    let (stdout, stderr) = scan.stop().await;
    assert_eq!(stderr, "");
    let outcomes = [
        "mms_refused",
        "mms_unavailable",
        "slack_refused",
        "slack_unavailable",
        "posted",
        "already_posted",
        "mms_unreadable",
    ];
    let line = |outcome: &&str| {
        let is_final = ["mms_refused", "slack_refused", "mms_unreadable"].contains(outcome);
        let counted = format!("ExpiryScans{{Outcome={outcome}}}=1");
        [is_final.then(|| "ExpiryScansFailed{}=1".to_owned()), Some(counted)].into_iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(printed(&stdout), outcomes.iter().map(line).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_run_of_reminders_prints_that_it_failed() {
    let now = clock::now();
    let sandbox = Sandbox::at(&now.to_string()).await;
    sandbox.customer("c-1", "canary", "08551234567").await;
    let visit = now.day(Zone::Jakarta).plus_days(1).to_string();
    sandbox.vehicle("B1CAN", "c-1", "2025-01-10", Some(&visit)).await;
    let mut reminder =
        Bootstrap::start("maintenance-reminder", &environment(&sandbox.world, "MaintenanceReminder")).await;
    let event = |run: &str| json!({ "scheduled_at": now, "run_id": run, "requested_by": "staff" });
    for (run, fault, status) in [("first", "device_off", "failed"), ("second", "none", "done")] {
        sandbox.fault("starsender", fault).await;
        assert_eq!(reminder.invoke(&event(run)).await["status"], status);
    }
    let (stdout, _) = reminder.stop().await;
    let expected = [
        vec![
            "ReminderRuns{Outcome=failed}=1",
            "Reminders{Outcome=failed}=1",
            "RunsStopped{Reason=whatsapp_provider}=1",
        ],
        vec!["ReminderRuns{Outcome=done}=1"],
        vec!["Reminders{Outcome=sent}=1"],
    ];
    let mut printed = printed(&stdout);
    printed.sort();
    let mut expected = expected.map(|line| line.into_iter().map(str::to_owned).collect::<Vec<_>>());
    expected.sort();
    assert_eq!(printed, expected);
}

#[test]
fn the_documentation_has_every_metric_as_the_code_has_it() {
    let documented = text("docs/METRICS.md");
    let rows = documented.lines().skip_while(|line| *line != "| metric | unit | dimensions | what it says |").skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> = TABLE
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} |", row.name, row.unit, row.dimensions.join(", "), row.meaning))
        .collect();
    assert_eq!(rows, expected);
}
