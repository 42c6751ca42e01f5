//! Adoption of an order that already runs at ECPay: its charge log is applied as if each charge had been reported when it was
//! made, without a mail, and what the log shows today is decided at once, so that nothing old is dunned.

pub mod report;

use std::collections::BTreeSet;

use crate::domain::billing::decide::adopt::report::{AdoptionRefusal, OrderToAdopt};
use crate::domain::billing::decide::order::{charge_missing, create_order, end_grace};
use crate::domain::billing::decide::payment::decide_payment;
use crate::domain::billing::decide::query::{decide_query, note_query};
use crate::domain::billing::decision::{
    Actor, Cause, Decision, DecisionContext, HistoryEntry, HistoryEvent, PaymentDecision, Snapshot, SubscriptionWrite,
    Versioned,
};
use crate::domain::billing::dunning::policy::NOTICE_AGE_DAYS;
use crate::domain::billing::live_orders::{LiveEntry, LiveOrder, UserChange};
use crate::domain::billing::operations::OperationContext;
use crate::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use crate::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use crate::domain::billing::payments::plausibility::MOST_CHARGES;
use crate::domain::billing::plan::BillingCycle;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{NewOrder, Status, Subscription};
use crate::domain::values::ids::{MerchantId, PaymentId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{Timestamp, Zone};

/// Unit of the interval between two charges (`PeriodType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodUnit {
    /// `D`.
    Day,
    /// `M`.
    Month,
    /// `Y`.
    Year,
}

/// Order as ECPay's answer to a query shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcpayOrder {
    /// Interval between two charges: unit and number of units (`Frequency`); `None` where ECPay does not tell it.
    pub period: Option<(PeriodUnit, u32)>,
    /// Amount of each charge to come (`PeriodAmount`).
    pub price: Option<Twd>,
    /// Last four digits of the card.
    pub card_last4: Option<String>,
    /// Charges of the log that have a number, oldest first.
    pub reports: Vec<PaymentReport>,
    /// The rest of the answer.
    pub answer: QueryAnswer,
    /// Successes in the log, and by ECPay's own count where it tells one.
    pub successes: (u32, Option<u32>),
}

/// Merchant of an adopted order, who asked for it, and policy and time of the decision.
#[derive(Clone, Copy, Debug)]
pub struct AdoptionContext<'a> {
    /// MerchantID under which ECPay was queried.
    pub merchant: &'a MerchantId,
    /// Staff, by the name of the token.
    pub cause: &'a OperationContext,
    /// Policy and time.
    pub decisions: DecisionContext<'a>,
}

/// Order to be stored, with all that its past charges left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Creation and charges, oldest first: their receipts, payments and history entries. Their notices are dropped.
    pub steps: Vec<Decision>,
    /// The order itself, stored last.
    pub order: SubscriptionWrite,
    /// Change of the user's item.
    pub user: UserChange,
}

/// Builds the order as its log tells it.
///
/// An unpaid charge whose grace is over, a charge that is missing for a week, and a paid period of a terminated order that is
/// over have ended the plan already; where grace still runs, the plan stays for three days at least.
///
/// # Errors
/// [`AdoptionRefusal`].
pub fn adopt(
    order: &OrderToAdopt,
    known: &EcpayOrder,
    adopting: AdoptionContext<'_>,
) -> Result<Adoption, AdoptionRefusal> {
    let AdoptionContext { merchant, cause, decisions: context } = adopting;
    check(order.cycle, known)?;
    let mut amounts = known.reports.iter().filter(|report| is_success(report)).filter_map(|report| report.amount);
    let price = known.price.or_else(|| amounts.next_back()).ok_or(AdoptionRefusal::UnknownPrice)?;
    // Where ECPay does not tell the number, a query of the running order does later.
    let exec_times = known.answer.exec_times.unwrap_or(MOST_CHARGES);
    let (mut steps, mut log) = (Vec::new(), known.answer.clone());
    let mut before = opened(order.as_new(merchant, price, exec_times), known, &mut steps)?;
    let mut paid: BTreeSet<PaymentId> = BTreeSet::new();
    for report in &known.reports {
        // Staff may have changed the price in ECPay's console at any time: what was charged was the price.
        before.value.terms.price = report.amount.unwrap_or(price);
        let snapshot = Snapshot { subscription: before.clone(), replaced: None, paid_order: None };
        match decide_payment(&snapshot, report, DecisionContext::new(context.policy, report.processed_at)) {
            PaymentDecision::Apply(mut step) => {
                let is_known = step.payment.as_ref().is_some_and(|payment| !paid.insert(payment.id.clone()));
                if is_known && is_success(report) {
                    // Two successes under one authorisation: which of them was the charge, the log does not say.
                    log.unrecorded.push(report.processed_at);
                    continue;
                }
                if is_known {
                    step.payment = None;
                }
                step.notices.clear();
                before = step.after();
                steps.push(*step);
            }
            PaymentDecision::Repeat => {}
            PaymentDecision::Quarantine(_) if is_success(report) => log.unrecorded.push(report.processed_at),
            PaymentDecision::Quarantine(_) => {}
        }
    }
    if before.value.status == Status::Pending {
        return Err(AdoptionRefusal::Unidentified);
    }
    before.value.terms.price = price;
    before.value.charge_history.reconciled_up_to = before.value.charge_history.successes;
    if before.value.charge_history.card_last4.is_none() {
        before.value.charge_history.card_last4.clone_from(&known.card_last4);
    }
    before.value.adopted_at = Some(context.now);
    let next = as_of_now(&before, &log, context);
    let written = HistoryEntry {
        why: cause.why.clone(),
        query: Some(log),
        ..HistoryEntry::new(
            context.now,
            Cause::new(HistoryEvent::Adopted, Rule::OrderAdopted, cause.by.clone()),
            Some(before.value.status),
            next.status,
        )
    };
    let entry = if next.counts_for_user() { LiveEntry::Live(LiveOrder::of(&next)) } else { LiveEntry::Unchanged };
    let user = UserChange {
        user: next.user.clone(),
        subscription: next.id.clone(),
        expected: Vec::new(),
        replaces: None,
        entry,
    };
    let mut order = SubscriptionWrite::changed(&before, next, written);
    // Nothing of it is stored yet.
    order.new_lookups = order.next.lookups();
    Ok(Adoption { steps, order, user })
}

fn check(cycle: BillingCycle, known: &EcpayOrder) -> Result<(), AdoptionRefusal> {
    let (listed, counted) = known.successes;
    if matches!(known.answer.state, EcpayState::Unpaid | EcpayState::Declined) || listed == 0 {
        return Err(AdoptionRefusal::NeverPaid);
    }
    let found = match known.period.ok_or(AdoptionRefusal::UnknownPeriod)? {
        (PeriodUnit::Day, days) => return Err(AdoptionRefusal::ByDay(days)),
        (PeriodUnit::Month | PeriodUnit::Year, several) if several != 1 => {
            return Err(AdoptionRefusal::Frequency(several));
        }
        (PeriodUnit::Month, _) => BillingCycle::Monthly,
        (PeriodUnit::Year, _) => BillingCycle::Annual,
    };
    if found != cycle {
        return Err(AdoptionRefusal::AnotherCycle(match found {
            BillingCycle::Monthly => "every month",
            BillingCycle::Annual => "every year",
        }));
    }
    // The log may lack early charges, but not the latest, which the next one is counted after.
    match counted.filter(|counted| *counted < listed || (*counted > listed && !is_latest_listed(cycle, known))) {
        Some(counted) => Err(AdoptionRefusal::Miscounted { listed, counted }),
        None => Ok(()),
    }
}

/// True if the log ends with a success whose period runs at the time of the answer.
fn is_latest_listed(cycle: BillingCycle, known: &EcpayOrder) -> bool {
    let latest = known.reports.last().filter(|report| is_success(report));
    latest.is_some_and(|report| {
        let due = report.processed_at.day(Zone::Taipei).plus_months(cycle.months());
        known.answer.at < due.plus_days(-1).start(Zone::Taipei)
    })
}

/// The order before its first charge, created when that was made.
fn opened(
    order: NewOrder,
    known: &EcpayOrder,
    steps: &mut Vec<Decision>,
) -> Result<Versioned<Subscription>, AdoptionRefusal> {
    let recorded = known.reports.iter().map(|report| report.processed_at);
    let created_at = recorded.chain(known.answer.unrecorded.iter().copied()).min();
    let created = create_order(order, Actor::Buyer, created_at.ok_or(AdoptionRefusal::NeverPaid)?);
    let before = created.after();
    steps.push(created);
    Ok(before)
}

/// The order as the answer and the time leave it. What would be mailed is dropped.
fn as_of_now(before: &Versioned<Subscription>, answer: &QueryAnswer, context: DecisionContext<'_>) -> Subscription {
    let noted = Versioned { value: note_query(&before.value, answer), version: before.version };
    let mut order = noted.clone();
    order.value = decide_query(before, answer, context).map_or(noted.value, |decision| decision.change.next);
    if let Some(missing) = charge_missing(&order, context.now) {
        order.value = missing.change.next;
    }
    // An open result may be the payment: the schedule waits for it.
    let ended = end_grace(&order, context).filter(|_| !order.value.awaits_result(context.now));
    if let Some(ended) = ended {
        order.value = ended.change.next;
    }
    // A terminated order that is on FREE is over.
    if let Some(over) = decide_query(&order, answer, context) {
        order.value = over.change.next;
    }
    keep_plan(&mut order.value, context.now.plus_days(NOTICE_AGE_DAYS));
    order.value
}

/// Lets the grace period of an unpaid order run until then at least, as if a mail of today had promised it.
fn keep_plan(order: &mut Subscription, until: Timestamp) {
    let (Status::PastDue { grace_ends_at }, Some(notice)) = (order.status, &mut order.dunning_notice) else { return };
    let until = until.max(grace_ends_at);
    notice.promised_until = notice.promised_until.max(Some(until));
    order.status = Status::PastDue { grace_ends_at: until };
}

const fn is_success(report: &PaymentReport) -> bool {
    matches!(report.outcome, PaymentOutcome::Succeeded { .. })
}
