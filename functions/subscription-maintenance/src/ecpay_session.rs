//! Asking ECPay what became of an order, and storing the answer the way callbacks are stored.

use std::collections::{BTreeMap, BTreeSet};

use shared::apply_report::{self, Outcome};
use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::decide::order::order_ended;
use shared::domain::billing::decide::payment::agrees;
use shared::domain::billing::decision::{Decision, QuarantineReason, Versioned};
use shared::domain::billing::payment::{Payment, PaymentOutcome, PaymentReport};
use shared::domain::billing::subscription::{AppliedEvent, Subscription};
use shared::domain::values::ids::{GatewayAuthorization, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::ecpay::check_mac_value::HashKeys;
use shared::ecpay::client;
use shared::platform::clock::InvocationTime;
use shared::store::billing::commit::Commit;
use shared::store::{self, Store};

use crate::metrics::RunMetrics;
use crate::report::ReportEntry;
use crate::{Error, Maintenance};

/// ECPay is left alone for this many minutes after a 403.
const BREAKER_MINUTES: i64 = 30;

/// ECPay and the store as one invocation sees them.
pub(crate) struct EcpaySession<'a> {
    pub(crate) maintenance: &'a Maintenance,
    pub(crate) store: Store,
    pub(crate) now: Timestamp,
    moment: InvocationTime,
    /// Orders that were asked about: once an invocation.
    asked: BTreeSet<SubscriptionId>,
    /// Orders as this invocation left them: the index may still show them as they were.
    known: BTreeMap<SubscriptionId, Versioned<Subscription>>,
    deeds: Vec<ReportEntry>,
    pub(crate) figures: RunMetrics,
    /// Whether ECPay answered a query.
    answered: bool,
}

/// Why an order could not be asked about or acted upon.
#[derive(Debug)]
pub(crate) enum Failure {
    /// ECPay takes no calls for now.
    Blocked,
    /// ECPay did not answer a query, or not clearly.
    EcpayClient(client::Error),
    /// ECPay did not answer an ask, or was not reached with it.
    Act(client::Error),
    /// ECPay took a cancellation, twice by now, and still runs the order.
    Unconfirmed,
    /// The store or the keys failed: the run ends.
    Fatal(Error),
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Fatal(error.into())
    }
}

impl<'a> EcpaySession<'a> {
    pub(crate) fn new(maintenance: &'a Maintenance, moment: InvocationTime) -> Self {
        let store = maintenance.store.clone();
        let (asked, known) = (BTreeSet::new(), BTreeMap::new());
        let (deeds, figures) = (Vec::new(), RunMetrics::default());
        Self { maintenance, store, now: moment.logical, moment, asked, known, deeds, figures, answered: false }
    }

    /// The same, but nothing is written or asked for.
    pub(crate) fn dry_run(maintenance: &'a Maintenance, moment: InvocationTime) -> Self {
        Self { store: maintenance.store.dry_run(), ..Self::new(maintenance, moment) }
    }

    /// Real time at this call.
    pub(crate) fn wall(&self) -> Timestamp {
        self.moment.wall_now()
    }

    /// Whether ECPay answered any query of this invocation.
    pub(crate) const fn is_answered(&self) -> bool {
        self.answered
    }

    /// Tells what this invocation is counted for. To be called at its end, however it ends.
    pub(crate) async fn tell_figures(&self) {
        self.figures.tell(&self.store, self.moment).await;
    }

    /// What was done since this was last asked.
    pub(crate) fn take_deeds(&mut self) -> Vec<ReportEntry> {
        std::mem::take(&mut self.deeds)
    }

    /// Notes something that was asked of ECPay, or in a dry run would be.
    pub(crate) fn note_ask(&mut self, subscription: &SubscriptionId, asks: &'static str, answer: Option<&'static str>) {
        self.deeds.push(ReportEntry::Asked { subscription: subscription.clone(), asks, answer });
    }

    /// The keys to sign with, unless ECPay must be left alone. Asked before every call: another instance may have met
    /// a 403 meanwhile.
    pub(crate) async fn check_circuit_breaker(&self) -> Result<HashKeys, Failure> {
        if self.store.runs.ecpay_blocked_until(self.wall()).await?.is_some() {
            return Err(Failure::Blocked);
        }
        let keys = self.maintenance.keys.get(self.wall()).await.map_err(|error| Failure::Fatal(error.into()))?;
        Ok(keys.current)
    }

    /// Turns a failed call into what the run does about it: a 403 stops all calls of all functions.
    pub(crate) async fn failure(&mut self, error: client::Error, what: fn(client::Error) -> Failure) -> Failure {
        if !matches!(error, client::Error::Blocked) {
            return what(error);
        }
        tracing::warn!("ECPay answered 403: no calls for {BREAKER_MINUTES} minutes");
        self.figures.blocked();
        match self.store.runs.block_ecpay(self.wall().plus_minutes(BREAKER_MINUTES)).await {
            Ok(()) => Failure::Blocked,
            Err(error) => error.into(),
        }
    }

    /// The order as this invocation last left it, where that is newer.
    pub(crate) fn newest(&self, order: Versioned<Subscription>) -> Versioned<Subscription> {
        match self.known.get(&order.value.id) {
            Some(known) if known.version > order.version => known.clone(),
            _ => order,
        }
    }

    /// Asks about an order, unless this invocation did already, and stores what is new. Gives the order as it then is.
    pub(crate) async fn query_order(
        &mut self,
        order: Versioned<Subscription>,
    ) -> Result<Versioned<Subscription>, Failure> {
        let order = self.newest(order);
        if self.asked.contains(&order.value.id) { Ok(order) } else { self.consult_again(order).await }
    }

    /// Asks about an order in any case. What the order itself remembers tells what is new; only where ECPay's log and
    /// its count disagree, all payments are read.
    pub(crate) async fn consult_again(
        &mut self,
        order: Versioned<Subscription>,
    ) -> Result<Versioned<Subscription>, Failure> {
        let keys = self.check_circuit_breaker().await?;
        let id = order.value.id.clone();
        self.asked.insert(id.clone());
        let asked = self.maintenance.gateway.period_info(&id, self.wall(), &keys).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(error) => return Err(self.failure(error, Failure::EcpayClient).await),
        };
        self.answered = true;
        let mut info = answer.reports(&numbered_by(&order.value));
        let mut payments = Vec::new();
        if info.unnumbered > 0 {
            payments = self.store.billing.payments(&id).await?;
            info = answer.reports(&payments.iter().filter_map(numbered).collect());
        }
        if info.unnumbered > 0 {
            tracing::warn!(subscription = %id, count = info.unnumbered, "ECPay's log and its count of successes disagree");
        }
        let mut order = order;
        for report in &info.reports {
            if !remembers(&order.value, report) && !is_known(&payments, report) {
                order = self.apply(order, report).await?;
            }
        }
        if let Some(decision) = info.ended.and_then(|how| order_ended(&order, how, self.now))
            && let Some(ended) = self.commit(decision).await?
        {
            order = ended;
        }
        self.known.insert(id, order.clone());
        Ok(order)
    }

    async fn apply(
        &mut self,
        order: Versioned<Subscription>,
        report: &PaymentReport,
    ) -> Result<Versioned<Subscription>, Failure> {
        match apply_report::apply_to(&self.store, &order, report, &self.maintenance.policy, self.now).await? {
            Outcome::Applied(applied) => {
                let rule = applied.decision.change.history.rule;
                tracing::info!(subscription = %report.subscription, event = %report.event, ?rule, "found by query: {}", rule.sentence());
                self.deeds.push(ReportEntry::decided(&applied.decision));
                self.count(&applied.happened());
                return Ok(applied.decision.after());
            }
            Outcome::Repeat => {}
            Outcome::Quarantined(reason) => {
                tracing::warn!(subscription = %report.subscription, event = %report.event, reason = reason.name(), "an entry of ECPay's log was set aside");
                let set_aside = apply_report::quarantined(report, &reason, fields(report, &reason), self.now);
                apply_report::set_aside(&self.store, &set_aside, &reason, None).await?;
                return Ok(order);
            }
        }
        // A callback was faster.
        self.store.billing.subscription(&report.subscription).await?.ok_or_else(|| missing(&report.subscription))
    }

    /// Stores a decision about an order and gives what is stored then; `None` when somebody else wrote first, and the
    /// next run will see.
    pub(crate) async fn commit(&mut self, decision: Decision) -> Result<Option<Versioned<Subscription>>, Failure> {
        let deed = ReportEntry::decided(&decision);
        let stored = self.store_answer(decision).await?;
        self.deeds.extend(stored.is_some().then_some(deed));
        Ok(stored)
    }

    /// The same for what ECPay answered, which no dry run can know.
    pub(crate) async fn store_answer(
        &mut self,
        decision: Decision,
    ) -> Result<Option<Versioned<Subscription>>, Failure> {
        let rule = decision.change.history.rule;
        let after = decision.after();
        let id = after.value.id.clone();
        let happened = BusinessEvent::of(&decision, None);
        if self.store.billing.commit(decision, None, &self.maintenance.policy).await? != Commit::Done {
            return Ok(None);
        }
        if !self.store.is_dry_run() {
            tracing::info!(subscription = %id, ?rule, "{}", rule.sentence());
        }
        self.count(&happened);
        self.known.insert(id, after.clone());
        Ok(Some(after))
    }

    fn count(&mut self, happened: &[BusinessEvent]) {
        if !self.store.is_dry_run() {
            self.figures.happened(happened);
        }
    }
}

/// The success numbers of the authorisations that an order remembers.
fn numbered_by(order: &Subscription) -> BTreeMap<GatewayAuthorization, u32> {
    let number = |seen: &AppliedEvent| Some((seen.gwsr.clone()?, seen.event.success_number()?));
    order.recent_events.iter().filter_map(number).collect()
}

/// Whether the order itself shows that a report was applied.
fn remembers(order: &Subscription, report: &PaymentReport) -> bool {
    match order.recent_events.iter().find(|seen| seen.event == report.event) {
        Some(seen) => agrees(seen, report),
        None => order.charge_history.contains_report(report),
    }
}

fn missing(id: &SubscriptionId) -> Failure {
    let reason = "is in the index but not in the table".to_owned();
    Failure::Fatal(store::Error::Unreadable { pk: id.to_string(), sk: String::new(), reason }.into())
}

fn numbered(payment: &Payment) -> Option<(GatewayAuthorization, u32)> {
    match (&payment.gwsr, payment.outcome) {
        (Some(gwsr), PaymentOutcome::Succeeded { number }) => Some((gwsr.clone(), number)),
        (
            _,
            PaymentOutcome::Succeeded { .. }
            | PaymentOutcome::Failed
            | PaymentOutcome::Pending
            | PaymentOutcome::PaidOutOfBand,
        ) => None,
    }
}

/// Whether the table holds this entry already, and says the same.
fn is_known(payments: &[Payment], report: &PaymentReport) -> bool {
    payments.iter().filter(|payment| payment.event == report.event).any(|payment| {
        let seen =
            AppliedEvent { event: payment.event.clone(), gwsr: payment.gwsr.clone(), amount: Some(payment.amount) };
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
