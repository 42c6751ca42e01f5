//! Applies an operation of staff or a customer: each is stored with caller and reason, and runs once per `Idempotency-Key`.

use axum::Json;
use serde_json::json;
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
use shared::domain::billing::decision::{Decision, DecisionContext, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{PaymentId, SubscriptionId};
use shared::domain::values::money::Twd;
use shared::store::billing::commit::Commit;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::ApiState;
use crate::billing::keys;
use crate::billing::subscriptions::preview::{OperationAnswer, OperationPreview};
use crate::billing::subscriptions::show::{find, subscription};
use crate::http::context::RequestContext;
use crate::http::reason::Reason;
use crate::http::response::Failure;

/// Code of a refusal to undo a cancellation that was not requested.
pub(crate) const NO_CANCEL: &str = "no_cancel";

/// Request for an operation on one subscription.
pub(crate) struct OperationRequest {
    /// Id of the subscription as it stands in the path.
    pub(crate) id: String,
    pub(crate) requested: Requested,
    pub(crate) why: Reason,
    /// True if the effect is answered and nothing is stored.
    pub(crate) dry_run: bool,
}

/// Operation as requested. A refund names a payment, which is read with the order.
#[derive(Debug)]
pub(crate) enum Requested {
    Operation(Operation),
    Refund(RefundRequest),
}

/// Request to record money that went back.
#[derive(Debug)]
pub(crate) struct RefundRequest {
    pub(crate) payment: PaymentId,
    pub(crate) amount: Twd,
    pub(crate) reference: Option<String>,
    pub(crate) end_access: bool,
}

/// Completes the request with what it names.
async fn complete(api: &ApiState, order: &Subscription, requested: &Requested) -> Result<Operation, Failure> {
    let RefundRequest { payment, amount, reference, end_access } = match requested {
        Requested::Operation(operation) => return Ok(operation.clone()),
        Requested::Refund(refund) => refund,
    };
    let unknown = || Failure::invalid("payment_id", "is not a payment of this subscription");
    if payment.subscription().ok().as_ref() != Some(&order.id) {
        return Err(unknown());
    }
    let payment = Box::new(api.store.billing.payment(payment).await?.ok_or_else(unknown)?);
    Ok(Operation::Refund { payment, amount: *amount, reference: reference.clone(), end_access: *end_access })
}

/// Decision about a request.
enum Decided {
    Apply(Box<Decision>),
    /// The order is in the requested state already.
    Unchanged,
    /// The same request was made before under its key.
    Repeat,
}

/// An order with the decision about a request, and the request's cause.
struct Considered {
    order: Versioned<Subscription>,
    cause: OperationContext,
    decided: Decided,
}

/// Reads the order and decides about the request. Its key comes first: a repetition succeeds also if the state has moved on.
async fn consider(api: &ApiState, request: &OperationRequest, context: &RequestContext) -> Result<Considered, Failure> {
    let order = find(api, &request.id).await?;
    let operation = complete(api, &order.value, &request.requested).await?;
    let why = &request.why.0;
    let key = context.keyed(&operation.fingerprint(&order.value.id, why))?;
    let earlier = keys::earlier(api, key.as_ref()).await?;
    let cause = context.cause(Some(why.clone()), key);
    if earlier.is_some() {
        return Ok(Considered { order, cause, decided: Decided::Repeat });
    }
    let decisions = DecisionContext::new(&api.config.policy, context.time.logical);
    let decided = match decide_operation(&order, &operation, &cause, decisions) {
        OperationDecision::Apply(decision) => Decided::Apply(decision),
        OperationDecision::Unchanged => Decided::Unchanged,
        OperationDecision::Refused(refusal) => return Err(refused(&refusal)),
    };
    Ok(Considered { order, cause, decided })
}

/// Applies an operation and shows the resulting subscription; a dry run shows only its effect.
pub(crate) async fn operate(
    api: &ApiState,
    request: OperationRequest,
    context: &RequestContext,
) -> Result<Json<OperationAnswer>, Failure> {
    let (request, id, now) = (&request, request.id.as_str(), context.time.logical);
    if request.dry_run {
        let Considered { order, decided, .. } = consider(api, request, context).await?;
        let effect = match decided {
            Decided::Apply(decision) => {
                let change = decision.change;
                OperationPreview::of(&change.next, Some(change.history.rule), &api.config.policy)
            }
            Decided::Unchanged | Decided::Repeat => OperationPreview::of(&order.value, None, &api.config.policy),
        };
        return Ok(Json(OperationAnswer::DryRun(effect)));
    }
    retry_on_conflict("storing an operation", (), |()| async move {
        let Considered { order, cause, decided } = consider(api, request, context).await?;
        let decision = match decided {
            Decided::Apply(decision) => *decision,
            Decided::Repeat => return Ok(Attempt::Done(shown(api, id).await?)),
            Decided::Unchanged if keys::note(api, &cause, &order.value.id, now).await? => {
                return Ok(Attempt::Done(shown(api, id).await?));
            }
            Decided::Unchanged => return Ok(Attempt::Conflict(())),
        };
        let rule = decision.change.history.rule;
        let payment = decision.payment.clone();
        let next = NextAction::of(&decision.change.next, &api.config.policy);
        let cancels_now = next.is_some_and(|action| action.kind == Task::Cancel && action.at <= now);
        match api.store.billing.commit(decision, None, DecisionContext::new(&api.config.policy, now)).await? {
            Commit::Done => {
                tracing::info!(subscription = %order.value.id, ?rule, by = cause.by.name(), "{}", rule.sentence());
                // After the commit: a crash in between leaves a stored request, which the schedule sends.
                if cancels_now {
                    cancel_at_ecpay(api, &order.value.id).await;
                }
                Ok(Attempt::Done(shown(api, id).await?))
            }
            // A concurrent request recorded a payment of this charge first: the wish is fulfilled, as if unchanged.
            Commit::AlreadyApplied(_) if is_recorded(api, payment).await? => {
                if keys::note(api, &cause, &order.value.id, now).await? {
                    Ok(Attempt::Done(shown(api, id).await?))
                } else {
                    Ok(Attempt::Conflict(()))
                }
            }
            Commit::AlreadyApplied(_) => Err(refused(&OperationRefusal::NothingOwed)),
            Commit::Conflict | Commit::LiveOrderExists(_) => Ok(Attempt::Conflict(())),
        }
    })
    .await
}

/// The subscription after an operation.
async fn shown(api: &ApiState, id: &str) -> Result<Json<OperationAnswer>, Failure> {
    let subscription = subscription(api, id, 0).await?;
    Ok(Json(OperationAnswer::Shown(Box::new(subscription))))
}

/// True if the payment is stored with the same amount and reference: a repetition. Otherwise it would be lost without notice.
async fn is_recorded(api: &ApiState, payment: Option<Payment>) -> Result<bool, Failure> {
    let Some(payment) = payment else { return Ok(true) };
    let stored = api.store.billing.payment(&payment.id).await?;
    Ok(stored.is_some_and(|stored| stored.amount == payment.amount && stored.rtn_msg == payment.rtn_msg))
}

/// Requests the cancellation from ECPay at once. Errors are only logged: the cancellation is stored and the schedule
/// requests it again.
async fn cancel_at_ecpay(api: &ApiState, id: &SubscriptionId) {
    match api.maintenance.invoke(&json!({ "cancel": { "subscription_id": id } })).await {
        Ok(Some(answer)) => tracing::info!(subscription = %id, answer = %answer, "cancellation requested from ECPay"),
        Ok(None) | Err(_) => tracing::warn!(subscription = %id, "cancellation left to the schedule"),
    }
}

fn refused(refusal: &OperationRefusal) -> Failure {
    let code = match refusal {
        OperationRefusal::NoGrace => "no_grace",
        OperationRefusal::NothingToPause => "nothing_to_pause",
        OperationRefusal::NotPaused => "not_paused",
        OperationRefusal::NotPaid => "not_paid",
        OperationRefusal::OrderOver => "order_over",
        OperationRefusal::NoCancel => NO_CANCEL,
        OperationRefusal::CancelSent => "cancel_sent",
        OperationRefusal::ChargedSince => "charged_since",
        OperationRefusal::NothingOwed => "nothing_owed",
        OperationRefusal::RetryOpen => "retry_open",
        OperationRefusal::NoTerms => "no_terms",
        OperationRefusal::NextChargeOutOfRange => return Failure::invalid("next_charge_on", refusal.to_string()),
        OperationRefusal::NotRefundable => "not_refundable",
        OperationRefusal::RefundTooHigh { .. } => "refund_too_high",
        OperationRefusal::Erased => "erased",
        OperationRefusal::Retry(_) | OperationRefusal::CustomerRetry(_) => "retry_refused",
    };
    Failure::conflict(code, refusal.to_string())
}
