//! Decision about a payment report. Total, and independent of the order in which reports arrive.

use crate::domain::billing::calendar::BillingCalendar;
use crate::domain::billing::decide::charge_notices::{RefundReason, amount_notice, receipt, refund_notice};
use crate::domain::billing::decide::erasure;
use crate::domain::billing::decide::supersede::{Owed, Superseded, first_charged_at, late_credit, supersede};
use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEvent, PaymentDecision, PurchaseChange, PurchaseStep, Receipt,
    Snapshot,
};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::policy::FAILURES_THAT_END_AN_ORDER;
use crate::domain::billing::dunning::state::refresh_dunning_state;
use crate::domain::billing::live_orders::LiveOrder;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::charge_history::FailedCharge;
use crate::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport};
use crate::domain::billing::payments::plausibility::{OrderLimits, implausible};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::payments::refund_due::RefundDue;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{
    AppliedEvent, Ended, OrderEnd, RetryRequest, RetryState, Status, Subscription,
};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Decides about a report: quarantine it, recognise a repeat, or apply it.
#[must_use]
pub fn decide_payment(snapshot: &Snapshot, report: &PaymentReport, context: DecisionContext<'_>) -> PaymentDecision {
    let subscription = &snapshot.subscription.value;
    if let Some(reason) = refusal(subscription, report, context.wall) {
        return PaymentDecision::Quarantine(reason);
    }
    if let Some(seen) = subscription.recent_events.iter().find(|seen| seen.event == report.event) {
        return if agrees(seen, report) {
            PaymentDecision::Repeat
        } else {
            PaymentDecision::Quarantine(QuarantineReason::Conflict)
        };
    }
    PaymentDecision::Apply(Box::new(apply(snapshot, report, context)))
}

/// True if a report matches the event that was applied under its identity. Values that one side omits do not differ,
/// and a failure is identified by its date alone. One authorisation under two success numbers is a conflict.
#[must_use]
pub fn agrees(seen: &AppliedEvent, report: &PaymentReport) -> bool {
    if !matches!(report.outcome, PaymentOutcome::Succeeded { .. }) {
        return true;
    }
    // Callback and query differ in the fields that they carry.
    let same_gwsr = seen.gwsr.is_none() || report.gwsr.is_none() || seen.gwsr == report.gwsr;
    let same_number = seen.event == report.event;
    let same_amount = seen.amount.is_none() || report.amount.is_none() || seen.amount == report.amount;
    same_number && same_gwsr && same_amount
}

fn refusal(subscription: &Subscription, report: &PaymentReport, received_at: Timestamp) -> Option<QuarantineReason> {
    let limits = OrderLimits { created_at: subscription.created_at, exec_times: subscription.terms.exec_times };
    let is_first_success = report.first && matches!(report.outcome, PaymentOutcome::Succeeded { .. });
    let price = subscription.terms.price;
    if report.simulated {
        Some(QuarantineReason::Simulated)
    } else if report.merchant != subscription.merchant {
        Some(QuarantineReason::WrongMerchant)
    } else if let Some(reason) = implausible(report, limits, received_at) {
        Some(reason)
    } else if is_first_success && subscription.charge_history.anchor.is_none() && report.amount != Some(price) {
        // The first authorisation is the signed order itself. Later charges follow ECPay's console.
        Some(QuarantineReason::WrongAmount { expected: price })
    } else {
        None
    }
}

fn apply(snapshot: &Snapshot, report: &PaymentReport, context: DecisionContext<'_>) -> Decision {
    let now = context.now;
    let before = &snapshot.subscription.value;
    let report: &PaymentReport = &erasure::without_card(before, report);
    let mut next = before.clone();
    next.record_event(AppliedEvent { event: report.event.clone(), gwsr: report.gwsr.clone(), amount: report.amount });
    if next.charge_history.card_last4.is_none() {
        next.charge_history.card_last4.clone_from(&report.card_last4);
    }
    if newest_report(before, report) {
        next.terms.exec_times = report.exec_times.unwrap_or(next.terms.exec_times);
    }
    // Of a purchase the first order that is paid counts. A later one is treated as replaced by it.
    let paid_order = snapshot.paid_order.clone().filter(|_| {
        matches!(report.outcome, PaymentOutcome::Succeeded { .. })
            && matches!(before.status, Status::Pending | Status::Failed)
    });
    if paid_order.is_some() {
        next.superseded_by.clone_from(&paid_order);
    }
    let (rule, mut notices) = match report.outcome {
        PaymentOutcome::Pending => (Rule::ResultPending, Vec::new()),
        PaymentOutcome::Failed => {
            resolve_retry(&mut next, report);
            failure(&mut next, report, context)
        }
        PaymentOutcome::Succeeded { number } => {
            let is_after_cancel = is_charged_after_cancel(before, report);
            resolve_retry(&mut next, report);
            success(&mut next, report, SuccessFacts { number, is_after_cancel }, context)
        }
        PaymentOutcome::PaidOutOfBand => paid_out_of_band(&mut next, report, context),
    };
    // The mail about a recovery says what was paid, so that one mail goes out about a charge.
    if !notices.iter().any(|notice| notice.kind == NoticeKind::Recovered) {
        notices.extend(receipt(&next, report, rule, context));
    }
    notices.extend(amount_notice(&mut next, report, now));
    let starts = rule == Rule::FirstChargePaid;
    let refund_due = if rule == Rule::RefundDue { RefundDue::Whole } else { RefundDue::Nothing };
    let payment = report.payment(before.terms.price, refund_due, now);
    let late = late_credit(&next, &payment, now);
    let event = match paid_order {
        Some(paid_order) => HistoryEvent::ReportedAfter { report: report.clone(), paid_order },
        None => HistoryEvent::Reported(report.clone()),
    };
    let mut decision = Decision::new(&snapshot.subscription, next, Cause::new(event, rule, Actor::Ecpay), now);
    decision.receipt = Some(Receipt { event: report.event.clone(), report: report.clone() });
    decision.payment = Some(payment);
    decision.notices = notices;
    if let Some(owed) = late {
        decision.change.history.credits = vec![owed.credit];
        decision.payment = Some(owed.payment);
        decision.notices.push(owed.notice);
    }
    if starts {
        start(&mut decision, snapshot, report);
    }
    decision
}

/// Completes the decision about the first success of an order: its purchase is paid, and it takes the place of another one.
fn start(decision: &mut Decision, snapshot: &Snapshot, report: &PaymentReport) {
    let order = &snapshot.subscription.value;
    let purchase = order.purchase.clone().unwrap_or_else(|| order.id.clone());
    decision.purchase = Some(PurchaseChange { purchase, step: PurchaseStep::Paid });
    let now = decision.change.history.at;
    let since = first_charged_at(order, report);
    let replaced = snapshot.replaced.as_ref().and_then(|old| supersede(old, order, since, now));
    if let Some(Superseded { order, owed }) = replaced {
        decision.replaced = Some(order);
        for Owed { payment, notice, .. } in owed {
            decision.credited.push(payment);
            decision.notices.push(notice);
        }
    }
    // Most users have no other order than the one that is replaced.
    let replaced = snapshot.replaced.iter().map(|old| &old.order.value).filter(|old| old.counts_for_user());
    if let Some(user) = &mut decision.user {
        user.expected = replaced.map(LiveOrder::of).collect();
    }
}

/// True if no later charge is known: its report tells the terms in force.
fn newest_report(before: &Subscription, report: &PaymentReport) -> bool {
    let history = &before.charge_history;
    let known = history.last_success_at.max(history.failures.last().map(|failure| failure.at));
    Some(report.processed_at) >= known
}

/// A charge made after a retry was requested is the result of the retry.
fn resolve_retry(next: &mut Subscription, report: &PaymentReport) {
    let later_charge = |ask: &&mut RetryRequest| !report.first && report.processed_at >= ask.requested_at;
    if let Some(ask) = next.retry.as_mut().filter(|ask| ask.is_open()).filter(later_charge) {
        ask.state = RetryState::Resolved;
    }
}

/// A success as ECPay numbers it.
struct SuccessFacts {
    number: u32,
    /// True if it was made although the customer had cancelled.
    is_after_cancel: bool,
}

fn success(
    next: &mut Subscription,
    report: &PaymentReport,
    facts: SuccessFacts,
    context: DecisionContext<'_>,
) -> (Rule, Vec<Notice>) {
    let SuccessFacts { number, is_after_cancel } = facts;
    let now = context.now;
    // Counted before the refund is decided: a refunded charge is a reported success all the same.
    next.charge_history.successes = next.charge_history.successes.max(number);
    next.charge_history.reported_successes = next.charge_history.reported_successes.saturating_add(1);
    if is_paid_out_of_band(next, report.processed_at) {
        return refund_due(next, report, &RefundReason::PaidOutside, now);
    }
    if is_after_cancel {
        return refund_due(next, report, &RefundReason::Cancelled, now);
    }
    if is_over(next, report, number) {
        if matches!(next.status, Status::Pending | Status::Failed) {
            // The order is active at ECPay after all, so it must be cancelled there.
            next.status = Status::Active;
        }
        return refund_due(next, report, &RefundReason::Over, now);
    }
    // Reports arrive in any order: only the newest success moves the state forward.
    let newest = next.charge_history.last_success_at.is_none_or(|known| report.processed_at > known);
    next.charge_history.last_success_at = next.charge_history.last_success_at.max(Some(report.processed_at));
    // All due dates are computed from the first charge, see `BillingCalendar`.
    if number == 1 {
        next.charge_history.anchor = Some(report.processed_at.day(Zone::Taipei));
    }
    next.charge_history.add_success(report.processed_at);
    let anchor = next.calendar().latest_anchor();
    next.charge_history.forget_old_successes(anchor);
    if next.ended.is_some_and(|ended| ended.how == OrderEnd::Finished && report.processed_at >= ended.at) {
        next.ended = None;
        if next.status == Status::Completed {
            next.status = Status::Active;
        }
    }
    if next.superseded_by.is_some() || next.erased.is_some() {
        // Paid for the time before the replacing order, whose plan is in force, or before the erasure.
        if matches!(next.status, Status::Pending | Status::Failed) {
            next.status = Status::Active;
        }
        return (Rule::LateSuccess, Vec::new());
    }
    match next.status {
        Status::Pending | Status::Failed => {
            next.status = Status::Active;
            next.plan = next.terms.plan.clone();
            let notices = refresh_dunning_state(next, context).into_iter().collect();
            (Rule::FirstChargePaid, notices)
        }
        Status::Active | Status::PastDue { .. } => paid(next, report, newest, context),
        Status::Cancelled | Status::Completed => {
            if next.paid_period().is_some_and(|paid| paid.to.start(Zone::Taipei) > now) {
                next.downgrade = None;
                next.plan = next.terms.plan.clone();
                (Rule::PlanRestored, Vec::new())
            } else {
                (Rule::LateSuccess, Vec::new())
            }
        }
    }
}

/// True if a charge must be refunded: the order had been replaced, its end had been confirmed, or it had expired and its
/// customer's data were erased.
fn is_over(order: &Subscription, report: &PaymentReport, number: u32) -> bool {
    let closed = matches!(order.status, Status::Cancelled | Status::Completed);
    // Staff can order further charges in ECPay's console after the last one.
    let is_extended = |ended: &Ended| {
        ended.how == OrderEnd::Finished && (!closed || report.exec_times.is_some_and(|times| number <= times))
    };
    let ended = order.ended.filter(|ended| !is_extended(ended)).is_some_and(|ended| report.processed_at >= ended.at);
    let replaced =
        order.superseded_by.is_some() && order.superseded_at.is_none_or(|since| report.processed_at >= since);
    let abandoned = order.erased.is_some() && !closed;
    replaced || ended || abandoned
}

/// True if ECPay made another charge after the customer had requested the end of the order. The result of a charge that was
/// pending then, or of a retry that was requested before, is none, nor is the late payment of a charge that had failed: its
/// period was used.
fn is_charged_after_cancel(before: &Subscription, report: &PaymentReport) -> bool {
    let Some(requested_at) = before.cancel_requested.filter(|at| *at < report.processed_at) else { return false };
    let is_retry = before.retry.is_some_and(|retry| retry.is_open() && retry.requested_at <= requested_at);
    let was_pending = before.pending_since().is_some_and(|since| since <= requested_at);
    let timeline = before.timeline();
    let due = timeline.charge_due(timeline.charged_on(report.processed_at));
    let pays = |failure: &FailedCharge| failure.at <= requested_at && timeline.failed_due(failure) == due;
    !is_retry && !was_pending && !before.charge_history.failures.iter().any(pays)
}

/// True if the charge of that period was also paid outside ECPay.
fn is_paid_out_of_band(order: &Subscription, processed_at: Timestamp) -> bool {
    let timeline = order.timeline();
    let due = timeline.calendar.due_on(timeline.charged_on(processed_at));
    order.charge_history.paid_out_of_band == Some(due)
}

/// Applies a payment that staff recorded: it ends the arrears or restores the plan.
fn paid_out_of_band(
    next: &mut Subscription,
    report: &PaymentReport,
    context: DecisionContext<'_>,
) -> (Rule, Vec<Notice>) {
    let due = unpaid_charge(next, context.now.day(Zone::Taipei));
    let paid_at =
        due.map_or(report.processed_at, |due| report.processed_at.min(last_instant_of(due, &next.calendar())));
    next.charge_history.paid_out_of_band = due;
    next.charge_history.last_success_at = next.charge_history.last_success_at.max(Some(paid_at));
    paid(next, report, true, context)
}

/// The due date of the charge that a payment outside ECPay covers, earlier failures included: the latest failed charge,
/// and for a customer on FREE the latest due one, since no plan was granted for those before.
pub(crate) fn unpaid_charge(order: &Subscription, today: LocalDate) -> Option<LocalDate> {
    let calendar = order.calendar();
    let failed = Arrears::of(order).map(|arrears| arrears.latest_due);
    let latest_due = calendar.due_on(today.plus_days(-1));
    failed.max(order.downgrade.map(|_| latest_due))
}

/// The last instant at which a payment counts for the charge due on that date: from the next one on it would also cover
/// the next charge, whose result is not known yet.
fn last_instant_of(due: LocalDate, calendar: &BillingCalendar) -> Timestamp {
    calendar.due_after(due).plus_days(-1).start(Zone::Taipei).plus_seconds(-1)
}

fn refund_due(
    next: &mut Subscription,
    report: &PaymentReport,
    reason: &RefundReason<'_>,
    now: Timestamp,
) -> (Rule, Vec<Notice>) {
    next.charge_history.last_refund_due_at = next.charge_history.last_refund_due_at.max(Some(report.processed_at));
    let payment = report.payment(next.terms.price, RefundDue::Whole, now);
    (Rule::RefundDue, vec![refund_notice(next, &payment, reason, now)])
}

/// Applies a success to an active order.
fn paid(
    next: &mut Subscription,
    report: &PaymentReport,
    newest: bool,
    context: DecisionContext<'_>,
) -> (Rule, Vec<Notice>) {
    let DecisionContext { policy, now, .. } = context;
    let was_due = matches!(next.status, Status::PastDue { .. });
    let was_free = next.downgrade.is_some();
    let was_notified = next.dunning_notice.is_some() || was_free;
    let in_time = |arrears: Arrears| arrears.grace_ends_at(policy, next.extra_grace_days) > now;
    // The plan returns only if nothing is overdue after the payment, or only a charge whose grace period still runs.
    if was_free && !(newest && Arrears::of(next).is_none_or(in_time)) {
        return (Rule::LateSuccess, Vec::new());
    }
    next.downgrade = None;
    next.plan = next.terms.plan.clone();
    let notice = refresh_dunning_state(next, context);
    if matches!(next.status, Status::PastDue { .. }) || !newest {
        let rule = if was_free { Rule::PlanRestored } else { Rule::LateSuccess };
        return (rule, notice.into_iter().collect());
    }
    next.missing_charge_notified_for = None;
    let rule = match (was_free, was_due) {
        (true, _) => Rule::PlanRestored,
        (false, true) => Rule::ArrearsPaid,
        (false, false) => Rule::Renewed,
    };
    let paid_until = next.paid_period().map_or_else(|| now.day(Zone::Taipei), |paid| paid.to);
    let recovered = was_notified.then(|| {
        Notice::about(next, NoticeKind::Recovered, report.event.as_str(), now)
            // Where it is not known the text names none: the price may not be it.
            .with("amount", report.amount.unwrap_or(next.terms.price))
            .with("amount_known", report.amount.is_some())
            .with_day("paid_until", paid_until)
    });
    (rule, recovered.into_iter().collect())
}

fn failure(next: &mut Subscription, report: &PaymentReport, context: DecisionContext<'_>) -> (Rule, Vec<Notice>) {
    if report.first {
        // A late report of the first authorisation must not undo a success.
        if next.status != Status::Pending {
            return (Rule::FailureRecorded, Vec::new());
        }
        next.status = Status::Failed;
        return (Rule::FirstChargeFailed, Vec::new());
    }
    next.charge_history.add_failure(FailedCharge {
        at: report.processed_at,
        rtn_code: report.rtn_code.clone(),
        // Without a class a later retry may succeed, so it is not ruled out.
        class: report.decline.unwrap_or(DeclineClass::SoftDecline),
    });
    let sixth = next.charge_history.failures.len() == FAILURES_THAT_END_AN_ORDER && next.ended.is_none();
    let running = matches!(next.status, Status::Active | Status::PastDue { .. });
    // Nothing is dunned that the customer no longer has.
    let dunned = next.downgrade.is_none() && next.superseded_by.is_none() && next.erased.is_none();
    let notice = if running && dunned { refresh_dunning_state(next, context) } else { None };
    let rule = match notice.as_ref().map(|notice| notice.kind) {
        _ if sixth => Rule::SixthFailure,
        Some(NoticeKind::FirstPaymentFailure) => Rule::GraceBegan,
        Some(NoticeKind::SecondPaymentFailure) => Rule::GraceExtendedOnce,
        Some(NoticeKind::FinalPaymentFailure) => Rule::LastWarning,
        _ => Rule::FailureRecorded,
    };
    (rule, notice.into_iter().collect())
}
