//! Request for a retry of the charge that an order owes, as the routes of staff and the customer page make it. `subscription-maintenance` decides
//! and asks ECPay, under one lease and one `Idempotency-Key`, so that it does not matter which one is used.

use serde::Serialize;
use serde_json::{Value, json};
use shared::domain::billing::decide::retry::{RetryRefusal, retry_refusal};
use shared::domain::billing::decision::Actor;
use shared::domain::billing::operations::{KeyedRequest, Operation};
use shared::domain::billing::subscription::Subscription;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::billing::keys;
use crate::http::context::RequestContext;
use crate::http::response::Failure;

/// Outcome of a request for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "asked")]
pub(crate) enum RetryOutcome {
    /// The request was sent; `retry.state` of the subscription says whether ECPay accepted it.
    Asked,
    /// ECPay had the payment already, and it is applied now.
    Paid,
    /// The retry was requested before.
    AlreadyAsked,
}

/// Requests a retry from ECPay, if a query shows that it is still needed.
pub(crate) async fn request(
    api: &ApiState,
    order: &Subscription,
    why: Option<String>,
    context: &RequestContext,
) -> Result<RetryOutcome, Failure> {
    let key = keyed(order, why.as_deref(), context)?;
    let staff = match &context.by {
        Actor::Staff(name) => Some(name),
        Actor::Ecpay | Actor::Schedule | Actor::Buyer => None,
    };
    let event = json!({ "retry": { "subscription_id": order.id, "by": staff, "why": why, "key": key } });
    let Some(retried) = api.maintenance.invoke(&event).await? else {
        return Err(Failure::unavailable("There is no response from ECPay yet; check the subscription in a minute."));
    };
    let text = |name: &str| retried.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("outcome") {
        "asked" => Ok(RetryOutcome::Asked),
        "paid" => Ok(RetryOutcome::Paid),
        "already_asked" => Ok(RetryOutcome::AlreadyAsked),
        "key_reused" => Err(Failure::key_reused()),
        "refused" => Err(Failure::conflict("retry_refused", text("reason"))),
        // ECPay was not asked, or the first call under the key still waits for its response.
        _ => Err(Failure::unavailable(text("reason"))),
    }
}

/// Outcome that a request would have as far as order and key show it: ECPay is not asked.
pub(crate) async fn preview(
    api: &ApiState,
    order: &Subscription,
    why: Option<&str>,
    context: &RequestContext,
) -> Result<RetryOutcome, Failure> {
    let key = keyed(order, why, context)?;
    if keys::earlier(api, key.as_ref()).await?.is_some() {
        return Ok(RetryOutcome::AlreadyAsked);
    }
    match retry_refusal(order) {
        Some(refusal @ (RetryRefusal::OrderOver | RetryRefusal::NothingOwed)) => {
            Err(Failure::conflict("retry_refused", refusal.to_string()))
        }
        Some(RetryRefusal::AlreadyRequested) => Ok(RetryOutcome::AlreadyAsked),
        // After five failures ECPay is asked first whether the order runs.
        Some(RetryRefusal::LastFailureAllowed) | None => Ok(RetryOutcome::Asked),
    }
}

/// The request under its key: the same at both routes.
fn keyed(order: &Subscription, why: Option<&str>, context: &RequestContext) -> Result<Option<KeyedRequest>, Failure> {
    context.keyed(&Operation::Retry.fingerprint(&order.id, why.unwrap_or_default()))
}
