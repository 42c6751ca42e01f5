//! Tasks of one due order: query, decide, request, record.

use futures::future::{BoxFuture, ready};
use shared::domain::billing::decide::announce::announce_charge;
use shared::domain::billing::decide::cancel::{cancel_overtaken, cancel_unreached, claim_cancel, claim_cancel_early};
use shared::domain::billing::decide::downgrade::{FirstNotice, first_notice_id, postpone_downgrade};
use shared::domain::billing::decide::operation;
use shared::domain::billing::decide::order::{
    charge_missing, end_grace, end_grace_unreached, expire, is_expired, still_pending, success_missing,
};
use shared::domain::billing::decide::query::nothing_new;
use shared::domain::billing::decide::retry::{
    claim_retry, close_retry_without_result, record_retry_outcome, retry_is_due,
};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, Versioned};
use shared::domain::billing::dunning::policy::PENDING_EXPIRY_HOURS;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::operations::KeyStep;
use shared::domain::billing::subscription::{RetryState, Status, Subscription};
use shared::domain::billing::task::Task;
use shared::ecpay::client;
use shared::ecpay::period_action::{PeriodAction, PeriodActionReply};
use shared::platform::logging::error_chain;

use crate::ecpay_session::{EcpaySession, Failure};
use crate::report::TaskOutcome;

/// Attempts to store ECPay's reply when callbacks change the order at the same time.
const ATTEMPTS: usize = 4;

/// Performs a due task for an order. On the heap: without optimisation an `async fn` would hold the futures of all tasks in one
/// frame, a quarter of a thread's stack.
pub(crate) fn handle<'a>(
    session: &'a EcpaySession<'_>,
    task: Task,
    order: Versioned<Subscription>,
) -> BoxFuture<'a, Result<TaskOutcome, Failure>> {
    match task {
        Task::Reconcile => Box::pin(reconcile(session, order)),
        Task::CheckPending => Box::pin(check_pending(session, order)),
        Task::Retry => Box::pin(retry(session, order)),
        Task::Resume => Box::pin(resume(session, order)),
        Task::EndGrace => Box::pin(end_grace_period(session, order)),
        Task::Cancel => Box::pin(cancel(session, order)),
        // The due index never holds an order under these two.
        Task::CleanUp | Task::SendMail => {
            Box::pin(ready(Ok(TaskOutcome::Skipped("not a task of one order".to_owned()))))
        }
    }
}

/// Returns true if the task is due for the order in its present state.
fn is_due(order: &Subscription, task: Task, session: &EcpaySession<'_>) -> bool {
    let next = NextAction::of(order, &session.maintenance.policy);
    next.is_some_and(|action| action.kind == task && action.at <= session.now)
}

/// Stores a decision, if there is one.
async fn conclude(session: &EcpaySession<'_>, decision: Option<Decision>) -> Result<TaskOutcome, Failure> {
    let stored = match decision {
        Some(decision) => session.commit(decision).await?,
        None => None,
    };
    Ok(if stored.is_some() { TaskOutcome::Done } else { changed_meanwhile() })
}

pub(crate) fn changed_meanwhile() -> TaskOutcome {
    TaskOutcome::Skipped("changed meanwhile".to_owned())
}

/// Queries an order with a late charge or an open retry and decides what the elapsed time allows.
async fn reconcile(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let read = due.version;
    let order = session.query_order(due).await?;
    // The query itself is what the notice was waiting for.
    if let Some(announcement) = announce_charge(&order, session.now) {
        return conclude(session, Some(announcement)).await;
    }
    if !is_due(&order.value, Task::Reconcile, session) {
        return noted(session, order, Task::Reconcile, read).await;
    }
    // One decision per run: the next one may follow from the state that this one leaves.
    let conclusion = close_retry_without_result(&order, session.now)
        .or_else(|| charge_missing(&order, session.now))
        .or_else(|| cancel_overtaken(&order, session.now))
        .or_else(|| success_missing(&order, session.now));
    match conclusion {
        Some(_) => conclude(session, conclusion).await,
        None => noted(session, order, Task::Reconcile, read).await,
    }
}

/// Stores an answer of ECPay from which nothing followed. An order whose task is still due leaves the head of the queue.
/// `read` is the version of the order before the query.
async fn noted(
    session: &EcpaySession<'_>,
    order: Versioned<Subscription>,
    task: Task,
    read: u64,
) -> Result<TaskOutcome, Failure> {
    if session.has_unstored_answer(&order.value.id) {
        let decision = nothing_new(&order, task, DecisionContext::new(&session.maintenance.policy, session.now));
        session.commit(decision).await?;
    }
    // With a new version the query found charges.
    Ok(if order.version == read { TaskOutcome::Skipped("nothing new at ECPay".to_owned()) } else { TaskOutcome::Done })
}

/// Queries an unpaid order; it expires after a day, whatever the answer but one that lists or counts a success.
async fn check_pending(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    if due.value.offered_until.is_some() {
        // ECPay never got its form.
        return conclude(session, expire(&session.newest(due), session.now)).await;
    }
    let order = match session.query_order(due.clone()).await {
        Ok(order) => order,
        Err(Failure::Query(error)) if is_expired(&due.value, session.now) && failed_before(&due.value) => {
            tracing::warn!(subscription = %due.value.id, error = error_chain(&error), "an unpaid order expires without an answer of ECPay");
            return conclude(session, expire(&session.newest(due), session.now)).await;
        }
        Err(failure) => return Err(failure),
    };
    if order.value.status != Status::Pending {
        return Ok(TaskOutcome::Done);
    }
    conclude(session, still_pending(&order, session.now)).await
}

/// Returns true if ECPay gave no usable answer about the expired order before.
fn failed_before(order: &Subscription) -> bool {
    let expired_at = order.created_at.plus_hours(PENDING_EXPIRY_HOURS);
    let failure = order.task_failure.as_ref().filter(|failure| failure.task == Task::CheckPending);
    failure.is_some_and(|failure| failure.again_at > expired_at)
}

/// Requests a scheduled retry, unless a query shows that it is no longer needed.
async fn retry(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let read = due.version;
    let order = session.query_order(due).await?;
    if !retry_is_due(&order.value, DecisionContext::new(&session.maintenance.policy, session.now)) {
        return noted(session, order, Task::Retry, read).await;
    }
    // A late run is behind wall time. The day within which the result must arrive starts with the request itself.
    match claim_retry(&order, Actor::Schedule, session.now.max(session.wall())) {
        Ok(claim) => request_retry(session, claim).await,
        Err(_) => noted(session, order, Task::Retry, read).await,
    }
}

/// Stores the claim of a retry, requests it once and stores ECPay's reply.
pub(crate) async fn request_retry(session: &EcpaySession<'_>, claim: Decision) -> Result<TaskOutcome, Failure> {
    // Before the claim, so that an open circuit breaker leaves no claim without a request.
    let keys = session.check_circuit_breaker().await?;
    let key = claim.key.clone();
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
    // Not asked: staff's request had no effect, so its key must not make a repetition of it a repeat.
    let released = key.filter(|_| state == RetryState::NotSent).and_then(KeyStep::released);
    store_answer(session, claimed, RetryReply { state, released }).await?;
    failure.map_or(Ok(TaskOutcome::Done), Err)
}

/// ECPay's reply to the request of a retry.
struct RetryReply {
    state: RetryState,
    /// Key of a request that did not reach ECPay.
    released: Option<KeyStep>,
}

/// Stores ECPay's reply to a retry. If a callback changed the order after the claim, the reply is stored on top of it.
async fn store_answer(
    session: &EcpaySession<'_>,
    claimed: Versioned<Subscription>,
    reply: RetryReply,
) -> Result<(), Failure> {
    let RetryReply { state, released } = reply;
    let id = claimed.value.id.clone();
    let mut order = Some(claimed);
    for _ in 0..ATTEMPTS {
        let Some(mut decision) = order.and_then(|order| record_retry_outcome(&order, state, session.now)) else {
            return Ok(());
        };
        decision.key.clone_from(&released);
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
async fn resume(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = session.newest(due);
    if !is_due(&order.value, Task::Resume, session) {
        return Ok(changed_meanwhile());
    }
    let decision = operation::resume(&order, DecisionContext::new(&session.maintenance.policy, session.now));
    conclude(session, decision).await
}

/// Downgrades after the grace period, or after the paid period of an ended order. Needs no call to ECPay.
async fn end_grace_period(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let order = session.newest(due);
    let context = DecisionContext::new(&session.maintenance.policy, session.now);
    let notice = first_notice(session, &order.value).await?;
    let decision = postpone_downgrade(&order, notice, context).or_else(|| end_grace(&order, context));
    conclude(session, decision).await
}

/// State of the first notice about the charge that an order owes.
async fn first_notice(session: &EcpaySession<'_>, order: &Subscription) -> Result<Option<FirstNotice>, Failure> {
    let Some(id) = first_notice_id(order) else { return Ok(None) };
    let notice = session.store.billing.notice_outcome(&id).await?;
    Ok(notice.map(|notice| FirstNotice { state: notice.state, ended_at: notice.ended_at }))
}

/// Performs what is due for an order although ECPay takes no calls: ends a pause that is over, downgrades a customer about
/// whom ECPay could not be reached for a day, and notifies staff of a cancellation that is late.
pub(crate) async fn without_ecpay(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<(), Failure> {
    let order = session.newest(due);
    let context = DecisionContext::new(&session.maintenance.policy, session.now);
    let is_over = order.value.paused.is_some_and(|pause| pause.until <= session.now);
    let decision = if is_over {
        operation::resume(&order, context)
    } else {
        let notice = first_notice(session, &order.value).await?;
        end_grace_unreached(&order, notice, context).or_else(|| cancel_unreached(&order, context))
    };
    if let Some(decision) = decision {
        session.commit(decision).await?;
    }
    Ok(())
}

/// Cancels an order at ECPay: queries it, requests the cancellation and queries again, because only a query confirms it.
pub(crate) async fn cancel(session: &EcpaySession<'_>, due: Versioned<Subscription>) -> Result<TaskOutcome, Failure> {
    let read = due.version;
    let order = session.query_order(due).await?;
    let context = DecisionContext::new(&session.maintenance.policy, session.now);
    let claimed = if session.is_early { claim_cancel_early(&order, context) } else { claim_cancel(&order, context) };
    // The open charge may still succeed, and an ended order is no longer reconciled.
    let Some(claim) = claimed.filter(|_| !order.value.awaits_result(session.now)) else {
        return noted(session, order, Task::Cancel, read).await;
    };
    let keys = session.check_circuit_breaker().await?;
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
    noted(session, after.clone(), Task::Cancel, read).await?;
    // ECPay may take a moment: an order counts as failing only after a second request.
    if after.value.ended.is_none() && was_requested_before { Err(Failure::Unconfirmed) } else { Ok(TaskOutcome::Done) }
}

/// Records the failed task at its order, which is due again after the backoff.
pub(crate) async fn defer(
    session: &EcpaySession<'_>,
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
