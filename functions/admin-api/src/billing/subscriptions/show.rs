//! Shows a subscription with its payments, notices, explanation and history.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use shared::domain::billing::decision::{HistoryEntry, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::notices::feedback::Feedback;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::SubscriptionId;
use shared::store::billing::mail_feedback::OrderFeedback;
use shared::store::billing::notices::StoredNotice;
use shared::store::billing::purchases::Purchase;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::notices::FeedbackAnswer;
use crate::billing::subscriptions::answer::{
    FailingTask, SubscriptionAnswer, SubscriptionHistoryEntry, SubscriptionNotice, SubscriptionPayment,
    SubscriptionPurchase,
};
use crate::billing::subscriptions::explanation::explain;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// History entries of one response.
const HISTORY_PAGE: usize = 100;

/// Route of one subscription.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

/// Query of a subscription.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    /// `seq` of a history entry, usually the `history_next` of the page before: only later entries are listed.
    #[param(minimum = 0, default = 0, example = 100)]
    after: Option<u64>,
}

/// Shows a subscription.
///
/// The history is paged: a page has up to 100 entries, oldest first, and `history_next` is the `after` of the next one.
/// All else is the same on every page.
#[utoipa::path(
    get, path = "/api/subscriptions/{id}", tag = "subscriptions", operation_id = "show_subscription",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        ShowQuery,
    ),
    responses((status = 200, description = "The subscription.", body = SubscriptionAnswer), Refusals, Missing),
    security(("token" = ["read"])),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    _: Caller<Read>,
    given: Given<ShowQuery>,
) -> Result<Json<SubscriptionAnswer>, Failure> {
    subscription(&api, &id, given.query.after.unwrap_or(0)).await.map(Json)
}

/// Stored parts of a subscription as it is shown.
pub(crate) struct Parts {
    pub(crate) order: Subscription,
    /// Entries with their versions, oldest first.
    pub(crate) history: Vec<(u64, HistoryEntry)>,
    pub(crate) history_next: Option<u64>,
    /// Oldest first.
    pub(crate) payments: Vec<Payment>,
    /// Oldest first.
    pub(crate) mails: Vec<StoredNotice>,
    pub(crate) feedback: OrderFeedback,
    pub(crate) mail_block: Option<Feedback>,
    pub(crate) purchase: Purchase,
}

/// Reads a subscription with the history entries after the number `after`.
pub(crate) async fn subscription(api: &ApiState, id: &str, after: u64) -> Result<SubscriptionAnswer, Failure> {
    let order = find(api, id).await?.value;
    let billing = &api.store.billing;
    // `seq` is stable while the history grows, so a page never repeats or skips an entry.
    let (history, payments, mails, feedback, mail_block, purchase) = futures::try_join!(
        billing.history(&order.id, after, HISTORY_PAGE),
        billing.payments(&order.id),
        billing.notices(&order.id),
        billing.order_feedback(&order.id),
        billing.address_block(&order.email),
        billing.purchase(&order),
    )?;
    // A full page may be the last one; the next one is then empty.
    let full = history.len() == HISTORY_PAGE;
    let history_next = if full { history.last().map(|(seq, _)| *seq) } else { None };
    Ok(shown(api, Parts { order, history, history_next, payments, mails, feedback, mail_block, purchase }))
}

/// The subscription as it is shown.
pub(crate) fn shown(api: &ApiState, parts: Parts) -> SubscriptionAnswer {
    let Parts { order, history, history_next, payments, mails, feedback, mail_block, purchase } = parts;
    let next = NextAction::of(&order, &api.config.policy);
    let period = order.paid_period();
    SubscriptionAnswer {
        status: order.status.into(),
        billing_cycle: order.terms.cycle,
        amount_twd: order.amount(),
        price_twd: order.terms.price,
        current_period_start: period.map(|period| period.from),
        current_period_end: period.map(|period| period.to),
        grace_period_ends_at: order.status.grace_ends_at(),
        downgraded_at: order.downgrade.map(|downgrade| downgrade.at),
        downgrade_reason: order.downgrade.map(|downgrade| downgrade.reason.name()),
        purchase: SubscriptionPurchase {
            first: order.purchase.as_ref().unwrap_or(&order.id).clone(),
            paid_by: purchase.paid,
        },
        paused_until: order.paused.map(|pause| pause.until),
        cancel_requested_at: order.cancel_requested,
        last_query: order.last_query.map(Into::into),
        erased_at: order.erased,
        task_failure: order.task_failure.as_ref().map(FailingTask::from),
        retry: order.retry.map(Into::into),
        next_action: next.map(Into::into),
        explanation: explain(&order, next.as_ref(), mail_block.as_ref()),
        mail_block: mail_block.as_ref().map(FeedbackAnswer::from),
        payments: payments.iter().map(SubscriptionPayment::from).collect(),
        notices: mails.iter().map(|notice| SubscriptionNotice::of(notice, &feedback)).collect(),
        history: history.iter().map(|(seq, stored)| SubscriptionHistoryEntry::of(*seq, stored)).collect(),
        history_next,
        id: order.id,
        user_id: order.user,
        plan_id: order.plan,
        ordered_plan_id: order.terms.plan,
        adopted_at: order.adopted_at,
        replaces: order.replaces,
        superseded_by: order.superseded_by,
    }
}

/// Reads a subscription by the id in a path; 404 if it is malformed or unknown.
pub(crate) async fn find(api: &ApiState, id: &str) -> Result<Versioned<Subscription>, Failure> {
    let missing = || Failure::not_found("id", "There is no such subscription.");
    let id = SubscriptionId::parse(id).map_err(|_| missing())?;
    api.store.billing.subscription(&id).await?.ok_or_else(missing)
}
