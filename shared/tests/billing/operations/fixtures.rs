//! Stories of one order in Taipei time: created on 15 January 2025 at 10:00, charged five minutes later and due again
//! on the 15th of each month. Its second charge fails on 15 February at 03:05:06, so that the grace period ends on the
//! 22nd, and after the second failure on the 25th.

use shared::domain::billing::decide::cancel::claim_cancel;
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal, decide_operation};
use shared::domain::billing::decide::order::{create_order, end_grace, still_pending};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::query::{decide_query, note_query, nothing_new};
use shared::domain::billing::decide::retry::{claim_retry, record_retry_outcome};
use shared::domain::billing::decision::{
    Actor, Decision, DecisionContext, HistoryEvent, PaymentDecision, Snapshot, Versioned,
};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::next_action::{ActionReason, NextAction};
use shared::domain::billing::operations::{KeyedRequest, Operation, OperationContext};
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{Locale, NewOrder, OrderEnd, RetryState, Subscription};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{EventId, GatewayAuthorization, OperationKey, RequestHash, SubscriptionId};

use crate::support;
pub(crate) use crate::support::{day, taipei as t, to_replace};

/// Times of the first, second … failure of the second charge.
pub(crate) const FAILURES: [&str; 6] = [
    "2025/02/15 03:05:06",
    "2025/02/16 04:00:00",
    "2025/02/18 04:00:00",
    "2025/02/22 04:00:00",
    "2025/02/23 04:00:00",
    "2025/02/24 04:00:00",
];

pub(crate) fn policy() -> DunningPolicy {
    DunningPolicy::default()
}

/// Order with the decisions applied so far.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) order: Versioned<Subscription>,
}

pub(crate) fn new_order(id: &str, replaces: Option<&str>) -> NewOrder {
    NewOrder {
        locale: Locale::En,
        replaces: replaces.map(|old| SubscriptionId::parse(old).unwrap()),
        ..support::new_order(id)
    }
}

pub(crate) fn cause(key: Option<&str>) -> OperationContext {
    OperationContext {
        by: Actor::Staff("support".to_owned()),
        why: Some("asked for".to_owned()),
        key: key.map(|key| KeyedRequest {
            key: OperationKey::parse(&format!("{key:0>32}")).unwrap(),
            request: RequestHash::parse(&"0".repeat(64)).unwrap(),
        }),
    }
}

pub(crate) fn report(order: &Subscription, event: EventId, outcome: PaymentOutcome, at: &str) -> PaymentReport {
    let succeeded = matches!(outcome, PaymentOutcome::Succeeded { .. });
    PaymentReport {
        subscription: order.id.clone(),
        merchant: order.merchant.clone(),
        source: ReportSource::PeriodCallback,
        event,
        first: outcome == PaymentOutcome::Succeeded { number: 1 },
        outcome,
        rtn_code: if succeeded { "1" } else { "10100252" }.to_owned(),
        rtn_msg: "a text".to_owned(),
        decline: (outcome == PaymentOutcome::Failed).then_some(DeclineClass::SoftDecline),
        amount: Some(order.terms.price),
        processed_at: t(at),
        gwsr: succeeded.then(|| GatewayAuthorization::parse(&t(at).unix().to_string()).unwrap()),
        trade_no: None,
        card_last4: None,
        exec_times: None,
        simulated: false,
    }
}

/// Order that was not paid yet.
pub(crate) fn pending() -> Life {
    Life::of(new_order("ORDER1", None), "2025/01/15 10:00:00")
}

/// Order paid until 15 February.
pub(crate) fn running() -> Life {
    let mut life = pending();
    life.success(1, "2025/01/15 10:05:00");
    life
}

/// Order paid for a year, until 15 January 2026.
pub(crate) fn annual() -> Life {
    let mut order = new_order("ORDER1", None);
    order.terms.cycle = BillingCycle::Annual;
    let mut life = Life::of(order, "2025/01/15 10:00:00");
    life.success(1, "2025/01/15 10:05:00");
    life
}

/// Order whose second charge failed that many times.
pub(crate) fn failing(times: usize) -> Life {
    let mut life = running();
    for at in &FAILURES[..times] {
        life.failure(at);
    }
    life
}

/// Order on FREE since 25 February at 12:00: the second charge failed twice.
pub(crate) fn fallen() -> Life {
    let mut life = failing(2);
    life.asked("2025/02/22 12:00:00", RetryState::Refused);
    life.queried(EcpayState::Running, "2025/02/24 15:05:06");
    let decision = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/25 12:00:00"))).unwrap();
    life.take(&decision);
    life
}

/// Order replaced by another one on 20 February at 12:00.
pub(crate) fn replaced(mut old: Life) -> Life {
    let new = create_order(new_order("ORDER2", Some("ORDER1")), Actor::Schedule, t("2025/02/20 11:00:00")).after();
    let first = report(&new.value, EventId::success(1), PaymentOutcome::Succeeded { number: 1 }, "2025/02/20 12:00:00");
    let snapshot = Snapshot { subscription: new, replaced: to_replace(&old.order), paid_order: None };
    let PaymentDecision::Apply(decision) =
        decide_payment(&snapshot, &first, DecisionContext::new(&policy(), t("2025/02/20 12:01:00")))
    else {
        panic!("the first charge of a new order counts");
    };
    let change = decision.replaced.unwrap();
    old.order = Versioned { version: change.version(), value: change.next };
    old
}

/// Order expired after a day without payment.
pub(crate) fn given_up() -> Life {
    let mut life = pending();
    let decision = still_pending(&life.order, t("2025/01/16 10:00:00")).unwrap();
    life.take(&decision);
    life
}

/// Order terminated at ECPay whose paid period is over as well.
pub(crate) fn over(how: OrderEnd) -> Life {
    let mut life = running();
    life.ended(how, "2025/02/01 12:00:00");
    let decision = end_grace(&life.order, DecisionContext::new(&policy(), t("2025/02/15 00:00:00"))).unwrap();
    life.take(&decision);
    life
}

impl Life {
    /// An order as it is made at that time.
    pub(crate) fn of(order: NewOrder, at: &str) -> Self {
        Self { order: create_order(order, Actor::Schedule, t(at)).after() }
    }

    pub(crate) fn value(&self) -> &Subscription {
        &self.order.value
    }

    pub(crate) fn take(&mut self, decision: &Decision) {
        self.order = decision.after();
    }

    /// Applies a report at `now`.
    pub(crate) fn reported(&mut self, report: &PaymentReport, now: &str) -> Decision {
        let snapshot = Snapshot { subscription: self.order.clone(), replaced: None, paid_order: None };
        let PaymentDecision::Apply(decision) =
            decide_payment(&snapshot, report, DecisionContext::new(&policy(), t(now)))
        else {
            panic!("not applied: {report:?}");
        };
        self.take(&decision);
        *decision
    }

    /// Applies a success that is reported at once.
    pub(crate) fn success(&mut self, number: u32, at: &str) -> Decision {
        self.success_seen(number, at, at)
    }

    /// Applies a success made at `at` and reported at `now`.
    pub(crate) fn success_seen(&mut self, number: u32, at: &str, now: &str) -> Decision {
        let outcome = PaymentOutcome::Succeeded { number };
        self.reported(&report(self.value(), EventId::success(number), outcome, at), now)
    }

    /// Applies a failure that is reported at once.
    pub(crate) fn failure(&mut self, at: &str) -> Decision {
        self.failure_seen(at, at)
    }

    pub(crate) fn failure_seen(&mut self, at: &str, now: &str) -> Decision {
        self.reported(&report(self.value(), EventId::failure(t(at)), PaymentOutcome::Failed, at), now)
    }

    /// Claims a retry and records its outcome.
    pub(crate) fn asked(&mut self, now: &str, answer: RetryState) {
        let decision = claim_retry(&self.order, Actor::Schedule, t(now)).unwrap();
        self.take(&decision);
        if answer != RetryState::Unknown {
            let decision = record_retry_outcome(&self.order, answer, t(now)).unwrap();
            self.take(&decision);
        }
    }

    /// Applies a query that shows the end of the order.
    pub(crate) fn ended(&mut self, how: OrderEnd, now: &str) -> Decision {
        let state = match how {
            OrderEnd::Cancelled => EcpayState::Stopped,
            OrderEnd::Finished => EcpayState::Finished,
        };
        self.queried(state, now)
    }

    /// Applies a query whose log has no new charge.
    pub(crate) fn queried(&mut self, state: EcpayState, now: &str) -> Decision {
        self.answered(Task::Reconcile, &answer(state, now))
    }

    /// Applies an answer as a run of that task does: what follows from it, else that it brought nothing new.
    pub(crate) fn answered(&mut self, task: Task, answer: &QueryAnswer) -> Decision {
        let policy = policy();
        let context = DecisionContext::new(&policy, answer.at);
        let decision = decide_query(&self.order, answer, context).unwrap_or_else(|| {
            let noted = Versioned { value: note_query(self.value(), answer), version: self.order.version };
            nothing_new(&noted, task, context)
        });
        self.take(&decision);
        decision
    }

    pub(crate) fn verdict(&self, operation: &Operation, key: Option<&str>, now: &str) -> OperationDecision {
        decide_operation(&self.order, operation, &cause(key), DecisionContext::new(&policy(), t(now)))
    }

    /// Applies an operation of staff.
    pub(crate) fn staff(&mut self, operation: &Operation, now: &str) -> Decision {
        self.keyed(operation, None, now)
    }

    pub(crate) fn keyed(&mut self, operation: &Operation, key: Option<&str>, now: &str) -> Decision {
        match self.verdict(operation, key, now) {
            OperationDecision::Apply(decision) => {
                self.take(&decision);
                *decision
            }
            verdict @ (OperationDecision::Unchanged | OperationDecision::Refused(_)) => {
                panic!("{operation:?} at {now}: {verdict:?}")
            }
        }
    }

    /// Reason for which an operation of staff is refused.
    pub(crate) fn refused(&self, operation: &Operation, now: &str) -> OperationRefusal {
        match self.verdict(operation, None, now) {
            OperationDecision::Refused(refusal) => refusal,
            verdict @ (OperationDecision::Apply(_) | OperationDecision::Unchanged) => {
                panic!("{operation:?} at {now}: {verdict:?}")
            }
        }
    }

    /// Next scheduled action: task, time and reason.
    pub(crate) fn next(&self) -> (&'static str, String, ActionReason) {
        let action = NextAction::of(self.value(), &policy()).unwrap();
        (action.kind.as_str(), shared::ecpay::date::format(action.at), action.why)
    }

    /// End of the grace period, while it runs.
    pub(crate) fn grace_end(&self) -> Option<String> {
        self.value().status.grace_ends_at().map(shared::ecpay::date::format)
    }
}

/// Answer of a query without anything but a state.
pub(crate) fn answer(state: EcpayState, now: &str) -> QueryAnswer {
    QueryAnswer { at: t(now), state, exec_times: None, unrecorded: Vec::new(), higher_count: None }
}

/// Expected task, time and reason of an action.
pub(crate) fn due(task: &'static str, at: &str, why: ActionReason) -> (&'static str, String, ActionReason) {
    (task, at.to_owned(), why)
}

/// Names of a decision's notices.
pub(crate) fn mails(decision: &Decision) -> Vec<&'static str> {
    decision.notices.iter().map(|notice| notice.kind.name()).collect()
}

/// Claims the cancellation, as before the request to ECPay.
pub(crate) fn asked(life: &mut Life, now: &str) {
    let decision = claim_cancel(&life.order, DecisionContext::new(&policy(), t(now))).unwrap();
    assert_eq!(
        (&decision.change.history.event, decision.change.history.rule),
        (&HistoryEvent::CancelRequestedAtEcpay, Rule::CancelRequestedAtEcpay)
    );
    life.take(&decision);
}
