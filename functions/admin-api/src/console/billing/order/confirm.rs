//! Effect of an operation, before it is done.

use askama::Template;
use axum::response::Response;

use crate::billing::subscriptions::preview::OperationPreview;
use crate::console::billing::order::forms::{Name, label};
use crate::console::billing::rows::{NextStep, ShownStatus};
use crate::console::page::frame::Frame;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::operations::{OperationNames, OperationWords};
use crate::console::words::rules;
use crate::http::response::Failure;

/// Effect of an operation, with a button to do it.
#[derive(Template)]
#[template(path = "console/order/confirm.html")]
struct ConfirmHtml {
    frame: Frame,
    w: &'static BillingWords,
    o: &'static OperationWords,
    id: String,
    operation: &'static str,
    label: &'static str,
    status: ShownStatus,
    plan: String,
    grace_ends: Option<Moment>,
    next_action: Option<NextStep>,
    entries: Vec<&'static str>,
    /// What was entered, by the labels of the fields.
    entered: Vec<(String, String)>,
    /// Fields of the form, which are sent once more.
    fields: Vec<(String, String)>,
    /// Key under which the operation is done once.
    key: String,
}

/// Shows the effect of an operation.
pub(super) fn page(visit: &Visit, id: &str, name: Name, preview: &OperationPreview) -> Result<Response, Failure> {
    let (language, effect) = (visit.language(), &preview.would);
    let fields = visit.fields();
    visit.page(&ConfirmHtml {
        frame: visit.frame(),
        w: BillingWords::of(language),
        o: OperationWords::of(language),
        id: id.to_owned(),
        operation: name.as_str(),
        label: OperationNames::of(language).get(name.as_str()).unwrap_or(name.as_str()),
        status: ShownStatus::of(language, effect.status.name(), effect.plan_id.is_free()),
        plan: effect.plan_id.to_string(),
        grace_ends: effect.grace_period_ends_at.map(|at| visit.taipei(at)),
        next_action: effect.next_action.as_ref().map(|next| NextStep::of(visit, next.kind, next.at)),
        entries: effect.history.iter().map(|entry| rules::sentence(language, entry.rule)).collect(),
        entered: fields.iter().map(|(field, value)| (label(visit, name, field), value.clone())).collect(),
        fields,
        key: visit.key().unwrap_or_default(),
    })
}
