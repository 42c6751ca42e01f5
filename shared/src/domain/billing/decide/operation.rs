//! Decisions about operations of staff or customers: the same effect as an event of ECPay or the schedule, with author and reason.

use crate::domain::billing::decide::contact::{change_email, note};
use crate::domain::billing::decide::payment::{decide_payment, unpaid_charge};
use crate::domain::billing::decide::retry::{CustomerRetryRefusal, RetryRefusal, claim_retry, customer_retry_refusal};
use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEvent, PaymentDecision, Snapshot, Versioned,
};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::downgrade::{Downgrade, DowngradeReason};
use crate::domain::billing::dunning::state::refresh_dunning_state;
use crate::domain::billing::operations::{NEXT_CHARGE_DAYS, Operation, OperationContext, Pause};
use crate::domain::billing::payments::charge_history::AnnouncedCharge;
use crate::domain::billing::payments::payment::{Payment, PaymentOutcome, PaymentReport, ReportSource};
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::ids::EventId;
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Decision about an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationDecision {
    /// Write these changes.
    Apply(Box<Decision>),
    /// Already in the requested state.
    Unchanged,
    /// Not possible in the order's state.
    Refused(OperationRefusal),
}

/// Reason for which an operation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationRefusal {
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
    #[error("the order is not paid yet")]
    NotPaid,
    /// Order terminated or replaced.
    #[error("the order is already over or was replaced")]
    OrderOver,
    /// No request to end the order.
    #[error("no cancellation was requested")]
    NoCancel,
    /// Cancellation requested from ECPay, where it cannot be taken back.
    #[error("the cancellation was already requested from ECPay: a new order is needed")]
    CancelSent,
    /// Charge after the request, which is to be refunded.
    #[error("ECPay charged the order after the request, and that charge is to be refunded: a new order is needed")]
    ChargedSince,
    /// No failed charge to pay.
    #[error("no charge is unpaid")]
    NothingOwed,
    /// Retry pending: ECPay may be charging at this moment.
    #[error("a retry was requested and its result is pending; the customer could pay twice")]
    RetryOpen,
    /// Terms for an order that is not live.
    #[error("only a running subscription has terms to change")]
    NoTerms,
    /// Next charge in the past or too far ahead.
    #[error("must be a day after today and at most {NEXT_CHARGE_DAYS} days ahead (Asia/Taipei)")]
    NextChargeOutOfRange,
    /// Payment that is no success of known amount.
    #[error("only a successful payment of known amount can be refunded")]
    NotRefundable,
    /// More than what is left of the payment.
    #[error("only {left} of this payment have not gone back yet")]
    RefundTooHigh {
        /// Amount that was paid less what went back.
        left: Twd,
    },
    /// Customer erased: the order holds no data about them any more.
    #[error("the customer was erased")]
    Erased,
    /// Retry not allowed; see [`RetryRefusal`].
    #[error(transparent)]
    Retry(RetryRefusal),
    /// Retry not allowed to a customer; see [`CustomerRetryRefusal`].
    #[error(transparent)]
    CustomerRetry(CustomerRetryRefusal),
}

/// Decides about an operation. A repetition under an idempotency key is found by its receipt, before this.
#[must_use]
pub fn decide_operation(
    before: &Versioned<Subscription>,
    operation: &Operation,
    cause: &OperationContext,
    context: DecisionContext<'_>,
) -> OperationDecision {
    let now = context.now;
    let decided = match operation {
        Operation::ExtendGrace { days } => extend_grace(before, *days, context),
        Operation::Pause { days } => pause(before, *days, now),
        Operation::Resume => match before.value.paused {
            Some(_) => Ok(resume(before, context)),
            None => Err(OperationRefusal::NotPaused),
        },
        Operation::Cancel => request_cancel(before, now),
        Operation::UndoCancel => undo_cancel(before, context),
        Operation::MarkPaid { amount, reference } => mark_paid(before, *amount, reference.as_deref(), context),
        Operation::Terms { amount, next_charge_on } => terms(before, *amount, *next_charge_on, context),
        Operation::Refund { payment, amount, reference, end_access } => {
            refund(before, payment, &Refund { amount: *amount, reference, end_access: *end_access }, now)
        }
        Operation::ChangeEmail { .. } | Operation::Note if before.value.erased.is_some() => {
            Err(OperationRefusal::Erased)
        }
        Operation::ChangeEmail { email } if *email == before.value.email => Ok(None),
        Operation::ChangeEmail { email } => Ok(Some(change_email(before, email, staff(), now))),
        Operation::Note => Ok(Some(note(before, staff(), now))),
        Operation::Retry => request_retry(before, &cause.by, now).map(Some),
    };
    match decided {
        Ok(Some(decision)) => OperationDecision::Apply(Box::new(decision.requested(cause))),
        Ok(None) => OperationDecision::Unchanged,
        Err(refusal) => OperationDecision::Refused(refusal),
    }
}

/// Claims a retry that a person requested. A query may show that the last failure is allowed, so that this refusal is the same
/// for staff and customers.
fn request_retry(before: &Versioned<Subscription>, by: &Actor, now: Timestamp) -> Result<Decision, OperationRefusal> {
    let refusal = if *by == Actor::Buyer { customer_retry_refusal(&before.value, now) } else { None };
    match refusal {
        None => claim_retry(before, by.clone(), now).map_err(OperationRefusal::Retry),
        Some(CustomerRetryRefusal::Retry(refusal)) => Err(OperationRefusal::Retry(refusal)),
        Some(refusal) => Err(OperationRefusal::CustomerRetry(refusal)),
    }
}

fn staff() -> Actor {
    // `Decision::requested` sets the author.
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
    let computed = arrears.grace_ends_at(context.policy, next.extra_grace_days);
    // An end that a mail named is kept.
    let promised = next.dunning_notice.and_then(|sent| sent.promised_until);
    next.status = Status::PastDue { grace_ends_at: promised.map_or(computed, |promised| promised.max(computed)) };
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
    let over = order.superseded_by.is_some() || order.erased.is_some() || order.ended.is_some();
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

fn undo_cancel(
    before: &Versioned<Subscription>,
    context: DecisionContext<'_>,
) -> Result<Option<Decision>, OperationRefusal> {
    let order = &before.value;
    if order.cancel_requested.is_none() {
        return Err(OperationRefusal::NoCancel);
    }
    // With a refund that ended the plan, the cancellation is part of what staff decided.
    let is_refunded = order.downgrade.is_some_and(|downgrade| downgrade.reason == DowngradeReason::Refunded);
    if order.ended.is_some() || !order.is_live() || is_refunded {
        return Err(OperationRefusal::OrderOver);
    }
    if order.cancel.is_some() {
        return Err(OperationRefusal::CancelSent);
    }
    if order.charge_history.last_refund_due_at > order.cancel_requested {
        return Err(OperationRefusal::ChargedSince);
    }
    let mut next = order.clone();
    next.cancel_requested = None;
    next.unconfirmed_notified_for = None;
    // A charge that failed meanwhile is owed from now on.
    let notice = if next.downgrade.is_none() { refresh_dunning_state(&mut next, context) } else { None };
    let cause = Cause::new(HistoryEvent::CancelUndone, Rule::CancelUndone, staff());
    let mut decision = Decision::new(before, next, cause, context.now);
    decision.notices.extend(notice);
    Ok(Some(decision))
}

/// Records the terms that staff changed in ECPay's console. A plan that was taken away for lack of a charge returns where
/// the next charge is announced.
fn terms(
    before: &Versioned<Subscription>,
    amount: Option<Twd>,
    next_charge_on: Option<LocalDate>,
    context: DecisionContext<'_>,
) -> Result<Option<Decision>, OperationRefusal> {
    let now = context.now;
    if !before.value.is_live() || before.value.ended.is_some() {
        return Err(OperationRefusal::NoTerms);
    }
    let mut next = before.value.clone();
    next.terms.price = amount.unwrap_or(next.terms.price);
    if let Some(day) = next_charge_on {
        let today = now.day(Zone::Taipei);
        if day <= today || day > today.plus_days(NEXT_CHARGE_DAYS) {
            return Err(OperationRefusal::NextChargeOutOfRange);
        }
        next.charge_history.next_charge = Some(AnnouncedCharge { on: day, since: now });
        if next.downgrade.is_some_and(|downgrade| downgrade.reason == DowngradeReason::NotCharged) {
            next.downgrade = None;
            next.plan = next.terms.plan.clone();
        }
        next.missing_charge_notified_for = None;
    }
    let event = HistoryEvent::TermsChanged { amount, next_charge_on };
    Ok(Some(Decision::new(before, next, Cause::new(event, Rule::TermsChanged, staff()), now)))
}

/// Request to record a refund.
struct Refund<'a> {
    amount: Twd,
    reference: &'a Option<String>,
    end_access: bool,
}

/// Records money that went back, at most what was paid less what went back before.
fn refund(
    before: &Versioned<Subscription>,
    stored: &Payment,
    request: &Refund<'_>,
    now: Timestamp,
) -> Result<Option<Decision>, OperationRefusal> {
    let left = stored.refundable().ok_or(OperationRefusal::NotRefundable)?;
    if request.amount > left || request.amount == Twd::ZERO {
        return Err(OperationRefusal::RefundTooHigh { left });
    }
    let payment = stored.after_refund(request.amount);
    let mut next = before.value.clone();
    let ends = request.end_access && next.is_live();
    if ends {
        next.plan = PlanId::free();
        next.status = Status::Active;
        next.downgrade = Some(Downgrade { at: now, reason: DowngradeReason::Refunded });
        next.dunning_notice = None;
        next.paused = None;
        next.cancel_requested = Some(next.cancel_requested.unwrap_or(now));
    }
    let event = HistoryEvent::Refunded {
        payment: payment.id.clone(),
        amount: request.amount,
        reference: request.reference.clone(),
        end_access: ends,
    };
    let rule = if ends { Rule::RefundedAndEnded } else { Rule::Refunded };
    let mut decision = Decision::new(before, next, Cause::new(event, rule, staff()), now);
    decision.refunded = Some(payment);
    Ok(Some(decision))
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
        trade_no: None,
        card_last4: None,
        exec_times: None,
        simulated: false,
    };
    let snapshot = Snapshot { subscription: before.clone(), replaced: None, paid_order: None };
    match decide_payment(&snapshot, &report, context) {
        PaymentDecision::Apply(decision) => Ok(Some(*decision)),
        PaymentDecision::Repeat if is_recorded(order, &report) => Ok(None),
        // Also one of another amount for the same charge, which would not be in the books.
        PaymentDecision::Repeat | PaymentDecision::Quarantine(_) => Err(OperationRefusal::NothingOwed),
    }
}

/// True if the payment of that charge is recorded with the same amount.
fn is_recorded(order: &Subscription, report: &PaymentReport) -> bool {
    order.recent_events.iter().any(|seen| seen.event == report.event && seen.amount == report.amount)
}
