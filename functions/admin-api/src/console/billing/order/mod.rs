//! Page of one subscription: why it is as it is, and what staff can do about it.

pub(crate) mod confirm;
pub(crate) mod facts;
pub(crate) mod forms;
pub(crate) mod operate;
pub(crate) mod timeline;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use lambda_http::http::StatusCode;
use serde_json::Value;
use shared::domain::values::ids::SubscriptionId;
use shared::store::billing::reads::{OrderFile, OrderSurroundings};

use crate::auth::scope::Scope;
use crate::billing::subscriptions::answer::SubscriptionAnswer;
use crate::billing::subscriptions::show::{Parts, shown};
use crate::console::billing::order::facts::OrderFacts;
use crate::console::billing::order::forms::{OperationForm, Typed};
use crate::console::billing::order::timeline::{Sources, TimelineEntry, entries};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::http::response::Failure;

/// Entries of the timeline in one answer.
const TIMELINE_PAGE: usize = 40;
/// Parameter with the number of timeline entries before the first one that is shown.
const SKIP: &str = "skip";
/// Payments that are shown; the timeline has all.
const SHOWN_PAYMENTS: usize = 12;

/// Page of a subscription.
#[derive(Template)]
#[template(path = "console/order/page.html")]
struct OrderHtml {
    frame: Frame,
    w: &'static BillingWords,
    key: String,
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

/// What is stored about an order.
pub(super) struct Stored {
    pub(super) file: OrderFile,
    pub(super) surroundings: OrderSurroundings,
    pub(super) answer: SubscriptionAnswer,
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
    visit.may_or_refuse(Scope::Read)?;
    let stored = read(visit, id).await?;
    let may_operate = visit.may(Scope::Operate);
    let forms = if may_operate { forms::available(visit, &stored.file, typed) } else { Vec::new() };
    let mut frame = visit.frame();
    frame.retitle(&format!("/console/subscriptions/{id}"));
    let page = OrderHtml {
        frame,
        w: BillingWords::of(visit.language()),
        key: Visit::new_key()?,
        facts: OrderFacts::of(visit, &stored),
        forms,
        can_link: may_operate && stored.file.order.value.erased.is_none(),
        timeline: timeline(visit, &stored),
        raw: raw(&stored.answer)?,
    };
    html::page(status, &page)
}

/// Reads the order and all that is stored about it: the partition at once, then what is stored elsewhere.
async fn read(visit: &Visit, id: &str) -> Result<Stored, Failure> {
    let api = &visit.api;
    let unknown = || Failure::not_found("id", "There is no such subscription.");
    let id = SubscriptionId::parse(id).map_err(|_| unknown())?;
    let billing = &api.store.billing;
    let (file, feedback) = futures::try_join!(billing.order_file(&id), billing.order_feedback(&id))?;
    let file = file.ok_or_else(unknown)?;
    let surroundings = billing.order_surroundings(&file).await?;
    let answer = shown(
        api,
        Parts {
            order: file.order.value.clone(),
            history: Vec::new(),
            history_next: None,
            payments: file.payments.iter().rev().cloned().collect(),
            mails: file.notices.iter().rev().cloned().collect(),
            feedback,
            mail_block: surroundings.mail_block.clone(),
            purchase: surroundings.purchase.clone(),
        },
    );
    Ok(Stored { file, surroundings, answer })
}

fn timeline(visit: &Visit, stored: &Stored) -> Timeline {
    let skip: usize = visit.parameter(SKIP).and_then(|text| text.parse().ok()).unwrap_or(0);
    let sources =
        Sources { file: &stored.file, reports: &stored.surroundings.quarantined, mails: &stored.answer.notices };
    let all = entries(visit, &sources);
    let end = skip.saturating_add(TIMELINE_PAGE);
    let older = (all.len() > end).then(|| format!("/console/subscriptions/{}?{SKIP}={end}", stored.answer.id));
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
