//! Endpoints of the older system, in the shapes of the ECPay document.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{PaymentId, UserId};
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::store::billing::webhook_log::WebhookLog;

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::runs::requests;
use crate::runs::requests::RunMode;

/// Requests a retry of the failed charge `payment_id` from ECPay.
pub(crate) async fn manual_retry(
    api: &AdminApi,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    let text = input.required("payment_id")?;
    let payment_not_found = || Failure::not_found("payment_id", "Payment not found");
    let id = PaymentId::parse(text).map_err(|_| payment_not_found())?;
    let payment = api.store.billing.payment(&id).await?.ok_or_else(payment_not_found)?;
    let subscription = id.subscription().map_err(|_| payment_not_found())?;
    if api.store.billing.subscription(&subscription).await?.is_none() {
        return Err(Failure::not_found("payment_id", "Subscription not found"));
    }
    // Checked before the invocation: `subscription-maintenance` retries orders and knows no payment ids.
    if payment.outcome != PaymentOutcome::Failed {
        return Err(Failure::conflict("not_failed", "only a failed payment can be retried"));
    }
    let cause = input.cause(context)?;
    let event = json!({
        "retry": { "subscription_id": subscription, "by": cause.by, "why": cause.why, "key": cause.key },
    });
    let Some(answer) = api.maintenance.invoke(&event).await? else {
        return Err(Failure::unavailable("no response from ECPay yet; check the subscription in a minute"));
    };
    let outcome = answer.get("outcome").and_then(Value::as_str).unwrap_or_default();
    let reason = answer.get("reason").and_then(Value::as_str).unwrap_or_default();
    let message = match outcome {
        "asked" | "paid" => "Payment retry processed successfully",
        "already_asked" => "Payment retry was already requested; its result is not known yet",
        "refused" => return Err(Failure::conflict("retry_refused", reason)),
        // Outcome unknown or ECPay unavailable: 503, so that the caller checks before repeating.
        _ => return Err(Failure::unavailable(reason)),
    };
    Ok(response::ok(&json!({
        "status": "success", "payment_id": id, "processing_time_ms": context.time.stopwatch.elapsed_ms(),
        "message": message, "outcome": outcome,
    })))
}

/// Runs all tasks of `subscription-maintenance` now.
pub(crate) async fn trigger_maintenance(api: &AdminApi, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let (run, report) = requests::invoke(api, None, RunMode::default(), time).await?;
    // API Gateway ends the request after 30 seconds, a run may take minutes.
    let Some(report) = report else { return Ok(requests::still_running(&run)) };
    let done = |task: &str| report.pointer(&format!("/tasks/{task}/done")).and_then(Value::as_u64).unwrap_or(0);
    let counts = api.store.billing.status_counts().await?;
    let count = |status: &str| counts.get(status).copied().unwrap_or(0);
    Ok(response::ok(&json!({
        "status": "completed",
        "maintenance_run_at": time.logical,
        "results": {
            "expired_subscriptions_processed": done("end-grace"),
            "payment_retries_processed": done("retry"),
            "current_active_subscriptions": count("active"),
            "current_past_due_subscriptions": count("past_due"),
        },
        "run": report,
    })))
}

/// Shows the subscription of a user with its callbacks of 30 days and its last five payments.
pub(crate) async fn subscription_status(
    api: &AdminApi,
    user: &str,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let missing = || {
        response::ok(
            &json!({ "user_id": user, "subscription_found": false, "message": "No subscription found for user" }),
        )
    };
    // An unknown user is 200 with `subscription_found: false`, as in the source document.
    let Ok(id) = UserId::parse(user) else { return Ok(missing()) };
    let Some(stored) = api.store.billing.user(&id).await? else { return Ok(missing()) };
    // Without a live order the last one is shown: the caller sees how it ended.
    let subscription = stored.shown().clone();
    let Some(found) = api.store.billing.subscription(&subscription).await? else { return Ok(missing()) };
    let order = found.value;
    let webhooks = api.store.billing.recent_webhooks(&subscription, time.logical.plus_days(-30)).await?;
    let retry_at =
        NextAction::of(&order, &api.config.policy).filter(|action| action.kind == Task::Retry).map(|action| action.at);
    let payments: Vec<Payment> = api.store.billing.payments(&subscription).await?.into_iter().rev().take(5).collect();
    let failed = payments.iter().filter(|payment| payment.outcome == PaymentOutcome::Failed).count();
    let failures_since: Vec<Timestamp> = order
        .charge_history
        .failures
        .iter()
        .map(|failure| failure.at)
        .filter(|at| order.charge_history.last_paid_at().is_none_or(|paid| *at > paid))
        .collect();
    let retry_count = |payment: &Payment| failures_since.iter().filter(|at| **at < payment.processed_at).count();
    let latest_failure = failures_since.last().copied();
    // One charge may have several failed payments; the next retry belongs to the latest of them.
    let next_retry = |payment: &Payment| {
        let is_latest = payment.outcome == PaymentOutcome::Failed && Some(payment.processed_at) == latest_failure;
        if is_latest { retry_at } else { None }
    };
    let shown: Vec<Value> = payments
        .iter()
        .map(|payment| {
            json!({
                "id": payment.id, "status": legacy_status(payment), "amount_twd": payment.amount,
                "retry_count": retry_count(payment), "next_retry_at": next_retry(payment), "created_at": payment.recorded_at,
            })
        })
        .collect();
    let pending_retries = payments.iter().filter(|payment| next_retry(payment).is_some()).count();
    Ok(response::ok(&json!({
        "user_id": user,
        "subscription_found": true,
        "subscription": {
            "id": order.id, "plan_id": order.plan, "status": order.status.name(),
            "current_period_end": order.paid_period().map(|period| period.to),
            "grace_period_ends_at": order.status.grace_ends_at(),
            "downgrade_reason": order.downgrade.map(|downgrade| downgrade.reason.name()),
        },
        "live_orders": stored.live.iter().map(|live| json!({ "id": live.id, "plan_id": live.plan })).collect::<Vec<_>>(),
        "recent_webhooks": webhooks.iter().map(|(id, log)| webhook(id, log)).collect::<Vec<_>>(),
        "recent_payments": shown,
        "summary": {
            "total_webhooks_30d": webhooks.len(), "total_payments": payments.len(),
            "failed_payments": failed, "pending_retries": pending_retries,
        },
    })))
}

fn webhook(id: &str, log: &WebhookLog) -> Value {
    json!({
        "id": id, "type": log.kind.as_str(), "status": if log.applied { "success" } else { "failed" },
        "received_at": log.received_at, "processing_time_ms": log.processing_time_ms, "check_mac_verified": true,
    })
}

/// Status of a payment in the older system, which calls a success `success`.
fn legacy_status(payment: &Payment) -> &'static str {
    match payment.outcome {
        PaymentOutcome::Succeeded { .. } | PaymentOutcome::PaidOutOfBand => "success",
        PaymentOutcome::Failed | PaymentOutcome::Pending => payment.outcome.as_str(),
    }
}
