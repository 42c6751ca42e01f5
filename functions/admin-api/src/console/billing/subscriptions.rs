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
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
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
    statuses: Vec<Choice>,
    actions: Vec<Choice>,
    plan: String,
    plans: Vec<String>,
    needs_attention: bool,
    /// Address of the list as a file.
    csv: String,
    more: Option<String>,
}

/// Value of a filter.
struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

/// Shows the list, or gives it as a file.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    if visit.parameter(FORMAT).as_deref() == Some("csv") {
        return csv(&visit).await;
    }
    let given = visit.query::<SubscriptionListQuery>()?;
    let Json(page) = list(State(Arc::clone(&visit.api)), visit.caller_with()?, given).await?;
    let language = visit.language();
    let [status, action] = ["status", "next_action"].map(|name| visit.parameter(name).unwrap_or_default());
    let statuses = StatusKind::ALL.iter().map(|kind| kind.name()).map(|value| Choice {
        value,
        label: StatusNames::of(language).get(value).unwrap_or(value),
        is_chosen: status == value,
    });
    let actions = LISTED_ACTIONS.map(Task::as_str).map(|value| Choice {
        value,
        label: TaskNames::of(language).get(value).unwrap_or(value),
        is_chosen: action == value,
    });
    let with = |name, value: String| {
        let kept = address::kept(&visit, &["status", "plan", "next_action", "needs_attention"]);
        address::with("/console/subscriptions", kept.into_iter().chain([(name, Some(value))]))
    };
    visit.page(&SubscriptionsHtml {
        frame: visit.frame(),
        w: BillingWords::of(language),
        rows: OrderRow::all(&visit, &page.subscriptions),
        statuses: statuses.collect(),
        actions: actions.into(),
        plan: visit.parameter("plan").unwrap_or_default(),
        plans: visit.api.config.prices.names().map(str::to_owned).chain(["FREE".to_owned()]).collect(),
        needs_attention: visit.parameter("needs_attention").is_some(),
        more: page.next.map(|next| with("after", next)),
        csv: with(FORMAT, "csv".to_owned()),
    })
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
