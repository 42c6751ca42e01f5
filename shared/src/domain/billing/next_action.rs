//! Next scheduled action of an order: task, time and reason. Stored with the order as its place in the due index.

use crate::domain::billing::decide::announce::annual_notice_at;
use crate::domain::billing::decide::retry::next_retry_at;
use crate::domain::billing::dunning::arrears::{Arrears, downgrade_at};
use crate::domain::billing::dunning::downgrade::{Downgrade, DowngradeReason};
use crate::domain::billing::dunning::policy::{
    ANNUAL_UNDO_DAYS, CANCEL_LEAD_DAYS, DOWNGRADE_QUERY_HOURS, DOWNGRADE_QUERY_LEAD_HOURS, DunningPolicy,
    FAILURES_THAT_END_AN_ORDER, LATE_CHARGE_QUERY_DAYS, NOT_CHARGED_DAILY_DAYS, NOT_CHARGED_QUERY_DAYS,
    PENDING_EXPIRY_HOURS, PENDING_QUERY_MINUTES, RECOVERY_WINDOW_DAYS, REQUESTED_CANCEL_LEAD_DAYS, UNDO_HOURS,
};
use crate::domain::billing::plan::BillingCycle;
use crate::domain::billing::subscription::{RetryRequest, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::money::Twd;
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
    /// Payment link that offers the order ends.
    LinkEnds,
    /// Cancellation requested before the plan was restored.
    CancelRequestedBeforePayment,
    /// Earlier success never reported.
    SuccessMissing,
    /// Annual charge ahead: queried, and the customer is notified of it.
    AnnualChargeAhead,
    /// Charge overdue by a day.
    ChargeOverdue,
    /// Charge off its due date: a late payment or a new charge day.
    ChargeDayUnexplained,
    /// All ordered charges made, or six failed: ECPay may have ended the order.
    EndSuspected,
    /// Downgrade ahead, so ECPay is queried once more.
    DowngradeAhead,
    /// Downgraded because ECPay made no charge: queried until it does.
    AwaitsCharge,
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
    /// Attempt brought nothing new; tried again later.
    NothingNewYet,
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
        let action = Self::wanted(subscription, policy).map(|action| delayed(subscription, action));
        let Some(resume) = end_of_pause(subscription) else { return action };
        // A pause always ends: no other action keeps it going, however long that one stays due.
        action.filter(|action| action.at < resume.at).or(Some(resume))
    }

    fn wanted(subscription: &Subscription, policy: &DunningPolicy) -> Option<Self> {
        if let Some(request) = subscription.retry.filter(RetryRequest::is_open) {
            return Some(Self::new(Task::Reconcile, request.requested_at, ActionReason::RetryResultPending));
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
            Status::Active => match subscription.downgrade {
                Some(downgrade) => Some(after_downgrade(subscription, downgrade)),
                None if subscription.ended.is_some() => paid_out(subscription),
                None => cancel_or(subscription, active(subscription)),
            },
            Status::PastDue { .. } => past_due(subscription, policy),
            Status::Cancelled | Status::Completed if !subscription.plan.is_free() => paid_out(subscription),
            Status::Cancelled | Status::Completed | Status::Failed => None,
        }
    }

    const fn new(kind: Task, at: Timestamp, why: ActionReason) -> Self {
        Self { kind, at, why }
    }
}

/// The action at the time to which failures and attempts in vain moved it: only further away, and only that of their task.
fn delayed(subscription: &Subscription, action: NextAction) -> NextAction {
    let failure = subscription.task_failure.as_ref().filter(|failure| failure.task == action.kind);
    let backoff = subscription.backoff.filter(|backoff| backoff.task == action.kind);
    let delays = [
        failure.map(|failure| (failure.again_at, ActionReason::PreviousAttemptFailed)),
        backoff.map(|backoff| (backoff.again_at, ActionReason::NothingNewYet)),
    ];
    let latest = delays.into_iter().flatten().max_by_key(|(at, _)| *at).filter(|(at, _)| *at > action.at);
    latest.map_or(action, |(at, why)| NextAction::new(action.kind, at, why))
}

fn pending(subscription: &Subscription) -> NextAction {
    if let Some(until) = subscription.offered_until {
        return NextAction::new(Task::CheckPending, until, ActionReason::LinkEnds);
    }
    let asked_until = subscription.last_query.map_or(subscription.created_at, |query| query.at);
    // Each age leads to one query; after the last only the expiry remains.
    let ages = PENDING_QUERY_MINUTES.map(|minutes| subscription.created_at.plus_minutes(minutes));
    match ages.into_iter().find(|at| *at > asked_until) {
        Some(at) => NextAction::new(Task::CheckPending, at, ActionReason::FirstChargeNotReported),
        None => {
            let expiry = subscription.created_at.plus_hours(PENDING_EXPIRY_HOURS);
            // A success that is counted and not listed keeps the order; it is asked about daily until the count no longer does.
            let gap = subscription.last_query.and_then(|query| Some(query.gap_until()?.min(query.at.plus_days(1))));
            match gap.filter(|at| *at > expiry) {
                Some(at) => NextAction::new(Task::CheckPending, at, ActionReason::FirstChargeNotReported),
                None => NextAction::new(Task::CheckPending, expiry, ActionReason::UnpaidOrderExpires),
            }
        }
    }
}

fn active(subscription: &Subscription) -> Option<NextAction> {
    let paid_end = subscription.paid_period()?.to;
    if let Some(ask) = subscription.cancel {
        return Some(NextAction::new(Task::Reconcile, ask.requested_at, ActionReason::CancelRequestedBeforePayment));
    }
    let history = &subscription.charge_history;
    if history.has_unreported_success()
        && let Some(at) = history.last_success_at
    {
        return Some(NextAction::new(Task::Reconcile, at, ActionReason::SuccessMissing));
    }
    let timeline = subscription.timeline();
    if let Some(at) = timeline.unexplained {
        return Some(NextAction::new(Task::Reconcile, at, ActionReason::ChargeDayUnexplained));
    }
    if let Some(at) = end_suspected(subscription) {
        return Some(NextAction::new(Task::Reconcile, at, ActionReason::EndSuspected));
    }
    if let Some(at) = annual_notice_at(subscription) {
        return Some(NextAction::new(Task::Reconcile, at, ActionReason::AnnualChargeAhead));
    }
    // Nothing is open: the next event is ECPay's charge, and its absence a day after the due date.
    let late = |due: LocalDate| due.plus_days(LATE_CHARGE_QUERY_DAYS).start(Zone::Taipei);
    let is_queried = |at: &Timestamp| subscription.last_query.is_some_and(|query| query.at >= *at);
    let at = timeline.passed_over.map(late).filter(|at| !is_queried(at)).unwrap_or_else(|| late(paid_end));
    Some(NextAction::new(Task::Reconcile, at, ActionReason::ChargeOverdue))
}

/// Time of the charge after which ECPay may have ended the order, if no query has been answered since.
fn end_suspected(subscription: &Subscription) -> Option<Timestamp> {
    let history = &subscription.charge_history;
    let last_charge = history.last_success_at.filter(|_| history.successes >= subscription.terms.exec_times);
    let last_failure = history.failures.last().map(|failure| failure.at);
    let sixth = last_failure.filter(|_| history.failures.len() >= FAILURES_THAT_END_AN_ORDER);
    let queried_at = subscription.last_query.map(|query| query.at);
    last_charge.max(sixth).filter(|at| queried_at.is_none_or(|queried| queried < *at))
}

fn paid_out(subscription: &Subscription) -> Option<NextAction> {
    let paid_end = subscription.paid_period()?.to;
    Some(NextAction::new(Task::EndGrace, paid_end.start(Zone::Taipei), ActionReason::PaidPeriodEnds))
}

fn past_due(subscription: &Subscription, policy: &DunningPolicy) -> Option<NextAction> {
    let arrears = Arrears::of(subscription)?;
    let postponed = subscription.backoff.filter(|backoff| backoff.task == Task::EndGrace);
    let end_at = downgrade_at(subscription, &arrears, policy);
    let end_at = postponed.map_or(end_at, |postponed| postponed.again_at.max(end_at));
    let pause_ends_at = subscription.paused.map(|pause| pause.until);
    // A task that keeps failing must not keep the plan: it yields to the end of grace, or of the pause that holds it.
    let yields = |kind| {
        let failing =
            subscription.task_failure.as_ref().filter(|failure| failure.task == kind && failure.needs_attention());
        failing.is_some_and(|failure| failure.again_at >= pause_ends_at.unwrap_or(end_at))
    };
    let dunning = if let Some(at) = end_suspected(subscription) {
        Some(NextAction::new(Task::Reconcile, at, ActionReason::EndSuspected))
    } else if subscription.paused.is_some() {
        None
    } else {
        match next_retry_at(subscription, &arrears, policy) {
            // At the same instant the retry precedes the downgrade: it may make it unnecessary.
            Some(at) if at <= end_at && !yields(Task::Retry) => {
                Some(NextAction::new(Task::Retry, at, ActionReason::RetryScheduled))
            }
            _ => Some(downgrade(subscription, end_at)),
        }
    };
    // A pause stops dunning, not the customer's cancellation: ECPay would charge the card again.
    if yields(Task::Cancel) { dunning } else { cancel_or(subscription, dunning) }
}

/// The downgrade at the end of grace, and before it a query, so that no customer is downgraded whose payment ECPay has.
fn downgrade(subscription: &Subscription, end_at: Timestamp) -> NextAction {
    let end_grace = |at| NextAction::new(Task::EndGrace, at, ActionReason::GraceEnds);
    let is_recent = |at: Timestamp| at >= end_at.plus_hours(-DOWNGRADE_QUERY_HOURS);
    if subscription.last_query.is_some_and(|query| is_recent(query.at)) {
        return end_grace(end_at);
    }
    let query =
        NextAction::new(Task::Reconcile, end_at.plus_hours(-DOWNGRADE_QUERY_LEAD_HOURS), ActionReason::DowngradeAhead);
    // Each of these tasks queries first. Without a usable answer for a day the downgrade goes on.
    let given_up = subscription.task_failure.as_ref().and_then(|failure| {
        let at = failure.since.plus_hours(DOWNGRADE_QUERY_HOURS);
        let is_given_up =
            if failure.task == Task::Reconcile { failure.again_at >= at } else { failure.needs_attention() };
        is_given_up.then_some(at)
    });
    given_up.map_or(query, |at| end_grace(end_at.max(at)))
}

/// The cancellation requested by the customer once it is due, until then `other`.
fn cancel_or(subscription: &Subscription, other: Option<NextAction>) -> Option<NextAction> {
    let Some(at) = requested_cancel_at(subscription) else { return other };
    let tried = [
        subscription.task_failure.as_ref().map(|failure| failure.task),
        subscription.backoff.map(|backoff| backoff.task),
    ];
    // Once it was tried, no other action comes between it and the next attempt.
    let has_begun = subscription.cancel.is_some() || tried.contains(&Some(Task::Cancel));
    let is_sooner = |other: &NextAction| !has_begun && delayed(subscription, *other).at < at;
    other.filter(is_sooner).or_else(|| Some(cancel(subscription, at, ActionReason::CancelRequested)))
}

/// Time at which the cancellation requested by the customer is due: late enough to be undone, early enough before the next
/// charge that ECPay can confirm it. `None` without one, and where the order is over.
fn requested_cancel_at(subscription: &Subscription) -> Option<Timestamp> {
    let requested_at = subscription.cancel_requested.filter(|_| subscription.ended.is_none())?;
    let undo_until = match subscription.terms.cycle {
        BillingCycle::Monthly => requested_at.plus_hours(UNDO_HOURS),
        BillingCycle::Annual => requested_at.plus_days(ANNUAL_UNDO_DAYS),
    };
    let charge = charge_to_come(subscription, requested_at.day(Zone::Taipei));
    let latest = charge.plus_days(-REQUESTED_CANCEL_LEAD_DAYS).start(Zone::Taipei);
    Some(undo_until.min(latest).max(requested_at))
}

fn end_of_pause(subscription: &Subscription) -> Option<NextAction> {
    let pause = subscription.paused?;
    Some(NextAction::new(Task::Resume, pause.until, ActionReason::PauseEnds))
}

fn after_downgrade(subscription: &Subscription, downgrade: Downgrade) -> NextAction {
    let action = match downgrade.reason {
        DowngradeReason::Refunded => return cancel(subscription, downgrade.at, ActionReason::DowngradedToFree),
        DowngradeReason::PaymentFailure => {
            // As late as possible, so that a payment can restore the plan, yet before ECPay charges again.
            let window_end = downgrade.at.plus_days(RECOVERY_WINDOW_DAYS);
            let next_charge = charge_to_come(subscription, downgrade.at.day(Zone::Taipei));
            let lead = next_charge.plus_days(-CANCEL_LEAD_DAYS).start(Zone::Taipei);
            cancel(subscription, window_end.min(lead).max(downgrade.at), ActionReason::DowngradedToFree)
        }
        // Nothing is owed, and the charge may still come: only a person ends such an order.
        DowngradeReason::NotCharged => {
            let since = subscription.last_query.map_or(downgrade.at, |query| query.at.max(downgrade.at));
            let is_daily = since < downgrade.at.plus_days(NOT_CHARGED_DAILY_DAYS);
            let days = if is_daily { 1 } else { NOT_CHARGED_QUERY_DAYS };
            NextAction::new(Task::Reconcile, since.plus_days(days), ActionReason::AwaitsCharge)
        }
    };
    cancel_or(subscription, Some(action)).unwrap_or(action)
}

/// Day and amount of the next charge, where one is expected as of `today`: ECPay makes it, and nothing is requested that ends the
/// order before.
#[must_use]
pub fn announced_charge(order: &Subscription, today: LocalDate) -> Option<(LocalDate, Twd)> {
    let is_waiting = |reason| reason == DowngradeReason::NotCharged;
    let is_charged = order.is_live()
        && order.ended.is_none()
        && order.cancel.is_none()
        && order.cancel_requested.is_none()
        && order.downgrade.is_none_or(|downgrade| is_waiting(downgrade.reason))
        && order.charge_history.successes < order.terms.exec_times;
    let next = is_charged.then(|| charge_to_come(order, today))?;
    (next >= today).then_some((next, order.terms.price))
}

/// The due date of the next charge as of `today`: the day that staff announced, that of a charge that is overdue, or that of
/// the current period, unless it passed or its charge was made.
#[must_use]
pub fn charge_to_come(subscription: &Subscription, today: LocalDate) -> LocalDate {
    let timeline = subscription.timeline();
    let history = &subscription.charge_history;
    if let Some(announced) = timeline.announced {
        return announced;
    }
    let due = timeline.calendar.due_on(today);
    // On the due day a charge may also be the result of a retry, made before the one that is due.
    let is_retry = |at: Timestamp| today <= due && timeline.may_repeat_earlier(at);
    let is_of_due = |at: Timestamp| timeline.calendar.due_on(timeline.charged_on(at)) == due && !is_retry(at);
    let is_made = history.failures.iter().any(|failure| is_of_due(failure.at))
        || history.last_refund_due_at.is_some_and(is_of_due)
        || timeline.paid_due.is_some_and(|paid| paid >= due) && !history.last_success_at.is_some_and(is_retry);
    if !is_made
        && due < today
        && subscription.downgrade.is_none_or(|downgrade| downgrade.reason == DowngradeReason::NotCharged)
    {
        // ECPay may make it any day.
        return due;
    }
    // A charge that was made in this period is followed by that of the next one.
    let next = if is_made || due < today { timeline.calendar.due_after(due) } else { due };
    // A charge that failed before its due date shows a moved charge day, or is a retry. A cancellation that is too early does less
    // harm than one after the charge, so the sooner day counts.
    let failed_on = history.failures.iter().map(|failure| failure.at.day(Zone::Taipei));
    let early = failed_on.filter(|day| timeline.is_early(*day));
    let shown = early.map(|day| day.plus_months(subscription.terms.cycle.months())).filter(|shown| *shown > today);
    shown.fold(next, LocalDate::min)
}

fn cancel(subscription: &Subscription, at: Timestamp, why: ActionReason) -> NextAction {
    match subscription.cancel {
        // Due in every run until a query confirms it.
        Some(ask) => NextAction::new(Task::Cancel, ask.requested_at, ActionReason::CancelUnconfirmed),
        None => NextAction::new(Task::Cancel, at, why),
    }
}
