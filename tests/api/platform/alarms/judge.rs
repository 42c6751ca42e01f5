//! The template's alarms on metrics of ours, judged by the lines that a function prints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::platform::metrics::NAMESPACE;
use yaml_serde::Value as Yaml;

use testing::support::lambda::lines_and_metrics;
use testing::support::project::TEMPLATE;

/// Name of the sandbox's stack, which is the environment of its functions.
const STACK: &str = "duekeeper";

/// Values of one metric within one period.
#[derive(Clone, Copy, Default)]
struct Figures {
    sum: f64,
    samples: f64,
}

/// Properties of the alarms that look at metrics of ours alone, by name.
pub(super) fn own_alarms() -> BTreeMap<String, Yaml> {
    let template: Yaml = yaml_serde::from_str(TEMPLATE).unwrap();
    let resources = template["Resources"].as_mapping().unwrap().iter();
    let alarms = resources.filter(|(_, it)| it["Type"].as_str() == Some("AWS::CloudWatch::Alarm"));
    let all = alarms.map(|(name, alarm)| (name.as_str().unwrap().to_owned(), alarm["Properties"].clone()));
    all.filter(|(_, alarm)| metrics(alarm).values().all(|metric| metric["Namespace"].as_str() == Some(NAMESPACE)))
        .collect()
}

/// Each metric of an alarm, by the id that its expression has for it; one without an expression has the id "".
fn metrics(alarm: &Yaml) -> BTreeMap<String, Yaml> {
    let Some(parts) = alarm.get("Metrics").and_then(Yaml::as_sequence) else {
        return BTreeMap::from([(String::new(), alarm.clone())]);
    };
    let stats = parts
        .iter()
        .filter_map(|part| Some((part["Id"].as_str()?.to_owned(), part.get("MetricStat")?["Metric"].clone())));
    stats.collect()
}

/// Dimensions of a metric as an alarm names them.
fn dimensions(metric: &Yaml) -> BTreeMap<String, String> {
    let value = |value: &Yaml| {
        // The text of a tagged value is what the tag refers to.
        let text = value.as_str().unwrap_or_else(|| panic!("a value of another kind: {value:?}"));
        let is_stack = matches!(value, Yaml::Tagged(tagged) if tagged.tag == "Ref") && text == "AWS::StackName";
        if is_stack { STACK.to_owned() } else { text.to_owned() }
    };
    let pairs = metric["Dimensions"].as_sequence().unwrap().iter();
    pairs.map(|pair| (pair["Name"].as_str().unwrap().to_owned(), value(&pair["Value"]))).collect()
}

/// What CloudWatch makes of the lines for a metric: only values under exactly these dimensions count.
fn figures(lines: &[Value], metric: &Yaml) -> Figures {
    let (name, wanted) = (metric["MetricName"].as_str().unwrap(), dimensions(metric));
    let mut found = Figures::default();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let names = directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
            let keys = directive["Dimensions"][0].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
            let is: BTreeMap<String, String> =
                keys.map(|key| (key.to_owned(), line[key].as_str().unwrap().to_owned())).collect();
            if directive["Namespace"] == NAMESPACE && is == wanted && names.clone().any(|known| known == name) {
                found.sum += line[name].as_f64().unwrap();
                found.samples += 1.0;
            }
        }
    }
    found
}

/// True if an alarm goes off when these lines, and no other, are printed within each of its periods.
fn goes_off(alarm: &Yaml, lines: &[Value]) -> bool {
    let stat = |id: &str, metric: &Yaml| {
        let found = figures(lines, metric);
        let stated = alarm.get("Metrics").and_then(Yaml::as_sequence).and_then(|parts| {
            parts.iter().find(|part| part["Id"].as_str() == Some(id))?["MetricStat"]["Stat"].as_str()
        });
        match stated.or_else(|| alarm["Statistic"].as_str()).unwrap() {
            "Sum" => (found.samples > 0.0).then_some(found.sum),
            "SampleCount" => (found.samples > 0.0).then_some(found.samples),
            other => panic!("say how to reckon {other}"),
        }
    };
    let values: BTreeMap<String, Option<f64>> =
        metrics(alarm).iter().map(|(id, metric)| (id.clone(), stat(id, metric))).collect();
    let value = match alarm.get("Metrics").map(|parts| parts[0]["Expression"].as_str().unwrap()) {
        None => values[""],
        Some("IF(wrong >= 3, wrong / all_callbacks, 0)") => values["wrong"]
            .zip(values["all_callbacks"])
            .map(|(wrong, all)| if wrong >= 3.0 { wrong / all } else { 0.0 }),
        Some(other) => panic!("say how to reckon {other}"),
    };
    let Some(value) = value else { return alarm["TreatMissingData"].as_str() == Some("breaching") };
    let threshold = alarm["Threshold"].as_f64().unwrap();
    match alarm["ComparisonOperator"].as_str().unwrap() {
        "GreaterThanThreshold" => value > threshold,
        "GreaterThanOrEqualToThreshold" => value >= threshold,
        "LessThanThreshold" => value < threshold,
        other => panic!("say how to compare by {other}"),
    }
}

/// The alarms of ours that these lines of a log let go off, but for those that only tell that nothing is printed.
pub(super) fn fired(log: &str) -> Vec<String> {
    let all = judged(log);
    all.into_iter()
        .filter(|(_, (goes_off, is_about_silence))| *goes_off && !is_about_silence)
        .map(|(name, _)| name)
        .collect()
}

/// The alarms that tell that nothing is printed, and go off although these lines of a log are.
pub(super) fn silent(log: &str) -> BTreeSet<String> {
    let all = judged(log);
    all.into_iter()
        .filter(|(_, (goes_off, is_about_silence))| *goes_off && *is_about_silence)
        .map(|(name, _)| name)
        .collect()
}

fn judged(log: &str) -> BTreeMap<String, (bool, bool)> {
    let (_, lines) = lines_and_metrics(log);
    let judge = |alarm: &Yaml| (goes_off(alarm, &lines), alarm["TreatMissingData"].as_str() == Some("breaching"));
    own_alarms().into_iter().map(|(name, alarm)| (name, judge(&alarm))).collect()
}
