//! ECPay and the table as one invocation uses them: queries an order and stores the result as callbacks are stored.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::apply_report;
use shared::apply_report::Outcome;
use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::decide::query::{decide_query, note_query};
use shared::domain::billing::decision::{Decision, DecisionContext, Versioned};
use shared::domain::billing::payments::order_query::QueryAnswer;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;
use shared::ecpay::check_mac_value::HashKeys;
use shared::ecpay::client;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store;
use shared::store::Store;
use shared::store::billing::commit::Commit;

use crate::charge_log::{fields, is_applied, is_stored, number_of, recent_numbers};
use crate::ecpay_pace::EcpayPace;
use crate::metrics::RunMetrics;
use crate::report::ReportEntry;
use crate::{Error, Maintenance};

/// Minutes for which the circuit breaker stays open after an HTTP 403: ECPay's penalty for too many calls.
const BREAKER_MINUTES: i64 = 30;

/// ECPay and the table during one invocation. Several orders use it at a time.
pub(crate) struct EcpaySession<'a> {
    pub(crate) maintenance: &'a Maintenance,
    pub(crate) store: Store,
    /// Logical time, by which decisions are made.
    pub(crate) now: Timestamp,
    pub(crate) time: InvocationTime,
    /// True if cancellations that can still be undone are requested now.
    pub(crate) is_early: bool,
    pace: EcpayPace,
    memory: Mutex<Memory>,
}

/// Knowledge of an invocation so far.
#[derive(Default)]
struct Memory {
    metrics: RunMetrics,
    /// Orders already queried: at most once per invocation.
    queried: BTreeMap<SubscriptionId, Queried>,
    /// Orders as this invocation last stored them. The due index may still return older versions.
    latest: BTreeMap<SubscriptionId, Versioned<Subscription>>,
    /// Answers that are noted in the order, but not stored with it yet.
    answers: BTreeMap<SubscriptionId, QueryAnswer>,
    entries: Vec<ReportEntry>,
    has_answered: bool,
    /// True if ECPay answered 403.
    is_blocked: bool,
}

/// Outcome of a query.
#[derive(Clone, Copy)]
enum Queried {
    /// ECPay's answer was applied.
    Applied,
    /// There was no usable answer.
    Unanswered,
    /// The answer could not be stored because the order changed meanwhile.
    Changed,
}

/// Reason why a task failed for an order.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The circuit breaker is open.
    Blocked,
    /// ECPay did not answer a query, or not usably.
    Query(client::Error),
    /// ECPay was not reached with a retry or cancellation, or its response was lost.
    Action(client::Error),
    /// Another invocation changed the order, or one of its items, while ECPay's answer was being stored.
    Changed,
    /// ECPay accepted a cancellation at least twice and still shows the order as active.
    Unconfirmed,
    /// The table or the keys failed.
    Fatal(Error),
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Fatal(error.into())
    }
}

impl<'a> EcpaySession<'a> {
    pub(crate) fn new(maintenance: &'a Maintenance, time: InvocationTime) -> Self {
        Self {
            maintenance,
            store: maintenance.store.clone(),
            now: time.logical,
            time,
            is_early: false,
            pace: EcpayPace::new(maintenance.calls_per_second),
            memory: Mutex::default(),
        }
    }

    /// Builds a session that queries ECPay, but writes nothing and requests nothing.
    pub(crate) fn dry_run(maintenance: &'a Maintenance, time: InvocationTime) -> Self {
        Self { store: maintenance.store.dry_run(), ..Self::new(maintenance, time) }
    }

    /// Never held across an await.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wall time at this call, for signatures and the circuit breaker.
    pub(crate) fn wall(&self) -> Timestamp {
        self.time.wall_now()
    }

    /// Returns true if ECPay answered any query of this invocation.
    pub(crate) fn has_answered(&self) -> bool {
        self.memory().has_answered
    }

    /// Writes the metrics. To be called at the end of the invocation, also after an error.
    pub(crate) async fn emit_metrics(&self) {
        let metrics = std::mem::take(&mut self.memory().metrics);
        metrics.emit(&self.store, self.time).await;
    }

    /// Adds to the metrics of the invocation.
    pub(crate) fn measure(&self, add: impl FnOnce(&mut RunMetrics)) {
        add(&mut self.memory().metrics);
    }

    /// Returns the report entries added since the last call.
    pub(crate) fn take_entries(&self) -> Vec<ReportEntry> {
        std::mem::take(&mut self.memory().entries)
    }

    /// Adds a request to ECPay to the report; `answer` is `None` in a dry run.
    pub(crate) fn record_request(
        &self,
        subscription: &SubscriptionId,
        asks: &'static str,
        answer: Option<&'static str>,
    ) {
        self.memory().entries.push(ReportEntry::Requested { subscription: subscription.clone(), asks, answer });
    }

    /// Waits for the next call that the pace allows and returns the keys to sign with, unless the circuit breaker is open. To be
    /// called before every call to ECPay, because another instance may have received a 403 in the meantime.
    pub(crate) async fn check_circuit_breaker(&self) -> Result<HashKeys, Failure> {
        self.pace.wait(&self.store, self.time).await?;
        let is_blocked = self.memory().is_blocked;
        if is_blocked || self.store.runs.ecpay_blocked_until(self.wall()).await?.is_some() {
            return Err(Failure::Blocked);
        }
        let keys = self.maintenance.keys.get(self.wall()).await.map_err(|error| Failure::Fatal(error.into()))?;
        Ok(keys.current)
    }

    /// Turns an error of a call into a [`Failure`]. A 403 opens the circuit breaker for all functions.
    pub(crate) async fn failure(&self, error: client::Error, kind: fn(client::Error) -> Failure) -> Failure {
        if !matches!(error, client::Error::Blocked) {
            return kind(error);
        }
        tracing::warn!("ECPay answered 403: the circuit breaker opens for {BREAKER_MINUTES} minutes");
        self.memory().metrics.blocked();
        self.memory().is_blocked = true;
        if let Err(error) = self.store.runs.block_ecpay(self.wall().plus_minutes(BREAKER_MINUTES)).await {
            tracing::error!(
                error = error_chain(&error),
                "the circuit breaker could not be stored; this run stops all the same"
            );
        }
        Failure::Blocked
    }

    /// Returns true if an answer of ECPay is noted in the order, but not stored with it yet.
    pub(crate) fn has_unstored_answer(&self, id: &SubscriptionId) -> bool {
        self.memory().answers.contains_key(id)
    }

    /// Returns the order as this invocation last stored it, unless `order` is newer. ECPay's answer is noted in it if the next
    /// decision is to store that.
    pub(crate) fn newest(&self, order: Versioned<Subscription>) -> Versioned<Subscription> {
        let mut memory = self.memory();
        let id = &order.value.id;
        if let Some(latest) = memory.latest.get(id).filter(|latest| latest.version >= order.version) {
            return latest.clone();
        }
        // Another invocation changed the order since, and may have queried it later.
        let queried_at = order.value.last_query.map(|query| query.at);
        if memory.answers.get(id).is_some_and(|answer| queried_at > Some(answer.at)) {
            memory.answers.remove(id);
        }
        match memory.answers.get(id) {
            Some(answer) => Versioned { value: note_query(&order.value, answer), version: order.version },
            None => order,
        }
    }

    /// Queries ECPay about an order, once per invocation, stores what is new and returns the order as it then is.
    pub(crate) async fn query_order(&self, order: Versioned<Subscription>) -> Result<Versioned<Subscription>, Failure> {
        let order = self.newest(order);
        let answered = self.memory().queried.get(&order.value.id).copied();
        match answered {
            Some(Queried::Applied) => Ok(order),
            Some(Queried::Changed) => Err(Failure::Changed),
            // Nothing may be decided without an answer, whichever task asks.
            Some(Queried::Unanswered) => {
                Err(Failure::Query(client::Error::Unknown("no usable answer earlier in this run".into())))
            }
            // On the heap: every task holds this future, and without optimisation its size counts in each of their frames.
            None => Box::pin(self.query_order_again(order)).await,
        }
    }

    /// As [`Self::query_order`], also if the order was queried before: needed after a cancellation.
    pub(crate) async fn query_order_again(
        &self,
        order: Versioned<Subscription>,
    ) -> Result<Versioned<Subscription>, Failure> {
        let keys = self.check_circuit_breaker().await?;
        let id = order.value.id.clone();
        self.memory().queried.insert(id.clone(), Queried::Unanswered);
        let log = match self.maintenance.ecpay.period_info(&id, self.wall(), &keys).await {
            Ok(log) => log,
            Err(error) => return Err(self.failure(error, Failure::Query).await),
        };
        self.memory().has_answered = true;
        // The log does not number its successes. The order's recent events usually suffice to number them; all payments
        // are read only if ECPay's count of successes does not fit.
        let mut info = log.reports(&recent_numbers(&order.value));
        let mut payments = Vec::new();
        if !info.unnumbered.is_empty() {
            payments = self.store.billing.payments(&id).await?;
            info = log.reports(&payments.iter().filter_map(number_of).collect());
        }
        if !info.unnumbered.is_empty() {
            tracing::warn!(subscription = %id, count = info.unnumbered.len(), "ECPay's charge log and its count of successes differ");
        }
        let mut order = order;
        for report in &info.reports {
            if !is_applied(&order.value, report) && !is_stored(&payments, report) {
                order = self.apply(order, report).await?;
            }
        }
        let answer = QueryAnswer {
            at: self.now,
            state: info.state,
            exec_times: info.exec_times,
            unrecorded: info.unnumbered,
            higher_count: info.higher_count,
        };
        let noted = self.note(order, answer).await;
        if matches!(noted, Err(Failure::Changed)) {
            self.memory().queried.insert(id.clone(), Queried::Changed);
        }
        let order = noted?;
        let mut memory = self.memory();
        memory.queried.insert(id.clone(), Queried::Applied);
        memory.latest.insert(id, order.clone());
        drop(memory);
        Ok(order)
    }

    /// Stores what follows from the answer itself. An answer of which nothing follows is noted in the order that is returned
    /// and stored with the next decision about it.
    async fn note(
        &self,
        order: Versioned<Subscription>,
        answer: QueryAnswer,
    ) -> Result<Versioned<Subscription>, Failure> {
        let id = order.value.id.clone();
        let context = DecisionContext::new(&self.maintenance.policy, self.now);
        let decision = decide_query(&order, &answer, context);
        let noted = Versioned { value: note_query(&order.value, &answer), version: order.version };
        self.memory().answers.insert(id.clone(), answer);
        let Some(decision) = decision else { return Ok(noted) };
        let stored = self.commit(decision).await;
        if !matches!(stored, Ok(Some(_))) {
            // No other decision may store the answer without what follows from it.
            self.memory().answers.remove(&id);
        }
        stored?.ok_or(Failure::Changed)
    }

    async fn apply(
        &self,
        order: Versioned<Subscription>,
        report: &PaymentReport,
    ) -> Result<Versioned<Subscription>, Failure> {
        let context = DecisionContext::new(&self.maintenance.policy, self.now).at_wall(self.wall());
        match apply_report::apply_to(&self.store.billing, &order, report, context).await? {
            Outcome::Applied(applied) => {
                let rule = applied.decision.change.history.rule;
                tracing::info!(subscription = %report.subscription, event = %report.event, ?rule, "found by query: {}", rule.sentence());
                self.memory().entries.push(ReportEntry::decided(&applied.decision));
                self.count(&applied.business_events());
                return Ok(applied.decision.after());
            }
            Outcome::Repeat => {}
            Outcome::Quarantined(reason) => {
                tracing::warn!(subscription = %report.subscription, event = %report.event, reason = reason.as_str(), "an entry of ECPay's charge log was quarantined");
                let quarantined = apply_report::quarantined(report, &reason, fields(report, &reason), self.now);
                apply_report::quarantine(&self.store.billing, &quarantined, &reason, None).await?;
                return Ok(order);
            }
        }
        // A callback stored the report first: go on with the order as it left it.
        self.store.billing.subscription(&report.subscription).await?.ok_or_else(|| missing(&report.subscription))
    }

    /// Stores a decision about an order and returns the order as stored; `None` after a version conflict, which the next
    /// run resolves.
    pub(crate) async fn commit(&self, decision: Decision) -> Result<Option<Versioned<Subscription>>, Failure> {
        let entry = ReportEntry::decided(&decision);
        let stored = self.commit_unreported(decision).await?;
        if stored.is_some() {
            self.memory().entries.push(entry);
        }
        Ok(stored)
    }

    /// As [`Self::commit`] without a report entry: for ECPay's replies, so that a dry run, which has none, reports the same
    /// decisions as the run.
    pub(crate) async fn commit_unreported(
        &self,
        decision: Decision,
    ) -> Result<Option<Versioned<Subscription>>, Failure> {
        let mut decision = decision;
        let rule = decision.change.history.rule;
        let after = decision.after();
        let id = after.value.id.clone();
        decision.change.history.query = self.memory().answers.get(&id).cloned();
        let events = BusinessEvent::of(&decision, None);
        let context = DecisionContext::new(&self.maintenance.policy, self.now).at_wall(self.wall());
        if self.store.billing.commit(decision, None, context).await? != Commit::Done {
            return Ok(None);
        }
        if !self.store.is_dry_run() {
            tracing::info!(subscription = %id, ?rule, "{}", rule.sentence());
        }
        self.count(&events);
        self.memory().answers.remove(&id);
        self.memory().latest.insert(id, after.clone());
        Ok(Some(after))
    }

    fn count(&self, events: &[BusinessEvent]) {
        if !self.store.is_dry_run() {
            self.memory().metrics.business_events(events);
        }
    }
}

fn missing(id: &SubscriptionId) -> Failure {
    let reason = "is in the index but not in the table".to_owned();
    Failure::Fatal(store::Error::Unreadable { pk: id.to_string(), sk: String::new(), reason }.into())
}
