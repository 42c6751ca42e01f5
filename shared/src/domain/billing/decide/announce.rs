//! Notice ahead of an annual charge, which customers forget within the year.

use crate::domain::billing::decision::{Actor, Cause, Decision, HistoryEvent, Versioned};
use crate::domain::billing::dunning::policy::ANNUAL_NOTICE_DAYS;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::order_query::EcpayState;
use crate::domain::billing::plan::BillingCycle;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Query result: the order runs on, and its annual charge is at most two weeks ahead. The customer is notified once for each
/// charge.
#[must_use]
pub fn announce_charge(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    let due = annual_charge(&before.value)?;
    let runs_on = before.value.last_query.is_none_or(|query| query.state == EcpayState::Running);
    let is_near = runs_on && now >= announced_at(due) && now < due.start(Zone::Taipei);
    if !is_near || before.value.charge_announced_for == Some(due) {
        return None;
    }
    let mut next = before.value.clone();
    next.charge_announced_for = Some(due);
    let notice = Notice::about(&next, NoticeKind::AnnualCharge, &due.to_string(), now).with_day("charge_due", due);
    let cause = Cause::new(HistoryEvent::ChargeAnnounced { due }, Rule::ChargeAnnounced, Actor::Schedule);
    let mut decision = Decision::new(before, next, cause, now);
    decision.notices.push(notice);
    Some(decision)
}

/// Time at which the next annual charge is announced, after a query; `None` once that was done, and where none is ahead.
pub(crate) fn annual_notice_at(order: &Subscription) -> Option<Timestamp> {
    let due = annual_charge(order).filter(|due| order.charge_announced_for != Some(*due))?;
    let at = announced_at(due);
    // A query that found the order unfit, or came too late, is not repeated for the notice; that of an adoption announces nothing.
    order.last_query.is_none_or(|query| query.at < at || order.adopted_at == Some(query.at)).then_some(at)
}

/// Due date of the annual charge that follows; `None` for an order that is not charged again.
pub(crate) fn annual_charge(order: &Subscription) -> Option<LocalDate> {
    let runs = order.status == Status::Active
        && order.downgrade.is_none()
        && order.superseded_by.is_none()
        && order.erased.is_none()
        && order.ended.is_none()
        && order.cancel_requested.is_none()
        && order.paused.is_none()
        && order.charge_history.successes < order.terms.exec_times;
    let is_annual = order.terms.cycle == BillingCycle::Annual;
    order.paid_period().filter(|_| runs && is_annual).map(|paid| paid.to)
}

fn announced_at(due: LocalDate) -> Timestamp {
    due.plus_days(-ANNUAL_NOTICE_DAYS).start(Zone::Taipei)
}
