//! The sample events against the binaries that are deployed: each function in a process of its own, driven through the
//! runtime API, on the samples' days.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testing::lambda::environment;

use testing::support::lambda::{Bootstrap, body, lines_and_metrics};
use testing::support::sample_events::{
    BEGIN, DIGEST, ORDER, assert_final_state, at, deliver_each_twice, event, folders, items, sandbox,
};
use testing::support::standing_clock::StandingClock;
use testing::support::{Sandbox, column};

/// The number of the signal.
const SIGTERM: i32 = 15;

/// A function's process beside a sandbox, on the sandbox's time.
async fn start(sandbox: &Sandbox, clock: &StandingClock, function: &str) -> Bootstrap {
    let mut environment = environment(&sandbox.world, function);
    environment.extend(clock.variables());
    let folders = folders();
    let folder = folders.iter().find(|(_, name)| *name == function).unwrap().0;
    clock.set(sandbox.world.now());
    Bootstrap::start(folder, &environment).await
}

/// Status and body of an answer as `World::deliver_event` gives them.
async fn deliver(bootstrap: &mut Bootstrap, event: &Value) -> (u16, String) {
    let answer = bootstrap.invoke(event).await;
    match answer["statusCode"].as_u64() {
        Some(status) => (u16::try_from(status).unwrap(), body(&answer)),
        None => (200, answer.to_string()),
    }
}

/// Replaces what differs between two worlds: the base URL, ids of orders and lists made there, pages of orders and customers, and names of runs.
fn without_chance(sandbox: &Sandbox, answers: &[(&str, String)], text: &str) -> String {
    let makes_page =
        ["admin-api/create-subscription.json", "admin-api/payment-link.json", "admin-api/change-plan.json"];
    let made = answers.iter().filter(|(file, _)| makes_page.contains(file));
    let made = made.enumerate().flat_map(|(place, (_, answer))| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        let page = answer["checkout_url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        // The table holds the digest of a page's token.
        let digest: String = Sha256::digest(&page).iter().map(|byte| format!("{byte:02x}")).collect();
        let mac = answer["form_data"]["CheckMacValue"].as_str().map(|mac| (mac.to_owned(), format!("mac-{place}")));
        let order = (answer["subscription_id"].as_str().unwrap().to_owned(), format!("order-{place}"));
        [order, (page, format!("page-{place}")), (digest, format!("page-{place}"))].into_iter().chain(mac)
    });
    let lists = answers.iter().filter(|(file, _)| *file == "admin-api/adopt-subscriptions.json").enumerate();
    let lists = lists.map(|(place, (_, answer))| {
        let answer: Value = serde_json::from_str(answer).unwrap();
        (answer["adoption_id"].as_str().unwrap().to_owned(), format!("list-{place}"))
    });
    let mut text = without_address(sandbox, text);
    for (name, other) in made.chain(lists) {
        text = text.replace(&name, &other);
    }
    text = without_tokens(text);
    let mut runs = text.split("manual-");
    let begin = runs.next().unwrap().to_owned();
    runs.fold(begin, |text, rest| text + "manual-" + &rest[12..])
}

/// The text without the tokens of customer pages and their hashes, and without the ids of tests of events.
fn without_tokens(mut text: String) -> String {
    for (before, length) in [("PORTAL#", 64), ("/portal/", 40), ("EVENT#evt_", 20), (r#""id":"evt_"#, 20)] {
        let mut parts = text.split(before);
        let begin = parts.next().unwrap().to_owned();
        text = parts.fold(begin, |text, rest| format!("{text}{before}page{}", rest.get(length..).unwrap()));
    }
    text
}

#[tokio::test]
async fn every_sample_is_answered_by_the_real_bootstraps_as_in_process_and_leaves_the_same_behind() {
    let (sandbox, reference) = (sandbox().await, sandbox().await);
    let clock = StandingClock::at(at(BEGIN));
    let mut bootstraps = BTreeMap::new();
    for function in folders().into_values() {
        bootstraps.insert(function.clone(), start(&sandbox, &clock, &function).await);
    }
    let answers = Box::pin(deliver_each_twice(&sandbox, async |function, event| {
        clock.set(sandbox.world.now());
        deliver(bootstraps.get_mut(function).unwrap(), &serde_json::from_str(event).unwrap()).await
    }))
    .await;
    assert_final_state(&sandbox).await;
    let in_process = async |function: &str, event: &str| reference.world.deliver_event(function, event).await;
    let expected = Box::pin(deliver_each_twice(&reference, in_process)).await;
    assert_eq!(answers.len(), expected.len());
    for ((file, answer), (_, expected_answer)) in answers.iter().zip(&expected) {
        let [answer, expected_answer] = [(&sandbox, &answers, answer), (&reference, &expected, expected_answer)]
            .map(|(sandbox, answers, answer)| without_chance(sandbox, answers, answer));
        assert_eq!(timeless(&answer), timeless(&expected_answer), "{file}");
    }
    let [left, expected_left] = [(&sandbox, &answers), (&reference, &expected)].map(|(sandbox, answers)| {
        let mut items: Vec<_> = items(sandbox).iter().map(|item| without_chance(sandbox, answers, item)).collect();
        items.sort();
        items
    });
    assert_eq!(left, expected_left);
    assert_eq!(reached(&sandbox).await, reached(&reference).await);
    assert_eq!(sandbox.account(ORDER).await, reference.account(ORDER).await);
    for (function, bootstrap) in bootstraps {
        let (stdout, stderr) = bootstrap.stop().await;
        assert_eq!(stderr, "", "{function}");
        assert!(!lines_and_metrics(&stdout).0.is_empty(), "{function}");
    }
}

/// An answer, without how long anything took. Runs that staff start in one second are listed by their random names.
fn timeless(answer: &str) -> Value {
    fn without_durations(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !name.ends_with("_ms"));
                fields.values_mut().for_each(without_durations);
            }
            Value::Array(values) => values.iter_mut().for_each(without_durations),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut answer = serde_json::from_str(answer).unwrap_or_else(|_| json!(answer));
    without_durations(&mut answer);
    if let Some(runs) = answer.get_mut("runs").and_then(Value::as_array_mut) {
        runs.sort_by_key(ToString::to_string);
    }
    answer
}

/// All delivered messages, each with the second in which it was sent: the pace of mails goes by the sandbox's clock in
/// process, and by the machine's in a bootstrap.
async fn reached(sandbox: &Sandbox) -> String {
    let mut messages = sandbox.get("/sandbox/messages").await["messages"].clone();
    for message in messages.as_array_mut().unwrap() {
        let sent_at: DateTime<Utc> = message["sent_at"].as_str().unwrap().parse().unwrap();
        message["sent_at"] = json!(sent_at.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    without_tokens(without_address(sandbox, &messages.to_string()))
}

/// A text without the sandbox's address.
fn without_address(sandbox: &Sandbox, text: &str) -> String {
    text.replace(&sandbox.base, "http://here")
}

#[tokio::test]
async fn a_bootstrap_that_gets_sigterm_ends_at_once_and_the_next_one_knows_what_it_did() {
    let sandbox = sandbox().await;
    let clock = StandingClock::at(at(BEGIN));
    for (file, day, status) in [
        ("ecpay-webhook/first-payment.json", BEGIN, 200),
        ("subscription-maintenance/every-six-hours.json", "2025-03-31T18:00:00+08:00", 200),
        ("admin-api/put-customer.json", DIGEST, 201),
        ("maintenance-reminder/daily.json", DIGEST, 200),
        ("mms-expiry-scan/daily.json", DIGEST, 200),
    ] {
        sandbox.world.leap(at(day));
        let function = &folders()[file.split('/').next().unwrap()];
        let mut ending = start(&sandbox, &clock, function).await;
        assert_eq!(deliver(&mut ending, &event(file)).await.0, status, "{file}");
        let (before, told) = (items(&sandbox), reached(&sandbox).await);
        let (ended, stdout, stderr) = ending.terminate().await;
        assert_eq!((ended.signal(), stderr.as_str()), (Some(SIGTERM), ""), "{file}");
        assert!(!lines_and_metrics(&stdout).0.is_empty(), "{file}");
        let mut next = start(&sandbox, &clock, function).await;
        assert_eq!(deliver(&mut next, &event(file)).await.0, 200, "{file} again");
        assert_eq!((items(&sandbox), reached(&sandbox).await), (before, told), "{file}");
        next.stop().await;
    }
    assert_eq!(sandbox.account(ORDER).await["payments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_that_is_cut_off_by_the_end_of_its_instance_is_finished_by_its_repetition() {
    let (sandbox, whole) = (sandbox().await, sandbox().await);
    let (clock, digest) = (StandingClock::at(at(DIGEST)), event("mms-expiry-scan/daily.json"));
    for world in [&sandbox, &whole] {
        world.world.leap(at(DIGEST));
    }
    let (status, _) = whole.world.deliver_event("MmsExpiryScan", &digest.to_string()).await;
    assert_eq!(status, 200);
    let mut cut = start(&sandbox, &clock, "MmsExpiryScan").await;
    sandbox.forget_calls().await;
    sandbox.fault("mms", "held").await;
    cut.begin(&digest);
    while sandbox.calls("mms").await.is_empty() {}
    let (ended, stdout, stderr) = cut.terminate().await;
    assert_eq!((ended.signal(), stdout.as_str(), stderr.as_str()), (Some(SIGTERM), "", ""));
    assert_eq!(column(&sandbox.get("/sandbox/messages").await["messages"], "channel"), Vec::<String>::new());
    sandbox.fault("mms", "none").await;
    // Lambda repeats the event after a minute, while the lease of the crashed run is still held, and after two more.
    let mut next = start(&sandbox, &clock, "MmsExpiryScan").await;
    clock.set(at("2025-04-01T09:31:00+08:00"));
    let (kind, refused) = next.invoke_in_vain(&digest).await;
    let busy = "another run holds the lease; repeat this one to learn how it ended";
    assert_eq!((kind.as_str(), &refused["errorMessage"]), ("error", &json!(busy)));
    clock.set(at("2025-04-01T09:33:00+08:00"));
    let report = next.invoke(&digest).await;
    assert_eq!(report["status"], "done", "{report}");
    let sent = |text: &str| text.matches("\"channel\"").count();
    assert_eq!(sent(&reached(&sandbox).await), 1);
    // It says when it was made.
    assert_eq!(reached(&sandbox).await.replace("2025-04-01 09:33", "2025-04-01 09:30"), reached(&whole).await);
    next.stop().await;
}
