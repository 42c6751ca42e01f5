//! The metrics that alarms and the dashboard name: the code's own, with their own dimensions.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use shared::domain::billing::task::Task;
use shared::platform::metrics::NAMESPACE;
use shared::platform::metrics::table::TABLE;
use yaml_serde::Value;

use super::{named, of_type};

/// A metric of ours, with the names of its dimensions.
type Metric = (String, BTreeSet<String>);

fn metric(name: &str, dimensions: &[&str]) -> Metric {
    (name.to_owned(), dimensions.iter().map(|&dimension| dimension.to_owned()).collect())
}

/// The metrics in a Metrics Insights query or a SEARCH, after their namespace.
fn queried(text: &str) -> Vec<Metric> {
    let mut all = Vec::new();
    for part in text.split(&format!("SCHEMA(\"{NAMESPACE}\", ")).skip(1) {
        let dimensions: Vec<&str> = part.split(')').next().unwrap().split(", ").collect();
        let name = text.split("SUM(").nth(1).unwrap().split(')').next().unwrap();
        all.push(metric(name, &dimensions));
    }
    for part in text.split(&format!("{{{NAMESPACE},")).skip(1) {
        let dimensions: Vec<&str> = part.split('}').next().unwrap().split(',').collect();
        let name = part.split("MetricName=\"").nth(1).unwrap().split('"').next().unwrap();
        all.push(metric(name, &dimensions));
    }
    all
}

/// One metric, where it is ours.
fn stated(definition: &Value) -> Option<Metric> {
    if definition["Namespace"].as_str() != Some(NAMESPACE) {
        return None;
    }
    let dimensions = definition.get("Dimensions").and_then(Value::as_sequence).into_iter().flatten();
    let names: Vec<&str> = dimensions.map(|dimension| dimension["Name"].as_str().unwrap()).collect();
    Some(metric(definition["MetricName"].as_str().unwrap(), &names))
}

/// Our metrics in an alarm.
pub(super) fn of_alarm(properties: &Value) -> Vec<Metric> {
    let Some(parts) = properties.get("Metrics").and_then(Value::as_sequence) else {
        return stated(properties).into_iter().collect();
    };
    let of = |part: &Value| match part.get("MetricStat") {
        Some(stat) => stated(&stat["Metric"]).into_iter().collect(),
        None => queried(part["Expression"].as_str().unwrap()),
    };
    parts.iter().flat_map(of).collect()
}

/// Widgets of the dashboard.
fn widgets() -> Vec<Json> {
    let dashboard = &of_type("AWS::CloudWatch::Dashboard")["Dashboard"];
    let body = named(&dashboard["DashboardBody"], "Sub").replace("${AWS::Region}", "ap-northeast-1");
    assert!(!body.contains("${"), "the dashboard holds another reference");
    let body: Json = serde_json::from_str(&body).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

/// Our metrics in one entry of a widget, and the values of the dimensions that it names.
fn of_entry(entry: &Json) -> Vec<Metric> {
    let parts = entry.as_array().unwrap();
    let texts: Vec<&str> = parts.iter().filter_map(Json::as_str).collect();
    match texts.as_slice() {
        [] => queried(parts[0]["expression"].as_str().unwrap()),
        [namespace, name, pairs @ ..] => {
            assert_eq!(*namespace, NAMESPACE);
            vec![metric(name, &pairs.iter().copied().step_by(2).collect::<Vec<_>>())]
        }
        [_] => panic!("{entry}"),
    }
}

fn is_known((name, dimensions): &Metric) -> bool {
    let task = name.strip_prefix("OldestDueAge.");
    let known_task = task.is_none_or(|task| Task::ALL.iter().any(|known| known.as_str() == task));
    let name = if task.is_some() { "OldestDueAge.<task>" } else { name };
    let row = TABLE.iter().find(|row| row.name == name);
    known_task
        && row
            .is_some_and(|row| row.dimensions.iter().map(|&one| one.to_owned()).collect::<BTreeSet<_>>() == *dimensions)
}

#[test]
fn every_metric_of_an_alarm_is_one_that_the_code_prints() {
    assert!(!is_known(&metric("OldestDueAge.nothing", &[])) && !is_known(&metric("Notices", &["Kind"])));
    let metrics: Vec<(String, Metric)> = of_type("AWS::CloudWatch::Alarm")
        .iter()
        .flat_map(|(name, properties)| of_alarm(properties).into_iter().map(move |metric| (name.clone(), metric)))
        .collect();
    assert!(metrics.len() >= 15, "{metrics:?}");
    let unknown: Vec<_> = metrics.iter().filter(|(_, metric)| !is_known(metric)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Metrics Insights has no OR and no IN
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html>), and
/// what deploys here does not read its queries.
#[test]
fn every_query_asks_for_one_value_of_each_dimension() {
    let asks_for_one = |query: &str| {
        let (_, conditions) = query.split_once(" WHERE ").unwrap();
        let is_one = |condition: &str| {
            condition.split_once(" = ").is_some_and(|(dimension, value)| {
                let value = value.trim_matches('\'').chars().all(|c| c == '_' || c.is_ascii_lowercase());
                value && dimension.chars().all(char::is_alphabetic)
            })
        };
        !conditions.is_empty() && conditions.split(" AND ").all(is_one)
    };
    assert!(asks_for_one("SELECT SUM(A) FROM B WHERE C = 'd' AND E = 'f_g'"));
    assert!(
        !asks_for_one("SELECT SUM(A) FROM B WHERE C = 'd' OR C = 'e'")
            && !asks_for_one("SELECT SUM(A) FROM B WHERE C IN ('d')")
    );
    let alarms = of_type("AWS::CloudWatch::Alarm").into_values();
    let parts = alarms.flat_map(|alarm| alarm.get("Metrics").and_then(Value::as_sequence).cloned().unwrap_or_default());
    let queries: Vec<String> = parts
        .filter_map(|part| part["Expression"].as_str().filter(|text| text.starts_with("SELECT ")).map(str::to_owned))
        .collect();
    assert_eq!(queries.iter().filter(|query| !asks_for_one(query)).count(), 0, "{queries:?}");
    assert!(queries.len() >= 3, "{queries:?}");
}

#[test]
fn the_dashboard_shows_the_key_figures_by_metrics_that_the_code_prints() {
    let widgets = widgets();
    let titles: Vec<&str> = widgets.iter().map(|widget| widget["properties"]["title"].as_str().unwrap()).collect();
    for figure in ["Payment success", "Webhook success", "Recovery", "Latency", "Availability"] {
        assert!(titles.iter().any(|title| title.starts_with(figure) && title.contains("target")), "{figure}");
    }
    let mut shown = BTreeSet::new();
    for widget in &widgets {
        let entries = widget["properties"]["metrics"].as_array().unwrap();
        shown.extend(entries.iter().flat_map(of_entry));
    }
    let unknown: Vec<&Metric> = shown.iter().filter(|metric| !is_known(metric)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let tasks = shown.iter().filter(|(name, _)| name.starts_with("OldestDueAge.")).count();
    assert_eq!(tasks, Task::ALL.len());
    let others: BTreeSet<&str> =
        shown.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("OldestDueAge.")).collect();
    let expected = [
        "CallbackLatency",
        "Callbacks",
        "Charges",
        "Downgrades",
        "EpisodesStarted",
        "Notices",
        "PlansRestored",
        "Recoveries",
        "Reminders",
        "RequestLatency",
        "Requests",
    ];
    assert_eq!(others, expected.into());
}
