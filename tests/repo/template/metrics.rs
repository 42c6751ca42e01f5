//! The metrics that alarms and the dashboard name: the code's own, with their own dimensions.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use shared::domain::billing::task::Task;
use shared::platform::metrics::table::{Row, TABLE};
use shared::platform::metrics::{ENVIRONMENT, NAMESPACE};
use yaml_serde::Value;

use super::{named, of_type};

/// A metric of ours, with the names of its dimensions.
type Metric = (String, BTreeSet<String>);

fn metric(name: &str, dimensions: &[&str]) -> Metric {
    (name.to_owned(), dimensions.iter().map(|&dimension| dimension.to_owned()).collect())
}

/// The metrics in a SEARCH, which is of the environment alone.
fn queried(text: &str) -> Vec<Metric> {
    let mut all = Vec::new();
    for part in text.split(&format!("{{{NAMESPACE},")).skip(1) {
        let dimensions: Vec<&str> = part.split('}').next().unwrap().split(',').collect();
        let name = part.split("MetricName=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(part.contains("Environment=\"duekeeper\""), "{part}");
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
    let body = body.replace("${AWS::StackName}", "duekeeper");
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
    let of_row = |row: &&Row| row.dimensions.iter().copied().chain([ENVIRONMENT]).collect::<BTreeSet<_>>();
    let row = TABLE.iter().find(|row| row.name == name);
    known_task && row.is_some_and(|row| of_row(&row) == dimensions.iter().map(String::as_str).collect())
}

#[test]
fn every_metric_of_an_alarm_is_one_that_the_code_prints() {
    assert!(
        !is_known(&metric("OldestDueAge.nothing", &["Environment"])) && !is_known(&metric("Notices", &["Outcome"]))
    );
    let metrics: Vec<(String, Metric)> = of_type("AWS::CloudWatch::Alarm")
        .iter()
        .flat_map(|(name, properties)| of_alarm(properties).into_iter().map(move |metric| (name.clone(), metric)))
        .collect();
    assert!(metrics.len() >= 18, "{metrics:?}");
    let unknown: Vec<_> = metrics.iter().filter(|(_, metric)| !is_known(metric)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
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
