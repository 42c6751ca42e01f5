//! Types of the events that a change of a subscription leads to, by its state before and after.

use crate::domain::billing::app_events::AppEventType;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{OrderEnd, Status, Subscription};

/// The types of the events about one order, in the order in which they are posted. A first authorisation that failed and an order
/// that expired are none of a subscription, as neither granted a plan; nor is an erasure, which the app requested, nor the
/// replacement of an order, whose plan the new one grants.
pub(in crate::domain::billing) fn transitions(
    before: &Subscription,
    next: &Subscription,
    rule: Rule,
) -> Vec<AppEventType> {
    let grants = |order: &Subscription| !order.plan.is_free();
    let has_started = matches!(before.status, Status::Pending | Status::Failed) && grants(next);
    let is_paid = matches!(before.status, Status::PastDue { .. }) && next.status == Status::Active;
    let has_recovered = !has_started && grants(next) && (!grants(before) || is_paid);
    let is_renewed = grants(next)
        && !has_started
        && !has_recovered
        && before.charge_history != next.charge_history
        && next.paid_period().map(|period| period.to) > before.paid_period().map(|period| period.to);
    let grace = (before.status.grace_ends_at(), next.status.grace_ends_at());
    let is_past_due = match grace {
        (None, Some(_)) => true,
        (Some(was), Some(is)) => is < was,
        (_, None) => false,
    };
    let is_extended = matches!(grace, (Some(was), Some(is)) if is > was);
    let is_downgraded = grants(before) && !grants(next) && next.superseded_by.is_none();
    let ended = |order: &Subscription| order.ended.map(|ended| ended.how);
    // The end is known before the paid period is over. The status follows it then, beside the end of the plan, or without one where
    // the order granted none.
    let became = |status: Status, how: OrderEnd| {
        let is_end_new = ended(next) == Some(how) && ended(before) != Some(how) && before.status != status;
        is_end_new || (next.status == status && before.status != status && (!is_downgraded || ended(before).is_none()))
    };
    let requests = (before.cancel_requested.is_some(), next.cancel_requested.is_some());
    let is_changed = before.terms != next.terms || rule == Rule::TermsChanged;
    [
        (has_started, AppEventType::Activated),
        (has_recovered, AppEventType::Recovered),
        (is_renewed, AppEventType::Renewed),
        (is_past_due, AppEventType::PastDue),
        (is_extended, AppEventType::GraceExtended),
        (is_changed, AppEventType::TermsChanged),
        // A refund with which staff end the plan is none of the customer.
        (requests == (false, true) && !is_downgraded, AppEventType::CancelRequested),
        (requests == (true, false), AppEventType::CancelUndone),
        (is_downgraded, AppEventType::Downgraded),
        (became(Status::Cancelled, OrderEnd::Cancelled), AppEventType::Cancelled),
        (became(Status::Completed, OrderEnd::Finished), AppEventType::Completed),
    ]
    .into_iter()
    .filter_map(|(is_so, kind)| is_so.then_some(kind))
    .collect()
}
