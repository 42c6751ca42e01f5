//! Run history: failed runs first within a page, idle ones folded.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::runs::PATH;
use crate::console::runs::summary::{ShownRun, job_name};
use crate::console::words::common::CommonWords;
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
    filter: [Field; 2],
    fault: Vec<String>,
    failed: Vec<ShownRun>,
    others: Vec<ShownRun>,
    idle: Vec<ShownRun>,
    next: Option<String>,
    /// Jobs that the visitor may start.
    starts: Vec<Start>,
}

/// Form that starts a job.
struct Start {
    job: &'static str,
    name: String,
    fields: Vec<Field>,
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
    let kept = visit.kept(&FILTER).into_iter();
    let next = next.map(|next| address::with(PATH, kept.chain([("before", Some(next))])));
    let w = RunWords::of(language);
    let html = ListHtml {
        frame: visit.frame(),
        w,
        filter: filter(visit),
        fault: faults.sentences,
        failed,
        others,
        idle,
        next,
        starts: starts(visit, started),
    };
    html::page(faults.status, &html)
}

/// Fields by which the list is filtered.
fn filter(visit: &Visit) -> [Field; 2] {
    let language = visit.language();
    let (c, names) = (CommonWords::of(language), RunStatusWords::of(language));
    let jobs = history::job_names().map(|job| Choice::new(job, job_name(language, job)));
    let statuses = RunStatus::ALL.map(RunStatus::name).map(|name| Choice::new(name, names.get(name).unwrap_or(name)));
    [
        Field::choice("job", RunWords::of(language).job, Choice::none(c.all, jobs)),
        Field::choice("status", c.state, Choice::none(c.all, statuses)),
    ]
    .map(|field| field.asked(visit))
}

fn starts(visit: &Visit, started: Option<&str>) -> Vec<Start> {
    let language: Language = visit.language();
    let allowed = history::job_names().filter(|job| may_start(&visit.visitor.token, job).is_ok());
    let start = |job: &'static str| {
        let is_open = started == Some(job);
        let w = RunWords::of(language);
        let field = match job {
            "cancel" => Some(Field::new("early", w.early, FieldKind::Check)),
            "mms-expiry-scan" => Some(Field::day("day", w.missed_day)),
            _ => None,
        };
        let field = field.map(|field| if is_open { field.typed(visit) } else { field });
        Start { job, name: job_name(language, job), fields: field.into_iter().collect(), is_open }
    };
    allowed.map(start).collect()
}
