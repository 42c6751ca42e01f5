//! List of subscriptions: who is in trouble?

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use shared::domain::billing::subscription::StatusKind;
use shared::domain::billing::task::Task;

use crate::auth::scope::Scope;
use crate::billing::payments::spreadsheet;
use crate::billing::subscriptions::list::{SubscriptionListQuery, list};
use crate::console::billing::rows::{CSV_COLUMNS, OrderRow, cells};
use crate::console::page::address;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::common::CommonWords;
use crate::console::words::names::{StatusNames, TaskNames};
use crate::http::cursor::SubscriptionCursor;
use crate::http::response::Failure;

/// Pages of the list in one CSV file, of 100 subscriptions each.
const CSV_PAGES: usize = 50;
/// Subscriptions that a page of a CSV file reads.
const CSV_PAGE: usize = 100;
/// Parameter that names the form of the answer.
const FORMAT: &str = "format";

/// List of subscriptions.
#[derive(Template)]
#[template(path = "console/billing/subscriptions.html")]
struct SubscriptionsHtml {
    frame: Frame,
    w: &'static BillingWords,
    rows: Vec<OrderRow>,
    filter: [Field; 4],
    /// Address of the list as a file.
    csv: String,
    more: Option<String>,
}

/// Shows the list, or gives it as a file.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    if visit.parameter(FORMAT).as_deref() == Some("csv") {
        return csv(&visit).await;
    }
    let given = visit.query::<SubscriptionListQuery>()?;
    let Json(page) = list(State(Arc::clone(&visit.api)), visit.caller_with()?, given).await?;
    let with = |name, value: String| {
        let kept = visit.kept(&["status", "plan", "next_action", "needs_attention"]);
        address::with("/console/subscriptions", kept.into_iter().chain([(name, Some(value))]))
    };
    visit.page(&SubscriptionsHtml {
        frame: visit.frame(),
        w: BillingWords::of(visit.language()),
        rows: OrderRow::all(&visit, &page.subscriptions),
        filter: filter(&visit),
        more: page.next.map(|next| with("after", next)),
        csv: with(FORMAT, "csv".to_owned()),
    })
}

/// Fields by which the list is filtered.
fn filter(visit: &Visit) -> [Field; 4] {
    let language = visit.language();
    let (c, w) = (CommonWords::of(language), BillingWords::of(language));
    let (names, tasks) = (StatusNames::of(language), TaskNames::of(language));
    let statuses = StatusKind::ALL.iter().map(|kind| kind.name());
    let statuses = statuses.map(|status| Choice::new(status, names.get(status).unwrap_or(status)));
    let plans = visit.api.config.prices.names().chain(["FREE"]).map(|plan| Choice::new(plan, plan));
    let tasks =
        LISTED_ACTIONS.map(|task| Choice::new(task.as_str(), tasks.get(task.as_str()).unwrap_or(task.as_str())));
    [
        Field::choice("status", c.state, Choice::none(c.all, statuses)),
        Field::choice("plan", c.plan, Choice::none(c.all, plans)),
        Field::choice("next_action", w.next_action, Choice::none(c.all, tasks)),
        Field::new("needs_attention", w.needs_attention, FieldKind::Check),
    ]
    .map(|field| field.asked(visit))
}

/// Tasks by which subscriptions are listed.
const LISTED_ACTIONS: [Task; 6] =
    [Task::Resume, Task::EndGrace, Task::Reconcile, Task::CheckPending, Task::Retry, Task::Cancel];

/// The whole list that the filter leaves; refused where it has more than 5,000 subscriptions.
async fn csv(visit: &Visit) -> Result<Response, Failure> {
    visit.may_or_refuse(Scope::Read)?;
    let mut rows = Vec::new();
    let mut after: Option<SubscriptionCursor> = None;
    for _ in 0..CSV_PAGES {
        let mut given = visit.query::<SubscriptionListQuery>()?;
        (given.query.limit, given.query.after) = (Some(CSV_PAGE), after.take());
        let Json(page) = list(State(Arc::clone(&visit.api)), visit.caller_with()?, given).await?;
        rows.extend(page.subscriptions.iter().map(cells));
        let Some(next) = page.next else { return file(rows) };
        after = SubscriptionCursor::try_from(next).ok();
    }
    // A file without the rest would look whole.
    Err(Failure::conflict("too_many_subscriptions", "The list has more than 5,000 subscriptions. Filter it."))
}

fn file(rows: Vec<Vec<String>>) -> Result<Response, Failure> {
    let text = spreadsheet(&CSV_COLUMNS, rows)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"subscriptions.csv\""),
    ];
    Ok((headers, text).into_response())
}
