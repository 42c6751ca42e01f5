//! What staff have done at once: the same way as by schedule, with an answer for the person who waits.

use serde_json::{Value, json};
use shared::domain::billing::arrears::RetryRefusal;
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::platform::clock::InvocationTime;

use crate::ecpay_session::{EcpaySession, Failure};
use crate::event::{Cancel, Retry};
use crate::report::TaskOutcome;
use crate::tasks;
use crate::{Error, Maintenance};

/// How often it is begun anew because somebody else wrote first.
const ATTEMPTS: usize = 4;

/// Asks ECPay first whether it is still needed. The answer is `{"outcome": …, "reason"?: …}` with `asked`,
/// `already_asked`, `paid`, `refused` or `unavailable`.
pub(crate) async fn retry(maintenance: &Maintenance, retry: &Retry, moment: InvocationTime) -> Result<Value, Error> {
    let mut calls = EcpaySession::new(maintenance, moment);
    let answer = attempts(&mut calls, retry).await;
    calls.tell_figures().await;
    answer
}

async fn attempts(calls: &mut EcpaySession<'_>, retry: &Retry) -> Result<Value, Error> {
    for _ in 0..ATTEMPTS {
        match attempt(calls, retry).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(failure) => return unavailable(failure),
        }
    }
    Ok(outcome("unavailable", "others keep changing this subscription; try again"))
}

/// `None` when somebody else wrote first.
async fn attempt(calls: &mut EcpaySession<'_>, retry: &Retry) -> Result<Option<Value>, Failure> {
    let Some(known) = calls.store.billing.subscription(&retry.subscription_id).await? else {
        return Ok(Some(outcome("refused", "no such subscription")));
    };
    match decide(calls, &known, retry) {
        OperationDecision::Apply(_) => {}
        verdict @ (OperationDecision::Repeat | OperationDecision::Refused(_)) => return Ok(Some(told(verdict))),
    }
    let order = calls.query_order(known).await?;
    let claim = match decide(calls, &order, retry) {
        OperationDecision::Apply(claim) => claim,
        OperationDecision::Refused(OperationRefusal::Retry(RetryRefusal::NothingOwed)) => {
            return Ok(Some(outcome("paid", "ECPay had the payment already; it is applied now")));
        }
        verdict @ (OperationDecision::Repeat | OperationDecision::Refused(_)) => return Ok(Some(told(verdict))),
    };
    match tasks::ask_retry(calls, *claim).await? {
        TaskOutcome::Done => Ok(Some(outcome("asked", "ECPay was asked; the result comes by callback or query"))),
        TaskOutcome::Skipped(_) | TaskOutcome::Failed(_) => Ok(None),
    }
}

fn decide(calls: &EcpaySession<'_>, order: &Versioned<Subscription>, retry: &Retry) -> OperationDecision {
    let cause = OperationContext { by: retry.by.clone(), why: retry.why.clone(), key: retry.key.clone() };
    decide_operation(order, &Operation::Retry, &cause, &calls.maintenance.policy, calls.now)
}

fn told(verdict: OperationDecision) -> Value {
    match verdict {
        OperationDecision::Refused(refusal @ OperationRefusal::Retry(RetryRefusal::AlreadyAsked)) => {
            outcome("already_asked", &refusal.to_string())
        }
        OperationDecision::Refused(refusal) => outcome("refused", &refusal.to_string()),
        OperationDecision::Repeat | OperationDecision::Apply(_) => {
            outcome("already_asked", "this request was done already")
        }
    }
}

/// Ends an order whose customer wishes it. The answer's outcome is `confirmed`, `asked` (the schedule goes on with it),
/// `refused` or `unavailable`.
pub(crate) async fn cancel(maintenance: &Maintenance, cancel: &Cancel, moment: InvocationTime) -> Result<Value, Error> {
    let mut calls = EcpaySession::new(maintenance, moment);
    let done = cancel_now(&mut calls, cancel).await;
    calls.tell_figures().await;
    match done {
        Ok(answer) => Ok(answer),
        Err(failure) => unavailable(failure),
    }
}

async fn cancel_now(calls: &mut EcpaySession<'_>, cancel: &Cancel) -> Result<Value, Failure> {
    let id = &cancel.subscription_id;
    let Some(order) = calls.store.billing.subscription(id).await? else {
        return Ok(outcome("refused", "no such subscription"));
    };
    let next = NextAction::of(&order.value, &calls.maintenance.policy);
    if next.is_some_and(|action| action.kind == Task::Cancel && action.at <= calls.now) {
        tasks::cancel(calls, order.clone()).await?;
    }
    let after = calls.newest(order);
    Ok(if after.value.ended.is_some() {
        outcome("confirmed", "ECPay will not charge this order any more")
    } else {
        outcome("asked", "it is done as soon as ECPay confirms it")
    })
}

fn unavailable(failure: Failure) -> Result<Value, Error> {
    match failure {
        Failure::Blocked => Ok(outcome("unavailable", "ECPay takes no calls for now; try again in 30 minutes")),
        Failure::EcpayClient(error) | Failure::Act(error) => Ok(outcome("unavailable", &error.to_string())),
        Failure::Unconfirmed => Ok(outcome("asked", "ECPay has not confirmed it yet")),
        Failure::Fatal(error) => Err(error),
    }
}

fn outcome(outcome: &str, reason: &str) -> Value {
    json!({ "outcome": outcome, "reason": reason })
}
