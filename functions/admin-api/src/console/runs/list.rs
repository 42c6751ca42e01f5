//! Run history: failed runs first within a page, idle ones folded.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::runs::PATH;
use crate::console::runs::summary::{ShownRun, job_name};
use crate::console::words::runs::{RunStatusWords, RunWords};
use crate::http::given::{Given, Nothing};
use crate::http::response::Failure;
use crate::runs::history;
use crate::runs::history::{RunList, RunListQuery, RunStatus};
use crate::runs::requests::may_start;

/// Parameters that filter the list.
const FILTER: [&str; 2] = ["job", "status"];

/// Page of the run history.
#[derive(Template)]
#[template(path = "console/runs/list.html")]
struct ListHtml {
    frame: Frame,
    w: &'static RunWords,
    jobs: Vec<Choice>,
    statuses: Vec<Choice>,
    fault: Vec<String>,
    failed: Vec<ShownRun>,
    others: Vec<ShownRun>,
    idle: Vec<ShownRun>,
    next: Option<String>,
    /// Jobs that the visitor may start.
    starts: Vec<Start>,
}

/// Value of a filter.
struct Choice {
    value: &'static str,
    name: String,
    is_chosen: bool,
}

/// Form that starts a job.
struct Start {
    job: &'static str,
    name: String,
    has_early: bool,
    has_day: bool,
    /// Day that was typed before.
    day: String,
    is_open: bool,
}

/// Shows the run history.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    page(&visit, Faults::none(), None).await
}

/// The run history with sentences about the refused form of a job, in which what was typed is kept.
pub(super) async fn page(visit: &Visit, mut faults: Faults, started: Option<&str>) -> Result<Response, Failure> {
    let language = visit.language();
    let query = faults.or_default(language, visit.query().map(|given: Given<RunListQuery>| given.query))?;
    let given = Given { query, body: Nothing {} };
    let list = history::list(State(Arc::clone(&visit.api)), visit.caller_with()?, given).await;
    let RunList { runs, next } = faults.or_default(language, list.map(|Json(list)| list))?;
    let shown = runs.into_iter().map(|run| ShownRun::new(visit, run));
    let (failed, others): (Vec<_>, Vec<_>) = shown.partition(|run| run.head.has_failed);
    let (idle, others) = others.into_iter().partition(|run| run.is_idle);
    let kept = address::kept(visit, &FILTER).into_iter();
    let next = next.map(|next| address::with(PATH, kept.chain([("before", Some(next))])));
    let w = RunWords::of(language);
    let html = ListHtml {
        frame: visit.frame(),
        w,
        jobs: jobs(visit),
        statuses: statuses(visit),
        fault: faults.sentences,
        failed,
        others,
        idle,
        next,
        starts: starts(visit, started),
    };
    html::page(faults.status, &html)
}

fn jobs(visit: &Visit) -> Vec<Choice> {
    let chosen = visit.parameter("job");
    let choice =
        |job| Choice { value: job, name: job_name(visit.language(), job), is_chosen: chosen.as_deref() == Some(job) };
    history::job_names().map(choice).collect()
}

fn statuses(visit: &Visit) -> Vec<Choice> {
    let (chosen, words) = (visit.parameter("status"), RunStatusWords::of(visit.language()));
    let choice = |status: RunStatus| {
        let value = status.name();
        Choice {
            value,
            name: words.get(value).unwrap_or(value).to_owned(),
            is_chosen: chosen.as_deref() == Some(value),
        }
    };
    RunStatus::ALL.into_iter().map(choice).collect()
}

fn starts(visit: &Visit, started: Option<&str>) -> Vec<Start> {
    let language: Language = visit.language();
    let allowed = history::job_names().filter(|job| may_start(&visit.visitor.token, job).is_ok());
    let start = |job: &'static str| {
        let is_open = started == Some(job);
        let day = if is_open { visit.field("day") } else { None };
        Start {
            job,
            name: job_name(language, job),
            has_early: job == "cancel",
            has_day: job == "mms-expiry-scan",
            day: day.unwrap_or_default(),
            is_open,
        }
    };
    allowed.map(start).collect()
}
