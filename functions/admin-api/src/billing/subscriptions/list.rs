//! Lists of subscriptions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::StatusKind;
use shared::domain::billing::task::Task;
use shared::domain::values::time::Timestamp;
use shared::store::billing::find::subscriptions::SubscriptionFilter;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::subscriptions::names::SubscriptionStatus;
use crate::billing::subscriptions::summary::SubscriptionSummary;
use crate::http::cursor::{self, SubscriptionCursor};
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;

/// Default number of subscriptions in one response.
const PAGE: usize = 50;

/// Query of the list of subscriptions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubscriptionListQuery {
    /// State of the subscriptions; any where it is absent.
    #[param(inline)]
    pub(crate) status: Option<SubscriptionStatus>,
    /// Plan that the customer may use now, for example `FREE` after a downgrade.
    #[param(value_type = Option<String>, min_length = 1, max_length = 50, example = "PRO")]
    pub(crate) plan: Option<PlanId>,
    /// Next action of the schedule.
    #[param(inline)]
    pub(crate) next_action: Option<ListedAction>,
    /// Only subscriptions of which a task keeps failing, whatever else is wanted.
    #[serde(default)]
    #[param(default = false)]
    needs_attention: bool,
    /// Only subscriptions whose latest decision is not earlier. A decision of a run has the run's scheduled time, so a program
    /// that follows changes asks from three hours before its latest request.
    #[param(value_type = Option<String>, format = DateTime, example = "2025-03-15T00:00:00Z")]
    pub(crate) updated_since: Option<Timestamp>,
    /// Subscriptions in one response; 50 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: Option<usize>,
    /// `next` of the page before: only later ones of the list follow.
    #[param(value_type = Option<String>, max_length = 500)]
    pub(crate) after: Option<SubscriptionCursor>,
}

/// Task of a next action.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ListedAction {
    Resume,
    EndGrace,
    Reconcile,
    CheckPending,
    Retry,
    Cancel,
}

/// Subscriptions of one page.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionPageAnswer {
    pub(crate) subscriptions: Vec<SubscriptionSummary>,
    /// `after` of the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// Lists subscriptions.
///
/// The latest change comes first. With `next_action` and no status, and with `reconcile`, `cancel` or `resume` of active
/// subscriptions, the earliest due time comes first. A change of the last moments may be missing.
#[utoipa::path(
    get, path = "/api/subscriptions", tag = "subscriptions", operation_id = "list_subscriptions",
    params(SubscriptionListQuery),
    responses((status = 200, description = "One page of the list.", body = SubscriptionPageAnswer), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    _: Caller<Read>,
    given: Given<SubscriptionListQuery>,
) -> Result<Json<SubscriptionPageAnswer>, Failure> {
    let SubscriptionListQuery { status, plan, next_action, needs_attention, updated_since, limit, after } = given.query;
    let filter = SubscriptionFilter {
        status: status.map(StatusKind::from),
        plan,
        next_action: next_action.map(Task::from),
        needs_attention,
        updated_since,
    };
    let after = after.map(|SubscriptionCursor(position)| position);
    if after.as_ref().is_some_and(|after| !filter.accepts(after)) {
        return Err(Failure::invalid("after", "must be the `next` of the same list"));
    }
    let (page, next) = api.store.billing.subscriptions(&filter, after.as_ref(), limit.unwrap_or(PAGE)).await?;
    let policy = &api.config.policy;
    Ok(Json(SubscriptionPageAnswer {
        subscriptions: page.into_iter().map(|listed| SubscriptionSummary::of(listed, policy)).collect(),
        next: next.as_ref().map(cursor::encode_subscription),
    }))
}

impl From<ListedAction> for Task {
    fn from(action: ListedAction) -> Self {
        match action {
            ListedAction::Resume => Self::Resume,
            ListedAction::EndGrace => Self::EndGrace,
            ListedAction::Reconcile => Self::Reconcile,
            ListedAction::CheckPending => Self::CheckPending,
            ListedAction::Retry => Self::Retry,
            ListedAction::Cancel => Self::Cancel,
        }
    }
}
