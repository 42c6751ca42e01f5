//! Operations performed at once on request: as the scheduled tasks, with an answer for the waiting caller.

pub(crate) mod adoption;

use serde_json::{Value, json};
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
use shared::domain::billing::decide::retry::RetryRefusal;
use shared::domain::billing::decision::{Actor, DecisionContext, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::{KeyReceipt, Operation, OperationContext};
use shared::domain::billing::subscription::{RetryState, Subscription};
use shared::domain::billing::task::Task;
use shared::platform::clock::InvocationTime;

use crate::ecpay_session::{EcpaySession, Failure};
use crate::event::{Cancel, Retry};
use crate::report::TaskOutcome;
use crate::tasks;
use crate::{Error, Maintenance};

/// Maximum attempts after a version conflict.
const ATTEMPTS: usize = 4;
/// Reason of an answer to a repeated request.
const PROCESSED: &str = "this request was already processed";

/// Requests a retry, if a query shows that it is still needed. Answers `{"outcome": …, "reason"?: …}` with outcome
/// `asked`, `already_asked`, `paid`, `refused`, `key_reused` or `unavailable`.
pub(crate) async fn retry(maintenance: &Maintenance, retry: &Retry, time: InvocationTime) -> Result<Value, Error> {
    let session = EcpaySession::new(maintenance, time);
    let answer = attempts(&session, retry).await;
    session.emit_metrics().await;
    answer
}

async fn attempts(session: &EcpaySession<'_>, retry: &Retry) -> Result<Value, Error> {
    for _ in 0..ATTEMPTS {
        match attempt(session, retry).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(failure) => return unavailable(failure),
        }
    }
    Ok(outcome("unavailable", "the subscription is being changed by other requests; try again"))
}

/// Returns `None` after a version conflict, or where the key was used in between.
async fn attempt(session: &EcpaySession<'_>, retry: &Retry) -> Result<Option<Value>, Failure> {
    // Before the order, which then shows the retry that left the receipt.
    let receipt = match &retry.key {
        Some(request) => session.store.billing.key_receipt(&request.key).await?,
        None => None,
    };
    let Some(stored) = session.store.billing.subscription(&retry.subscription_id).await? else {
        return Ok(Some(outcome("refused", "no such subscription")));
    };
    // Refusals and repeated requests are answered without a call to ECPay.
    if let Some(receipt) = receipt {
        return Ok(Some(answered_before(&receipt, &stored.value, retry)));
    }
    match decide(session, &stored, retry) {
        OperationDecision::Apply(_)
        // A query can show that the order runs on after five failures.
        | OperationDecision::Refused(OperationRefusal::Retry(RetryRefusal::LastFailureAllowed)) => {}
        decision @ (OperationDecision::Unchanged | OperationDecision::Refused(_)) => {
            return rejection(session, retry, decision).await;
        }
    }
    let order = session.query_order(stored).await?;
    let claim = match decide(session, &order, retry) {
        OperationDecision::Apply(claim) => claim,
        OperationDecision::Refused(OperationRefusal::Retry(RetryRefusal::NothingOwed)) => {
            return noted(session, retry, outcome("paid", "ECPay already had the payment; it is applied now")).await;
        }
        decision @ (OperationDecision::Unchanged | OperationDecision::Refused(_)) => {
            return rejection(session, retry, decision).await;
        }
    };
    match tasks::request_retry(session, *claim).await? {
        TaskOutcome::Done => {
            Ok(Some(outcome("asked", "the retry was requested from ECPay; its result follows by callback or query")))
        }
        TaskOutcome::Skipped(_) | TaskOutcome::Failed(_) => Ok(None),
    }
}

/// Answer to a request whose key was used before, for the same request or for another one.
fn answered_before(receipt: &KeyReceipt, order: &Subscription, retry: &Retry) -> Value {
    if retry.key.as_ref().is_none_or(|request| !receipt.is_of(request)) {
        return outcome("key_reused", "the key was used for another request");
    }
    // The claim of the request itself: the call that made it may still wait for ECPay, and give the key back.
    let is_open =
        order.retry.is_some_and(|request| request.state == RetryState::Unknown && request.requested_at == receipt.at);
    if is_open {
        outcome("unavailable", "There is no response from ECPay yet; check the subscription in a minute.")
    } else {
        outcome("already_asked", PROCESSED)
    }
}

/// Notes the key of a request that needs no retry: repeated later, it must not request one. `None` where the key was used in
/// between.
async fn noted(session: &EcpaySession<'_>, retry: &Retry, answer: Value) -> Result<Option<Value>, Failure> {
    let is_noted = match cause(retry).receipt(&retry.subscription_id, session.now) {
        Some(receipt) => session.store.billing.note_key(&receipt).await?,
        None => true,
    };
    Ok(is_noted.then_some(answer))
}

fn cause(retry: &Retry) -> OperationContext {
    let by = retry.by.clone().map_or(Actor::Buyer, Actor::Staff);
    OperationContext { by, why: retry.why.clone(), key: retry.key.clone() }
}

fn decide(session: &EcpaySession<'_>, order: &Versioned<Subscription>, retry: &Retry) -> OperationDecision {
    let decisions = DecisionContext::new(&session.maintenance.policy, session.now);
    decide_operation(order, &Operation::Retry, &cause(retry), decisions)
}

/// Answer for a decision that requests nothing. A refused request uses up no key.
async fn rejection(
    session: &EcpaySession<'_>,
    retry: &Retry,
    decision: OperationDecision,
) -> Result<Option<Value>, Failure> {
    match decision {
        OperationDecision::Refused(refusal @ OperationRefusal::Retry(RetryRefusal::AlreadyRequested)) => {
            noted(session, retry, outcome("already_asked", &refusal.to_string())).await
        }
        OperationDecision::Refused(refusal) => Ok(Some(outcome("refused", &refusal.to_string()))),
        OperationDecision::Unchanged | OperationDecision::Apply(_) => {
            noted(session, retry, outcome("already_asked", PROCESSED)).await
        }
    }
}

/// Cancels an order at the customer's request. Answers as [`retry`] does with outcome `confirmed`, `asked` (scheduled
/// runs continue), `refused` or `unavailable`.
pub(crate) async fn cancel(maintenance: &Maintenance, cancel: &Cancel, time: InvocationTime) -> Result<Value, Error> {
    let session = EcpaySession::new(maintenance, time);
    let done = cancel_now(&session, cancel).await;
    session.emit_metrics().await;
    match done {
        Ok(answer) => Ok(answer),
        Err(failure) => unavailable(failure),
    }
}

async fn cancel_now(session: &EcpaySession<'_>, cancel: &Cancel) -> Result<Value, Failure> {
    let id = &cancel.subscription_id;
    let Some(order) = session.store.billing.subscription(id).await? else {
        return Ok(outcome("refused", "no such subscription"));
    };
    let next = NextAction::of(&order.value, &session.maintenance.policy);
    if next.is_some_and(|action| action.kind == Task::Cancel && action.at <= session.now) {
        tasks::cancel(session, order.clone()).await?;
    }
    // The task may have left the order open, e.g. while the result of a charge is open.
    let after = session.newest(order);
    Ok(if after.value.ended.is_some() {
        outcome("confirmed", "ECPay will not charge this order any more")
    } else {
        outcome("asked", "complete as soon as ECPay confirms it")
    })
}

fn unavailable(failure: Failure) -> Result<Value, Error> {
    match failure {
        Failure::Blocked => {
            Ok(outcome("unavailable", "ECPay is not called for up to 30 minutes after an HTTP 403; try again then"))
        }
        Failure::Query(error) | Failure::Action(error) => Ok(outcome("unavailable", &error.to_string())),
        Failure::Changed => Ok(outcome("unavailable", "the order changed meanwhile; try again")),
        Failure::Unconfirmed => Ok(outcome("asked", "ECPay has not confirmed it yet")),
        Failure::Fatal(error) => Err(error),
    }
}

fn outcome(outcome: &str, reason: &str) -> Value {
    json!({ "outcome": outcome, "reason": reason })
}
