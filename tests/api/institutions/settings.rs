//! Settings of the expiry scan: checked together with the secret, and reported without the secret's content.

use std::collections::BTreeMap;

use mms_expiry_scan::{ExpiryScan, UncheckedConfig};
use sandbox::world::credentials::{EXPIRY_SECRET, MMS_KEY, SLACK_BOT_TOKEN, SLACK_WEBHOOK_PATH};
use serde_json::json;
use shared::domain::values::time::Timestamp;
use shared::platform::clock;
use shared::platform::logging::error_chain;
use testing::lambda::environment;

use crate::platform::configuration::{changed, faults};
use testing::support::Sandbox;
use testing::support::lambda::{lines_and_metrics, run_to_its_end};

const SWAPPED: [(&str, &str); 2] = [("NOTIFICATION_URGENT_THRESHOLD", "30"), ("NOTIFICATION_WARNING_THRESHOLD", "7")];
const NOT_RISING: &str =
    "NOTIFICATION_URGENT_THRESHOLD, NOTIFICATION_WARNING_THRESHOLD, EXPIRY_THRESHOLD must rise: 30, 7, 60";
const NO_KEY: &str = "MMS_API_KEY in secret duekeeper/expiry is missing";
const NO_WEBHOOK: &str = "SLACK_WEBHOOK_URL in secret duekeeper/expiry must be an https address as Slack gives it";
const NO_JSON: &str = "secret duekeeper/expiry is not JSON with mms_api_key and slack_webhook_url or slack_bot_token";

async fn sandbox() -> Sandbox {
    Sandbox::at(&clock::now().to_string()).await
}

/// The template's variables with some of them changed.
fn variables(sandbox: &Sandbox, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut variables = environment(&sandbox.world, "MmsExpiryScan");
    variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    variables
}

/// Starts the function; the whole text of its error.
async fn started(sandbox: &Sandbox, changes: &[(&str, &str)], secret: &str) -> Result<(), String> {
    sandbox.world.rotate_secret(EXPIRY_SECRET, secret.to_owned());
    let variables = variables(sandbox, changes);
    let aws = sandbox::aws::config(&sandbox.world.aws_url);
    let draft = UncheckedConfig::read(&|name| variables.get(name).cloned());
    let started = ExpiryScan::start(&aws, draft, Timestamp::new(sandbox.world.now())).await;
    started.map(drop).map_err(|error| error_chain(&error))
}

fn secret(key: &str, webhook: &str, token: &str) -> String {
    json!({ "mms_api_key": key, "slack_webhook_url": webhook, "slack_bot_token": token }).to_string()
}

#[test]
fn the_settings_are_checked_together() {
    let missing = [
        "API_MAX_RETRIES is missing",
        "API_PAGE_SIZE is missing",
        "API_RETRY_DELAY is missing",
        "API_TIMEOUT is missing",
        "EXPIRY_SECRET_ID is missing",
        "EXPIRY_THRESHOLD is missing",
        "MMS_API_VERSION is missing",
        "MMS_BASE_URL is missing",
        "NOTIFICATION_DAYS_THRESHOLD is missing",
        "NOTIFICATION_URGENT_THRESHOLD is missing",
        "NOTIFICATION_WARNING_THRESHOLD is missing",
        "SLACK_CHANNEL is missing",
        "SLACK_PACE_SECONDS is missing",
        "SLACK_TIMEOUT is missing",
        "TABLE_NAME is missing",
    ];
    assert_eq!(faults("MmsExpiryScan", &|_| None), missing);
    assert_eq!(faults("MmsExpiryScan", &|_| Some(String::new())), missing);
    let channel = "SLACK_CHANNEL must be a channel's name or id without blanks";
    for (name, value, rule) in [
        ("MMS_BASE_URL", "http://mms.example/proxy", "must be an https address"),
        ("MMS_BASE_URL", "https://key@mms.example", "must be an https address"),
        ("MMS_BASE_URL", "https://mms.example/?key=1", "must be an https address"),
        ("MMS_API_VERSION", "v2", "must be v1"),
        ("API_TIMEOUT", "0", "must be 1 to 100 seconds"),
        ("API_MAX_RETRIES", "11", "must be 0 to 10"),
        ("API_RETRY_DELAY", "-1", "must be 0 to 60 seconds"),
        ("API_PAGE_SIZE", "101", "must be 1 to 100"),
        ("SLACK_TIMEOUT", "1.5", "must be 1 to 60 seconds"),
        ("SLACK_PACE_SECONDS", "11", "must be 0 to 10 seconds"),
        ("NOTIFICATION_DAYS_THRESHOLD", "soon", "must be 0 to 3650 days"),
        ("EXPIRY_THRESHOLD", "0", "must be 1 to 3650 days"),
        ("EXPIRY_POST_NOTHING_DUE", "yes", "must be true or false"),
        ("EXPIRY_HOLIDAYS", "2027-01-01;2027-02-08", "must be days like 2027-01-01, separated by commas"),
        ("EXPIRY_HOLIDAYS", "2027-01-01,", "must be days like 2027-01-01, separated by commas"),
        ("EXPIRY_HOLIDAYS", "1/1/2027", "must be days like 2027-01-01, separated by commas"),
    ] {
        assert_eq!(changed("MmsExpiryScan", &[(name, value)]), [format!("{name} {rule}")], "{value}");
    }
    assert_eq!(changed("MmsExpiryScan", &[("SLACK_CHANNEL", "two words")]), [channel]);
    // A page that MMS never answers must end before the run does.
    let patient = [("API_TIMEOUT", "60"), ("API_MAX_RETRIES", "8"), ("API_RETRY_DELAY", "30")];
    let fault = "API_TIMEOUT, API_MAX_RETRIES, API_RETRY_DELAY: one page may take 990 seconds, and a run has 660";
    assert_eq!(changed("MmsExpiryScan", &patient), [fault]);
    assert_eq!(changed("MmsExpiryScan", &[("API_MAX_RETRIES", "8")]), Vec::<String>::new());
    // Both functions that go by the thresholds refuse them.
    for function in ["MmsExpiryScan", "AdminApi"] {
        assert_eq!(changed(function, &SWAPPED), [NOT_RISING], "{function}");
        let narrow = changed(function, &[("EXPIRY_THRESHOLD", "30")]);
        assert_eq!(narrow, [NOT_RISING.replace("30, 7, 60", "7, 30, 30")], "{function}");
    }
}

#[tokio::test]
async fn swapped_thresholds_an_empty_key_and_a_webhook_that_is_none_are_named_at_once() {
    let sandbox = sandbox().await;
    let wrong = secret("", "hooks.slack.example/services/T0PLANTED", "");
    let error = started(&sandbox, &SWAPPED, &wrong).await.unwrap_err();
    assert_eq!(error, format!("configuration: {NOT_RISING}; {NO_KEY}; {NO_WEBHOOK}"));
}

#[tokio::test]
async fn what_is_wrong_in_the_secret_is_named_and_not_repeated() {
    let sandbox = sandbox().await;
    let webhook = format!("{}{SLACK_WEBHOOK_PATH}", sandbox.base);
    let neither = "SLACK_WEBHOOK_URL in secret duekeeper/expiry is missing, and so is SLACK_BOT_TOKEN";
    let blanks = "in secret duekeeper/expiry must be visible ASCII characters without blanks";
    for (wrong, expected) in [
        (secret(MMS_KEY, "", ""), neither.to_owned()),
        (secret("", "", ""), format!("{NO_KEY}; {neither}")),
        (json!({}).to_string(), format!("{NO_KEY}; {neither}")),
        (secret("planted key", &webhook, ""), format!("MMS_API_KEY {blanks}")),
        (secret("plantedkey\n", &webhook, "planted token"), format!("MMS_API_KEY {blanks}; SLACK_BOT_TOKEN {blanks}")),
        (secret(MMS_KEY, "http://hooks.slack.example/services/planted", ""), NO_WEBHOOK.to_owned()),
        (secret(MMS_KEY, "https://hooks.slack.example/", ""), NO_WEBHOOK.to_owned()),
        (secret(MMS_KEY, "https://planted@hooks.slack.example/services/x", ""), NO_WEBHOOK.to_owned()),
        // A bot's token does not make a wrong address right.
        (secret(MMS_KEY, "planted", SLACK_BOT_TOKEN), NO_WEBHOOK.to_owned()),
    ] {
        let error = started(&sandbox, &[], &wrong).await.unwrap_err();
        assert_eq!(error, format!("configuration: {expected}"));
        assert!(!error.contains("planted") && !error.contains(MMS_KEY), "{error}");
    }
    for right in [secret(MMS_KEY, &webhook, ""), secret(MMS_KEY, "", SLACK_BOT_TOKEN)] {
        assert_eq!(started(&sandbox, &[], &right).await, Ok(()));
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_or_no_json_is_reported_by_its_name() {
    let sandbox = sandbox().await;
    for text in ["", "planted-key", "[\"planted-key\"", "null", "7", r#"{"mms_api_key":["planted-key"]}"#] {
        let error = started(&sandbox, &[], text).await.unwrap_err();
        assert_eq!(error, format!("the keys could not be read: {NO_JSON}"), "{text}");
        // Beside settings that are wrong too, both are named.
        let both = started(&sandbox, &SWAPPED, text).await.unwrap_err();
        assert_eq!(both, format!("configuration: {NOT_RISING}; {NO_JSON}"), "{text}");
    }
    let absent = [("EXPIRY_SECRET_ID", "duekeeper/none")];
    let error = started(&sandbox, &absent, "{}").await.unwrap_err();
    assert!(error.starts_with("the keys could not be read: reading secret duekeeper/none: "), "{error}");
    let both = started(&sandbox, &[absent[0], SWAPPED[0], SWAPPED[1]], "{}").await.unwrap_err();
    assert_eq!(both, format!("configuration: {NOT_RISING}; secret duekeeper/none could not be read"));
    let unnamed = started(&sandbox, &[("EXPIRY_SECRET_ID", "")], "{}").await.unwrap_err();
    assert_eq!(unnamed, "configuration: EXPIRY_SECRET_ID is missing");
}

#[tokio::test]
async fn the_bootstrap_reports_it_in_one_line_and_ends() {
    let sandbox = sandbox().await;
    let malformed = format!("the keys could not be read: {NO_JSON}");
    for (changes, text, expected) in [
        (&SWAPPED[..], secret("", "planted", ""), format!("configuration: {NOT_RISING}; {NO_KEY}; {NO_WEBHOOK}")),
        (&[][..], "planted".to_owned(), malformed),
    ] {
        sandbox.world.rotate_secret(EXPIRY_SECRET, text);
        let ended = run_to_its_end("mms-expiry-scan", variables(&sandbox, changes)).await;
        assert_eq!(ended.status.code(), Some(1));
        let [stdout, stderr] = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let (lines, metrics) = lines_and_metrics(&stdout);
        assert_eq!((lines.len(), metrics.len()), (1, 0), "{stdout}");
        assert_eq!((lines[0]["message"].as_str(), lines[0]["level"].as_str()), (Some("not started"), Some("ERROR")));
        assert_eq!(lines[0]["error"], expected);
        assert!(!stdout.contains("planted") && !stderr.contains("planted"), "{stdout} {stderr}");
    }
}
