//! Tasks of one due order: query, decide, request, record.

use shared::domain::billing::decide::operation;
use shared::domain::billing::decide::order::{
    cancel_overtaken, charge_missing, claim_cancel, end_grace, still_pending, success_missing,
};
use shared::domain::billing::decide::retry::{
    claim_retry, close_retry_without_result, record_retry_outcome, retry_is_due,
};
use shared::domain::billing::decide::task_failure::{clear_task_failure, record_task_failure};
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::subscription::{RetryState, Status, Subscription};
use shared::domain::billing::task::Task;
use shared::ecpay::client;
use shared::ecpay::period_action::{PeriodAction, PeriodActionReply};
use shared::platform::logging::error_chain;

use crate::ecpay_session::{EcpaySession, Failure};
use crate::report::TaskOutcome;

/// Attempts to store ECPay's reply when callbacks change the order at the same time.
const ATTEMPTS: usize = 4;

/// Performs a due task for an order.
pub(crate) async fn handle(
    session: &mut EcpaySession<'_>,
    task: Task,
    order: Versioned<Subscription>,
) -> Result<TaskOutcome, Failure> {
    match task {
        Task::Reconcile => reconcile(session, order).await,
        Task::CheckPending => check_pending(session, order).await,
        Task::Retry => retry(session, order).await,
        Task::Resume => resume(session, order).await,
        Task::EndGrace => end_grace_period(session, order).await,
        Task::Cancel => cancel(session, order).await,
        // The due index never holds an order under these two.
        Task::CleanUp | Task::SendMail => Ok(TaskOutcome::Skipped("not a task of one order".to_owned())),
    }
}

/// Returns true if the task is due for the order in its present state.
fn is_due(order: &Subscription, task: Task, session: &EcpaySession<'_>) -> bool {
    let next = NextAction::of(order, &session.maintenance.policy);
    next.is_some_and(|action| action.kind == task && action.at <= session.now)
}

/// Stores a decision, if there is one.
async fn conclude(session: &mut EcpaySession<'_>, decision: Option<Decision>) -> Result<TaskOutcome, Failure> {
    let stored = match decision {
        Some(decision) => session.commit(decision).await?,
        None => None,
    };
    Ok(if stored.is_some() { TaskOutcome::Done } else { changed_meanwhile() })
}

fn changed_meanwhile() -> TaskOutcome {
    TaskOutcome::Skipped("changed meanwhile".to_owned())
}

/// Skips an order that was checked and needs nothing. A failure recorded at it is cleared, because the task succeeded.
async fn nothing_to_do(
    session: &mut EcpaySession<'_>,
    order: &Versioned<Subscription>,
    reason: &str,
) -> Result<TaskOutcome, Failure> {
    if let Some(decision) = clear_task_failure(order, session.now) {
        session.commit(decision).await?;
    }
    Ok(TaskOutcome::Skipped(reason.to_owned()))
}

/// Queries an order with a late charge or an open retry and decides what the elapsed time allows.
async fn reconcile(session: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let version = due.version;
    let order = session.query_order(due).await?;
    if !is_due(&order.value, Task::Reconcile, session) {
        // Without a new version the due index was behind; with one the query found the charge.
        return if order.version == version {
            nothing_to_do(session, &order, "no longer due").await
        } else {
            Ok(TaskOutcome::Done)
        };
    }
    // One decision per run: the next one may follow from the state that this one leaves.
    let conclusion = close_retry_without_result(&order, session.now)
        .or_else(|| charge_missing(&order, session.now))
        .or_else(|| cancel_overtaken(&order, session.now))
        .or_else(|| success_missing(&order, session.now));
    match conclusion {
        Some(_) => conclude(session, conclusion).await,
        None if order.version == version => nothing_to_do(session, &order, "nothing new at ECPay").await,
        None => Ok(TaskOutcome::Done),
    }
}

/// Queries an unpaid order; it expires after a day.
async fn check_pending(session: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = session.query_order(due).await?;
    if order.value.status != Status::Pending {
        return Ok(TaskOutcome::Done);
    }
    conclude(session, still_pending(&order, session.now)).await
}

/// Requests a scheduled retry, unless a query shows that it is no longer needed.
async fn retry(session: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let version = due.version;
    let order = session.query_order(due).await?;
    if !retry_is_due(&order.value, DecisionContext::new(&session.maintenance.policy, session.now)) {
        return if order.version == version {
            nothing_to_do(session, &order, "not needed").await
        } else {
            Ok(TaskOutcome::Done)
        };
    }
    // A late run is behind wall time. The day within which the result must arrive starts with the request itself.
    match claim_retry(&order, Actor::Schedule, session.now.max(session.wall())) {
        Ok(claim) => request_retry(session, claim).await,
        Err(refusal) => nothing_to_do(session, &order, &refusal.to_string()).await,
    }
}

/// Stores the claim of a retry, requests it once and stores ECPay's reply.
pub(crate) async fn request_retry(session: &mut EcpaySession<'_>, claim: Decision) -> Result<TaskOutcome, Failure> {
    // Before the claim, so that an open circuit breaker leaves no claim without a request.
    let keys = session.check_circuit_breaker().await?;
    let Some(claimed) = session.commit(claim).await? else { return Ok(changed_meanwhile()) };
    let id = claimed.value.id.clone();
    if session.store.is_dry_run() {
        session.record_request(&id, "ReAuth", None);
        return Ok(TaskOutcome::Done);
    }
    let requested = session.maintenance.ecpay.act(PeriodAction::ReAuth, &id, session.wall(), &keys).await;
    let (state, answer, failure) = match requested {
        Ok(PeriodActionReply::Accepted) => (RetryState::Accepted, "accepted", None),
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a retry");
            (RetryState::Refused, "refused", None)
        }
        // ECPay did nothing, so the retry stays due.
        Err(error @ (client::Error::Blocked | client::Error::NotReached(_))) => {
            (RetryState::NotSent, "not asked", Some(session.failure(error, Failure::Action).await))
        }
        // ECPay may have charged: only a query can show it, a second request could charge twice.
        Err(error @ (client::Error::Unknown(_) | client::Error::Query(_))) => {
            tracing::warn!(subscription = %id, error = error_chain(&error), "the response to a retry request was lost");
            (RetryState::Unknown, "unclear", None)
        }
    };
    session.record_request(&id, "ReAuth", Some(answer));
    store_answer(session, claimed, state).await?;
    failure.map_or(Ok(TaskOutcome::Done), Err)
}

/// Stores ECPay's reply to a retry. If a callback changed the order after the claim, the reply is stored on top of it.
async fn store_answer(
    session: &mut EcpaySession<'_>,
    claimed: Versioned<Subscription>,
    state: RetryState,
) -> Result<(), Failure> {
    let id = claimed.value.id.clone();
    let mut order = Some(claimed);
    for _ in 0..ATTEMPTS {
        let Some(decision) = order.and_then(|order| record_retry_outcome(&order, state, session.now)) else {
            return Ok(());
        };
        if session.commit_unreported(decision).await?.is_some() {
            return Ok(());
        }
        order = session.store.billing.subscription(&id).await?;
    }
    // The claim remains without a reply, which counts as outcome unknown and is resolved by query.
    tracing::warn!(subscription = %id, ?state, "the reply to a retry request could not be stored");
    Ok(())
}

/// Resumes dunning after a pause. Needs no call to ECPay.
async fn resume(session: &mut EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = session.newest(due);
    if !is_due(&order.value, Task::Resume, session) {
        return Ok(changed_meanwhile());
    }
    let decision = operation::resume(&order, DecisionContext::new(&session.maintenance.policy, session.now));
    conclude(session, decision).await
}

/// Downgrades after the grace period, or after the paid period of an ended order. Needs no call to ECPay.
async fn end_grace_period(
    session: &mut EcpaySession<'_>,
    due: Versioned<Subscription>,
) -> Result<TaskOutcome, Failure> {
    let order = session.newest(due);
    let decision = end_grace(&order, DecisionContext::new(&session.maintenance.policy, session.now));
    conclude(session, decision).await
}

/// Cancels an order at ECPay: queries it, requests the cancellation and queries again, because only a query confirms it.
pub(crate) async fn cancel(
    session: &mut EcpaySession<'_>,
    due: Versioned<Subscription>,
) -> Result<TaskOutcome, Failure> {
    let order = session.query_order(due).await?;
    if !is_due(&order.value, Task::Cancel, session) {
        return Ok(TaskOutcome::Done);
    }
    // The open charge may still succeed, and an ended order is no longer reconciled.
    if order.value.awaits_result(session.now) {
        return nothing_to_do(session, &order, "the result of a charge is open").await;
    }
    let keys = session.check_circuit_breaker().await?;
    let Some(claim) = claim_cancel(&order, DecisionContext::new(&session.maintenance.policy, session.now)) else {
        return nothing_to_do(session, &order, "requested, not confirmed yet").await;
    };
    let was_requested_before = order.value.cancel.is_some();
    let Some(claimed) = session.commit(claim).await? else { return Ok(changed_meanwhile()) };
    let id = claimed.value.id.clone();
    if session.store.is_dry_run() {
        session.record_request(&id, "Cancel", None);
        return Ok(TaskOutcome::Done);
    }
    let answer = match session.maintenance.ecpay.act(PeriodAction::Cancel, &id, session.wall(), &keys).await {
        Ok(PeriodActionReply::Accepted) => "accepted",
        // "Already cancelled" is among the refusals, so the query decides here too.
        Ok(PeriodActionReply::Refused { rtn_code }) => {
            tracing::warn!(subscription = %id, rtn_code, "ECPay refused a cancellation");
            "refused"
        }
        Err(error) => return Err(session.failure(error, Failure::Action).await),
    };
    session.record_request(&id, "Cancel", Some(answer));
    let after = session.query_order_again(claimed).await?;
    // ECPay may take a moment: an order counts as failing only after a second request.
    if after.value.ended.is_none() && was_requested_before { Err(Failure::Unconfirmed) } else { Ok(TaskOutcome::Done) }
}

/// Records the failed task at its order, which is due again after the backoff.
pub(crate) async fn defer(
    session: &mut EcpaySession<'_>,
    task: Task,
    order: Versioned<Subscription>,
    reason: &str,
) -> Result<(), Failure> {
    let order = session.newest(order);
    let decision = record_task_failure(&order, task, reason, session.now);
    tracing::warn!(subscription = %order.value.id, task = task.as_str(), reason, "a task failed for this order");
    // After a version conflict the order stays due, and the next run handles it in its new state.
    session.commit(decision).await.map(|_| ())
}
