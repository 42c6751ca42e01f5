//! Retries: claimed before ECPay is asked, so that one obligation is asked once whoever asks.

use crate::domain::billing::arrears::{Arrears, RetryRefusal, next_retry_at, retry_refusal};
use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::operations::Operation;
use crate::domain::billing::policy::RETRY_RESULT_HOURS;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{RetryRequest, RetryState, Status, Subscription};
use crate::domain::values::time::Timestamp;

/// Whether the schedule asks for a retry at `now`.
#[must_use]
pub fn retry_is_due(subscription: &Subscription, context: DecisionContext<'_>) -> bool {
    matches!(subscription.status, Status::PastDue { .. })
        && Arrears::of(subscription)
            .and_then(|arrears| next_retry_at(subscription, &arrears, context.policy))
            .is_some_and(|at| at <= context.now)
}

/// Claims a retry: after this is stored ECPay is asked, by nobody else. Staff may ask on any day, also for a
/// customer on FREE and for a card that asks for a new one.
///
/// # Errors
/// [`RetryRefusal`].
pub fn claim_retry(before: &Versioned<Subscription>, by: Actor, now: Timestamp) -> Result<Decision, RetryRefusal> {
    if let Some(refusal) = retry_refusal(&before.value) {
        return Err(refusal);
    }
    let mut next = before.value.clone();
    // Unknown from the start: a crash between this and the answer must not lead to a second ask.
    let covered_before = next.retry.and_then(|ask| ask.covered_until());
    next.retry = Some(RetryRequest { asked_at: now, state: RetryState::Unknown, covered_before });
    Ok(Decision::new(before, next, Cause::new(HistoryEvent::RetryRequested, Rule::RetryRequested, by), now))
}

/// What ECPay answered to the ask, if it is still open.
#[must_use]
pub fn answer_retry(before: &Versioned<Subscription>, answer: RetryState, now: Timestamp) -> Option<Decision> {
    let ask = before.value.retry.filter(RetryRequest::is_open)?;
    let rule = match answer {
        RetryState::Accepted => Rule::RetryAccepted,
        RetryState::Refused => Rule::RetryRefused,
        RetryState::NotSent => Rule::RetryPostponed,
        RetryState::NoResult => Rule::RetryWithoutResult,
        RetryState::Unknown => Rule::RetryOutcomeUnknown,
        RetryState::Resolved => return None,
    };
    let mut next = before.value.clone();
    next.retry = Some(RetryRequest { state: answer, ..ask });
    if answer == RetryState::NotSent {
        // Its request was not done, so the same request may come again.
        let done = next.operations.iter().rposition(|seen| seen.request == Operation::Retry.fingerprint());
        done.map(|place| next.operations.remove(place));
    }
    Some(Decision::new(before, next, Cause::new(HistoryEvent::RetryOutcomeRecorded(answer), rule, Actor::Ecpay), now))
}

/// Closes an ask that brought nothing within a day. Only to be called after a query that answered.
#[must_use]
pub fn give_up_retry(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    let ask = before.value.retry?;
    if now < ask.asked_at.plus_hours(RETRY_RESULT_HOURS) {
        return None;
    }
    answer_retry(before, RetryState::NoResult, now)
}
