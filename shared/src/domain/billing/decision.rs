//! Decision: the set of changes that are written in one transaction, with their cause.

use serde::{Deserialize, Serialize};

use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::operations::{AppliedOperation, Operation, OperationContext, RECENT_OPERATIONS_KEPT};
use crate::domain::billing::payments::payment::{Payment, PaymentReport};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{NewOrder, OrderEnd, RetryState, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::ids::{EventId, SubscriptionId, UserId};
use crate::domain::values::time::Timestamp;

/// Stored value with its version, for optimistic locking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// Value as stored.
    pub value: T,
    /// Number of writes so far; the next writer must name it.
    pub version: u64,
}

/// Stored orders that a decision about one order reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Order that the decision is about.
    pub subscription: Versioned<Subscription>,
    /// Order that it replaces, until the replacement happened.
    pub replaced: Option<Versioned<Subscription>>,
}

/// Event in an order's history. The order's state is a pure function of these events and the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEvent {
    /// Order created.
    Ordered(NewOrder),
    /// Authorisation reported by ECPay, or payment recorded by staff.
    Reported(PaymentReport),
    /// Scheduled action carried out because its time had come.
    ActionDue,
    /// Retry claimed, before the request is sent to ECPay.
    RetryRequested,
    /// Outcome of the retry request became known.
    RetryOutcomeRecorded(RetryState),
    /// Cancellation claimed, before the request is sent to ECPay.
    CancelRequestedAtEcpay,
    /// Query showed that ECPay makes no further charges.
    OrderEnded(OrderEnd),
    /// Query of the order brought no new report.
    Checked,
    /// Query showed an active order without the charge that was due.
    MissingChargeObserved,
    /// Another order's first success replaced this order.
    SupersededBy(SubscriptionId),
    /// Grace period extended by staff.
    GraceExtended {
        /// Days of 24 hours.
        days: u32,
    },
    /// Dunning paused by staff.
    Paused {
        /// Days of 24 hours.
        days: u32,
    },
    /// Dunning resumed, by staff or at the end of the pause.
    Resumed,
    /// Cancellation requested by the customer.
    CancelRequested,
    /// Scheduled task failed for this order.
    TaskFailed {
        /// The failing task.
        task: Task,
        /// Error text without personal data.
        reason: String,
    },
    /// Customer's data erased.
    Erased,
}

/// Cause of a decision, as recorded in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Event that led to the decision.
    pub event: HistoryEvent,
    /// The rule that applied.
    pub rule: Rule,
    /// Actor behind the event: ECPay, the schedule or staff.
    pub actor: Actor,
}

/// Policy and time under which a decision is made.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'a> {
    /// The dunning policy in force.
    pub policy: &'a DunningPolicy,
    /// Logical time of the decision.
    pub now: Timestamp,
}

/// Actor that caused a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// ECPay, through a callback or the response to a query.
    Ecpay,
    /// Scheduled task of a run.
    Schedule,
    /// Staff, by the name of the API token.
    Staff(String),
}

/// Entry of an order's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Logical time of the decision.
    pub at: Timestamp,
    /// Event that led to the decision.
    pub event: HistoryEvent,
    /// Rule that the decision followed.
    pub rule: Rule,
    /// State before the decision; `None` for a new order.
    pub from: Option<Status>,
    /// State after the decision.
    pub to: Status,
    /// Actor that caused the decision.
    pub by: Actor,
    /// Reason given by staff.
    pub why: Option<String>,
    /// Keyed operation that caused the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<AppliedOperation>,
}

/// One order to be written, with its history entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionWrite {
    /// State to be stored.
    pub next: Subscription,
    /// Version that must still be stored; `None` for a new order.
    pub expected: Option<u64>,
    /// History entry written with it.
    pub history: HistoryEntry,
}

/// Effect of a decision on the user's own item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// User whose item changes.
    pub user: UserId,
    /// Order that `subscription-status` shows from now on, unless another is live.
    pub subscription: SubscriptionId,
    /// Plan and live order; `None` leaves both unchanged.
    pub user_plan: Option<UserPlan>,
    /// Condition on the user's live order; the commit fails if it is not met.
    pub condition: LiveOrderCondition,
}

/// Plan of a user and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPlan {
    /// Plan that the user may use.
    pub plan: PlanId,
    /// True if the plan's order is live, so that a further order needs `replaces`.
    pub live: bool,
}

/// Condition on the user's live order at the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveOrderCondition {
    /// No condition.
    Any,
    /// No live order, or one of these.
    NoneOrOneOf(Vec<SubscriptionId>),
}

/// Proof that an event was applied, with the values that a repeat must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Identity of the event.
    pub event: EventId,
    /// Report as it was applied.
    pub report: PaymentReport,
}

/// Changes that are written in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order itself.
    pub change: SubscriptionWrite,
    /// The replaced order, at the first success of the new one.
    pub replaced: Option<SubscriptionWrite>,
    /// The user's item, if plan or live order change.
    pub user: Option<UserChange>,
    /// Receipt of the event, if a report caused the decision.
    pub receipt: Option<Receipt>,
    /// Payment record, if a report caused the decision.
    pub payment: Option<Payment>,
    /// Mails to be queued.
    pub notices: Vec<Notice>,
}

/// Decision about a payment report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentDecision {
    /// Write these changes.
    Apply(Box<Decision>),
    /// Applied before: nothing to write.
    Repeat,
    /// Quarantine the report for staff.
    Quarantine(QuarantineReason),
}

impl<'a> DecisionContext<'a> {
    /// Context of `policy` and `now`.
    #[must_use]
    pub const fn new(policy: &'a DunningPolicy, now: Timestamp) -> Self {
        Self { policy, now }
    }
}

impl Cause {
    /// Cause of an event, the rule that applied and the actor.
    #[must_use]
    pub const fn new(event: HistoryEvent, rule: Rule, actor: Actor) -> Self {
        Self { event, rule, actor }
    }
}

impl HistoryEntry {
    /// Entry without a reason or an operation.
    #[must_use]
    pub fn new(at: Timestamp, cause: Cause, from: Option<Status>, to: Status) -> Self {
        let Cause { event, rule, actor } = cause;
        Self { at, event, rule, from, to, by: actor, why: None, operation: None }
    }
}

impl SubscriptionWrite {
    /// The version under which the order will be stored.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.expected.unwrap_or(0).saturating_add(1)
    }
}

impl Decision {
    /// Decision that changes one order, with its history entry; callers add receipt, payment and notices.
    #[must_use]
    pub fn new(before: &Versioned<Subscription>, next: Subscription, cause: Cause, at: Timestamp) -> Self {
        let mut next = next;
        if !matches!(cause.event, HistoryEvent::TaskFailed { .. }) {
            // Any other change may have removed the cause of the failure; if not, the next attempt records it again.
            next.task_failure = None;
        }
        let history = HistoryEntry::new(at, cause, Some(before.value.status), next.status);
        let user = user_change(&before.value, &next);
        let change = SubscriptionWrite { next, expected: Some(before.version), history };
        Self { change, replaced: None, user, receipt: None, payment: None, notices: Vec::new() }
    }

    /// The decision in the name of staff, with their reason, and recorded under the operation's key.
    #[must_use]
    pub fn by_staff(mut self, cause: &OperationContext, operation: &Operation) -> Self {
        let seen = cause.key.clone().map(|key| AppliedOperation { key, request: operation.fingerprint() });
        self.change.next.operations.extend(seen.clone());
        let excess = self.change.next.operations.len().saturating_sub(RECENT_OPERATIONS_KEPT);
        self.change.next.operations.drain(..excess);
        let history = &mut self.change.history;
        history.by = Actor::Staff(cause.by.clone());
        history.why.clone_from(&cause.why);
        history.operation = seen;
        self
    }

    /// The order as stored after the commit.
    #[must_use]
    pub fn after(&self) -> Versioned<Subscription> {
        Versioned { value: self.change.next.clone(), version: self.change.version() }
    }

    /// The decision for a user who already has `other` as live order: a plan that it grants goes to the user as well,
    /// and staff are notified; a plan that it takes away leaves the user's item unchanged.
    #[must_use]
    pub fn alongside_live_order(mut self, other: &SubscriptionId, now: Timestamp) -> Self {
        // Only a granted plan overrides the condition; taking one away must not touch the other order's plan.
        let grants = |user: &UserChange| user.user_plan.as_ref().is_some_and(|now| now.live && !now.plan.is_free());
        if let Some(user) = self.user.take().filter(grants) {
            let notice = Notice::about(&self.change.next, NoticeKind::SecondLiveOrder, other.as_str(), now);
            self.notices.push(notice.with("other", other));
            self.user = Some(UserChange { condition: LiveOrderCondition::Any, ..user });
        }
        self
    }
}

/// The change of the user's item, if plan or live order differ. A superseded order no longer determines its user's
/// plan, and the user of an erased order has none.
fn user_change(before: &Subscription, next: &Subscription) -> Option<UserChange> {
    let same = before.plan == next.plan && before.is_live() == next.is_live();
    if same || next.superseded_by.is_some() || next.erased.is_some() {
        return None;
    }
    // Any other live order fails the commit; the caller then decides for a user with two live orders.
    let mut may_follow = vec![next.id.clone()];
    may_follow.extend(next.replaces.clone());
    Some(UserChange {
        user: next.user.clone(),
        subscription: next.id.clone(),
        user_plan: Some(UserPlan { plan: next.plan.clone(), live: next.is_live() }),
        condition: LiveOrderCondition::NoneOrOneOf(may_follow),
    })
}
