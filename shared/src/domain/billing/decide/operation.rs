//! Decisions about operations of staff: the same effect as an event of ECPay or the schedule, with author and reason.

use crate::domain::billing::decide::payment::{decide_payment, unpaid_charge};
use crate::domain::billing::decide::retry::{RetryRefusal, claim_retry};
use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEvent, PaymentDecision, Snapshot, Versioned,
};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::state::refresh_dunning_state;
use crate::domain::billing::operations::{Operation, OperationContext, Pause};
use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{OrderEnd, Status, Subscription};
use crate::domain::values::ids::EventId;
use crate::domain::values::money::Twd;
use crate::domain::values::time::{Timestamp, Zone};

/// Decision about an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationDecision {
    /// Write these changes.
    Apply(Box<Decision>),
    /// Applied before under the same key, or already in the requested state.
    Repeat,
    /// Not possible in the order's state.
    Refused(OperationRefusal),
}

/// Reason for which an operation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationRefusal {
    /// Idempotency key used for another request.
    #[error("this key was used for another request")]
    KeyReused,
    /// Extension requested while no grace period is running.
    #[error("no grace period is running")]
    NoGrace,
    /// Pause requested for an order without dunning.
    #[error("only a running subscription with its plan can be paused")]
    NothingToPause,
    /// Resume requested while dunning is not paused.
    #[error("dunning is not paused")]
    NotPaused,
    /// Order never paid.
    #[error("the order is not paid yet; it expires one day after its creation")]
    NotPaid,
    /// Order terminated or replaced.
    #[error("the order is already over or was replaced")]
    OrderOver,
    /// No failed charge to pay.
    #[error("no charge is unpaid")]
    NothingOwed,
    /// Retry pending: ECPay may be charging at this moment.
    #[error("a retry was requested and its result is pending; the customer could pay twice")]
    RetryOpen,
    /// Retry not allowed; see [`RetryRefusal`].
    #[error(transparent)]
    Retry(RetryRefusal),
}

/// Decides about an operation of staff.
#[must_use]
pub fn decide_operation(
    before: &Versioned<Subscription>,
    operation: &Operation,
    cause: &OperationContext,
    context: DecisionContext<'_>,
) -> OperationDecision {
    let now = context.now;
    // Checked first: a repeat must succeed even if the state has moved on.
    let seen = before.value.operations.iter().find(|seen| cause.key.as_ref() == Some(&seen.key));
    if let Some(seen) = seen {
        return if seen.request == operation.fingerprint() {
            OperationDecision::Repeat
        } else {
            OperationDecision::Refused(OperationRefusal::KeyReused)
        };
    }
    let decided = match operation {
        Operation::ExtendGrace { days } => extend_grace(before, *days, context),
        Operation::Pause { days } => pause(before, *days, now),
        Operation::Resume => match before.value.paused {
            Some(_) => Ok(resume(before, context)),
            None => Err(OperationRefusal::NotPaused),
        },
        Operation::Cancel => request_cancel(before, now),
        Operation::MarkPaid { amount, reference } => mark_paid(before, *amount, reference.as_deref(), context),
        Operation::Retry => {
            claim_retry(before, Actor::Staff(cause.by.clone()), now).map(Some).map_err(OperationRefusal::Retry)
        }
    };
    match decided {
        Ok(Some(decision)) => OperationDecision::Apply(Box::new(decision.by_staff(cause, operation))),
        Ok(None) => OperationDecision::Repeat,
        Err(refusal) => OperationDecision::Refused(refusal),
    }
}

fn staff() -> Actor {
    // `Decision::by_staff` sets the name.
    Actor::Staff(String::new())
}

fn extend_grace(
    before: &Versioned<Subscription>,
    days: u32,
    context: DecisionContext<'_>,
) -> Result<Option<Decision>, OperationRefusal> {
    if !matches!(before.value.status, Status::PastDue { .. }) {
        return Err(OperationRefusal::NoGrace);
    }
    let arrears = Arrears::of(&before.value).ok_or(OperationRefusal::NoGrace)?;
    let mut next = before.value.clone();
    next.extra_grace_days = next.extra_grace_days.saturating_add(days);
    next.status = Status::PastDue { grace_ends_at: arrears.grace_ends_at(context.policy, next.extra_grace_days) };
    let cause = Cause::new(HistoryEvent::GraceExtended { days }, Rule::GraceExtendedByStaff, staff());
    Ok(Some(Decision::new(before, next, cause, context.now)))
}

fn pause(before: &Versioned<Subscription>, days: u32, now: Timestamp) -> Result<Option<Decision>, OperationRefusal> {
    let order = &before.value;
    if !order.is_live() || order.downgrade.is_some() {
        return Err(OperationRefusal::NothingToPause);
    }
    let mut next = order.clone();
    // A pause that is set again keeps its start, so that no paused day is counted twice.
    let since = order.paused.map_or(now, |pause| pause.since);
    next.paused = Some(Pause { since, until: now.plus_days(i64::from(days)) });
    Ok(Some(Decision::new(before, next, Cause::new(HistoryEvent::Paused { days }, Rule::DunningPaused, staff()), now)))
}

/// Resumes dunning: the paused days are added to the grace period, and a mail that was held back is sent. `None` if
/// dunning is not paused.
#[must_use]
pub fn resume(before: &Versioned<Subscription>, context: DecisionContext<'_>) -> Option<Decision> {
    let now = context.now;
    let pause = before.value.paused?;
    let mut next = before.value.clone();
    next.paused = None;
    let mut notice = None;
    if matches!(next.status, Status::PastDue { .. })
        && let Some(arrears) = Arrears::of(&next)
    {
        // A late run must not extend the pause beyond its end.
        let held = pause.days_from(arrears.began_at, now.min(pause.until));
        next.extra_grace_days = next.extra_grace_days.saturating_add(held);
        notice = refresh_dunning_state(&mut next, context);
    }
    let mut decision =
        Decision::new(before, next, Cause::new(HistoryEvent::Resumed, Rule::DunningResumed, Actor::Schedule), now);
    decision.notices.extend(notice);
    Some(decision)
}

fn request_cancel(before: &Versioned<Subscription>, now: Timestamp) -> Result<Option<Decision>, OperationRefusal> {
    let order = &before.value;
    let over = order.superseded_by.is_some()
        || order.erased.is_some()
        || order.ended.is_some_and(|ended| ended.how != OrderEnd::SixFailures);
    match order.status {
        Status::Pending => return Err(OperationRefusal::NotPaid),
        Status::Failed | Status::Cancelled | Status::Completed => return Err(OperationRefusal::OrderOver),
        Status::Active | Status::PastDue { .. } if over => return Err(OperationRefusal::OrderOver),
        Status::Active | Status::PastDue { .. } => {}
    }
    if order.cancel_requested.is_some() {
        return Ok(None);
    }
    let mut next = order.clone();
    next.cancel_requested = Some(now);
    Ok(Some(Decision::new(
        before,
        next,
        Cause::new(HistoryEvent::CancelRequested, Rule::CancelRequested, staff()),
        now,
    )))
}

/// Records one payment for each unpaid charge: its event is the charge's due date.
fn mark_paid(
    before: &Versioned<Subscription>,
    amount: Option<Twd>,
    reference: Option<&str>,
    context: DecisionContext<'_>,
) -> Result<Option<Decision>, OperationRefusal> {
    let now = context.now;
    let order = &before.value;
    let refusal = if order.retry.is_some_and(|ask| ask.is_open()) {
        Some(OperationRefusal::RetryOpen)
    } else if !order.is_live() {
        Some(if order.status == Status::Pending { OperationRefusal::NotPaid } else { OperationRefusal::OrderOver })
    } else {
        None
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let Some(charge_due) = unpaid_charge(order, now.day(Zone::Taipei)) else {
        return Err(OperationRefusal::NothingOwed);
    };
    // The payment covers every known failure, also one that ECPay dates after this clock.
    let known_failure = order.charge_history.failures.last().map(|failure| failure.at);
    let report = PaymentReport {
        subscription: order.id.clone(),
        merchant: order.merchant.clone(),
        source: ReportSource::Staff,
        event: EventId::paid_out_of_band(charge_due),
        first: false,
        outcome: PaymentOutcome::PaidOutOfBand,
        rtn_code: String::new(),
        rtn_msg: reference.unwrap_or_default().to_owned(),
        decline: None,
        amount: Some(amount.unwrap_or(order.terms.price)),
        processed_at: known_failure.map_or(now, |failed_at| failed_at.max(now)),
        gwsr: None,
        card_last4: None,
        exec_times: None,
        simulated: false,
    };
    let snapshot = Snapshot { subscription: before.clone(), replaced: None };
    match decide_payment(&snapshot, &report, context) {
        PaymentDecision::Apply(decision) => Ok(Some(*decision)),
        PaymentDecision::Repeat | PaymentDecision::Quarantine(QuarantineReason::Conflict) => Ok(None),
        PaymentDecision::Quarantine(_) => Err(OperationRefusal::NothingOwed),
    }
}
