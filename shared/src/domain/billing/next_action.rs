//! Next scheduled action of an order: task, time and reason. Stored with the order as its place in the due index.

use crate::domain::billing::decide::retry::next_retry_at;
use crate::domain::billing::dunning::arrears::{Arrears, downgrade_at};
use crate::domain::billing::dunning::policy::{
    CANCEL_LEAD_DAYS, DunningPolicy, LATE_CHARGE_QUERY_DAYS, PENDING_EXPIRY_HOURS, PENDING_QUERY_MINUTES,
    RECOVERY_WINDOW_DAYS,
};
use crate::domain::billing::payments::charge_history::FailedCharge;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Next action that the schedule takes for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextAction {
    /// Task that carries it out.
    pub kind: Task,
    /// Due time; the first scheduled run after it carries the action out.
    pub at: Timestamp,
    /// Reason, as shown by the API.
    pub why: ActionReason,
}

/// Reason for a scheduled action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionReason {
    /// Retry requested, result pending.
    RetryResultPending,
    /// Previous attempt of the task failed.
    PreviousAttemptFailed,
    /// First charge not reported yet.
    FirstChargeNotReported,
    /// Unpaid orders expire after one day.
    UnpaidOrderExpires,
    /// Cancellation requested before the plan was restored.
    CancelRequestedBeforePayment,
    /// Earlier success never reported.
    SuccessMissing,
    /// Charge overdue by a day.
    ChargeOverdue,
    /// Order terminated and paid period at its end.
    PaidPeriodEnds,
    /// Charge failed; retried on the days of the policy.
    RetryScheduled,
    /// Grace period ends unpaid.
    GraceEnds,
    /// Pause of dunning ends.
    PauseEnds,
    /// Replaced by a new order.
    Replaced,
    /// Cancellation requested by the customer.
    CancelRequested,
    /// Downgraded to FREE, so not to be charged again.
    DowngradedToFree,
    /// Cancellation requested, not confirmed yet.
    CancelUnconfirmed,
    /// Customer's data erased.
    UserErased,
}

impl NextAction {
    /// The next action for an order; `None` if it waits for ECPay only, or is over.
    #[must_use]
    pub fn of(subscription: &Subscription, policy: &DunningPolicy) -> Option<Self> {
        // Backoff moves an action only further away, and only that of the task that fails.
        let action = Self::wanted(subscription, policy)?;
        let failure = subscription
            .task_failure
            .as_ref()
            .filter(|failure| failure.task == action.kind && failure.again_at > action.at);
        Some(match failure {
            Some(failure) => Self::new(action.kind, failure.again_at, ActionReason::PreviousAttemptFailed),
            None => action,
        })
    }

    fn wanted(subscription: &Subscription, policy: &DunningPolicy) -> Option<Self> {
        let asked = subscription.retry.filter(crate::domain::billing::subscription::RetryRequest::is_open);
        if let Some(ask) = asked {
            return Some(Self::new(Task::Reconcile, ask.requested_at, ActionReason::RetryResultPending));
        }
        match subscription.status {
            Status::Pending => Some(pending(subscription)),
            // A replaced or erased order must not be charged again, so it is cancelled whatever else is open.
            Status::Active if subscription.superseded_by.is_some() => {
                Some(cancel(subscription, subscription.created_at, ActionReason::Replaced))
            }
            Status::Active if subscription.erased.is_some() => {
                Some(cancel(subscription, subscription.created_at, ActionReason::UserErased))
            }
            Status::Active if subscription.downgrade.is_some() => Some(after_downgrade(subscription)),
            Status::Active => {
                [active(subscription), end_of_pause(subscription)].into_iter().flatten().min_by_key(|action| action.at)
            }
            Status::PastDue { .. } => past_due(subscription, policy),
            Status::Cancelled | Status::Completed if !subscription.plan.is_free() => paid_out(subscription),
            Status::Cancelled | Status::Completed | Status::Failed => None,
        }
    }

    const fn new(kind: Task, at: Timestamp, why: ActionReason) -> Self {
        Self { kind, at, why }
    }
}

fn pending(subscription: &Subscription) -> NextAction {
    let asked_until = subscription.checked_at.unwrap_or(subscription.created_at);
    // Each age leads to one query; after the last only the expiry remains.
    let ages = PENDING_QUERY_MINUTES.map(|minutes| subscription.created_at.plus_minutes(minutes));
    match ages.into_iter().find(|at| *at > asked_until) {
        Some(at) => NextAction::new(Task::CheckPending, at, ActionReason::FirstChargeNotReported),
        None => NextAction::new(
            Task::CheckPending,
            subscription.created_at.plus_hours(PENDING_EXPIRY_HOURS),
            ActionReason::UnpaidOrderExpires,
        ),
    }
}

fn active(subscription: &Subscription) -> Option<NextAction> {
    let paid_end = subscription.paid_period()?.to;
    if subscription.ended.is_some() {
        return paid_out(subscription);
    }
    if let Some(cancel) = requested_cancel(subscription) {
        return Some(cancel);
    }
    if let Some(ask) = subscription.cancel {
        return Some(NextAction::new(Task::Reconcile, ask.requested_at, ActionReason::CancelRequestedBeforePayment));
    }
    let history = &subscription.charge_history;
    if history.has_unreported_success()
        && let Some(at) = history.last_success_at
    {
        return Some(NextAction::new(Task::Reconcile, at, ActionReason::SuccessMissing));
    }
    // Nothing is open: the next event is ECPay's charge, and its absence a day after the due date.
    let at = paid_end.plus_days(LATE_CHARGE_QUERY_DAYS).start(Zone::Taipei);
    Some(NextAction::new(Task::Reconcile, at, ActionReason::ChargeOverdue))
}

fn paid_out(subscription: &Subscription) -> Option<NextAction> {
    let paid_end = subscription.paid_period()?.to;
    Some(NextAction::new(Task::EndGrace, paid_end.start(Zone::Taipei), ActionReason::PaidPeriodEnds))
}

fn past_due(subscription: &Subscription, policy: &DunningPolicy) -> Option<NextAction> {
    let arrears = Arrears::of(subscription)?;
    let grace_ends = downgrade_at(subscription, &arrears, policy);
    let end = end_of_pause(subscription)
        .unwrap_or_else(|| NextAction::new(Task::EndGrace, grace_ends, ActionReason::GraceEnds));
    // A task that keeps failing must neither keep the plan nor keep dunning paused: it yields to the end of grace.
    let yields = |kind| {
        let failing =
            subscription.task_failure.as_ref().filter(|failure| failure.task == kind && failure.needs_attention());
        failing.is_some_and(|failure| failure.again_at >= end.at)
    };
    // A pause stops dunning, not the customer's cancellation: ECPay would charge the card again.
    if let Some(cancel) = requested_cancel(subscription).filter(|action| !yields(action.kind)) {
        return Some(cancel);
    }
    match next_retry_at(subscription, &arrears, policy) {
        // At the same instant the retry precedes the downgrade: it may make it unnecessary.
        Some(at) if at <= end.at && !yields(Task::Retry) => {
            Some(NextAction::new(Task::Retry, at, ActionReason::RetryScheduled))
        }
        _ => Some(end),
    }
}

/// The cancellation requested by the customer, until the order is over.
fn requested_cancel(subscription: &Subscription) -> Option<NextAction> {
    if subscription.ended.is_some() {
        return None;
    }
    Some(cancel(subscription, subscription.cancel_requested?, ActionReason::CancelRequested))
}

fn end_of_pause(subscription: &Subscription) -> Option<NextAction> {
    let pause = subscription.paused?;
    Some(NextAction::new(Task::Resume, pause.until, ActionReason::PauseEnds))
}

fn after_downgrade(subscription: &Subscription) -> NextAction {
    if let Some(cancel) = requested_cancel(subscription) {
        return cancel;
    }
    let since = subscription.downgrade.map_or(subscription.created_at, |downgrade| downgrade.at);
    let next_charge = charge_to_come(subscription, since.day(Zone::Taipei));
    // As late as possible, so that a payment can restore the plan, yet before ECPay charges again.
    let window_end = since.plus_days(RECOVERY_WINDOW_DAYS);
    let lead = next_charge.plus_days(-CANCEL_LEAD_DAYS).start(Zone::Taipei);
    cancel(subscription, window_end.min(lead).max(since), ActionReason::DowngradedToFree)
}

/// The due date of the next charge as of `today`: that of the current period, unless it passed or its charge was made.
fn charge_to_come(subscription: &Subscription, today: LocalDate) -> LocalDate {
    let calendar = subscription.calendar();
    let number = calendar.charge_on(today);
    let is_made = |failure: &FailedCharge| calendar.charge_on(failure.at.day(Zone::Taipei)) == number;
    // A charge that failed in this period was made, so the next one is that of the following period.
    let is_over = calendar.due(number) < today || subscription.charge_history.failures.iter().any(is_made);
    calendar.due(if is_over { number.saturating_add(1) } else { number })
}

fn cancel(subscription: &Subscription, at: Timestamp, why: ActionReason) -> NextAction {
    match subscription.cancel {
        // Due in every run until a query confirms it.
        Some(ask) => NextAction::new(Task::Cancel, ask.requested_at, ActionReason::CancelUnconfirmed),
        None => NextAction::new(Task::Cancel, at, why),
    }
}
