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
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(named(&alarm[actions][0], "Ref"), "AlarmTopic", "{name}");
        }
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
        // Until the first run is over, missing data says nothing. AWS takes two days at most.
        let warm_up = alarm["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"].as_i64().unwrap();
        assert!((gap / 60).min(2_880) <= warm_up && warm_up <= 2_880, "{name}: {warm_up} minutes for a gap of {gap}");
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
fn work_that_waits_for_several_runs_of_its_task_counts_as_behind() {
    let rhythms = rhythms();
    for task in Task::ALL {
        let gap = rhythms[task.as_str()].num_seconds();
        match (task, task.longest_wait_seconds()) {
            // A replaced order's cancellation is due since the order was made. One that keeps failing needs attention.
            (Task::Cancel, longest) => assert_eq!(longest, None),
            // An order that is not charged is queried for seven days, and has been due all that time.
            (Task::Reconcile, longest) => assert_eq!(longest, Some(8 * 86_400)),
            (_, longest) => {
                let longest = i64::try_from(longest.unwrap()).unwrap();
                assert!((2 * gap..=6 * gap).contains(&longest), "{task:?}: {longest} seconds for a gap of {gap}");
            }
        }
    }
    // Each run says it again, so that the alarm stays between two runs, but for a task of once a day.
    let alarm = &alarms()["TasksBehind"];
    let longest = rhythms.iter().filter(|(task, _)| *task != "clean-up").map(|(_, gap)| gap.num_seconds()).max();
    assert!(alarm["Period"].as_i64() >= longest);
    for schedule in Template::parse(TEMPLATE).unwrap().schedules {
        let tasks = tasks(&schedule);
        let tells = Task::ALL.iter().filter(|task| task.tells_that_a_schedule_runs());
        let telling = tells.filter(|task| tasks.iter().any(|name| name == task.as_str())).count();
        assert!(tasks.is_empty() || telling > 0, "{} is not seen to run", schedule.name);
    }
}

#[test]
fn every_function_that_answers_requests_has_alarms_for_errors_and_for_throttling() {
    let alarms = alarms();
    let later = asynchronous();
    let at_once: Vec<String> =
        of_type("AWS::Serverless::Function").into_keys().filter(|function| !later.contains_key(function)).collect();
    assert_eq!(at_once, ["AdminApi", "EcpayWebhook"]);
    for (function, metric) in at_once.iter().flat_map(|function| [(function, "Errors"), (function, "Throttles")]) {
        let name = format!("{function}{metric}");
        let alarm = alarms.get(&name).unwrap_or_else(|| panic!("no alarm {name}"));
        assert!(watches(alarm, metric, function), "{name}");
    }
    // What fails in the others repeatedly is in the failure queue, unless it was dropped before.
    let parts = alarms["EventsDropped"]["Metrics"].as_sequence().unwrap()[1..].iter();
    let of = |part: &Value| named(&part["MetricStat"]["Metric"]["Dimensions"][0]["Value"], "Ref").to_owned();
    assert_eq!(parts.map(of).collect::<BTreeSet<_>>(), later.into_keys().collect());
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

/// Metrics that AWS publishes, as its documents have them: namespace, name, dimensions, and the statistic that their unit asks for.
///
/// - Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>, `IteratorAge` in milliseconds
/// - SQS: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
/// - DynamoDB: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>
/// - HTTP APIs: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
/// - EventBridge Scheduler: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html>
/// - SES: <https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html>, a share from 0 to 1
const OF_AWS: [(&str, &str, &[&str], &str); 16] = [
    ("AWS/ApiGateway", "4xx", &["ApiId"], "Sum"),
    ("AWS/ApiGateway", "5xx", &["ApiId"], "Sum"),
    ("AWS/DynamoDB", "ReadThrottleEvents", &["TableName"], "Sum"),
    ("AWS/DynamoDB", "ReadThrottleEvents", &["TableName", "GlobalSecondaryIndexName"], "Sum"),
    ("AWS/DynamoDB", "WriteThrottleEvents", &["TableName"], "Sum"),
    ("AWS/DynamoDB", "WriteThrottleEvents", &["TableName", "GlobalSecondaryIndexName"], "Sum"),
    ("AWS/Lambda", "AsyncEventsDropped", &["FunctionName"], "Sum"),
    ("AWS/Lambda", "Errors", &["FunctionName"], "Sum"),
    ("AWS/Lambda", "Invocations", &["FunctionName"], "Sum"),
    ("AWS/Lambda", "IteratorAge", &["FunctionName"], "Maximum"),
    ("AWS/Lambda", "Throttles", &["FunctionName"], "Sum"),
    ("AWS/SES", "Reputation.BounceRate", &[], "Average"),
    ("AWS/SES", "Reputation.ComplaintRate", &[], "Average"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["QueueName"], "Maximum"),
    ("AWS/Scheduler", "InvocationsFailedToBeSentToDeadLetterCount", &["ScheduleGroup"], "Sum"),
    ("AWS/Scheduler", "TargetErrorCount", &["ScheduleGroup"], "Sum"),
];

#[test]
fn every_metric_of_aws_in_an_alarm_is_one_that_aws_documents() {
    let mut used = BTreeSet::new();
    for (name, alarm) in alarms() {
        let parts = alarm.get("Metrics").and_then(Value::as_sequence).cloned().unwrap_or_default();
        let stats = parts.iter().filter_map(|part| part.get("MetricStat"));
        let mut metrics: Vec<(Value, Value)> =
            stats.map(|stat| (stat["Metric"].clone(), stat["Stat"].clone())).collect();
        if parts.is_empty() {
            metrics.push((alarm.clone(), alarm["Statistic"].clone()));
        }
        for (metric, statistic) in metrics {
            let namespace = metric["Namespace"].as_str().unwrap();
            if !namespace.starts_with("AWS/") {
                continue;
            }
            let dimensions = metric.get("Dimensions").and_then(Value::as_sequence).into_iter().flatten();
            let dimensions: Vec<&str> = dimensions.map(|one| one["Name"].as_str().unwrap()).collect();
            let is =
                (namespace, metric["MetricName"].as_str().unwrap(), dimensions.as_slice(), statistic.as_str().unwrap());
            let known = OF_AWS.iter().find(|known| **known == is);
            used.insert(*known.unwrap_or_else(|| panic!("{name}: {is:?}")));
        }
    }
    let unused: Vec<_> = OF_AWS.iter().filter(|known| !used.contains(*known)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn limits_are_those_at_which_somebody_has_to_look() {
    let alarms = alarms();
    for (name, threshold) in [
        ("CheckMacValueFailing", 0.05),
        ("MailBounceRateHigh", 0.04),
        ("MailComplaintRateHigh", 0.0008),
        ("StreamBehind", 120_000.0),
        ("ApiRequestsRefused", 300.0),
        ("RunsStoppedAtLimit", 3.0),
        ("ReminderDeliveriesFailed", 5.0),
    ] {
        assert_eq!(alarms[name]["Threshold"].as_f64(), Some(threshold), "{name}");
    }
}
