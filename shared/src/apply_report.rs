//! Applies one payment report: load, decide, commit. Callbacks, replays and the reports of a query take the same path.

use std::collections::BTreeMap;

use crate::domain::billing::business_events::BusinessEvent;
use crate::domain::billing::decide::payment::{agrees, decide_payment};
use crate::domain::billing::decide::proof::proof_of_payment;
use crate::domain::billing::decision::{Decision, DecisionContext, PaymentDecision, Versioned};
use crate::domain::billing::dunning::arrears::Recovery;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::payment::PaymentReport;
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::time::{Timestamp, Zone};
use crate::ecpay::callback_fields::is_accounting_field;
use crate::platform::hash::short_id;
use crate::store::Error;
use crate::store::billing::Billing;
use crate::store::billing::commit::Commit;
use crate::store::billing::quarantine::types::Quarantined;
use crate::store::billing::quarantine::{QuarantineOutcome, RelatedWrites};
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::retry::{Attempt, retry_on_conflict};

/// Result of applying a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored now, with all that follows from it.
    Applied(Box<Applied>),
    /// Stored already by an earlier report of the same event.
    Repeat,
    /// Not applicable; the caller quarantines it for this reason.
    Quarantined(QuarantineReason),
}

/// A report that was stored, and its consequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Decision that was written.
    pub decision: Decision,
    /// Arrears that the report ended, if any.
    pub recovery: Option<Recovery>,
}

impl Applied {
    /// Returns the business events to count.
    #[must_use]
    pub fn business_events(&self) -> Vec<BusinessEvent> {
        BusinessEvent::of(&self.decision, self.recovery)
    }
}

/// One report to apply, with what stays the same over all attempts.
struct Application<'a> {
    billing: &'a Billing,
    report: &'a PaymentReport,
    log: Option<&'a WebhookLog>,
    context: DecisionContext<'a>,
}

/// Loads the order, decides and commits; after a version conflict again. `log` is the entry for the callback log, if the
/// report came by callback. `context` is the same in every attempt.
///
/// # Errors
/// Where it is unknown whether the report is stored; it must not be acknowledged.
pub async fn apply(
    billing: &Billing,
    report: &PaymentReport,
    log: Option<&WebhookLog>,
    context: DecisionContext<'_>,
) -> Result<Outcome, Error> {
    let order = billing.subscription(&report.subscription).await?;
    Application { billing, report, log, context }.run(order).await
}

/// Applies a report to an order that is loaded already; it is loaded again only after a version conflict.
///
/// # Errors
/// Where it is unknown whether the report is stored.
pub async fn apply_to(
    billing: &Billing,
    order: &Versioned<Subscription>,
    report: &PaymentReport,
    context: DecisionContext<'_>,
) -> Result<Outcome, Error> {
    Application { billing, report, log: None, context }.run(Some(order.clone())).await
}

impl Application<'_> {
    async fn run(&self, order: Option<Versioned<Subscription>>) -> Result<Outcome, Error> {
        let Self { billing, report, log, context } = *self;
        let applying = retry_on_conflict("applying a report", order, |order| async move {
            let Some(order) = order else {
                return Ok(Attempt::Done(Outcome::Quarantined(QuarantineReason::UnknownOrder)));
            };
            let snapshot = billing.snapshot(order).await?;
            let decision = match decide_payment(&snapshot, report, context) {
                PaymentDecision::Apply(decision) => *decision,
                PaymentDecision::Repeat => return Ok(Attempt::Done(Outcome::Repeat)),
                PaymentDecision::Quarantine(reason) => return self.prove(&snapshot.subscription, reason).await,
            };
            match billing.commit(decision.clone(), log, context).await? {
                Commit::Done => {
                    let recovery = Recovery::between(&snapshot.subscription.value, &decision.change.next);
                    Ok(Attempt::Done(Outcome::Applied(Box::new(Applied { decision, recovery }))))
                }
                // The same event with another amount or result: one of the two reports is wrong.
                Commit::AlreadyApplied(Some(applied)) if !agrees(&applied, report) => {
                    self.prove(&snapshot.subscription, QuarantineReason::Conflict).await
                }
                Commit::AlreadyApplied(_) => Ok(Attempt::Done(Outcome::Repeat)),
                Commit::Conflict | Commit::LiveOrderExists(_) => {
                    Ok(Attempt::Conflict(billing.subscription(&report.subscription).await?))
                }
            }
        });
        // On the heap, as in `Billing::commit`.
        Box::pin(applying).await
    }

    /// Stores what a report proves that is quarantined for this reason, before it is quarantined.
    async fn prove(
        &self,
        order: &Versioned<Subscription>,
        reason: QuarantineReason,
    ) -> Result<Attempt<Outcome, Option<Versioned<Subscription>>>, Error> {
        let Some(decision) = proof_of_payment(order, self.report, &reason, self.context) else {
            return Ok(Attempt::Done(Outcome::Quarantined(reason)));
        };
        Ok(match self.billing.commit(decision, None, self.context).await? {
            Commit::Done | Commit::AlreadyApplied(_) => Attempt::Done(Outcome::Quarantined(reason)),
            Commit::Conflict | Commit::LiveOrderExists(_) => {
                Attempt::Conflict(self.billing.subscription(&self.report.subscription).await?)
            }
        })
    }
}

/// Identity of a quarantined report: made of what decides something, in lower case because CheckMacValue does not cover
/// letter case. The same for a callback and an entry of a query's log.
#[must_use]
pub fn quarantine_id(report: &PaymentReport) -> String {
    let amount = report.amount.map_or_else(String::new, |amount| amount.to_string());
    let gwsr = report.gwsr.as_ref().map_or("", |gwsr| gwsr.as_str());
    let identity =
        [report.subscription.as_str(), report.merchant.as_str(), report.event.as_str(), &amount, gwsr].join("|");
    short_id(&format!("{identity}|{}|{}", report.processed_at, report.simulated).to_ascii_lowercase())
}

/// Returns a report as it is stored in quarantine.
#[must_use]
pub fn quarantined(
    report: &PaymentReport,
    reason: &QuarantineReason,
    fields: BTreeMap<String, String>,
    now: Timestamp,
) -> Quarantined {
    let id = quarantine_id(report);
    // A report about an unknown order expires, so it must not stand for one that comes when the order is known.
    let id = if *reason == QuarantineReason::UnknownOrder { short_id(&format!("{id}|unknown")) } else { id };
    Quarantined {
        id,
        callback: None,
        subscription: Some(report.subscription.clone()),
        event: Some(report.event.clone()),
        reason: reason.as_str().to_owned(),
        detail: reason.to_string(),
        received_at: now,
        fields,
        report: Some(report.clone()),
        resolved: None,
    }
}

/// Stores a report in quarantine, and queues a notice to staff where it concerns a stored order and money: one for each
/// order, reason and day (Asia/Taipei).
///
/// # Errors
/// [`Error`]; the report must not be acknowledged.
pub async fn quarantine(
    billing: &Billing,
    report: &Quarantined,
    reason: &QuarantineReason,
    log: Option<&WebhookLog>,
) -> Result<QuarantineOutcome, Error> {
    let order = match (&report.subscription, reason) {
        (Some(_), QuarantineReason::UnknownOrder) | (None, _) => None,
        (Some(id), _) => billing.subscription(id).await?.map(|order| order.value),
    };
    let is_erased = order.as_ref().is_some_and(|order| order.erased.is_some());
    let anonymized = is_erased.then(|| without_personal_data(report));
    let report = anonymized.as_ref().unwrap_or(report);
    let notice = if is_about_money(reason) { order.as_ref().map(|order| notice(order, report)) } else { None };
    let related = RelatedWrites { order: order.as_ref().map(|order| &order.id), log, notice: notice.as_ref() };
    billing.quarantine_report(report, related).await
}

/// Removes personal data from a report, so that one that arrives after an erasure restores none.
fn without_personal_data(report: &Quarantined) -> Quarantined {
    let mut kept = report.clone();
    kept.fields.retain(|name, _| is_accounting_field(name));
    if let Some(report) = &mut kept.report {
        report.card_last4 = None;
    }
    kept
}

/// True where staff must check a charge. Simulations are made by staff, and another merchant's report is a stranger's.
const fn is_about_money(reason: &QuarantineReason) -> bool {
    match reason {
        QuarantineReason::WrongAmount { .. }
        | QuarantineReason::Conflict
        | QuarantineReason::Unusable(_)
        | QuarantineReason::Ambiguous(_)
        | QuarantineReason::ImplausibleDate
        | QuarantineReason::ImplausibleNumber { .. } => true,
        QuarantineReason::UnknownOrder | QuarantineReason::WrongMerchant | QuarantineReason::Simulated => false,
    }
}

fn notice(order: &Subscription, report: &Quarantined) -> Notice {
    let event = report.event.as_ref().map_or("none", |event| event.as_str());
    let occasion = format!("{}/{}", report.reason, report.received_at.day(Zone::Taipei));
    Notice::about(order, NoticeKind::Quarantined, &occasion, report.received_at)
        .with("reason", &report.detail)
        .with("event", event)
}
