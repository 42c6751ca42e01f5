//! Asking ECPay what became of an order, and storing the answer the way callbacks are stored.

use std::collections::BTreeMap;

use shared::clock::Moment;
use shared::domain::decide_order::order_ended;
use shared::domain::decide_payment::agrees;
use shared::domain::decision::{Decision, QuarantineReason, Versioned};
use shared::domain::ids::SubscriptionId;
use shared::domain::payment::{Payment, PaymentOutcome, PaymentReport};
use shared::domain::subscription::{SeenEvent, Subscription};
use shared::domain::time::Timestamp;
use shared::ecpay::check_mac_value::HashKeys;
use shared::gateway;
use shared::payments::{self, Outcome};
use shared::store::commit::Commit;
use shared::store::{self};

use crate::{Error, Maintenance};

/// ECPay is left alone for this many minutes after a 403.
const BREAKER_MINUTES: i64 = 30;

/// ECPay as one run sees it: whether it may be called, and with which keys.
pub(crate) struct Calls<'a> {
    pub(crate) maintenance: &'a Maintenance,
    pub(crate) now: Timestamp,
    moment: Moment,
    keys: Option<HashKeys>,
    blocked: bool,
    consulted: BTreeMap<SubscriptionId, u64>,
}

/// Why an order could not be asked about or acted upon.
#[derive(Debug)]
pub(crate) enum Failure {
    /// ECPay takes no calls for now.
    Blocked,
    /// ECPay did not answer, or not clearly.
    Gateway(gateway::Error),
    /// The store or the keys failed: the run ends.
    Fatal(Error),
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Fatal(error.into())
    }
}

impl<'a> Calls<'a> {
    pub(crate) const fn new(maintenance: &'a Maintenance, moment: Moment) -> Self {
        Self { maintenance, now: moment.now, moment, keys: None, blocked: false, consulted: BTreeMap::new() }
    }

    /// Real time at this call.
    pub(crate) fn wall(&self) -> Timestamp {
        self.moment.wall_now()
    }

    /// The keys to sign with, unless ECPay must be left alone. The breaker is read once a run, when it is needed.
    pub(crate) async fn permit(&mut self) -> Result<HashKeys, Failure> {
        if self.blocked {
            return Err(Failure::Blocked);
        }
        if let Some(keys) = &self.keys {
            return Ok(keys.clone());
        }
        if self.maintenance.store.ecpay_blocked_until(self.wall()).await?.is_some() {
            self.blocked = true;
            return Err(Failure::Blocked);
        }
        let keys = self.maintenance.keys.get(self.wall()).await.map_err(|error| Failure::Fatal(error.into()))?;
        self.keys = Some(keys.current.clone());
        Ok(keys.current)
    }

    /// Turns a failed call into what the run does about it: a 403 stops all calls of all functions.
    pub(crate) async fn failure(&mut self, error: gateway::Error) -> Failure {
        if !matches!(error, gateway::Error::Blocked) {
            return Failure::Gateway(error);
        }
        self.blocked = true;
        tracing::warn!("ECPay answered 403: no calls for {BREAKER_MINUTES} minutes");
        match self.maintenance.store.block_ecpay(self.wall().plus_minutes(BREAKER_MINUTES)).await {
            Ok(()) => Failure::Blocked,
            Err(error) => error.into(),
        }
    }

    /// Asks about an order, unless this run did and nothing was written since, and stores what is new. Gives the
    /// order as it then is.
    pub(crate) async fn consult(&mut self, id: &SubscriptionId) -> Result<Versioned<Subscription>, Failure> {
        let known = self.maintenance.store.subscription(id).await?.ok_or_else(|| missing(id))?;
        if self.consulted.get(id) == Some(&known.version) {
            return Ok(known);
        }
        self.consult_again(id).await
    }

    /// Asks about an order in any case.
    pub(crate) async fn consult_again(&mut self, id: &SubscriptionId) -> Result<Versioned<Subscription>, Failure> {
        let keys = self.permit().await?;
        let store = &self.maintenance.store;
        let payments = store.payments(id).await?;
        let numbered = payments.iter().filter_map(numbered).collect();
        let asked = self.maintenance.gateway.period_info(id, &numbered, self.wall(), &keys).await;
        let info = match asked {
            Ok(info) => info,
            Err(error) => return Err(self.failure(error).await),
        };
        if info.unnumbered > 0 {
            tracing::warn!(subscription = %id, count = info.unnumbered, "ECPay's log and its count of successes disagree");
        }
        for report in info.reports.iter().filter(|report| !is_known(&payments, report)) {
            self.apply(report).await?;
        }
        let mut order = store.subscription(id).await?.ok_or_else(|| missing(id))?;
        if let Some(decision) = info.ended.and_then(|how| order_ended(&order, how, self.now)) {
            self.commit(decision).await?;
            order = store.subscription(id).await?.ok_or_else(|| missing(id))?;
        }
        self.consulted.insert(id.clone(), order.version);
        Ok(order)
    }

    async fn apply(&self, report: &PaymentReport) -> Result<(), Failure> {
        let maintenance = self.maintenance;
        match payments::apply(&maintenance.store, report, None, &maintenance.policy, self.now).await? {
            Outcome::Applied(rule) => {
                tracing::info!(subscription = %report.subscription, event = %report.event, ?rule, "found by query: {}", rule.sentence());
            }
            Outcome::Repeat => {}
            Outcome::Quarantined(reason) => {
                tracing::warn!(subscription = %report.subscription, event = %report.event, reason = reason.name(), "an entry of ECPay's log was set aside");
                let set_aside = payments::quarantined(report, &reason, fields(report, &reason), self.now);
                payments::set_aside(&maintenance.store, &set_aside, &reason, None).await?;
            }
        }
        Ok(())
    }

    /// Stores a decision about an order; `false` when somebody else wrote first, and the next run will see.
    pub(crate) async fn commit(&self, decision: Decision) -> Result<bool, Failure> {
        let rule = decision.change.history.rule;
        let id = decision.change.next.id.clone();
        let done = self.maintenance.store.commit(decision, None, &self.maintenance.policy).await? == Commit::Done;
        if done {
            tracing::info!(subscription = %id, ?rule, "{}", rule.sentence());
        }
        Ok(done)
    }
}

fn missing(id: &SubscriptionId) -> Failure {
    let reason = "is in the index but not in the table".to_owned();
    Failure::Fatal(store::Error::Unreadable { pk: id.to_string(), sk: String::new(), reason }.into())
}

fn numbered(payment: &Payment) -> Option<(shared::domain::ids::GatewayAuthorization, u32)> {
    match (&payment.gwsr, payment.outcome) {
        (Some(gwsr), PaymentOutcome::Succeeded { number }) => Some((gwsr.clone(), number)),
        (_, PaymentOutcome::Succeeded { .. } | PaymentOutcome::Failed | PaymentOutcome::Pending) => None,
    }
}

/// Whether the table holds this entry already, and says the same.
fn is_known(payments: &[Payment], report: &PaymentReport) -> bool {
    payments.iter().filter(|payment| payment.event == report.event).any(|payment| {
        let seen = SeenEvent { event: payment.event.clone(), gwsr: payment.gwsr.clone(), amount: Some(payment.amount) };
        agrees(&seen, report)
    })
}

/// An entry of ECPay's log in the field names of a callback, so that it reads and can be replayed like one.
fn fields(report: &PaymentReport, reason: &QuarantineReason) -> BTreeMap<String, String> {
    let amount = report.amount.map_or_else(String::new, |amount| amount.dollars().to_string());
    let gwsr = report.gwsr.as_ref().map_or_else(String::new, ToString::to_string);
    [
        ("MerchantID", report.merchant.to_string()),
        ("MerchantTradeNo", report.subscription.to_string()),
        ("RtnCode", report.rtn_code.clone()),
        ("RtnMsg", report.rtn_msg.clone()),
        ("Amount", amount),
        ("gwsr", gwsr),
        ("ProcessDate", report.processed_at.to_ecpay()),
        ("Reason", reason.name().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
