//! `docs/RUNBOOK.md` against what it speaks of: alarms, other names of the template, log lines, files, and its calls of the
//! API, each of which is made.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use sandbox::aws::template::Template;
use serde_json::Value;

use testing::support::project::{TEMPLATE, files, functions, package, path, text};
use testing::support::{Reply, Sandbox, first};

const RUNBOOK: &str = "docs/RUNBOOK.md";

/// The template's resources, or its other parts, by name.
fn part(name: &str) -> BTreeMap<String, yaml_serde::Value> {
    let template: yaml_serde::Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let part = template[name].as_mapping().unwrap();
    part.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone())).collect()
}

fn alarms() -> BTreeSet<String> {
    let alarms = part("Resources").into_iter().filter(|(_, it)| it["Type"].as_str() == Some("AWS::CloudWatch::Alarm"));
    alarms.map(|(name, _)| name).collect()
}

/// The sections below "Alarms": name and text.
fn sections(runbook: &str) -> Vec<(&str, &str)> {
    let alarms = runbook.split("\n## ").find_map(|chapter| chapter.strip_prefix("Alarms\n")).unwrap_or_default();
    alarms.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect()
}

/// Faults of the sections, alarm by alarm.
fn gaps(runbook: &str) -> Vec<String> {
    let sections = sections(runbook);
    let told: BTreeSet<String> = sections.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut gaps: Vec<String> = alarms().symmetric_difference(&told).cloned().collect();
    for (name, section) in &sections {
        let looks = section.contains("\n**Look:**") && section.contains("\n**Repair:**");
        let complete = section.contains("\n**Means:**") && section.contains("\n**Safe to repeat:**");
        if !complete || !(looks || section.contains("\n**Look and repair:**")) {
            gaps.push(format!("{name} lacks a part"));
        }
    }
    gaps
}

#[test]
fn every_alarm_has_a_section_that_says_what_it_means_and_what_to_do() {
    let runbook = text(RUNBOOK);
    assert_eq!(gaps(&runbook), Vec::<String>::new());
    assert_eq!(sections(&runbook).len(), alarms().len());
    let planted = runbook.replace("### OrderNeedsAttention\n", "#### OrderNeedsAttention\n");
    assert_eq!(gaps(&planted), ["OrderNeedsAttention"]);
    let planted = runbook.replace("### RefundDue\n", "### RefundWanted\n");
    assert_eq!(gaps(&planted), ["RefundDue", "RefundWanted"]);
    assert_eq!(gaps(&runbook.replacen("**Safe to repeat:**", "**Safe:**", 1)), ["EveryFiveMinutesMissed lacks a part"]);
}

/// The words of a text that look like names of the template: `TwoHumps` or more.
fn humped(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let humped = |word: &&str| {
        let inner = word.chars().skip(1).collect::<Vec<_>>();
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && inner.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
    };
    words.filter(humped).collect()
}

/// Names that are not the template's: of AWS, of its tools and of what they are given.
const OTHERS: [&str; 23] = [
    "AttributeName",
    "AttributeType",
    "ConcurrentExecutions",
    "DDBStreamBatchInfo",
    "DynamoDB",
    "EkRm7iFT261dpevs",
    "EventBridge",
    "GetAtt",
    "IndexName",
    "KeySchema",
    "KeyType",
    "LatestStreamArn",
    "PhysicalResourceId",
    "PointInTimeRecoveryEnabled",
    "ProjectionType",
    "RecordAgeExceeded",
    "RetryAttemptsExhausted",
    "StackResourceDetail",
    "StarSender",
    "StreamArn",
    "StreamEnabled",
    "StreamViewType",
    "TableArn",
];

/// All names of the template.
fn known() -> BTreeSet<String> {
    let names = ["Parameters", "Resources", "Outputs"].into_iter().flat_map(|name| part(name).into_keys());
    // SAM names a schedule's resource so.
    let schedules = Template::parse(TEMPLATE).unwrap().schedules;
    names.chain(schedules.iter().map(|schedule| format!("{}{}", schedule.function, schedule.name))).collect()
}

fn unknown_names(runbook: &str) -> Vec<String> {
    let known = known();
    let unknown = humped(runbook).into_iter().filter(|name| !known.contains(*name) && !OTHERS.contains(name));
    unknown.map(str::to_owned).collect()
}

/// `name_of X` is of a resource, `logs X 'words'` of a function whose code, or the library, says these words.
fn unknown_words(runbook: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    let code: BTreeMap<String, String> = functions()
        .into_iter()
        .map(|(name, properties)| {
            let own = format!("functions/{}/src", package(&properties));
            let sources = files(&own, ".rs").into_iter().chain(files("shared/src", ".rs"));
            (name, sources.map(|file| text(&file)).collect())
        })
        .collect();
    for line in runbook.lines().map(|line| line.trim().trim_start_matches('`')) {
        let Some((function, words)) = line.strip_prefix("logs ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let words = words.trim_matches(['\'', '`']).split('\'').next().unwrap().replace("\\\"", "");
        // Lambda itself says so.
        let said = words == "Task timed out" || code.get(function).is_some_and(|code| code.contains(&words));
        if !said {
            unknown.push(line.to_owned());
        }
    }
    let (known, named) = (known(), runbook.split("$(name_of ").skip(1).filter_map(|rest| rest.split(')').next()));
    unknown.extend(named.filter(|name| !name.starts_with('$') && !known.contains(*name)).map(str::to_owned));
    unknown
}

/// Paths of this project in the text.
fn missing_files(runbook: &str) -> Vec<String> {
    let words = runbook.split(|c: char| c.is_whitespace() || "`'\"(),@".contains(c));
    let ours = ["docs/", "events/", "functions/", "shared/", "tests/", "sandbox/", ".ci/"];
    let named = words.map(|word| word.trim_end_matches(['.', ':', ';'])).filter(|word| {
        ours.iter().any(|folder| word.starts_with(folder)) || matches!(*word, "template.yaml" | "samconfig.toml")
    });
    named.filter(|file| !path(file).exists()).map(str::to_owned).collect()
}

#[test]
fn it_names_nothing_that_does_not_exist() {
    let runbook = text(RUNBOOK);
    assert_eq!(unknown_names(&runbook), Vec::<String>::new());
    assert_eq!(unknown_words(&runbook), Vec::<String>::new());
    assert_eq!(missing_files(&runbook), Vec::<String>::new());
    assert_eq!(unknown_names("`DeadQueueFilled` and EcpayMerchantNumber"), ["DeadQueueFilled", "EcpayMerchantNumber"]);
    assert_eq!(unknown_words("    logs EcpayWebhook 'callback nicely refused'\n").len(), 1);
    assert_eq!(unknown_words("--table-name \"$(name_of Tables)\""), ["Tables"]);
    assert_eq!(missing_files("see `events/admin-api/no-such.json`."), ["events/admin-api/no-such.json"]);
}

/// One call of the API as the runbook writes it: by the app's token or staff's, method, path and query, body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call<'a> {
    by_app: bool,
    method: Method,
    path: &'a str,
    body: &'a str,
}

/// A word of the shell and what follows it: in quotes, or up to a blank or the end of the code.
fn word(text: &str) -> (&str, &str) {
    match text.strip_prefix('\'') {
        Some(quoted) => quoted.split_once('\'').unwrap(),
        None => text.split_at(text.find(|c: char| c.is_whitespace() || c == '`').unwrap()),
    }
}

/// Every call, in the order of the text.
fn calls(runbook: &str) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    for (at, _) in runbook.char_indices() {
        let Some(rest) = ["`", "\n    "].iter().find_map(|before| runbook[at..].strip_prefix(before)) else { continue };
        let verbs = [("get ", false, Method::GET), ("post ", false, Method::POST)];
        let verbs = verbs.into_iter().chain([("app_get ", true, Method::GET), ("app_post ", true, Method::POST)]);
        let said = verbs.filter_map(|(verb, by_app, method)| Some((rest.strip_prefix(verb)?, by_app, method))).next();
        let Some((rest, by_app, method)) = said else { continue };
        let (path, rest) = word(rest);
        let body = rest.trim_start();
        let body = if body.starts_with("'{") { word(body).0 } else { "" };
        calls.push(Call { by_app, method, path, body });
    }
    calls
}

fn without_a_route<'a>(calls: &[Call<'a>]) -> Vec<&'a str> {
    let template = Template::parse(TEMPLATE).unwrap();
    let routed = |call: &&Call| template.route(call.method.as_str(), call.path.split('?').next().unwrap()).is_some();
    calls.iter().filter(|call| !routed(call)).map(|call| call.path).collect()
}

#[test]
fn every_call_in_it_is_of_a_route() {
    let runbook = text(RUNBOOK);
    let calls = calls(&runbook);
    assert!(calls.len() > 40 && calls.iter().any(|call| !call.body.is_empty()), "{calls:?}");
    assert_eq!(without_a_route(&calls), Vec::<&str>::new());
    let planted =
        self::calls("see `post /runs/retry/twice '{\"why\": \"so\"}'`, or\n\n    app_get '/no/such?route=1'\n");
    assert_eq!((planted[0].body, planted[1].by_app), ("{\"why\": \"so\"}", true));
    assert_eq!(without_a_route(&planted), ["/runs/retry/twice", "/no/such?route=1"]);
}

/// Id of a notice to another customer, which SES refuses.
async fn dead_notice(sandbox: &Sandbox) -> String {
    let order = sandbox.subscribe("refused", "monthly").await;
    sandbox.charge(&order, serde_json::json!({ "rtn_code": "10100256" })).await;
    let refusal = serde_json::json!({ "status": 400, "code": "MessageRejected", "to": "refused@customer.example" });
    sandbox.put("/sandbox/mail/refusal", refusal).await;
    sandbox.post("/runs/send-mail", serde_json::json!({})).await;
    sandbox.get("/notices").await["notices"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_call_in_it_does_what_it_is_said_to_do() {
    let sandbox = Sandbox::at("2025-02-28T10:00:00+08:00").await;
    sandbox.put("/sandbox/faults", serde_json::json!({ "events": "down" })).await;
    let order = sandbox.subscribe("runbook", "monthly").await;
    sandbox.world.leap("2025-03-31T02:00:00Z".parse().unwrap());
    sandbox.charge(&order, serde_json::json!({ "rtn_code": "10100252" })).await;
    let early = first("DKLATE00000000000001", "1", "2025/03/31 09:59:59");
    assert_eq!(sandbox.report("ecpay-auth", &early).await, Reply::ok());
    let report = sandbox.get("/quarantine").await["quarantine"][0]["id"].as_str().unwrap().to_owned();
    let notice = dead_notice(&sandbox).await;
    let endpoint = sandbox.get("/api/events/endpoints").await["endpoints"][0]["name"].as_str().unwrap().to_owned();
    let event = sandbox.get("/api/events?state=waiting").await["events"][0]["id"].as_str().unwrap().to_owned();
    let jwt = sandbox.jwt().await;
    let runbook = text(RUNBOOK);
    for call in calls(&runbook) {
        let names = [("$ORDER", &order), ("$REPORT", &report), ("$NOTICE", &notice)];
        let names = names.into_iter().chain([("$ENDPOINT", &endpoint), ("$EVENT", &event)]);
        let path = names.fold(call.path.to_owned(), |path, (name, value)| path.replace(name, value));
        let token = if call.by_app { &jwt } else { &sandbox.token };
        let request = sandbox.http.request(call.method.clone(), format!("{}{path}", sandbox.base)).bearer_auth(token);
        let request = request.header("content-type", "application/json").body(call.body.to_owned());
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        // A test of events is queued; everything else is done with its answer.
        let expected = if path == "/api/events/test" { 202 } else { 200 };
        assert_eq!(status, expected, "{call:?}: {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        if path.ends_with("dry_run=true") {
            assert_eq!(body["dry_run"], true, "{call:?}: {body}");
        }
    }
    // The charge that failed was paid otherwise, and the plan ends with the period.
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["next_action"]["kind"], "end-grace", "{account}");
}

#[test]
fn what_it_says_of_a_restored_table_leaves_no_name_and_no_permission_with_the_old_one() {
    let command = r#"sed -e "s|!Ref Table\$|$NEW|" -e "s|!GetAtt Table.Arn|$ARN|g" -e "s|\${Table.Arn}|$ARN|g""#;
    let of_the_stream = r#" -e "s|!GetAtt Table.StreamArn|$STREAM|g""#;
    assert!(text(RUNBOOK).replace(" \\\n        ", "").contains(&format!("{command}{of_the_stream}")));
    let lines = TEMPLATE
        .lines()
        .map(|line| line.strip_suffix("!Ref Table").map_or(line.to_owned(), |line| format!("{line}new")));
    let arns = ["!GetAtt Table.Arn", "${Table.Arn}", "!GetAtt Table.StreamArn"];
    let pointed = lines.map(|line| arns.iter().fold(line, |line, arn| line.replace(arn, "arn")));
    let pointed: Vec<String> = pointed.collect();
    let spoken_of = |lines: &[String]| lines.iter().filter(|line| names_the_table(line)).count();
    assert!(spoken_of(&TEMPLATE.lines().map(str::to_owned).collect::<Vec<_>>()) > 10);
    assert_eq!(spoken_of(&pointed), 0, "{pointed:?}");
}

/// True if a line refers to the resource `Table`.
fn names_the_table(line: &str) -> bool {
    ["!Ref Table", "!GetAtt Table.", "${Table}", "${Table."].iter().any(|reference| {
        line.split(reference)
            .skip(1)
            .any(|rest| reference.ends_with('.') || !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}
