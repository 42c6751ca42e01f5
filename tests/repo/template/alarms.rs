//! Alarms: one for each condition that staff must look at.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::aws::schedule_expression::Schedule;
use sandbox::aws::template::Template;
use serde_json::Value as Json;
use shared::domain::billing::task::Task;
use yaml_serde::Value;

use super::metrics::of_alarm;
use super::{asynchronous, named, of_type};
use testing::support::project::TEMPLATE;

fn alarms() -> BTreeMap<String, Value> {
    of_type("AWS::CloudWatch::Alarm")
}

/// The tasks of a schedule that have queues; a function without them is watched by its invocations.
fn tasks(schedule: &Schedule) -> Vec<String> {
    let event: Json = serde_json::from_str(&schedule.input).unwrap();
    let task = &event["task"];
    let names = task.as_array().map_or_else(|| std::slice::from_ref(task), Vec::as_slice);
    let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
    names.filter(|name| Task::ALL.iter().any(|task| task.as_str() == name)).collect()
}

/// The longest time between two runs, over two weeks.
fn longest_gap(schedule: &Schedule) -> TimeDelta {
    let begin: DateTime<Utc> = "2025-06-01T00:00:00Z".parse().unwrap();
    let mut last = schedule.next_after(begin).unwrap();
    let mut longest = TimeDelta::zero();
    while last < begin + TimeDelta::days(14) {
        let next = schedule.next_after(last).unwrap();
        longest = longest.max(next - last);
        last = next;
    }
    longest
}

/// The alarm on one dimension's function.
fn watches(alarm: &Value, metric: &str, function: &str) -> bool {
    alarm["Namespace"].as_str() == Some("AWS/Lambda")
        && alarm["MetricName"].as_str() == Some(metric)
        && alarm["Dimensions"][0]["Name"].as_str() == Some("FunctionName")
        && named(&alarm["Dimensions"][0]["Value"], "Ref") == function
}

#[test]
fn every_alarm_notifies_the_topic_and_says_what_is_wrong() {
    for (name, alarm) in alarms() {
        assert_eq!(named(&alarm["AlarmActions"][0], "Ref"), "AlarmTopic", "{name}");
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        assert!(alarm["TreatMissingData"].as_str().is_some(), "{name}");
    }
    assert_eq!(of_type("AWS::SNS::Topic").into_keys().collect::<Vec<_>>(), ["AlarmTopic"]);
}

#[test]
fn every_schedule_has_an_alarm_that_goes_off_when_it_does_not_run() {
    let alarms = alarms();
    // One that fires once has no rhythm: what it left undone waits for the daily run.
    let schedules = Template::parse(TEMPLATE).unwrap().schedules;
    for schedule in schedules.into_iter().filter(|schedule| !schedule.is_once()) {
        let name = format!("{}Missed", schedule.name);
        let alarm = alarms.get(&name).unwrap_or_else(|| panic!("no alarm {name}"));
        assert_eq!(alarm["TreatMissingData"].as_str(), Some("breaching"), "{name}");
        assert_eq!(alarm["ComparisonOperator"].as_str(), Some("LessThanThreshold"), "{name}");
        assert_eq!(alarm["Threshold"].as_u64(), Some(1), "{name}");
        let ages: BTreeSet<String> = tasks(&schedule).iter().map(|task| format!("OldestDueAge.{task}")).collect();
        let watched: Vec<String> = of_alarm(alarm).into_iter().map(|(name, _)| name).collect();
        let of_a_task = watched.len() == 1 && ages.contains(&watched[0]);
        assert!(of_a_task || (ages.is_empty() && watches(alarm, "Invocations", &schedule.function)), "{name}");
        let window = alarm["Period"].as_i64().unwrap() * alarm["EvaluationPeriods"].as_i64().unwrap();
        let gap = longest_gap(&schedule).num_seconds();
        assert!(gap < window && window <= 4 * gap, "{name}: {window} seconds for a gap of {gap}");
    }
}

/// The longest time between two runs of each task, by whichever schedules.
fn rhythms() -> BTreeMap<String, TimeDelta> {
    let mut all: BTreeMap<String, TimeDelta> = BTreeMap::new();
    for schedule in Template::parse(TEMPLATE).unwrap().schedules {
        for task in tasks(&schedule) {
            let gap = longest_gap(&schedule);
            all.entry(task).and_modify(|known| *known = gap.min(*known)).or_insert(gap);
        }
    }
    all
}

#[test]
fn every_task_has_an_alarm_that_goes_off_when_its_work_waits_for_more_than_one_run() {
    let mut watched: BTreeMap<String, i64> = BTreeMap::new();
    for (name, alarm) in alarms().into_iter().filter(|(name, _)| name.ends_with("Behind")) {
        for (metric, _) in of_alarm(&alarm) {
            let task = metric.strip_prefix("OldestDueAge.").unwrap_or_else(|| panic!("{name}: {metric}"));
            let known = watched.insert(task.to_owned(), alarm["Threshold"].as_i64().unwrap());
            assert_eq!(known, None, "{task} has two alarms");
        }
        if let Some(parts) = alarm.get("Metrics").and_then(Value::as_sequence) {
            let ids: Vec<&str> = parts[1..].iter().map(|part| part["Id"].as_str().unwrap()).collect();
            let oldest = parts[0]["Expression"].as_str().unwrap();
            assert_eq!(oldest, format!("MAX([{}])", ids.join(", ")), "{name}");
        }
    }
    let mut rhythms = rhythms();
    // A replaced order's cancellation is due since the order was made, so its age says nothing. One that keeps failing is
    // counted by another metric.
    assert!(rhythms.remove("cancel").is_some() && of_alarm(&alarms()["OrderNeedsAttention"])[0].0 == "NeedsAttention");
    assert_eq!(watched.keys().collect::<Vec<_>>(), rhythms.keys().collect::<Vec<_>>());
    assert_eq!(watched.len(), Task::ALL.len() - 1);
    for (task, threshold) in watched {
        let gap = rhythms[&task].num_seconds();
        if task == "reconcile" {
            // An order that is not charged is queried for seven days, and has been due all that time.
            assert_eq!(threshold, 8 * 86_400);
            continue;
        }
        assert!((2 * gap..=6 * gap).contains(&threshold), "{task}: {threshold} seconds for a gap of {gap}");
    }
}

#[test]
fn every_function_has_alarms_for_errors_and_for_throttling() {
    let alarms = alarms();
    for function in of_type("AWS::Serverless::Function").into_keys() {
        for metric in ["Errors", "Throttles"] {
            let name = format!("{function}{metric}");
            let alarm = alarms.get(&name).unwrap_or_else(|| panic!("no alarm {name}"));
            assert!(watches(alarm, metric, &function), "{name}");
            assert_eq!(alarm["Statistic"].as_str(), Some("Sum"), "{name}");
        }
    }
}

#[test]
fn every_failure_queue_has_an_alarm_for_what_waits_in_it() {
    let depths: BTreeSet<String> = alarms()
        .into_values()
        .filter(|alarm| alarm["MetricName"].as_str() == Some("ApproximateNumberOfMessagesVisible"))
        .map(|alarm| named(&alarm["Dimensions"][0]["Value"], "GetAtt").replace(".QueueName", ""))
        .collect();
    let queues: BTreeSet<String> = of_type("AWS::SQS::Queue").into_keys().collect();
    assert_eq!(depths, queues);
    assert!(!asynchronous().is_empty() && !queues.is_empty());
}

#[test]
fn what_the_key_figures_document_says_to_be_alarmed_by_has_an_alarm() {
    let alarms = alarms();
    let outcome = |metric: &str, outcome: &str| {
        format!("SELECT SUM({metric}) FROM SCHEMA(\"Duekeeper\", Kind, Outcome) WHERE Outcome = '{outcome}'")
    };
    for (name, expression) in [
        ("CallbacksQuarantined", outcome("Callbacks", "quarantined")),
        ("CallbacksNotStored", outcome("Callbacks", "not_stored")),
        ("NoticesDead", outcome("Notices", "dead")),
        ("CheckMacValueFailing", "IF(wrong >= 3, wrong / all_callbacks, 0)".to_owned()),
    ] {
        assert_eq!(alarms[name]["Metrics"][0]["Expression"].as_str(), Some(expression.as_str()), "{name}");
    }
    assert_eq!(alarms["CheckMacValueFailing"]["Threshold"].as_f64(), Some(0.05));
    for (name, metric) in
        [("EcpayBlocking", "EcpayBlocked"), ("OrderNeedsAttention", "NeedsAttention"), ("RefundDue", "RefundsDue")]
    {
        assert_eq!(alarms[name]["MetricName"].as_str(), Some(metric), "{name}");
        assert_eq!((alarms[name]["Statistic"].as_str(), alarms[name]["Threshold"].as_u64()), (Some("Sum"), Some(0)));
    }
}
