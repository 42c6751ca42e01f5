//! Costs of a stack while nothing is due, reckoned from the template by AWS's list prices.

use std::collections::BTreeSet;

use chrono::{DateTime, Timelike, Utc};
use sandbox::aws::template::Template;
use serde_json::Value as Json;
use shared::domain::billing::task::Task;
use yaml_serde::Value;

use super::of_type;
use testing::support::project::{TEMPLATE, text};

/// US cents a month, by the list prices of us-east-1 of 2026-11: <https://aws.amazon.com/cloudwatch/pricing/> and
/// <https://aws.amazon.com/secrets-manager/pricing/>.
const ALARM_METRIC: f64 = 10.0;
/// Of a metric that has a value in each hour; in fewer hours it is less in proportion.
const CUSTOM_METRIC: f64 = 30.0;
const SECRET: f64 = 40.0;
/// Runs, their logs and traces, and their reads: about 9,300 invocations a month.
const IDLE_RUNS: f64 = 9.0;
/// The most that a stage may cost.
const LIMIT: f64 = 700.0;

/// Secrets without which a function does not start.
const REQUIRED_SECRETS: [&str; 5] =
    ["AdminSecretId", "EcpaySecretId", "ExpirySecretId", "PhoneSecretId", "ReminderSecretId"];

/// Metrics at which the alarms look; an expression costs as much as its metrics.
fn alarm_metrics() -> usize {
    let of = |alarm: &Value| match alarm.get("Metrics").and_then(Value::as_sequence) {
        Some(parts) => parts.iter().filter(|part| part.get("MetricStat").is_some()).count(),
        None => 1,
    };
    of_type("AWS::CloudWatch::Alarm").values().map(of).sum()
}

/// Hours of a day in which a run prints the age of a task's queue although nothing is due.
fn hours_of_life(task: Task) -> usize {
    let begin: DateTime<Utc> = "2025-06-01T00:00:00Z".parse().unwrap();
    let mut hours = BTreeSet::new();
    for schedule in Template::parse(TEMPLATE).unwrap().schedules {
        let input: Json = serde_json::from_str(&schedule.input).unwrap();
        let names = input["task"].as_array().cloned().unwrap_or_else(|| vec![input["task"].clone()]);
        if !names.iter().any(|name| name == task.as_str()) {
            continue;
        }
        let mut next = schedule.next_after(begin).unwrap();
        while next < begin + chrono::TimeDelta::days(1) {
            hours.insert(next.hour());
            next = schedule.next_after(next).unwrap();
        }
    }
    hours.len()
}

/// Cents a month while nothing is due: alarms, secrets, metrics that tell that schedules run, and the runs themselves.
fn fixed() -> [f64; 4] {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap());
    let telling = Task::ALL.iter().filter(|task| task.tells_that_a_schedule_runs());
    let hours: usize = telling.map(|task| hours_of_life(*task)).sum();
    [
        count(alarm_metrics()) * ALARM_METRIC,
        count(REQUIRED_SECRETS.len()) * SECRET,
        count(hours) / 24.0 * CUSTOM_METRIC,
        IDLE_RUNS,
    ]
}

#[test]
fn a_stage_at_rest_costs_at_most_seven_dollars_and_the_document_says_how_much() {
    let [alarms, secrets, metrics, runs] = fixed();
    let sum: f64 = alarms + secrets + metrics + runs;
    assert!(sum <= LIMIT, "{sum} cents: {:?}", fixed());
    let dollars = |cents: f64| format!("{:.2}", cents / 100.0);
    let document = text("docs/COSTS.md");
    for (what, cents) in
        [("alarms", alarms), ("secrets", secrets), ("signs of life", metrics), ("runs", runs), ("at rest", sum)]
    {
        let row = document.lines().find(|line| line.starts_with(&format!("| {what} ")));
        let row = row.unwrap_or_else(|| panic!("no row {what}"));
        assert!(row.contains(&format!("| {} |", dollars(cents))), "{what}: {} in {row}", dollars(cents));
    }
    let required = of_type("AWS::Serverless::Function").len();
    assert_eq!(required, 5, "say in REQUIRED_SECRETS what a further function needs");
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    assert!(REQUIRED_SECRETS.iter().all(|name| template["Parameters"].get(*name).is_some()));
}
