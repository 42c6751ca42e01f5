//! Retry of the charge that an order owes, by the order's id.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::billing::rule::Rule;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::retry;
use crate::billing::retry::RetryOutcome;
use crate::billing::subscriptions::answer::SubscriptionAnswer;
use crate::billing::subscriptions::bodies::OperationQuery;
use crate::billing::subscriptions::preview::{OperationEffect, OperationPreview};
use crate::billing::subscriptions::show::{find, subscription};
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Route of the retry.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(retry_charge))
}

/// Request for a retry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryChargeBody {
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer raised the card's limit.")]
    pub(crate) why: Reason,
}

/// Answer to a request for a retry.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum RetryChargeAnswer {
    Requested(Box<RequestedRetry>),
    DryRun(RetryPreview),
}

/// Outcome of a request for a retry, with the subscription after it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestedRetry {
    pub(crate) outcome: RetryOutcome,
    pub(crate) subscription: SubscriptionAnswer,
}

/// Outcome that a request for a retry would have as far as the stored order shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetryPreview {
    /// Always true: nothing was stored or requested.
    #[schema(example = true)]
    pub(crate) dry_run: bool,
    pub(crate) outcome: RetryOutcome,
    pub(crate) would: OperationEffect,
}

/// Requests a retry of the charge that is owed from ECPay.
///
/// The same request as `POST /api/webhooks/ecpay-manual-retry`, which names the failed payment instead of the order. ECPay is
/// queried first: it may have the payment already, or end the order at a sixth failure. Refused with 409 and the code
/// `retry_refused` where no charge is owed or the order is over. With 503 ECPay was not asked, or its response is not known yet:
/// a minute later `retry` of the subscription has the time of this request if a retry was requested, and the state `not_sent` if
/// it did not reach ECPay. A dry run asks ECPay nothing.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/retry", tag = "subscriptions", operation_id = "retry_charge",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = RetryChargeBody,
    responses(
        (status = 200, description = "Outcome and subscription; of a dry run the outcome to expect.", body = RetryChargeAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn retry_charge(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, RetryChargeBody>,
) -> Result<Json<RetryChargeAnswer>, Failure> {
    let RetryChargeBody { why: Reason(why) } = given.body;
    let order = find(&api, &id).await?.value;
    if given.query.dry_run {
        let outcome = retry::preview(&api, &order, Some(&why), &caller.context).await?;
        let rule = (outcome == RetryOutcome::Asked).then_some(Rule::RetryRequested);
        let OperationPreview { dry_run, would } = OperationPreview::of(&order, rule, &api.config.policy);
        return Ok(Json(RetryChargeAnswer::DryRun(RetryPreview { dry_run, outcome, would })));
    }
    let outcome = retry::request(&api, &order, Some(why), &caller.context).await?;
    let subscription = subscription(&api, &id, 0).await?;
    Ok(Json(RetryChargeAnswer::Requested(Box::new(RequestedRetry { outcome, subscription }))))
}
