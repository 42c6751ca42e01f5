//! One report, from what is stored to what is stored next: load, decide, commit. Callbacks and answers to queries
//! take the same way.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::billing::arrears::Recovery;
use crate::domain::billing::business_events::BusinessEvent;
use crate::domain::billing::decide::payment::{agrees, decide_payment};
use crate::domain::billing::decision::{Decision, PaymentDecision, QuarantineReason, Versioned};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payment::PaymentReport;
use crate::domain::billing::policy::DunningPolicy;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::ecpay::callback_form::is_accounting_field;
use crate::store::billing::commit::Commit;
use crate::store::billing::quarantine::RelatedWrites;
use crate::store::table::record::{Quarantined, WebhookLog};
use crate::store::{Error, Store};

/// How often a report is decided again because somebody else wrote first.
const ATTEMPTS: usize = 8;

/// What came of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was stored.
    Applied(Box<Applied>),
    /// It was stored before.
    Repeat,
    /// It was set aside.
    Quarantined(QuarantineReason),
}

/// A report that was stored, and what followed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What was written.
    pub decision: Decision,
    /// The arrears that it ended.
    pub recovery: Option<Recovery>,
}

impl Applied {
    /// What is counted of it.
    #[must_use]
    pub fn happened(&self) -> Vec<BusinessEvent> {
        BusinessEvent::of(&self.decision, self.recovery)
    }
}

/// Loads the order, decides and commits, again where somebody else wrote first. `log` is the callback's, if it came
/// by one. `now` is the same at every attempt.
///
/// # Errors
/// [`Error`]; nothing is then acknowledged.
pub async fn apply(
    store: &Store,
    report: &PaymentReport,
    log: Option<&WebhookLog>,
    policy: &DunningPolicy,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let known = store.billing.subscription(&report.subscription).await?;
    applied(store, known, (report, log), policy, now).await
}

/// The same for an order that was read already: it is read again only where somebody else wrote first.
///
/// # Errors
/// [`Error`]; nothing may then be concluded.
pub async fn apply_to(
    store: &Store,
    order: &Versioned<Subscription>,
    report: &PaymentReport,
    policy: &DunningPolicy,
    now: Timestamp,
) -> Result<Outcome, Error> {
    applied(store, Some(order.clone()), (report, None), policy, now).await
}

async fn applied(
    store: &Store,
    known: Option<Versioned<Subscription>>,
    (report, log): (&PaymentReport, Option<&WebhookLog>),
    policy: &DunningPolicy,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let mut known = known;
    for _ in 0..ATTEMPTS {
        let Some(subscription) = known else { return Ok(Outcome::Quarantined(QuarantineReason::UnknownOrder)) };
        let snapshot = store.billing.snapshot(subscription).await?;
        let decision = match decide_payment(&snapshot, report, policy, now) {
            PaymentDecision::Apply(decision) => *decision,
            PaymentDecision::Repeat => return Ok(Outcome::Repeat),
            PaymentDecision::Quarantine(reason) => return Ok(Outcome::Quarantined(reason)),
        };
        match store.billing.commit(decision.clone(), log, policy).await? {
            Commit::Done => {
                let recovery = Recovery::between(&snapshot.subscription.value, &decision.change.next);
                return Ok(Outcome::Applied(Box::new(Applied { decision, recovery })));
            }
            Commit::AlreadyApplied(Some(seen)) if !agrees(&seen, report) => {
                return Ok(Outcome::Quarantined(QuarantineReason::Conflict));
            }
            Commit::AlreadyApplied(_) => return Ok(Outcome::Repeat),
            Commit::Stale | Commit::UserHeld(_) => {}
        }
        known = store.billing.subscription(&report.subscription).await?;
    }
    Err(Error::Contended { doing: "applying a report" })
}

/// A report as it is set aside.
#[must_use]
pub fn quarantined(
    report: &PaymentReport,
    reason: &QuarantineReason,
    fields: BTreeMap<String, String>,
    now: Timestamp,
) -> Quarantined {
    let identity =
        [report.subscription.as_str(), report.merchant.as_str(), report.event.as_str(), reason.name()].join("|");
    let amount = report.amount.map_or_else(String::new, |amount| amount.to_string());
    let gwsr = report.gwsr.as_ref().map_or("", |gwsr| gwsr.as_str());
    Quarantined {
        id: digest(&format!("{identity}|{amount}|{gwsr}|{}", report.processed_at)),
        callback: None,
        subscription: Some(report.subscription.clone()),
        event: Some(report.event.clone()),
        reason: reason.name().to_owned(),
        detail: reason.to_string(),
        received_at: now,
        fields,
        report: Some(report.clone()),
        resolved: None,
    }
}

/// Sets a report aside, and tells staff at once where it is about an order of ours and about money.
///
/// # Errors
/// [`Error`]; nothing is then acknowledged.
pub async fn set_aside(
    store: &Store,
    set_aside: &Quarantined,
    reason: &QuarantineReason,
    log: Option<&WebhookLog>,
) -> Result<bool, Error> {
    let order = match (&set_aside.subscription, reason) {
        (Some(_), QuarantineReason::UnknownOrder) | (None, _) => None,
        (Some(id), _) => store_order(store, id).await?,
    };
    let erased = order.as_ref().filter(|order| order.erased.is_some()).map(|_| without_person(set_aside));
    let set_aside = erased.as_ref().unwrap_or(set_aside);
    let notice = order.as_ref().filter(|_| is_about_money(reason)).map(|order| notice(order, set_aside));
    let alongside_live_order =
        RelatedWrites { order: order.as_ref().map(|order| &order.id), log, notice: notice.as_ref() };
    store.billing.set_aside(set_aside, alongside_live_order).await
}

async fn store_order(store: &Store, id: &SubscriptionId) -> Result<Option<Subscription>, Error> {
    Ok(store.billing.subscription(id).await?.map(|order| order.value))
}

/// What comes about an erased person brings nothing of them back.
fn without_person(report: &Quarantined) -> Quarantined {
    let mut kept = report.clone();
    kept.fields.retain(|name, _| is_accounting_field(name));
    if let Some(report) = &mut kept.report {
        report.card_last4 = None;
    }
    kept
}

/// A wrong amount or a conflict is money that somebody must look for; a simulation is staff's own doing, and another
/// merchant's report a stranger's.
const fn is_about_money(reason: &QuarantineReason) -> bool {
    match reason {
        QuarantineReason::WrongAmount { .. } | QuarantineReason::Conflict | QuarantineReason::Unusable(_) => true,
        QuarantineReason::UnknownOrder | QuarantineReason::WrongMerchant | QuarantineReason::Simulated => false,
    }
}

fn notice(order: &Subscription, report: &Quarantined) -> Notice {
    let event = report.event.as_ref().map_or("none", |event| event.as_str());
    Notice::about(order, NoticeKind::Quarantined, &report.id, report.received_at)
        .with("reason", &report.detail)
        .with("event", event)
}

/// A short name for a text: 32 hex digits of its SHA-256.
#[must_use]
pub fn digest(text: &str) -> String {
    let mut name = hex::encode(Sha256::digest(text));
    name.truncate(32);
    name
}
