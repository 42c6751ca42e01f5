//! What is done for one subscription that is due, by task.

use shared::domain::billing::decide::operation;
use shared::domain::billing::decide::order::{
    cancel_overtaken, charge_missing, claim_cancel, end_grace, still_pending, success_missing,
};
use shared::domain::billing::decide::retry::{answer_retry, claim_retry, give_up_retry, retry_is_due};
use shared::domain::billing::decide::task_failure::{clear_task_failure, record_task_failure};
use shared::domain::billing::decision::{Actor, Decision, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::subscription::{RetryState, Status, Subscription};
use shared::domain::billing::task::Task;
use shared::ecpay::client;
use shared::ecpay::period_action::{PeriodAction, PeriodActionReply};

use crate::ecpay_session::{EcpaySession, Failure};
use crate::report::TaskOutcome;

/// How often an answer is stored again because a callback came first.
const ATTEMPTS: usize = 4;

/// Does the task that is due for an order.
pub(crate) async fn handle(
    calls: &mut EcpaySession<'_>,
    kind: Task,
    order: Versioned<Subscription>,
) -> Result<TaskOutcome, Failure> {
    match kind {
        Task::Reconcile => reconcile(calls, order).await,
        Task::CheckPending => check_pending(calls, order).await,
        Task::Retry => retry(calls, order).await,
        Task::Resume => resume(calls, order).await,
        Task::EndGrace => end(calls, order).await,
        Task::Cancel => cancel(calls, order).await,
        // Neither is ever due for an order.
        Task::CleanUp | Task::SendMail => Ok(TaskOutcome::Skipped("not a task of one order".to_owned())),
    }
}

/// Whether an order still needs the task, as it now is.
fn is_due(order: &Subscription, kind: Task, calls: &EcpaySession<'_>) -> bool {
    NextAction::of(order, &calls.maintenance.policy).is_some_and(|action| action.kind == kind && action.at <= calls.now)
}

/// Commits what was decided, if anything was.
async fn conclude(calls: &mut EcpaySession<'_>, decision: Option<Decision>) -> Result<TaskOutcome, Failure> {
    match decision {
        Some(decision) => Ok(if calls.commit(decision).await?.is_some() { TaskOutcome::Done } else { overtaken() }),
        None => Ok(overtaken()),
    }
}

fn overtaken() -> TaskOutcome {
    TaskOutcome::Skipped("changed meanwhile".to_owned())
}

/// Nothing has to be done for an order that was looked at. If its task could not be done before, it can now.
async fn settled(
    calls: &mut EcpaySession<'_>,
    order: &Versioned<Subscription>,
    reason: &str,
) -> Result<TaskOutcome, Failure> {
    if let Some(decision) = clear_task_failure(order, calls.now) {
        calls.commit(decision).await?;
    }
    Ok(TaskOutcome::Skipped(reason.to_owned()))
}

/// A late charge or an open retry: ask, and draw the conclusions that time allows.
async fn reconcile(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let version = due.version;
    let order = calls.query_order(due).await?;
    if !is_due(&order.value, Task::Reconcile, calls) {
        return if order.version == version {
            settled(calls, &order, "settled meanwhile").await
        } else {
            Ok(TaskOutcome::Done)
        };
    }
    let conclusion = give_up_retry(&order, calls.now)
        .or_else(|| charge_missing(&order, calls.now))
        .or_else(|| cancel_overtaken(&order, calls.now))
        .or_else(|| success_missing(&order, calls.now));
    match conclusion {
        Some(_) => conclude(calls, conclusion).await,
        None if order.version == version => settled(calls, &order, "nothing new at ECPay").await,
        None => Ok(TaskOutcome::Done),
    }
}

/// A pending order: ask, and give it up after a day.
async fn check_pending(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = calls.query_order(due).await?;
    if order.value.status != Status::Pending {
        return Ok(TaskOutcome::Done);
    }
    conclude(calls, still_pending(&order, calls.now)).await
}

/// A retry by schedule: ask first whether it is still needed.
async fn retry(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let version = due.version;
    let order = calls.query_order(due).await?;
    if !retry_is_due(&order.value, &calls.maintenance.policy, calls.now) {
        return if order.version == version {
            settled(calls, &order, "not needed").await
        } else {
            Ok(TaskOutcome::Done)
        };
    }
    // The day after which an ask counts as lost begins when ECPay is asked, however late the run is.
    match claim_retry(&order, Actor::Schedule, calls.now.max(calls.wall())) {
        Ok(claim) => ask_retry(calls, claim).await,
        Err(refusal) => settled(calls, &order, &refusal.to_string()).await,
    }
}

/// Stores the claim of a retry, asks ECPay once, and stores what it answered.
pub(crate) async fn ask_retry(calls: &mut EcpaySession<'_>, claim: Decision) -> Result<TaskOutcome, Failure> {
    let keys = calls.check_circuit_breaker().await?;
    let Some(claimed) = calls.commit(claim).await? else { return Ok(overtaken()) };
    let id = claimed.value.id.clone();
    if calls.store.is_dry_run() {
        calls.note_ask(&id, "ReAuth", None);
        return Ok(TaskOutcome::Done);
    }
    let asked = calls.maintenance.gateway.act(PeriodAction::ReAuth, &id, calls.wall(), &keys).await;
    let (state, answer, failure) = match asked {
        Ok(PeriodActionReply::Accepted) => (RetryState::Accepted, "accepted", None),
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a retry");
            (RetryState::Refused, "refused", None)
        }
        Err(error @ (client::Error::Blocked | client::Error::NotReached(_))) => {
            (RetryState::NotAsked, "not asked", Some(calls.failure(error, Failure::Act).await))
        }
        Err(error @ (client::Error::Unclear(_) | client::Error::Query(_))) => {
            tracing::warn!(subscription = %id, error = shared::platform::logging::error_chain(&error), "the answer to a retry was lost");
            (RetryState::Unknown, "unclear", None)
        }
    };
    calls.note_ask(&id, "ReAuth", Some(answer));
    store_answer(calls, claimed, state).await?;
    failure.map_or(Ok(TaskOutcome::Done), Err)
}

/// A callback may be stored between the claim and the answer; the answer is then stored on top of it.
async fn store_answer(
    calls: &mut EcpaySession<'_>,
    claimed: Versioned<Subscription>,
    state: RetryState,
) -> Result<(), Failure> {
    let id = claimed.value.id.clone();
    let mut order = Some(claimed);
    for _ in 0..ATTEMPTS {
        let Some(decision) = order.and_then(|order| answer_retry(&order, state, calls.now)) else { return Ok(()) };
        if calls.store_answer(decision).await?.is_some() {
            return Ok(());
        }
        order = calls.store.billing.subscription(&id).await?;
    }
    // The claim stands as unknown, which a query resolves.
    tracing::warn!(subscription = %id, ?state, "the answer to a retry could not be stored");
    Ok(())
}

/// A pause that is over. Needs nothing from ECPay.
async fn resume(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = calls.newest(due);
    let due = is_due(&order.value, Task::Resume, calls);
    let decision = operation::resume(&order, &calls.maintenance.policy, calls.now).filter(|_| due);
    conclude(calls, decision).await
}

/// Grace that ended, or a paid period of an order that is over. Needs nothing from ECPay.
async fn end(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = calls.newest(due);
    let decision = end_grace(&order, &calls.maintenance.policy, calls.now);
    conclude(calls, decision).await
}

/// An order to be ended: ask whether it still runs, end it, and ask again, for only a query proves the end.
pub(crate) async fn cancel(calls: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = calls.query_order(due).await?;
    if !is_due(&order.value, Task::Cancel, calls) {
        return Ok(TaskOutcome::Done);
    }
    // The money may be taken yet, and nobody looks at an order that is over.
    if order.value.awaits_result(calls.now) {
        return settled(calls, &order, "a charge's result is open").await;
    }
    let keys = calls.check_circuit_breaker().await?;
    let Some(claim) = claim_cancel(&order, &calls.maintenance.policy, calls.now) else {
        return settled(calls, &order, "asked, not confirmed yet").await;
    };
    let asked_before = order.value.cancel.is_some();
    let Some(claimed) = calls.commit(claim).await? else { return Ok(overtaken()) };
    let id = claimed.value.id.clone();
    if calls.store.is_dry_run() {
        calls.note_ask(&id, "Cancel", None);
        return Ok(TaskOutcome::Done);
    }
    let answer = match calls.maintenance.gateway.act(PeriodAction::Cancel, &id, calls.wall(), &keys).await {
        Ok(PeriodActionReply::Accepted) => "accepted",
        // Among the refusals is "already stopped", so the query decides here too.
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a cancellation");
            "refused"
        }
        Err(error) => return Err(calls.failure(error, Failure::Act).await),
    };
    calls.note_ask(&id, "Cancel", Some(answer));
    let after = calls.consult_again(claimed).await?;
    if after.value.ended.is_none() && asked_before { Err(Failure::Unconfirmed) } else { Ok(TaskOutcome::Done) }
}

/// Puts an order aside whose task failed for its own sake, until it is tried again.
pub(crate) async fn put_aside(
    calls: &mut EcpaySession<'_>,
    kind: Task,
    order: Versioned<Subscription>,
    reason: &str,
) -> Result<(), Failure> {
    let order = calls.newest(order);
    let decision = record_task_failure(&order, kind, reason, calls.now);
    tracing::warn!(subscription = %order.value.id, task = kind.name(), reason, "a task could not be done for this order");
    // Where somebody else wrote first the order is met again, as it then is.
    calls.commit(decision).await.map(|_| ())
}
