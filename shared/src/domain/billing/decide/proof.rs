//! A success that ECPay signed or lists but that cannot be recorded proves that the period of its date was paid.

use crate::domain::billing::decision::{Actor, Cause, Decision, DecisionContext, HistoryEvent, Versioned};
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::state::refresh_dunning_state;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::time::{Timestamp, Zone};

/// The decision that a quarantined report leads to all the same: a success that ECPay signed proves that its period was
/// paid, even if its number or authorisation number cannot be right. `None` where it proves nothing, or nothing new.
#[must_use]
pub fn proof_of_payment(
    before: &Versioned<Subscription>,
    report: &PaymentReport,
    reason: &QuarantineReason,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    let succeeded = matches!(report.outcome, PaymentOutcome::Succeeded { .. }) && !report.first;
    if !succeeded || !reason.leaves_a_proof() || before.value.charge_history.has_success_at(report.processed_at) {
        return None;
    }
    let mut noted = before.clone();
    noted.value.charge_history.add_unrecorded(report.processed_at);
    let mut decision = proven(&noted, report.processed_at, context)?;
    // Staff are notified of the quarantined report itself.
    decision.notices.retain(|notice| notice.kind != NoticeKind::UnrecordedCharge);
    Some(decision)
}

/// Takes a success that cannot be recorded as proof that the period of its date was paid: overdue notices end and a plan
/// that was taken away returns. `before` holds the proof already.
#[must_use]
pub fn proven(
    before: &Versioned<Subscription>,
    charged_at: Timestamp,
    context: DecisionContext<'_>,
) -> Option<Decision> {
    if !before.value.is_live() {
        return None;
    }
    let mut next = before.value.clone();
    restore_paid(&mut next, context);
    let day = charged_at.day(Zone::Taipei);
    let notice = Notice::about(&next, NoticeKind::UnrecordedCharge, &day.to_string(), context.now)
        .with_instant("charged_at", charged_at);
    let cause = Cause::new(HistoryEvent::SuccessProven { charged_at }, Rule::SuccessProven, Actor::Ecpay);
    let mut decision = Decision::new(before, next, cause, context.now);
    decision.notices.push(notice);
    Some(decision)
}

/// Ends the arrears and returns the plan after a success that is known but not recorded.
fn restore_paid(next: &mut Subscription, context: DecisionContext<'_>) {
    let in_time = |arrears: Arrears| arrears.grace_ends_at(context.policy, next.extra_grace_days) > context.now;
    if next.downgrade.is_some() && Arrears::of(next).is_none_or(in_time) {
        next.downgrade = None;
        next.plan = next.terms.plan.clone();
    }
    if next.downgrade.is_none() {
        refresh_dunning_state(next, context);
    }
}
