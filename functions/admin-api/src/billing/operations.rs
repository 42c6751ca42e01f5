//! Operations of staff on one subscription. Each is stored with caller and reason, and runs once per `Idempotency-Key`.

use lambda_http::{Body, Response};
use serde_json::json;
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::{LONGEST_PAUSE_DAYS, Operation, PAUSE_DAYS};
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::PaymentId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::LocalDate;
use shared::store::billing::commit::Commit;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::AdminApi;
use crate::billing::subscriptions::{find, show};
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response::Failure;

/// Most days by which one request extends a grace period.
const LONGEST_EXTENSION_DAYS: u32 = 60;
/// Largest payment in TWD that staff may record: ECPay's limit for one charge (order form, `TotalAmount`).
const LARGEST_PAYMENT: u32 = 200_000;

/// Operation as requested. A refund names a payment, which is read with the order.
#[derive(Debug)]
pub(crate) enum Requested {
    Operation(Operation),
    Refund(RefundRequest),
}

/// Request to record money that went back.
#[derive(Debug)]
pub(crate) struct RefundRequest {
    payment: PaymentId,
    amount: Twd,
    reference: Option<String>,
    end_access: bool,
}

/// Parses the operation named by the last path segment; `None` if there is no such operation.
pub(crate) fn parse(name: &str, input: &Input) -> Option<Result<Requested, Failure>> {
    let operation = match name {
        "extend-grace" => extension(input),
        "pause" => pause(input),
        "resume" => only(input, &[]).map(|()| Operation::Resume),
        "cancel" => only(input, &[]).map(|()| Operation::Cancel),
        "undo-cancel" => only(input, &[]).map(|()| Operation::UndoCancel),
        "mark-paid" => payment(input),
        "terms" => terms(input),
        "refund" => return Some(refund(input).map(Requested::Refund)),
        _ => return None,
    };
    Some(operation.map(Requested::Operation))
}

fn only(input: &Input, fields: &[&str]) -> Result<(), Failure> {
    input.only(&[&["why", "admin_token"], fields].concat())
}

fn extension(input: &Input) -> Result<Operation, Failure> {
    only(input, &["days"])?;
    let days = input.number("days", LONGEST_EXTENSION_DAYS)?;
    let days = days.ok_or_else(|| Failure::invalid("days", "is missing"))?;
    Ok(Operation::ExtendGrace { days })
}

fn pause(input: &Input) -> Result<Operation, Failure> {
    only(input, &["days"])?;
    Ok(Operation::Pause { days: input.number("days", LONGEST_PAUSE_DAYS)?.unwrap_or(PAUSE_DAYS) })
}

fn payment(input: &Input) -> Result<Operation, Failure> {
    only(input, &["amount_twd", "reference"])?;
    let amount = input.number("amount_twd", LARGEST_PAYMENT)?.map(Twd::new);
    Ok(Operation::MarkPaid { amount, reference: reference(input)? })
}

fn reference(input: &Input) -> Result<Option<String>, Failure> {
    let reference = input.optional("reference")?;
    if reference.is_some_and(|text| text.chars().count() > 100 || text.chars().any(char::is_control)) {
        return Err(Failure::invalid("reference", "must be a text of at most 100 characters in one line"));
    }
    Ok(reference.map(str::to_owned))
}

fn terms(input: &Input) -> Result<Operation, Failure> {
    only(input, &["amount_twd", "next_charge_on"])?;
    let amount = input.number("amount_twd", LARGEST_PAYMENT)?.map(Twd::new);
    let day = |text| LocalDate::parse(text).map_err(|error| Failure::invalid("next_charge_on", error.to_string()));
    let next_charge_on = input.optional("next_charge_on")?.map(day).transpose()?;
    if amount.is_none() && next_charge_on.is_none() {
        return Err(Failure::invalid("amount_twd", "or next_charge_on is missing: the request changes nothing"));
    }
    Ok(Operation::Terms { amount, next_charge_on })
}

fn refund(input: &Input) -> Result<RefundRequest, Failure> {
    only(input, &["payment_id", "amount_twd", "reference", "end_access"])?;
    let payment = PaymentId::parse(input.required("payment_id")?)
        .map_err(|_| Failure::invalid("payment_id", "is not the id of a payment"))?;
    let amount = input.number("amount_twd", LARGEST_PAYMENT)?;
    let amount = amount.map(Twd::new).ok_or_else(|| Failure::invalid("amount_twd", "is missing"))?;
    let end_access = input.boolean("end_access")?.unwrap_or(false);
    Ok(RefundRequest { payment, amount, reference: reference(input)?, end_access })
}

/// Completes the request with what it names.
async fn complete(api: &AdminApi, order: &Subscription, requested: &Requested) -> Result<Operation, Failure> {
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

/// Applies an operation and shows the resulting subscription.
pub(crate) async fn operate(
    api: &AdminApi,
    id: &str,
    requested: Requested,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    let cause = input.cause(context)?;
    // Required, although `why` is optional elsewhere: an operation without a reason cannot be reviewed.
    if cause.why.is_none() {
        return Err(Failure::invalid("why", "is missing"));
    }
    let (requested, cause) = (&requested, &cause);
    let decided = DecisionContext::new(&api.config.policy, context.time.logical);
    retry_on_conflict("storing an operation", (), |()| async move {
        let order = find(api, id).await?;
        let operation = complete(api, &order.value, requested).await?;
        let decision = match decide_operation(&order, &operation, cause, decided) {
            OperationDecision::Apply(decision) => *decision,
            // The same key and request as before: the same response, without a second effect.
            OperationDecision::Repeat => return Ok(Attempt::Done(show(api, id, input).await?)),
            OperationDecision::Refused(refusal) => return Err(refused(&refusal)),
        };
        let rule = decision.change.history.rule;
        let payment = decision.payment.clone();
        let next = NextAction::of(&decision.change.next, &api.config.policy);
        let cancels_now = next.is_some_and(|action| action.kind == Task::Cancel && action.at <= decided.now);
        match api.store.billing.commit(decision, None, &api.config.policy).await? {
            Commit::Done => {
                tracing::info!(subscription = %order.value.id, ?rule, by = cause.by, "{}", rule.sentence());
                // After the commit: a crash in between leaves a stored request, which the schedule sends.
                if cancels_now {
                    cancel_at_ecpay(api, &order.value.id).await;
                }
                Ok(Attempt::Done(show(api, id, input).await?))
            }
            // A concurrent request recorded a payment of this charge first.
            Commit::AlreadyApplied(_) if is_recorded(api, payment).await? => {
                Ok(Attempt::Done(show(api, id, input).await?))
            }
            Commit::AlreadyApplied(_) => Err(refused(&OperationRefusal::NothingOwed)),
            Commit::Conflict | Commit::LiveOrderExists(_) => Ok(Attempt::Conflict(())),
        }
    })
    .await
}

/// True if the payment is stored with the same amount and reference: a repetition. Otherwise it would be lost without notice.
async fn is_recorded(api: &AdminApi, payment: Option<Payment>) -> Result<bool, Failure> {
    let Some(payment) = payment else { return Ok(true) };
    let stored = api.store.billing.payment(&payment.id).await?;
    Ok(stored.is_some_and(|stored| stored.amount == payment.amount && stored.rtn_msg == payment.rtn_msg))
}

/// Requests the cancellation from ECPay at once. Errors are only logged: the cancellation is stored and the schedule
/// requests it again.
async fn cancel_at_ecpay(api: &AdminApi, id: &shared::domain::values::ids::SubscriptionId) {
    match api.maintenance.invoke(&json!({ "cancel": { "subscription_id": id } })).await {
        Ok(Some(answer)) => tracing::info!(subscription = %id, answer = %answer, "cancellation requested from ECPay"),
        Ok(None) | Err(_) => tracing::warn!(subscription = %id, "cancellation left to the schedule"),
    }
}

fn refused(refusal: &OperationRefusal) -> Failure {
    let code = match refusal {
        OperationRefusal::KeyReused => return Failure::key_reused(),
        OperationRefusal::NoGrace => "no_grace",
        OperationRefusal::NothingToPause => "nothing_to_pause",
        OperationRefusal::NotPaused => "not_paused",
        OperationRefusal::NotPaid => "not_paid",
        OperationRefusal::OrderOver => "order_over",
        OperationRefusal::NoCancel => "no_cancel",
        OperationRefusal::CancelSent => "cancel_sent",
        OperationRefusal::ChargedSince => "charged_since",
        OperationRefusal::NothingOwed => "nothing_owed",
        OperationRefusal::RetryOpen => "retry_open",
        OperationRefusal::NoTerms => "no_terms",
        OperationRefusal::NextChargeOutOfRange => return Failure::invalid("next_charge_on", refusal.to_string()),
        OperationRefusal::NotRefundable => "not_refundable",
        OperationRefusal::RefundTooHigh { .. } => "refund_too_high",
        OperationRefusal::Retry(_) => "retry_refused",
    };
    Failure::conflict(code, refusal.to_string())
}
