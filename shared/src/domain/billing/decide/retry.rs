//! Retries of a failed charge. A retry is claimed before the request is sent to ECPay, so that one obligation leads to
//! one request, by schedule, by staff or by the customer.

use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::policy::{DunningPolicy, FAILURES_WITHOUT_FURTHER_RETRY, RETRY_RESULT_HOURS};
use crate::domain::billing::payments::order_query::EcpayState;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{RetryRequest, RetryState, Status, Subscription};
use crate::domain::values::time::{Timestamp, Zone};

/// Reason for which a retry may not be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryRefusal {
    /// Result of an earlier retry still to come.
    #[error("a retry was already requested and its result is pending")]
    AlreadyRequested,
    /// Latest charge succeeded; ECPay's ReAuth repeats failed charges only.
    #[error("no failed charge is open")]
    NothingOwed,
    /// Order cancelled, replaced or terminated at ECPay, or about to be.
    #[error("the order is over at ECPay or about to be, or its customer cancelled it")]
    OrderOver,
    /// Five failures and no query since that shows the order as running: a sixth may make ECPay terminate it.
    #[error("five charges of this order failed, and a sixth failure may end it at ECPay")]
    LastFailureAllowed,
}

/// Reason for which a customer may not have the same card charged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRetryRefusal {
    /// Also not allowed to staff.
    #[error(transparent)]
    Retry(RetryRefusal),
    /// Charge reported as pending, or counted as a success by ECPay and not listed.
    #[error("the result of a charge is open")]
    ResultOpen,
    /// Hard decline: the same card would be declined again.
    #[error("the bank declined the card for good: a new card is needed")]
    NeedsNewCard,
    /// Retry requested on the same day (Asia/Taipei).
    #[error("a retry was requested today")]
    RequestedToday,
}

/// The reason that forbids a retry now; `None` if it is allowed.
#[must_use]
pub fn retry_refusal(subscription: &Subscription) -> Option<RetryRefusal> {
    let order_over = subscription.ended.is_some()
        || subscription.cancel.is_some()
        || subscription.cancel_requested.is_some()
        || subscription.superseded_by.is_some()
        || subscription.erased.is_some();
    if subscription.retry.is_some_and(|request| request.is_open()) {
        Some(RetryRefusal::AlreadyRequested)
    } else if Arrears::of(subscription).is_none() || subscription.charge_history.last_paid_at().is_none() {
        Some(RetryRefusal::NothingOwed)
    } else if order_over {
        Some(RetryRefusal::OrderOver)
    } else if subscription.charge_history.failures.len() >= FAILURES_WITHOUT_FURTHER_RETRY && !runs_on(subscription) {
        Some(RetryRefusal::LastFailureAllowed)
    } else {
        None
    }
}

/// True if a query since the latest failure showed the order as running.
fn runs_on(subscription: &Subscription) -> bool {
    let is_running = subscription.last_query.is_some_and(|query| query.state == EcpayState::Running);
    is_running && is_queried_since_failure(subscription)
}

/// Time of the next automatic retry: the first scheduled day after the latest request, so that overdue days collapse
/// into one retry. `None` without a further day, while a result is pending, or while dunning is paused. After five failures
/// the task itself finds out by query whether the retry is allowed.
#[must_use]
pub fn next_retry_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Option<Timestamp> {
    let refused = retry_refusal(subscription).is_some_and(|refusal| match refusal {
        RetryRefusal::LastFailureAllowed => is_queried_since_failure(subscription),
        RetryRefusal::AlreadyRequested | RetryRefusal::NothingOwed | RetryRefusal::OrderOver => true,
    });
    if arrears.needs_new_card() || subscription.paused.is_some() || refused || subscription.is_failure_adopted() {
        return None;
    }
    let covered_until = subscription.retry.and_then(|request| request.covered_until());
    policy
        .retry_days()
        .map(|day| arrears.began_at.plus_days(day))
        .find(|at| covered_until.is_none_or(|covered| *at > covered))
}

fn is_queried_since_failure(subscription: &Subscription) -> bool {
    let failed_at = subscription.charge_history.failures.last().map(|failure| failure.at);
    subscription.last_query.is_some_and(|query| Some(query.at) >= failed_at)
}

/// The retry that a mail may announce: one that no further query can refuse.
#[must_use]
pub fn announced_retry_at(subscription: &Subscription, arrears: &Arrears, policy: &DunningPolicy) -> Option<Timestamp> {
    next_retry_at(subscription, arrears, policy).filter(|_| retry_refusal(subscription).is_none())
}

/// True if the schedule requests a retry at the time of the context: not while ECPay counts a success that it does not list,
/// which may be the payment of this charge.
#[must_use]
pub fn retry_is_due(subscription: &Subscription, context: DecisionContext<'_>) -> bool {
    let has_gap = subscription.last_query.is_some_and(|query| query.has_gap_at(context.now));
    matches!(subscription.status, Status::PastDue { .. })
        && !has_gap
        && Arrears::of(subscription)
            .and_then(|arrears| next_retry_at(subscription, &arrears, context.policy))
            .is_some_and(|at| at <= context.now)
}

/// The reason that forbids a customer a retry now; `None` if it is allowed: once a day (Asia/Taipei), never while ECPay may have
/// the payment, and not with a card that only a new one can replace.
#[must_use]
pub fn customer_retry_refusal(subscription: &Subscription, now: Timestamp) -> Option<CustomerRetryRefusal> {
    let today = now.day(Zone::Taipei);
    let is_today =
        |request: RetryRequest| request.state != RetryState::NotSent && request.requested_at.day(Zone::Taipei) == today;
    let refusal = retry_refusal(subscription);
    match refusal {
        None | Some(RetryRefusal::LastFailureAllowed) => {}
        Some(refusal) => return Some(CustomerRetryRefusal::Retry(refusal)),
    }
    if subscription.is_result_open(now) {
        Some(CustomerRetryRefusal::ResultOpen)
    } else if Arrears::of(subscription).is_some_and(|arrears| arrears.needs_new_card()) {
        Some(CustomerRetryRefusal::NeedsNewCard)
    } else if subscription.retry.is_some_and(is_today) {
        Some(CustomerRetryRefusal::RequestedToday)
    } else {
        refusal.map(CustomerRetryRefusal::Retry)
    }
}

/// Claims a retry; the caller that stores the claim sends the request. Staff may request one on any day, also for a customer on
/// FREE and after a hard decline.
///
/// # Errors
/// [`RetryRefusal`] of [`retry_refusal`].
pub fn claim_retry(before: &Versioned<Subscription>, by: Actor, now: Timestamp) -> Result<Decision, RetryRefusal> {
    if let Some(refusal) = retry_refusal(&before.value) {
        return Err(refusal);
    }
    let mut next = before.value.clone();
    // Unknown from the start: a crash before the response is stored must not lead to a second request.
    let covered_before = next.retry.and_then(|request| request.covered_until());
    next.retry = Some(RetryRequest { requested_at: now, state: RetryState::Unknown, covered_before });
    next.charge_history.add_retry(now);
    Ok(Decision::new(before, next, Cause::new(HistoryEvent::RetryRequested, Rule::RetryRequested, by), now))
}

/// Records the outcome of the retry request; `None` if its result is not pending.
#[must_use]
pub fn record_retry_outcome(before: &Versioned<Subscription>, outcome: RetryState, now: Timestamp) -> Option<Decision> {
    let request = before.value.retry.filter(RetryRequest::is_open)?;
    let rule = match outcome {
        RetryState::Accepted => Rule::RetryAccepted,
        RetryState::Refused => Rule::RetryRefused,
        RetryState::NotSent => Rule::RetryPostponed,
        RetryState::NoResult => Rule::RetryWithoutResult,
        RetryState::Unknown => Rule::RetryOutcomeUnknown,
        RetryState::Resolved => return None,
    };
    let mut next = before.value.clone();
    next.retry = Some(RetryRequest { state: outcome, ..request });
    if matches!(outcome, RetryState::Refused | RetryState::NotSent) {
        next.charge_history.remove_retry(request.requested_at);
    }
    let event = HistoryEvent::RetryOutcomeRecorded(outcome);
    Some(Decision::new(before, next, Cause::new(event, rule, Actor::Ecpay), now))
}

/// Closes a retry that brought no charge within a day. To be called only after a query that ECPay answered.
#[must_use]
pub fn close_retry_without_result(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    let request = before.value.retry?;
    if now < request.requested_at.plus_hours(RETRY_RESULT_HOURS) {
        return None;
    }
    record_retry_outcome(before, RetryState::NoResult, now)
}
