//! Runs of reminders on demand: the list of messages before, and the result after.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::workshop::reminders::SkipReason;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::words::runs::{OutcomeWords, RunFigureWords};
use crate::console::words::workshop::{FieldNames, WorkshopWords};
use crate::console::words::workshop_schedule::ScheduleWords;
use crate::console::workshop::delivered_reminder::DeliveredReminder;
use crate::console::workshop::vehicle_row::skip_words;
use crate::http::given::{Given, Nothing};
use crate::http::response::Failure;
use crate::runs::history;

/// Most rows of each list.
const MOST_ROWS: usize = 100;
/// Figures of a run that its page shows, by their names in the API.
const COUNTS: [&str; 6] = ["total_customers", "reminder_sent", "already_sent", "skipped", "failed", "unclear"];
/// Reasons of the API, which the pages say in their language.
const REASONS: [SkipReason; 12] = [
    SkipReason::NotDue,
    SkipReason::Booked,
    SkipReason::Sold,
    SkipReason::Archived,
    SkipReason::NoCustomer,
    SkipReason::OptedOut,
    SkipReason::Hours,
    SkipReason::InProgress,
    SkipReason::DailyCap,
    SkipReason::Waiting,
    SkipReason::Stopped,
    SkipReason::Changed,
];

/// Page of a dry run.
#[derive(Template)]
#[template(path = "console/workshop/reminder_list.html")]
struct ListHtml {
    frame: Frame,
    w: &'static ScheduleWords,
    n: &'static FieldNames,
    v: &'static WorkshopWords,
    count: usize,
    rows: Vec<RowShown>,
    further: usize,
    others: Vec<RowShown>,
    further_others: usize,
    key: String,
}

/// Page of a run.
#[derive(Template)]
#[template(path = "console/workshop/reminder_run.html")]
struct RunHtml {
    frame: Frame,
    w: &'static ScheduleWords,
    n: &'static FieldNames,
    /// Address of this page, while the run is active.
    address: Option<String>,
    has_failed: bool,
    counts: Vec<CountShown>,
    reasons: Vec<CountShown>,
    rows: Vec<SentShown>,
}

/// Vehicle of a dry run.
struct RowShown {
    plate: String,
    owner: String,
    phone: String,
    visit: String,
    outcome: &'static str,
    reason: String,
}

/// Number of vehicles with one outcome or reason.
struct CountShown {
    label: String,
    count: u64,
}

/// Reminder of a run.
struct SentShown {
    plate: String,
    visit: String,
    state: &'static str,
    detail: String,
    delivery: String,
}

/// Row of a report.
#[derive(Deserialize)]
struct ReportRow {
    no_pol: String,
    customer_nama: Option<String>,
    customer_hp: Option<String>,
    next_visit_date: String,
    status: String,
    reason: Option<String>,
}

/// Page with the list of a dry run.
pub(crate) fn list(visit: &Visit, report: &Value) -> Result<Response, Failure> {
    let details = report.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows = details.iter().filter_map(|row| ReportRow::deserialize(row).ok());
    let (sent, others): (Vec<_>, Vec<_>) = rows.partition(|row| row.status == "would_send");
    let shown = |rows: Vec<ReportRow>| rows.into_iter().take(MOST_ROWS).map(|row| row.shown(visit)).collect();
    visit.page(&ListHtml {
        frame: visit.frame(),
        w: ScheduleWords::of(visit.language()),
        n: FieldNames::of(visit.language()),
        v: WorkshopWords::of(visit.language()),
        count: sent.len(),
        further: sent.len().saturating_sub(MOST_ROWS),
        rows: shown(sent),
        further_others: others.len().saturating_sub(MOST_ROWS),
        others: shown(others),
        key: Visit::new_key()?,
    })
}

/// Page with the result of a run, which shows its progress while it is active.
pub(crate) async fn result(visit: &Visit, id: String) -> Result<Response, Failure> {
    let given = Ok(Given { query: Nothing {}, body: Nothing {} });
    let shown = history::show(State(Arc::clone(&visit.api)), Path(id.clone()), visit.caller(), given).await?;
    let run = json!(shown.0);
    let figures = RunFigureWords::of(visit.language());
    let status = run.get("status").and_then(Value::as_str).unwrap_or_default();
    let is_active = ["requested", "running"].contains(&status);
    let counts = COUNTS.into_iter().filter_map(|name| {
        let count = run.get(name).and_then(Value::as_u64)?;
        Some(CountShown { label: figures.get(name).unwrap_or(name).to_owned(), count })
    });
    let reminders = run.get("reminders").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reminders = reminders.iter().filter_map(|reminder| DeliveredReminder::deserialize(reminder).ok());
    visit.page(&RunHtml {
        frame: visit.frame(),
        w: ScheduleWords::of(visit.language()),
        n: FieldNames::of(visit.language()),
        address: is_active.then(|| page_of(&id)),
        has_failed: ["failed", "cut_off"].contains(&status),
        counts: counts.collect(),
        reasons: skipped_by_reason(visit, &run),
        rows: reminders.take(MOST_ROWS).map(|reminder| SentShown::of(visit.language(), reminder)).collect(),
    })
}

/// Address of the page of a run.
pub(crate) fn page_of(id: &str) -> String {
    address::with("/console/schedule", [("run", Some(id.to_owned()))])
}

/// Numbers of vehicles that were left out, by the reason.
fn skipped_by_reason(visit: &Visit, run: &Value) -> Vec<CountShown> {
    let tasks = run.get("tasks").and_then(Value::as_object).into_iter().flat_map(|tasks| tasks.values());
    let reasons = tasks.filter_map(|task| task.get("skipped").and_then(Value::as_object)).flatten();
    let shown = reasons
        .filter_map(|(reason, count)| Some(CountShown { label: reason_words(visit, reason), count: count.as_u64()? }));
    shown.collect()
}

/// Reason of the API in the language of the page; another one, such as words of the provider, as it is.
fn reason_words(visit: &Visit, reason: &str) -> String {
    let known = REASONS.into_iter().find(|known| known.text() == reason);
    known.map_or_else(|| reason.to_owned(), |known| skip_words(visit, known).to_owned())
}

impl ReportRow {
    fn shown(self, visit: &Visit) -> RowShown {
        let words = OutcomeWords::of(visit.language());
        RowShown {
            plate: self.no_pol,
            owner: self.customer_nama.unwrap_or_default(),
            phone: self.customer_hp.unwrap_or_default(),
            visit: self.next_visit_date,
            outcome: words.get(&self.status).unwrap_or_default(),
            reason: self.reason.map(|reason| reason_words(visit, &reason)).unwrap_or_default(),
        }
    }
}

impl SentShown {
    fn of(language: Language, delivered: DeliveredReminder) -> Self {
        let (state, delivery) = (delivered.state(language), delivered.stage(language));
        let reminder = delivered.reminder;
        Self {
            plate: reminder.plate.to_string(),
            visit: reminder.visit.to_string(),
            state,
            detail: reminder.detail.unwrap_or_default(),
            delivery,
        }
    }
}
