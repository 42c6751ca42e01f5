//! Page of one subscription: why it is as it is, and what staff can do about it.

pub(crate) mod confirm;
pub(crate) mod facts;
pub(crate) mod forms;
pub(crate) mod operate;
pub(crate) mod stored;
pub(crate) mod timeline;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use lambda_http::http::StatusCode;
use serde_json::Value;

use crate::auth::scope::Scope;
use crate::billing::subscriptions::answer::SubscriptionAnswer;
use crate::console::billing::order::facts::OrderFacts;
use crate::console::billing::order::forms::{OperationForm, Typed};
use crate::console::billing::order::stored::{Stored, read};
use crate::console::billing::order::timeline::{Sources, TimelineEntry, entries};
use crate::console::page::address;
use crate::console::page::field::FieldKind;
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::http::response::Failure;

/// Entries of the timeline in one answer.
const TIMELINE_PAGE: usize = 40;
/// Parameter with the number of timeline entries before the first one that is shown.
const SKIP: &str = "skip";

/// Page of a subscription.
#[derive(Template)]
#[template(path = "console/order/page.html")]
struct OrderHtml {
    frame: Frame,
    w: &'static BillingWords,
    facts: OrderFacts,
    forms: Vec<OperationForm>,
    can_link: bool,
    timeline: Timeline,
    raw: String,
}

/// Part of a timeline.
#[derive(Template)]
#[template(path = "console/order/timeline.html")]
struct Timeline {
    w: &'static BillingWords,
    entries: Vec<TimelineEntry>,
    /// Address of the older entries.
    older: Option<String>,
}

/// Shows a subscription.
pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    if visit.is_fragment() {
        let stored = read(&visit, &id).await?;
        return visit.page(&timeline(&visit, &stored));
    }
    page(&visit, &id, StatusCode::OK, &Typed::default()).await
}

/// The page, with what was typed into a form that was refused.
async fn page(visit: &Visit, id: &str, status: StatusCode, typed: &Typed) -> Result<Response, Failure> {
    let stored = read(visit, id).await?;
    let may_operate = visit.may(Scope::Operate);
    let forms = if may_operate { forms::available(visit, &stored.file, typed)? } else { Vec::new() };
    let page = OrderHtml {
        frame: visit.frame(),
        w: BillingWords::of(visit.language()),
        facts: OrderFacts::of(visit, &stored),
        forms,
        can_link: may_operate && stored.file.order.value.erased.is_none(),
        timeline: timeline(visit, &stored),
        raw: raw(&stored.answer)?,
    };
    html::page(status, &page)
}

fn timeline(visit: &Visit, stored: &Stored) -> Timeline {
    let skip: usize = visit.parameter(SKIP).and_then(|text| text.parse().ok()).unwrap_or(0);
    let sources =
        Sources { file: &stored.file, reports: &stored.surroundings.quarantined, mails: &stored.answer.notices };
    let all = entries(visit, &sources);
    let end = skip.saturating_add(TIMELINE_PAGE);
    let older = (all.len() > end).then(|| {
        let page = address::below("/console/subscriptions", &stored.answer.id.to_string());
        address::with(&page, [(SKIP, Some(end.to_string()))])
    });
    let entries = all.into_iter().skip(skip).take(TIMELINE_PAGE).collect();
    Timeline { w: BillingWords::of(visit.language()), entries, older }
}

/// The answer of the API without its lists, which the page shows by themselves.
fn raw(answer: &SubscriptionAnswer) -> Result<String, Failure> {
    let mut json = serde_json::to_value(answer).map_err(|error| Failure::upstream(&error))?;
    if let Value::Object(fields) = &mut json {
        for list in ["payments", "notices", "history", "history_next", "explanation"] {
            fields.remove(list);
        }
    }
    serde_json::to_string_pretty(&json).map_err(|error| Failure::upstream(&error))
}
