//! One order, ECPay and the schedule: charges come as callbacks or are found by query, and every task runs when it is due,
//! as in `subscription-maintenance`.

use std::collections::BTreeSet;

use shared::domain::billing::decide::cancel::{cancel_overtaken, claim_cancel};
use shared::domain::billing::decide::downgrade::postpone_downgrade;
use shared::domain::billing::decide::operation::{OperationDecision, decide_operation, resume};
use shared::domain::billing::decide::order::{charge_missing, create_order, end_grace, still_pending, success_missing};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::proof::proof_of_payment;
use shared::domain::billing::decide::query::{decide_query, note_query, nothing_new};
use shared::domain::billing::decide::retry::{
    claim_retry, close_retry_without_result, record_retry_outcome, retry_is_due,
};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, PaymentDecision, Snapshot, Versioned};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::live_orders::{LiveOrder, UserChange};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::notices::NoticeKind;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{NewOrder, RetryState, Subscription};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::EventId;
use shared::domain::values::time::{Timestamp, Zone};

use crate::operations::fixtures::{cause, report, t};
use crate::support::new_order;

/// Minutes between two runs of a task: two hours, and for orders that are not paid yet five minutes.
const fn run_minutes(task: Task) -> i64 {
    if matches!(task, Task::CheckPending) { 5 } else { 120 }
}

/// Order with the world around it.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    pub(crate) order: Versioned<Subscription>,
    pub(crate) policy: DunningPolicy,
    pub(crate) now: Timestamp,
    /// State that a query shows.
    pub(crate) state: EcpayState,
    /// Number of charges ordered that a query shows.
    pub(crate) exec_times: Option<u32>,
    /// Successes that a query lists without a number.
    pub(crate) unrecorded: Vec<Timestamp>,
    /// Number of successes by ECPay's count, where its log has fewer.
    pub(crate) higher_count: Option<u32>,
    /// True while ECPay answers nothing.
    pub(crate) is_down: bool,
    /// ECPay's charge log.
    log: Vec<PaymentReport>,
    successes: u32,
    issued: BTreeSet<String>,
    /// Live orders in the user's item.
    pub(crate) live: Vec<LiveOrder>,
    /// Mails with their day: `2025-03-08 uncharged`.
    pub(crate) mails: Vec<String>,
    /// Mails that say FREE, also those about an occasion that was mailed before.
    pub(crate) free_mails: usize,
    /// Latest end of grace that a mail named.
    pub(crate) promised: Option<Timestamp>,
    /// Rules of all decisions, with their time.
    pub(crate) rules: Vec<(Timestamp, Rule)>,
    /// Times of all queries.
    pub(crate) queries: Vec<Timestamp>,
}

impl Driver {
    /// Order whose first charge is paid at that time.
    pub(crate) fn paid(at: &str) -> Self {
        let mut driver = Self::ordered(new_order("ORDER1"), t(at).plus_minutes(-5));
        driver.success(at);
        driver
    }

    pub(crate) fn ordered(order: NewOrder, at: Timestamp) -> Self {
        let decision = create_order(order, Actor::Schedule, at);
        Self {
            order: decision.after(),
            policy: DunningPolicy::default(),
            now: at,
            state: EcpayState::Running,
            exec_times: None,
            unrecorded: Vec::new(),
            higher_count: None,
            is_down: false,
            log: Vec::new(),
            successes: 0,
            issued: BTreeSet::new(),
            live: Vec::new(),
            mails: Vec::new(),
            free_mails: 0,
            promised: None,
            rules: Vec::new(),
            queries: Vec::new(),
        }
    }

    pub(crate) fn value(&self) -> &Subscription {
        &self.order.value
    }

    /// Plan, and the day after the paid period.
    pub(crate) fn shown(&self) -> (&str, String) {
        let until = self.value().paid_period().map_or_else(String::new, |paid| paid.to.to_string());
        (self.value().plan.as_str(), until)
    }

    pub(crate) fn context(&self) -> DecisionContext<'_> {
        DecisionContext::new(&self.policy, self.now)
    }

    /// Stores a decision as the commit does: with the live orders that its user has.
    pub(crate) fn take(&mut self, decision: &Decision) {
        let mut decision = decision.clone();
        if decision.user.as_ref().is_some_and(|user| user.expected != self.live) {
            decision = decision.with_live_orders(self.live.clone(), self.now);
        }
        self.live = decision.user.as_ref().map_or_else(|| self.live.clone(), UserChange::live_orders);
        let says_free = [NoticeKind::Downgraded, NoticeKind::NotCharged, NoticeKind::PlanEnded];
        self.free_mails += decision.notices.iter().filter(|notice| says_free.contains(&notice.kind)).count();
        let day = self.now.day(Zone::Taipei);
        for notice in &decision.notices {
            if self.issued.insert(notice.id.to_string()) {
                let promise = notice.fields.get("grace_ends_at").map(|end| t(&format!("{}:00", end.replace('-', "/"))));
                self.promised = self.promised.max(promise);
                self.mails.push(format!("{day} {}", notice.kind.name()));
            }
        }
        self.rules.push((self.now, decision.change.history.rule));
        self.order = decision.after();
    }

    fn take_some(&mut self, decision: Option<Decision>) -> bool {
        decision.is_some_and(|decision| {
            self.take(&decision);
            true
        })
    }

    /// Report of a success: the next number.
    pub(crate) fn success_report(&mut self, at: &str) -> PaymentReport {
        self.successes += 1;
        let outcome = PaymentOutcome::Succeeded { number: self.successes };
        report(self.value(), EventId::success(self.successes), outcome, at)
    }

    pub(crate) fn failure_report(&self, at: &str) -> PaymentReport {
        report(self.value(), EventId::failure(t(at)), PaymentOutcome::Failed, at)
    }

    /// Charge that ECPay makes and reports at once; the schedule runs until then.
    pub(crate) fn success(&mut self, at: &str) -> Decision {
        let report = self.success_report(at);
        self.run_until(at);
        self.callback(&report)
    }

    pub(crate) fn failure(&mut self, at: &str) -> Decision {
        let report = self.failure_report(at);
        self.run_until(at);
        self.callback(&report)
    }

    /// Charge that ECPay makes, and whose callback is lost.
    pub(crate) fn unreported(&mut self, report: PaymentReport) {
        self.log.push(report);
    }

    /// Callback of a charge that must be applied.
    pub(crate) fn callback(&mut self, report: &PaymentReport) -> Decision {
        self.log.push(report.clone());
        self.apply(report).unwrap_or_else(|| panic!("not applied: {report:?}"))
    }

    /// Applies a report as a callback is applied; the decision, if there is one.
    pub(crate) fn apply(&mut self, report: &PaymentReport) -> Option<Decision> {
        let snapshot = Snapshot { subscription: self.order.clone(), replaced: None, paid_order: None };
        let decision = match decide_payment(&snapshot, report, self.context()) {
            PaymentDecision::Apply(decision) => Some(*decision),
            PaymentDecision::Repeat => None,
            PaymentDecision::Quarantine(reason) => proof_of_payment(&self.order, report, &reason, self.context()),
        };
        decision.inspect(|decision| self.take(decision))
    }

    pub(crate) fn staff(&mut self, operation: &Operation, now: &str) -> Decision {
        self.run_until(now);
        match decide_operation(&self.order, operation, &cause(None), self.context()) {
            OperationDecision::Apply(decision) => {
                self.take(&decision);
                *decision
            }
            verdict => panic!("{operation:?} at {now}: {verdict:?}"),
        }
    }

    /// Performs everything that falls due before that time, which is the present afterwards.
    pub(crate) fn run_until(&mut self, until: &str) {
        self.run_to(t(until));
    }

    pub(crate) fn run_to(&mut self, until: Timestamp) {
        for _ in 0..20_000 {
            let due = NextAction::of(self.value(), &self.policy).filter(|action| action.at < until);
            let Some(action) = due else {
                self.now = until.max(self.now);
                return;
            };
            // A run later than the action, and not more than one task of an order a run.
            let is_decided = self.rules.last().is_some_and(|(at, _)| *at == self.now);
            let next_run = if is_decided { run_minutes(action.kind) } else { 0 };
            self.now = action.at.max(self.now.plus_minutes(next_run));
            if self.now >= until {
                self.now = until;
                return;
            }
            self.perform(action.kind);
        }
        panic!("no end of work until {until}: {:?}", self.rules);
    }

    pub(crate) fn perform(&mut self, task: Task) {
        match task {
            Task::Resume => {
                let decision = resume(&self.order, self.context());
                assert!(self.take_some(decision), "resume was due");
            }
            Task::EndGrace => {
                let decision = postpone_downgrade(&self.order, None, self.context());
                let decision = decision.or_else(|| end_grace(&self.order, self.context()));
                assert!(self.take_some(decision), "end-grace was due");
            }
            _ if self.is_down => {
                let decision = record_task_failure(&self.order, task, "no answer", self.now);
                self.take(&decision);
            }
            Task::CheckPending => {
                self.query();
                let decision = still_pending(&self.order, self.now);
                self.take_some(decision);
            }
            Task::Reconcile => self.reconcile(),
            Task::Retry => self.retry(),
            Task::Cancel => self.cancel(),
            Task::CleanUp | Task::SendMail => panic!("{task:?} is no task of an order"),
        }
    }

    fn is_due(&self, task: Task) -> bool {
        NextAction::of(self.value(), &self.policy).is_some_and(|action| action.kind == task && action.at <= self.now)
    }

    /// Queries the order and applies what is new; `true` if the answer itself was decided about.
    fn query(&mut self) -> bool {
        self.queries.push(self.now);
        let made: Vec<_> = self.log.iter().filter(|report| report.processed_at <= self.now).cloned().collect();
        for report in made {
            self.apply(&report);
        }
        let (at, state, exec_times) = (self.now, self.state, self.exec_times);
        let unrecorded = self.unrecorded.iter().copied().filter(|made| *made <= at).collect();
        let answer = QueryAnswer { at, state, exec_times, unrecorded, higher_count: self.higher_count };
        let decision = decide_query(&self.order, &answer, self.context());
        if decision.is_none() {
            self.order.value = note_query(self.value(), &answer);
        }
        self.take_some(decision)
    }

    fn noted(&mut self, is_stored: bool, task: Task) {
        if !is_stored {
            let decision = nothing_new(&self.order, task, self.context());
            self.take(&decision);
        }
    }

    fn reconcile(&mut self) {
        let is_stored = self.query();
        if !self.is_due(Task::Reconcile) {
            return self.noted(is_stored, Task::Reconcile);
        }
        let decision = close_retry_without_result(&self.order, self.now)
            .or_else(|| charge_missing(&self.order, self.now))
            .or_else(|| cancel_overtaken(&self.order, self.now))
            .or_else(|| success_missing(&self.order, self.now));
        if !self.take_some(decision) {
            self.noted(is_stored, Task::Reconcile);
        }
    }

    /// Requests a retry, which ECPay refuses.
    fn retry(&mut self) {
        let is_stored = self.query();
        if !retry_is_due(self.value(), self.context()) {
            return self.noted(is_stored, Task::Retry);
        }
        match claim_retry(&self.order, Actor::Schedule, self.now) {
            Ok(claim) => {
                self.take(&claim);
                let refused = record_retry_outcome(&self.order, RetryState::Refused, self.now);
                self.take_some(refused);
            }
            Err(_) => self.noted(is_stored, Task::Retry),
        }
    }

    fn cancel(&mut self) {
        let is_stored = self.query();
        if !self.is_due(Task::Cancel) || self.value().awaits_result(self.now) {
            return self.noted(is_stored, Task::Cancel);
        }
        match claim_cancel(&self.order, self.context()) {
            Some(claim) => {
                self.take(&claim);
                self.state = EcpayState::Stopped;
                let is_stored = self.query();
                self.noted(is_stored, Task::Cancel);
            }
            None => self.noted(is_stored, Task::Cancel),
        }
    }

    /// Number of decisions by that rule.
    pub(crate) fn count(&self, rule: Rule) -> usize {
        self.rules.iter().filter(|(_, known)| *known == rule).count()
    }
}
