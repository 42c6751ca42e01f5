//! Report of a run as pages show it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::auth::scope::Scope;
use crate::console::page::address;
use crate::console::page::visit::Visit;
use crate::console::runs::entries::{ShownEntry, ShownReminder};
use crate::console::runs::summary::{Counted, ShownCounts, counted};
use crate::console::words::runs::RunFigureWords;
use crate::runs::history::TaskCounts;

/// Rows of one page: actions, or reminders.
const ROWS: usize = 50;
/// Parameter with the number of rows on the pages before.
const SKIP: &str = "skip";
/// Longest text of the messages of a dry run, in characters.
const LONGEST_RAW: usize = 20_000;
/// Parts of a report that have a place of their own on the page, or say nothing to people.
const NOT_FIGURES: [&str; 12] = [
    "tasks",
    "did",
    "reminders",
    "details",
    "details_left_out",
    "messages",
    "run",
    "status",
    "scheduled_at",
    "dry_run",
    "stopped",
    "error",
];

/// Report of a run.
pub(super) struct ShownReport {
    pub(super) tasks: Vec<ShownTask>,
    pub(super) figures: Vec<Figure>,
    pub(super) entries: Vec<ShownEntry>,
    pub(super) reminders: Vec<ShownReminder>,
    /// Messages of a dry run, as JSON.
    pub(super) raw: Option<String>,
    /// Address of the further rows.
    pub(super) next: Option<String>,
}

/// Task of a report.
pub(super) struct ShownTask {
    pub(super) counts: ShownCounts,
    pub(super) unclear: Vec<Counted>,
    pub(super) failures: Vec<Failed>,
    /// Events for the business's app, by what became of them.
    pub(super) events: Option<String>,
}

/// Order for which a task failed.
pub(super) struct Failed {
    pub(super) order: String,
    pub(super) is_linked: bool,
    pub(super) reason: String,
}

/// Figure of a job.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
}

impl ShownReport {
    /// Shows a report of a run or of a dry run.
    pub(super) fn new(visit: &Visit, jobs: &[String], report: &Value) -> Self {
        let tasks = report.get("tasks").and_then(Value::as_object);
        let skip = visit.parameter(SKIP).and_then(|skip| skip.parse().ok()).unwrap_or(0);
        let rows = |name: &str| report.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let did = report.get("did").and_then(Value::as_object);
        let did = did.into_iter().flatten().flat_map(|(_, entries)| entries.as_array().into_iter().flatten());
        let mut reminders = rows("reminders");
        reminders.extend(rows("details"));
        let count = did.clone().count().max(reminders.len());
        let next = (count > skip + ROWS).then(|| address::with(&visit.path, [(SKIP, Some((skip + ROWS).to_string()))]));
        let raw = report.get("messages").map(|messages| {
            let text = serde_json::to_string_pretty(messages).unwrap_or_default();
            text.chars().take(LONGEST_RAW).collect()
        });
        Self {
            tasks: tasks.into_iter().flatten().map(|(name, task)| ShownTask::new(visit, name, task)).collect(),
            figures: figures(visit, report),
            entries: did.skip(skip).take(ROWS).map(|entry| ShownEntry::new(visit, entry)).collect(),
            reminders: reminders.iter().skip(skip).take(ROWS).map(|row| ShownReminder::new(visit, jobs, row)).collect(),
            raw,
            next,
        }
    }
}

impl ShownTask {
    fn new(visit: &Visit, name: &str, task: &Value) -> Self {
        let counts: TaskCounts = serde_json::from_value(task.clone()).unwrap_or_default();
        let unclear = task.get("unclear").cloned().and_then(|unclear| serde_json::from_value(unclear).ok());
        let failures = task.get("failures").cloned().and_then(|failures| serde_json::from_value(failures).ok());
        let failures: Vec<(String, String)> = failures.unwrap_or_default();
        let is_linked = visit.may(Scope::Read);
        Self {
            counts: ShownCounts::new(visit.language(), name, counts),
            unclear: counted(unclear.unwrap_or_default()),
            failures: failures.into_iter().map(|(order, reason)| Failed { order, is_linked, reason }).collect(),
            events: task.get("events").map(plain),
        }
    }
}

fn figures(visit: &Visit, report: &Value) -> Vec<Figure> {
    let words = RunFigureWords::of(visit.language());
    let all: BTreeMap<&String, &Value> = report.as_object().into_iter().flatten().collect();
    let figures = all.into_iter().filter(|(name, value)| !NOT_FIGURES.contains(&name.as_str()) && !is_empty(value));
    let figure = |(name, value): (&String, &Value)| Figure {
        name: words.get(name).unwrap_or(name).to_owned(),
        value: plain(value),
    };
    figures.map(figure).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A value as text without brackets.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            values.iter().map(|(name, value)| format!("{name}: {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
