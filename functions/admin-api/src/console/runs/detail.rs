//! One run: its state and its whole report.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value};

use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::runs::report::ShownReport;
use crate::console::runs::summary::ShownHead;
use crate::console::words::common::CommonWords;
use crate::console::words::runs::RunWords;
use crate::console::words::workshop::FieldNames;
use crate::http::given::{Given, Nothing};
use crate::http::response::Failure;
use crate::runs::history;
use crate::runs::history::RunDetail;

/// Parameter that asks for the state alone, which the page puts in the place of the one that it has.
const PART: &str = "part";

/// Page of a run.
#[derive(Template)]
#[template(path = "console/runs/show.html")]
struct RunHtml {
    frame: Frame,
    state: StateHtml,
}

/// State and report of a run, also alone while it is under way.
#[derive(Template)]
#[template(path = "console/runs/state.html")]
struct StateHtml {
    w: &'static RunWords,
    n: &'static FieldNames,
    c: &'static CommonWords,
    run: ShownHead,
    report: ShownReport,
}

impl askama::filters::HtmlSafe for StateHtml {}

/// Shows a run.
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let given = Ok(Given { query: Nothing {}, body: Nothing {} });
    let Json(run) = history::show(State(Arc::clone(&visit.api)), Path(id), visit.caller(), given).await?;
    let RunDetail { run, tasks, reminders, figures } = run;
    let mut whole = Map::from_iter(figures);
    whole.insert("tasks".to_owned(), tasks);
    whole.insert("reminders".to_owned(), reminders.unwrap_or_default());
    let report = ShownReport::new(&visit, &run.jobs, &Value::Object(whole));
    let frame = visit.frame();
    let (w, n) = (RunWords::of(visit.language()), FieldNames::of(visit.language()));
    let state = StateHtml { w, n, c: frame.words, run: ShownHead::new(&visit, run), report };
    if visit.parameter(PART).is_some() { visit.page(&state) } else { visit.page(&RunHtml { frame, state }) }
}
