//! What is done for one subscription that is due, by task.

use shared::domain::decide_order::{
    cancel_overtaken, charge_missing, claim_cancel, end_grace, still_pending, success_missing,
};
use shared::domain::decide_retry::{answer_retry, claim_retry, give_up_retry, retry_is_due};
use shared::domain::decision::{Actor, Decision, Versioned};
use shared::domain::ids::SubscriptionId;
use shared::domain::next_action::{ActionKind, NextAction};
use shared::domain::subscription::{RetryState, Status, Subscription};
use shared::ecpay::action::{PeriodAction, PeriodActionReply};
use shared::gateway;

use crate::consult::{Calls, Failure};
use crate::report::Step;

/// How often an answer is stored again because a callback came first.
const ATTEMPTS: usize = 4;

/// Whether an order still needs the task, as it now is.
fn is_due(order: &Subscription, kind: ActionKind, calls: &Calls<'_>) -> bool {
    NextAction::of(order, &calls.maintenance.policy).is_some_and(|action| action.kind == kind && action.at <= calls.now)
}

/// Commits what was decided, if anything was.
async fn conclude(calls: &Calls<'_>, decision: Option<Decision>) -> Result<Step, Failure> {
    match decision {
        Some(decision) => Ok(if calls.commit(decision).await? { Step::Done } else { overtaken() }),
        None => Ok(overtaken()),
    }
}

fn overtaken() -> Step {
    Step::Skipped("changed meanwhile".to_owned())
}

fn skipped(reason: &str) -> Result<Step, Failure> {
    Ok(Step::Skipped(reason.to_owned()))
}

/// A late charge or an open retry: ask, and draw the conclusions that time allows.
pub(crate) async fn reconcile(calls: &mut Calls<'_>, due: &Versioned<Subscription>) -> Result<Step, Failure> {
    let order = calls.consult(&due.value.id).await?;
    if !is_due(&order.value, ActionKind::Reconcile, calls) {
        return Ok(if order.version == due.version {
            Step::Skipped("settled meanwhile".to_owned())
        } else {
            Step::Done
        });
    }
    let conclusion = give_up_retry(&order, calls.now)
        .or_else(|| charge_missing(&order, calls.now))
        .or_else(|| cancel_overtaken(&order, calls.now))
        .or_else(|| success_missing(&order, calls.now));
    match conclusion {
        Some(_) => conclude(calls, conclusion).await,
        None if order.version == due.version => skipped("nothing new at ECPay"),
        None => Ok(Step::Done),
    }
}

/// A pending order: ask, and give it up after a day.
pub(crate) async fn check_pending(calls: &mut Calls<'_>, due: &Versioned<Subscription>) -> Result<Step, Failure> {
    let order = calls.consult(&due.value.id).await?;
    if order.value.status != Status::Pending {
        return Ok(Step::Done);
    }
    conclude(calls, still_pending(&order, calls.now)).await
}

/// A retry by schedule: ask first whether it is still needed.
pub(crate) async fn retry(calls: &mut Calls<'_>, due: &Versioned<Subscription>) -> Result<Step, Failure> {
    let order = calls.consult(&due.value.id).await?;
    if !retry_is_due(&order.value, &calls.maintenance.policy, calls.now) {
        return Ok(if order.version == due.version { Step::Skipped("not needed".to_owned()) } else { Step::Done });
    }
    ask_retry(calls, &order, Actor::Schedule).await
}

/// Claims a retry, asks ECPay once, and stores what it answered.
pub(crate) async fn ask_retry(
    calls: &mut Calls<'_>,
    order: &Versioned<Subscription>,
    by: Actor,
) -> Result<Step, Failure> {
    let keys = calls.permit().await?;
    let claim = match claim_retry(order, by, calls.now) {
        Ok(claim) => claim,
        Err(refusal) => return Ok(Step::Skipped(refusal.to_string())),
    };
    if !calls.commit(claim).await? {
        return Ok(overtaken());
    }
    let id = &order.value.id;
    let asked = calls.maintenance.gateway.act(PeriodAction::ReAuth, id, calls.wall(), &keys).await;
    let (state, failure) = match asked {
        Ok(PeriodActionReply::Accepted) => (RetryState::Accepted, None),
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a retry");
            (RetryState::Refused, None)
        }
        Err(error @ (gateway::Error::Blocked | gateway::Error::NotReached(_))) => {
            (RetryState::NotAsked, Some(calls.failure(error).await))
        }
        Err(error @ (gateway::Error::Unclear(_) | gateway::Error::Query(_))) => {
            tracing::warn!(subscription = %id, error = shared::telemetry::chain(&error), "the answer to a retry was lost");
            (RetryState::Unknown, None)
        }
    };
    store_answer(calls, id, state).await?;
    failure.map_or(Ok(Step::Done), Err)
}

/// A callback may be stored between the claim and the answer; the answer is then stored on top of it.
async fn store_answer(calls: &Calls<'_>, id: &SubscriptionId, state: RetryState) -> Result<(), Failure> {
    for _ in 0..ATTEMPTS {
        let Some(order) = calls.maintenance.store.subscription(id).await? else { return Ok(()) };
        let Some(decision) = answer_retry(&order, state, calls.now) else { return Ok(()) };
        if calls.commit(decision).await? {
            return Ok(());
        }
    }
    // The claim stands as unknown, which a query resolves.
    tracing::warn!(subscription = %id, ?state, "the answer to a retry could not be stored");
    Ok(())
}

/// Grace that ended, or a paid period of an order that is over. Needs nothing from ECPay.
pub(crate) async fn end(calls: &Calls<'_>, due: &Versioned<Subscription>) -> Result<Step, Failure> {
    conclude(calls, end_grace(due, &calls.maintenance.policy, calls.now)).await
}

/// An order to be ended: ask whether it still runs, end it, and ask again, for only a query proves the end.
pub(crate) async fn cancel(calls: &mut Calls<'_>, due: &Versioned<Subscription>) -> Result<Step, Failure> {
    let order = calls.consult(&due.value.id).await?;
    if !is_due(&order.value, ActionKind::Cancel, calls) {
        return Ok(Step::Done);
    }
    if order.value.retry.is_some_and(|ask| ask.is_open()) {
        return skipped("a retry is open");
    }
    let keys = calls.permit().await?;
    let Some(claim) = claim_cancel(&order, &calls.maintenance.policy, calls.now) else {
        return skipped("asked, not confirmed yet");
    };
    if !calls.commit(claim).await? {
        return Ok(overtaken());
    }
    let id = &order.value.id;
    match calls.maintenance.gateway.act(PeriodAction::Cancel, id, calls.wall(), &keys).await {
        Ok(PeriodActionReply::Accepted) => {}
        // Among the refusals is "already stopped", so the query decides here too.
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a cancellation")
        }
        Err(error) => return Err(calls.failure(error).await),
    }
    calls.consult_again(id).await.map(|_| Step::Done)
}
