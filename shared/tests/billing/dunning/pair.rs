//! Code under test and oracle side by side: both take every step, and their visible states are compared.

use std::collections::BTreeSet;

use shared::domain::billing::decide::cancel::claim_cancel;
use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::decide::order::{charge_missing, create_order, end_grace, still_pending};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::query::{decide_query, note_query, nothing_new};
use shared::domain::billing::decide::retry::{
    claim_retry, close_retry_without_result, record_retry_outcome, retry_is_due,
};
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, PaymentDecision, Snapshot, Versioned};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::live_orders::LiveEntry;
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{NewOrder, RetryState, Subscription};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{EventId, GatewayAuthorization, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::ecpay::decline::classify;

use crate::dunning::calendar::{DAY, iso, show};
use crate::dunning::oracle::{Ask, Effect, End, Oracle};
use crate::support::{new_order, pro, to_replace};

/// Step of a story.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Success number and ProcessDate.
    Success(u32, i64),
    /// ProcessDate and RtnCode.
    Failure(i64, &'static str),
    FirstFailure(i64),
    Pending(i64),
    FirstPending(i64),
    Ask,
    Answer(RetryState),
    GiveUp,
    Check,
    EndGrace,
    Uncharged,
    AskCancel,
    /// Query that shows the end of the order.
    Ended(End),
    /// Query that shows the order as running.
    Runs,
    Extend(u32),
    Supersede,
}

/// State of an order as far as it is visible from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    status: String,
    pub(crate) grace_end: Option<String>,
    plan: &'static str,
    amount: u32,
    period_end: Option<String>,
    next: Option<(String, String)>,
    downgraded: Option<(String, String)>,
}

impl View {
    /// The part that does not depend on what a mail promised.
    pub(crate) fn without_promises(&self) -> Self {
        Self { grace_end: None, next: None, ..self.clone() }
    }
}

/// Both implementations, with the story so far.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) real: Versioned<Subscription>,
    pub(crate) oracle: Oracle,
    pub(crate) story: Vec<String>,
    /// Queued notices; the store keeps one of each id.
    issued: BTreeSet<String>,
    /// Number of comparisons made.
    pub(crate) cases: usize,
}

pub(crate) fn ts(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

pub(crate) fn order(id: &str, cycle: BillingCycle, exec_times: u32, replaces: Option<&str>) -> NewOrder {
    NewOrder {
        terms: pro(cycle, exec_times),
        replaces: replaces.map(|old| SubscriptionId::parse(old).unwrap()),
        ..new_order(id)
    }
}

impl Pair {
    pub(crate) fn ordered(created: i64, cycle: BillingCycle, exec_times: u32) -> Self {
        let real = create_order(order("OLD1", cycle, exec_times, None), Actor::Schedule, ts(created)).change.next;
        let oracle = Oracle::ordered(created, i64::from(cycle.months()), i64::from(exec_times));
        let story = vec![format!("ordered {}", show(created))];
        Self { real: Versioned { value: real, version: 1 }, oracle, story, issued: BTreeSet::new(), cases: 0 }
    }

    /// Story so far, for the message of an assertion.
    pub(crate) fn case(&self) -> String {
        self.story.join("; ")
    }

    pub(crate) fn report(&self, step: &Step) -> PaymentReport {
        let (event, first, outcome, code, at) = match *step {
            Step::Success(n, at) => (EventId::success(n), n == 1, PaymentOutcome::Succeeded { number: n }, "1", at),
            Step::Failure(at, code) => (EventId::failure(ts(at)), false, PaymentOutcome::Failed, code, at),
            Step::FirstFailure(at) => (EventId::first_failure(ts(at)), true, PaymentOutcome::Failed, "10100252", at),
            Step::Pending(at) => (EventId::pending(ts(at)), false, PaymentOutcome::Pending, "10300066", at),
            Step::FirstPending(at) => (EventId::first_pending(ts(at)), true, PaymentOutcome::Pending, "10300066", at),
            _ => panic!("{step:?} is no report"),
        };
        PaymentReport {
            subscription: self.real.value.id.clone(),
            merchant: self.real.value.merchant.clone(),
            source: if first { ReportSource::FirstCallback } else { ReportSource::PeriodCallback },
            event,
            first,
            outcome,
            rtn_code: code.to_owned(),
            rtn_msg: "a text".to_owned(),
            decline: (outcome == PaymentOutcome::Failed).then(|| classify(code)),
            amount: Some(self.real.value.terms.price),
            processed_at: ts(at),
            gwsr: Some(GatewayAuthorization::parse(&at.to_string()).unwrap()),
            trade_no: None,
            card_last4: None,
            exec_times: None,
            simulated: false,
        }
    }

    pub(crate) fn verdict(&self, report: &PaymentReport, now: i64) -> PaymentDecision {
        let snapshot = Snapshot { subscription: self.real.clone(), replaced: None, paid_order: None };
        decide_payment(&snapshot, report, DecisionContext::new(&DunningPolicy::default(), ts(now)))
    }

    /// Takes a step on both sides and compares. `false` if both sides do nothing.
    pub(crate) fn step(&mut self, now: i64, step: &Step) -> bool {
        self.story.push(format!("[{}] {}", show(now), describe(step)));
        let (expected, decision) = (self.expect(now, step), self.decide(now, step));
        assert_eq!(decision.is_some(), expected.is_some(), "does anything happen? {}", self.case());
        let (Some(decision), Some(expected)) = (decision, expected) else {
            self.cases += 1;
            return false;
        };
        let fresh = decision.notices.iter().filter(|notice| self.issued.insert(notice.id.to_string()));
        let seen = Effect {
            mails: fresh.filter_map(mail).collect(),
            refund: decision.payment.as_ref().is_some_and(|payment| payment.refund_due == RefundDue::Whole),
        };
        assert_eq!(seen, expected, "mails and refunds: {}", self.case());
        let (before, next) = (&self.real.value, &decision.change.next);
        if before.plan != next.plan && next.superseded_by.is_none() {
            let given = decision.user.as_ref().and_then(|user| match &user.entry {
                LiveEntry::Live(order) => Some(&order.plan),
                LiveEntry::Unchanged | LiveEntry::Gone => None,
            });
            let grants = next.is_live() || !next.plan.is_free();
            assert_eq!(given, grants.then_some(&next.plan), "the order's plan for its user: {}", self.case());
        }
        assert_eq!(next.terms, before.terms, "what was ordered is remembered: {}", self.case());
        self.real = Versioned { value: decision.change.next, version: self.real.version + 1 };
        self.compare(now);
        true
    }

    /// The latest end of grace that a mail about the open episode named.
    pub(crate) fn promised(&self) -> Option<Timestamp> {
        self.real.value.dunning_notice.and_then(|sent| sent.promised_until)
    }

    /// Takes a step in the code under test alone.
    pub(crate) fn apply(&mut self, now: i64, step: &Step) {
        self.story.push(format!("[{}] {}", show(now), describe(step)));
        let decision = self.decide(now, step).unwrap_or_else(|| panic!("not applied: {}", self.case()));
        self.real = Versioned { value: decision.change.next, version: self.real.version + 1 };
    }

    fn decide(&self, now: i64, step: &Step) -> Option<Decision> {
        let (real, policy, at) = (&self.real, &DunningPolicy::default(), ts(now));
        match step {
            Step::Ask => claim_retry(real, Actor::Schedule, at).ok(),
            Step::Answer(state) => record_retry_outcome(real, *state, at),
            Step::GiveUp => close_retry_without_result(real, at),
            Step::Check => still_pending(&self.noted(now, EcpayState::Unpaid), at),
            Step::EndGrace => end_grace(real, DecisionContext::new(policy, at)),
            Step::Uncharged => charge_missing(real, at),
            Step::AskCancel => claim_cancel(real, DecisionContext::new(policy, at)),
            Step::Ended(End::Cancelled) => Some(self.queried(now, EcpayState::Stopped)),
            Step::Ended(End::Finished) => Some(self.queried(now, EcpayState::Finished)),
            Step::Runs => Some(self.queried(now, EcpayState::Running)),
            Step::Extend(days) => extended(real, *days, policy, at),
            Step::Supersede => Some(self.supersede(now)),
            _ => match self.verdict(&self.report(step), now) {
                PaymentDecision::Apply(decision) => Some(*decision),
                PaymentDecision::Repeat => None,
                PaymentDecision::Quarantine(reason) => panic!("quarantined: {reason}, {}", self.case()),
            },
        }
    }

    fn noted(&self, now: i64, state: EcpayState) -> Versioned<Subscription> {
        let answer = QueryAnswer { at: ts(now), state, exec_times: None, unrecorded: Vec::new(), higher_count: None };
        Versioned { value: note_query(&self.real.value, &answer), version: self.real.version }
    }

    /// Query without new charges, as a run to reconcile makes it: what follows from the answer, else that it was in vain.
    fn queried(&self, now: i64, state: EcpayState) -> Decision {
        let answer = QueryAnswer { at: ts(now), state, exec_times: None, unrecorded: Vec::new(), higher_count: None };
        let policy = DunningPolicy::default();
        let context = DecisionContext::new(&policy, ts(now));
        decide_query(&self.real, &answer, context)
            .unwrap_or_else(|| nothing_new(&self.noted(now, state), Task::Reconcile, context))
    }

    /// First success of a new order that replaces this one.
    fn supersede(&self, now: i64) -> Decision {
        let new = create_order(order("NEW1", BillingCycle::Monthly, 9, Some("OLD1")), Actor::Schedule, ts(now));
        let new = Self { real: Versioned { value: new.change.next, version: 1 }, ..self.clone() };
        let snapshot = Snapshot { subscription: new.real.clone(), replaced: to_replace(&self.real), paid_order: None };
        let report = new.report(&Step::Success(1, now));
        let PaymentDecision::Apply(mut decision) =
            decide_payment(&snapshot, &report, DecisionContext::new(&DunningPolicy::default(), ts(now)))
        else {
            panic!("a first success was not applied: {}", self.case());
        };
        decision.change = decision.replaced.take().unwrap();
        *decision
    }

    fn expect(&mut self, now: i64, step: &Step) -> Option<Effect> {
        let before = self.oracle.clone();
        let effect = self.expect_step(now, step);
        match step {
            _ if effect.is_none() => self.oracle = before,
            Step::Ended(_) | Step::Runs => {}
            _ => self.oracle.moved(),
        }
        effect
    }

    fn expect_step(&mut self, now: i64, step: &Step) -> Option<Effect> {
        let oracle = &mut self.oracle;
        let known = |number: u32| oracle.paid.iter().any(|(paid, _)| *paid == i64::from(number));
        match *step {
            Step::Success(number, _) if known(number) => return None,
            Step::Success(number, at) => return Some(oracle.success(number.into(), at, now)),
            Step::Failure(at, _) if oracle.knows_failure(at) => return None,
            Step::Failure(at, code) => return Some(oracle.failure(at, code, now)),
            Step::EndGrace => return oracle.end_grace(now),
            Step::Uncharged => return oracle.uncharged(now),
            Step::FirstFailure(_) => oracle.first_failure(),
            Step::Pending(at) => oracle.open_result(at),
            Step::FirstPending(_) => {}
            Step::Check => return oracle.check(now).then(Effect::default),
            Step::Ask if oracle.may_ask() => oracle.asks.push((now, Ask::Open)),
            Step::Ask | Step::Answer(RetryState::Resolved) => return None,
            Step::Answer(state) => {
                oracle.asks.iter_mut().find(|(_, ask)| *ask == Ask::Open)?.1 = answered(state);
            }
            Step::GiveUp => {
                let (asked, state) = oracle.asks.iter_mut().find(|(_, ask)| *ask == Ask::Open)?;
                if now < *asked + DAY {
                    return None;
                }
                *state = Ask::Closed;
            }
            Step::AskCancel => {
                oracle.next(now).filter(|(kind, at)| *kind == "cancel" && *at <= now)?;
                if oracle.ended.is_some() {
                    return None;
                }
                oracle.cancel_asked = true;
            }
            Step::Ended(how) => return Some(oracle.queried(Some(how), now)),
            Step::Runs => return Some(oracle.queried(None, now)),
            Step::Extend(_) if oracle.status() != "past_due" => return None,
            Step::Extend(days) => oracle.extra_days += i64::from(days),
            Step::Supersede => (oracle.superseded, oracle.superseded_at, oracle.free) = (true, now, None),
        }
        Some(Effect::default())
    }

    /// Compares the visible state at `now`.
    pub(crate) fn compare(&mut self, now: i64) {
        assert_eq!(self.seen(now), self.expected(now), "left is the code, right the oracle: {}", self.case());
        self.cases += 1;
    }

    pub(crate) fn seen(&self, now: i64) -> View {
        let real = &self.real.value;
        let next = NextAction::of(real, &DunningPolicy::default());
        let hidden = real.superseded_by.is_some() || self.oracle.refunds > 0;
        View {
            status: real.status.name().to_owned(),
            grace_end: real.status.grace_ends_at().map(|at| show(at.unix())),
            plan: if real.plan.is_free() { "FREE" } else { "PRO" },
            amount: real.amount().dollars(),
            period_end: if hidden { None } else { real.paid_period().map(|period| period.to.to_string()) },
            next: next.map(|action| due(action.kind.as_str(), action.at.unix(), now)),
            downgraded: real.downgrade.map(|fall| (show(fall.at.unix()), fall.reason.name().to_owned())),
        }
    }

    pub(crate) fn expected(&self, now: i64) -> View {
        let oracle = &self.oracle;
        let price = if oracle.months == 1 { 899 } else { 8999 };
        let hidden = oracle.superseded || oracle.refunds > 0;
        View {
            status: oracle.status().to_owned(),
            grace_end: oracle.grace_end().map(show),
            plan: if oracle.has_plan() { "PRO" } else { "FREE" },
            amount: if oracle.has_plan() { price } else { 0 },
            period_end: if hidden { None } else { oracle.period_end().map(iso) },
            next: oracle.next(now).map(|(kind, at)| due(kind, at, now)),
            downgraded: oracle.free.map(|(at, why)| (show(at), why.to_owned())),
        }
    }

    /// Compares the possible actions at `now`, without a report in between.
    pub(crate) fn probe(&mut self, now: i64) {
        let policy = DunningPolicy::default();
        let (real, context) = (&self.real, DecisionContext::new(&policy, ts(now)));
        let code = (
            retry_is_due(&real.value, context),
            claim_retry(real, Actor::Schedule, ts(now)).is_ok(),
            end_grace(real, context).is_some(),
        );
        let oracle = (
            self.oracle.retry_at().is_some_and(|at| at <= now),
            self.oracle.may_ask(),
            self.oracle.clone().end_grace(now).is_some(),
        );
        assert_eq!(code, oracle, "(retry due, may ask, plan ends) at {}: {}", show(now), self.case());
        self.cases += 1;
    }

    /// Report that must not be applied: the only decision is to quarantine it.
    pub(crate) fn quarantined(&mut self, report: &PaymentReport, now: i64, reason: &QuarantineReason) {
        let verdict = self.verdict(report, now);
        assert_eq!(verdict, PaymentDecision::Quarantine(reason.clone()), "{report:?} after {}", self.case());
        self.cases += 1;
    }
}

/// Action and time; an overdue action is due now, unless its exact time is a rule of its own.
fn due(kind: &str, at: i64, now: i64) -> (String, String) {
    let exact = ["retry", "end-grace"].contains(&kind);
    (kind.to_owned(), show(if exact { at } else { at.max(now) }))
}

fn mail(notice: &Notice) -> Option<String> {
    let name = notice.kind.name();
    match notice.kind {
        NoticeKind::FirstPaymentFailure | NoticeKind::SecondPaymentFailure | NoticeKind::FinalPaymentFailure => {
            let [due, new_card, retries] = ["charge_due", "hard_decline", "retries"].map(|field| &notice.fields[field]);
            Some(format!("{name} about {due} new-card {new_card} retries {retries}"))
        }
        NoticeKind::Downgraded | NoticeKind::NotCharged | NoticeKind::Uncharged => Some(name.to_owned()),
        _ => None,
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::Success(number, at) => format!("success {number} of {}", show(*at)),
        Step::Failure(at, code) => format!("failure {code} of {}", show(*at)),
        Step::FirstFailure(at) | Step::Pending(at) | Step::FirstPending(at) => format!("{step:?} of {}", show(*at)),
        _ => format!("{step:?}"),
    }
}

fn answered(state: RetryState) -> Ask {
    match state {
        RetryState::Unknown | RetryState::Accepted => Ask::Open,
        RetryState::NotSent => Ask::NeverSent,
        RetryState::Refused | RetryState::NoResult | RetryState::Resolved => Ask::Closed,
    }
}

/// Days of grace added by staff, if a grace period runs.
fn extended(real: &Versioned<Subscription>, days: u32, policy: &DunningPolicy, at: Timestamp) -> Option<Decision> {
    let cause = OperationContext { by: Actor::Staff("support".to_owned()), why: None, key: None };
    match decide_operation(real, &Operation::ExtendGrace { days }, &cause, DecisionContext::new(policy, at)) {
        OperationDecision::Apply(decision) => Some(*decision),
        OperationDecision::Unchanged | OperationDecision::Refused(_) => None,
    }
}
