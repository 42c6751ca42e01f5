//! Retry of a failed payment by hand, in the shape of the ECPay document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::PaymentId;
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::callbacks::refusals::{DetailBody, DetailRefusals};
use crate::billing::retry;
use crate::billing::retry::RetryOutcome;
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Message about a retry that was sent to ECPay or is not needed any more.
const PROCESSED: &str = "Payment retry processed successfully";
const ALREADY_REQUESTED: &str = "Payment retry was already requested; its result is not known yet";
const WOULD_BE_REQUESTED: &str = "Payment retry would be requested";

/// Route of the retry.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(manual_retry))
}

/// Query of a retry.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RetryQuery {
    /// Checks the payment and its order, and requests nothing from ECPay.
    #[serde(default)]
    dry_run: bool,
}

/// Request of a retry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBody {
    /// Id of the failed payment, as `subscription-status` shows it.
    #[schema(min_length = 1, example = "DK20250131SAMPLE0001.F:20250331100000")]
    payment_id: String,
    /// Reason of staff in one line, kept in the order's history.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500, example = "the customer has a new card")]
    why: Option<Reason>,
}

/// Result of a request for a retry.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetryAnswer {
    /// `success`, or `dry_run` where nothing was requested.
    #[schema(example = "success")]
    status: &'static str,
    #[schema(value_type = String, example = "DK20250131SAMPLE0001.F:20250331100000")]
    payment_id: PaymentId,
    /// Milliseconds until the answer.
    #[schema(example = 412.5)]
    processing_time_ms: f64,
    #[schema(example = "Payment retry processed successfully")]
    message: &'static str,
    /// `asked`: the request was sent; `retry.state` of the subscription says whether ECPay accepted it. `paid`: the charge was
    /// paid meanwhile. `already_asked`: the retry was requested before. Absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<RetryOutcome>,
}

/// Refusals of a retry.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers them")]
enum RetryRefusals {
    /// The payment or its order is not stored.
    #[response(status = 404)]
    NotFound(DetailBody),
    /// The payment has not failed, or the order allows no retry.
    #[response(status = 409)]
    Conflict(DetailBody),
}

/// Requests a retry of a failed payment from ECPay.
#[utoipa::path(
    post, path = "/api/webhooks/ecpay-manual-retry", tag = "callbacks", operation_id = "retry_payment",
    params(
        RetryQuery,
        IdempotencyHeader,
    ),
    request_body = RetryBody,
    responses((status = 200, description = "Result of the request.", body = RetryAnswer), DetailRefusals, RetryRefusals),
    security(("token" = ["operate"])),
)]
async fn manual_retry(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<RetryQuery, RetryBody>,
) -> Result<Json<RetryAnswer>, Failure> {
    let context = caller.context;
    let RetryBody { payment_id, why } = given.body;
    let (payment_id, order) = failed_payment(&api, &payment_id).await?;
    let answer = |status, message, outcome| {
        let processing_time_ms = context.time.stopwatch.elapsed_ms();
        Ok(Json(RetryAnswer { status, payment_id, processing_time_ms, message, outcome }))
    };
    let why = why.map(|Reason(why)| why);
    if given.query.dry_run {
        return match retry::preview(&api, &order, why.as_deref(), &context).await? {
            RetryOutcome::AlreadyAsked => answer("dry_run", ALREADY_REQUESTED, None),
            RetryOutcome::Asked | RetryOutcome::Paid => answer("dry_run", WOULD_BE_REQUESTED, None),
        };
    }
    let outcome = retry::request(&api, &order, why, &context).await?;
    let message = if outcome == RetryOutcome::AlreadyAsked { ALREADY_REQUESTED } else { PROCESSED };
    answer("success", message, Some(outcome))
}

/// A payment that is stored and failed, with its order.
async fn failed_payment(api: &ApiState, id: &str) -> Result<(PaymentId, Subscription), Failure> {
    let payment_not_found = || Failure::not_found("payment_id", "Payment not found");
    let id = PaymentId::parse(id).map_err(|_| payment_not_found())?;
    let payment = api.store.billing.payment(&id).await?.ok_or_else(payment_not_found)?;
    let subscription = id.subscription().map_err(|_| payment_not_found())?;
    let order = api.store.billing.subscription(&subscription).await?;
    let order = order.ok_or_else(|| Failure::not_found("payment_id", "Subscription not found"))?.value;
    // Checked before the invocation: `subscription-maintenance` retries orders and knows no payment ids.
    if payment.outcome != PaymentOutcome::Failed {
        return Err(Failure::conflict("not_failed", "Only a failed payment can be retried."));
    }
    Ok((id, order))
}
