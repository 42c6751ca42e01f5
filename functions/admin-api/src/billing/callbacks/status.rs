//! Subscription of a user with its callbacks and payments, in the shape of the ECPay document.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use shared::domain::billing::live_orders::LiveOrder;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{PaymentId, SubscriptionId, UserId};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::store::billing::webhook_log::WebhookLog;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::callbacks::refusals::DetailRefusals;
use crate::http::given::Given;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Days of callbacks in an answer.
const WEBHOOK_DAYS: i64 = 30;
/// Payments in an answer, the latest ones.
const PAYMENTS: usize = 5;

/// Route of the status.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(subscription_status))
}

/// Status of a user: with a subscription or without one, as `subscription_found` says.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StatusAnswer {
    Found(Box<StatusFound>),
    Missing(StatusMissing),
}

/// A user without any order.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusMissing {
    #[schema(example = "user-1042")]
    user_id: String,
    /// Always false.
    #[schema(example = false)]
    subscription_found: bool,
    #[schema(example = "No subscription found for user")]
    message: &'static str,
}

/// A user with the live order of the best plan, or else with the last order.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusFound {
    #[schema(example = "user-1042")]
    user_id: String,
    /// Always true.
    #[schema(example = true)]
    subscription_found: bool,
    subscription: StatusSubscription,
    /// All live orders of the user; usually one.
    live_orders: Vec<StatusLiveOrder>,
    /// Ten latest callbacks of the last 30 days, newest first.
    recent_webhooks: Vec<StatusWebhook>,
    /// Five latest payments, newest first.
    recent_payments: Vec<StatusPayment>,
    summary: StatusSummary,
}

/// State of an order.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusSubscription {
    #[schema(value_type = String, example = "DK20250131SAMPLE0001")]
    id: SubscriptionId,
    /// Plan that the customer may use now.
    #[schema(value_type = String, example = "PRO")]
    plan_id: PlanId,
    /// `pending`, `active`, `past_due`, `cancelled`, `completed` or `failed`.
    #[schema(example = "past_due")]
    status: &'static str,
    /// Day in Asia/Taipei on which the paid period ends; null before the first successful charge.
    #[schema(value_type = Option<String>, format = Date, example = "2025-03-31")]
    current_period_end: Option<LocalDate>,
    /// End of the grace period; null unless the order is past due.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-04-07T02:00:04Z")]
    grace_period_ends_at: Option<Timestamp>,
    /// Reason for which the customer is on FREE: `payment_failure`, `not_charged` or `refunded`; null while the plan is
    /// the ordered one.
    downgrade_reason: Option<&'static str>,
}

/// A live order of the user.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusLiveOrder {
    #[schema(value_type = String, example = "DK20250131SAMPLE0001")]
    id: SubscriptionId,
    #[schema(value_type = String, example = "PRO")]
    plan_id: PlanId,
}

/// A callback about the order.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusWebhook {
    #[schema(example = "2025-03-31T02:00:00Z#S:2")]
    id: String,
    /// `auth_callback` or `billing_callback`.
    #[serde(rename = "type")]
    #[schema(example = "billing_callback")]
    kind: &'static str,
    /// `success` of an applied report, a declined card included; `failed` of a quarantined one.
    #[schema(example = "success")]
    status: &'static str,
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    received_at: Timestamp,
    /// Milliseconds from the receipt to the transaction that stores the report.
    #[schema(example = 38.5)]
    processing_time_ms: f64,
    /// Always true: others are not stored.
    #[schema(example = true)]
    check_mac_verified: bool,
}

/// A payment of the order.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusPayment {
    #[schema(value_type = String, example = "DK20250131SAMPLE0001.G13401072")]
    id: PaymentId,
    /// `success`, `failed` or `pending`.
    #[schema(example = "success")]
    status: &'static str,
    /// Whole TWD; null where ECPay gave no amount that can be read.
    #[schema(value_type = Option<u32>, example = 899)]
    amount_twd: Option<Twd>,
    /// Failures of the charge before this payment.
    #[schema(example = 0)]
    retry_count: usize,
    /// Time of the next retry, at the latest failure alone; null otherwise.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-04-01T02:00:04Z")]
    next_retry_at: Option<Timestamp>,
    /// Logical time of the record.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:05Z")]
    created_at: Timestamp,
}

/// Numbers of what the answer shows.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusSummary {
    #[schema(example = 2)]
    total_webhooks_30d: usize,
    #[schema(example = 2)]
    total_payments: usize,
    #[schema(example = 1)]
    failed_payments: usize,
    #[schema(example = 1)]
    pending_retries: usize,
}

/// Retries of the charge that is owed now.
struct OwedCharge {
    /// Times of its failures, oldest first.
    failures: Vec<Timestamp>,
    retry_at: Option<Timestamp>,
}

/// Shows the subscription of a user with its latest callbacks and payments.
///
/// A user without an order is answered with 200 and `"subscription_found": false`.
#[utoipa::path(
    get, path = "/api/webhooks/subscription-status/{user_id}", tag = "callbacks", operation_id = "show_subscription_status",
    params(("user_id" = String, Path, description = "Id of the user in the business's app.", example = "user-1042")),
    responses((status = 200, description = "The user's status.", body = StatusAnswer), DetailRefusals),
    security(("token" = ["read"])),
)]
async fn subscription_status(
    State(api): State<Arc<ApiState>>,
    Path(user): Path<String>,
    caller: Caller<Read>,
    _: Given,
) -> Result<Json<StatusAnswer>, Failure> {
    let since = caller.context.time.logical.plus_days(-WEBHOOK_DAYS);
    let found = match UserId::parse(&user) {
        Ok(id) => found(&api, &id, since).await?,
        Err(_) => None,
    };
    Ok(Json(match found {
        Some(found) => StatusAnswer::Found(Box::new(found)),
        // As in the source document, an unknown user is no error.
        None => StatusAnswer::Missing(StatusMissing {
            user_id: user,
            subscription_found: false,
            message: "No subscription found for user",
        }),
    }))
}

async fn found(api: &ApiState, user: &UserId, since: Timestamp) -> Result<Option<StatusFound>, Failure> {
    let Some(stored) = api.store.billing.user(user).await? else { return Ok(None) };
    // Without a live order the last one is shown: the caller sees how it ended.
    let subscription = stored.shown().clone();
    let Some(found) = api.store.billing.subscription(&subscription).await? else { return Ok(None) };
    let order = found.value;
    let webhooks = api.store.billing.recent_webhooks(&subscription, since).await?;
    let payments = api.store.billing.payments(&subscription).await?;
    let payments: Vec<Payment> = payments.into_iter().rev().take(PAYMENTS).collect();
    let next = NextAction::of(&order, &api.config.policy).filter(|action| action.kind == Task::Retry);
    let owed = OwedCharge::of(&order, next.map(|action| action.at));
    let summary = StatusSummary {
        total_webhooks_30d: webhooks.len(),
        total_payments: payments.len(),
        failed_payments: payments.iter().filter(|payment| payment.outcome == PaymentOutcome::Failed).count(),
        pending_retries: payments.iter().filter(|payment| owed.next_retry(payment).is_some()).count(),
    };
    Ok(Some(StatusFound {
        user_id: user.to_string(),
        subscription_found: true,
        subscription: StatusSubscription::of(&order),
        live_orders: stored.live.iter().map(live_order).collect(),
        recent_webhooks: webhooks.into_iter().map(|(id, log)| webhook(id, &log)).collect(),
        recent_payments: payments.into_iter().map(|payment| owed.shown(payment)).collect(),
        summary,
    }))
}

impl StatusSubscription {
    fn of(order: &Subscription) -> Self {
        Self {
            id: order.id.clone(),
            plan_id: order.plan.clone(),
            status: order.status.name(),
            current_period_end: order.paid_period().map(|period| period.to),
            grace_period_ends_at: order.status.grace_ends_at(),
            downgrade_reason: order.downgrade.map(|downgrade| downgrade.reason.name()),
        }
    }
}

impl OwedCharge {
    fn of(order: &Subscription, retry_at: Option<Timestamp>) -> Self {
        let (history, paid) = (&order.charge_history, order.charge_history.last_paid_at());
        let failures = history.failures.iter().map(|failure| failure.at);
        Self { failures: failures.filter(|at| paid.is_none_or(|paid| *at > paid)).collect(), retry_at }
    }

    /// One charge may have several failed payments; the next retry belongs to the latest of them.
    fn next_retry(&self, payment: &Payment) -> Option<Timestamp> {
        let is_latest =
            payment.outcome == PaymentOutcome::Failed && self.failures.last() == Some(&payment.processed_at);
        if is_latest { self.retry_at } else { None }
    }

    fn shown(&self, payment: Payment) -> StatusPayment {
        StatusPayment {
            status: legacy_status(&payment),
            amount_twd: payment.amount,
            retry_count: self.failures.iter().filter(|at| **at < payment.processed_at).count(),
            next_retry_at: self.next_retry(&payment),
            created_at: payment.recorded_at,
            id: payment.id,
        }
    }
}

fn live_order(live: &LiveOrder) -> StatusLiveOrder {
    StatusLiveOrder { id: live.id.clone(), plan_id: live.plan.clone() }
}

fn webhook(id: String, log: &WebhookLog) -> StatusWebhook {
    StatusWebhook {
        id,
        kind: log.kind.as_str(),
        status: if log.applied { "success" } else { "failed" },
        received_at: log.received_at,
        processing_time_ms: log.processing_time_ms,
        check_mac_verified: true,
    }
}

/// Status of a payment in the older system, which calls a success `success`.
fn legacy_status(payment: &Payment) -> &'static str {
    match payment.outcome {
        PaymentOutcome::Succeeded { .. } | PaymentOutcome::PaidOutOfBand => "success",
        PaymentOutcome::Failed | PaymentOutcome::Pending => payment.outcome.as_str(),
    }
}
