//! A retry that staff asked for: the same way as by schedule, with an answer for the person who waits.

use serde_json::{Value, json};
use shared::clock::Moment;
use shared::domain::arrears::{RetryRefusal, retry_refusal};
use shared::domain::decision::Actor;

use crate::consult::{Calls, Failure};
use crate::job::Retry;
use crate::report::Step;
use crate::{Error, Maintenance, orders};

/// How often it is begun anew because somebody else wrote first.
const ATTEMPTS: usize = 4;

/// Asks ECPay first whether it is still needed. The answer is `{"outcome": …, "reason"?: …}` with `asked`,
/// `already_asked`, `paid`, `refused` or `unavailable`.
pub(crate) async fn retry(maintenance: &Maintenance, retry: &Retry, moment: Moment) -> Result<Value, Error> {
    let mut calls = Calls::new(maintenance, moment);
    for _ in 0..ATTEMPTS {
        match attempt(&mut calls, retry).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(Failure::Blocked) => {
                return Ok(outcome("unavailable", "ECPay takes no calls for now; try again in 30 minutes"));
            }
            Err(Failure::Gateway(error)) => return Ok(outcome("unavailable", &error.to_string())),
            Err(Failure::Fatal(error)) => return Err(error),
        }
    }
    Ok(outcome("unavailable", "others keep changing this subscription; try again"))
}

/// `None` when somebody else wrote first.
async fn attempt(calls: &mut Calls<'_>, retry: &Retry) -> Result<Option<Value>, Failure> {
    let id = &retry.subscription_id;
    let Some(known) = calls.maintenance.store.subscription(id).await? else {
        return Ok(Some(outcome("refused", "no such subscription")));
    };
    if let Some(refusal) = retry_refusal(&known.value) {
        return Ok(Some(refused(refusal)));
    }
    let order = calls.consult(id).await?;
    match retry_refusal(&order.value) {
        Some(RetryRefusal::NothingOwed) => {
            return Ok(Some(outcome("paid", "ECPay had the payment already; it is applied now")));
        }
        Some(refusal) => return Ok(Some(refused(refusal))),
        None => {}
    }
    match orders::ask_retry(calls, &order, Actor::Staff(retry.by.clone())).await? {
        Step::Done => Ok(Some(outcome("asked", "ECPay was asked; the result comes by callback or query"))),
        Step::Skipped(_) | Step::Failed(_) => Ok(None),
    }
}

fn refused(refusal: RetryRefusal) -> Value {
    let name = if refusal == RetryRefusal::AlreadyAsked { "already_asked" } else { "refused" };
    outcome(name, &refusal.to_string())
}

fn outcome(outcome: &str, reason: &str) -> Value {
    json!({ "outcome": outcome, "reason": reason })
}
