//! A decision: everything that changes together, in one transaction, and why.

use serde::{Deserialize, Serialize};

use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::operations::{AppliedOperation, Operation, OperationContext, RECENT_OPERATIONS_KEPT};
use crate::domain::billing::payment::{Payment, PaymentReport};
use crate::domain::billing::plan::PlanId;
use crate::domain::billing::policy::DunningPolicy;
use crate::domain::billing::quarantine_reason::QuarantineReason;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{NewOrder, OrderEnd, RetryState, Status, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::values::ids::{EventId, SubscriptionId, UserId};
use crate::domain::values::time::Timestamp;

/// A stored value and the number its next writer must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What was stored.
    pub value: T,
    /// How often it was written.
    pub version: u64,
}

/// What a decision about one order is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The order.
    pub subscription: Versioned<Subscription>,
    /// The order it is to replace, while that has not happened.
    pub replaced: Option<Versioned<Subscription>>,
}

/// Something that happened, as history keeps it: with these and the policy every state can be worked out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEvent {
    /// An order was made.
    Ordered(NewOrder),
    /// ECPay reported an authorisation.
    Reported(PaymentReport),
    /// The order was looked at because something was due.
    ActionDue,
    /// A retry was claimed, before ECPay was asked.
    RetryRequested,
    /// What became of that ask.
    RetryOutcomeRecorded(RetryState),
    /// A cancel was claimed, before ECPay was asked.
    CancelRequestedAtEcpay,
    /// A query showed that ECPay will charge no more.
    OrderEnded(OrderEnd),
    /// A query of an order brought nothing new.
    Checked,
    /// A query showed a running order without the charge that was due.
    MissingChargeObserved,
    /// Another order's first success took this one's place.
    SupersededBy(SubscriptionId),
    /// Staff lengthened the grace period.
    GraceExtended {
        /// By days of 24 hours.
        days: u32,
    },
    /// Staff hold dunning.
    Paused {
        /// For days of 24 hours.
        days: u32,
    },
    /// Dunning goes on, by staff or because the pause is over.
    Resumed,
    /// The customer wishes to end the order.
    CancelRequested,
    /// A task could not be done for this order.
    TaskFailed {
        /// Which.
        task: Task,
        /// Why.
        reason: String,
    },
    /// The person behind the order was erased.
    Erased,
}

/// Cause of a decision, as its line of history names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The event that led to it.
    pub event: HistoryEvent,
    /// The rule that applied.
    pub rule: Rule,
    /// ECPay, the schedule or staff.
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

/// Who caused a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// ECPay, through a callback or a query's answer.
    Ecpay,
    /// A scheduled task.
    Schedule,
    /// Staff, by the name of their token.
    Staff(String),
}

/// One line of a subscription's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The logical time of the decision.
    pub at: Timestamp,
    /// What came in.
    pub event: HistoryEvent,
    /// The rule that fired.
    pub rule: Rule,
    /// The state before; none for a new order.
    pub from: Option<Status>,
    /// The state after.
    pub to: Status,
    /// Who caused it.
    pub by: Actor,
    /// What staff gave as the reason.
    pub why: Option<String>,
    /// The keyed operation that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<AppliedOperation>,
}

/// One subscription as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionWrite {
    /// The next state.
    pub next: Subscription,
    /// The version that must still be stored; `None` for a new one.
    pub expected: Option<u64>,
    /// Its line of history.
    pub history: HistoryEntry,
}

/// What a decision does to the user's own item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// The user.
    pub user: UserId,
    /// The order that `subscription-status` shows from now on, unless another is live.
    pub subscription: SubscriptionId,
    /// The plan and whether the order is live (so that another needs `replaces`); `None` leaves both as they are.
    pub user_plan: Option<UserPlan>,
    /// Which orders may be the user's live one now; any other refuses the commit.
    pub condition: LiveOrderCondition,
}

/// What the user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPlan {
    /// The plan.
    pub plan: PlanId,
    /// Whether the order it comes from is live.
    pub live: bool,
}

/// Which orders may be the user's live one for a commit to go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveOrderCondition {
    /// Any.
    Any,
    /// None, or one of these.
    NoneOrOneOf(Vec<SubscriptionId>),
}

/// Proof that an event was applied; what a repeat must agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The event.
    pub event: EventId,
    /// What came with it.
    pub report: PaymentReport,
}

/// Everything that is written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The order.
    pub change: SubscriptionWrite,
    /// The order that it replaces.
    pub replaced: Option<SubscriptionWrite>,
    /// The user's plan, where it changes.
    pub user: Option<UserChange>,
    /// The event's receipt, where an event caused it.
    pub receipt: Option<Receipt>,
    /// The payment, where money moved or was refused.
    pub payment: Option<Payment>,
    /// What is told.
    pub notices: Vec<Notice>,
}

/// What to do with a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentDecision {
    /// Write this.
    Apply(Box<Decision>),
    /// It was applied already.
    Repeat,
    /// Set it aside for staff.
    Quarantine(QuarantineReason),
}

impl<'a> DecisionContext<'a> {
    /// Decisions under `policy` at `now`.
    #[must_use]
    pub const fn new(policy: &'a DunningPolicy, now: Timestamp) -> Self {
        Self { policy, now }
    }
}

impl Cause {
    /// An event, the rule that applied and the actor behind it.
    #[must_use]
    pub const fn new(event: HistoryEvent, rule: Rule, actor: Actor) -> Self {
        Self { event, rule, actor }
    }
}

impl HistoryEntry {
    /// A line without a reason: what came in, which rule fired, who caused it.
    #[must_use]
    pub fn new(at: Timestamp, cause: Cause, from: Option<Status>, to: Status) -> Self {
        let Cause { event, rule, actor } = cause;
        Self { at, event, rule, from, to, by: actor, why: None, operation: None }
    }
}

impl SubscriptionWrite {
    /// The version that is stored with it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.expected.unwrap_or(0).saturating_add(1)
    }
}

impl Decision {
    /// A decision that changes one order and nothing else yet, with its line of history: what came in, which rule
    /// fired, who caused it.
    #[must_use]
    pub fn new(before: &Versioned<Subscription>, next: Subscription, cause: Cause, at: Timestamp) -> Self {
        let mut next = next;
        if !matches!(cause.event, HistoryEvent::TaskFailed { .. }) {
            // Whatever changes an order may have helped it; if not, it gets stuck anew.
            next.task_failure = None;
        }
        let history = HistoryEntry::new(at, cause, Some(before.value.status), next.status);
        let user = user_change(&before.value, &next);
        let change = SubscriptionWrite { next, expected: Some(before.version), history };
        Self { change, replaced: None, user, receipt: None, payment: None, notices: Vec::new() }
    }

    /// The same decision as staff's: with who and why, and remembered under its key.
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

    /// What is stored once the decision is.
    #[must_use]
    pub fn after(&self) -> Versioned<Subscription> {
        Versioned { value: self.change.next.clone(), version: self.change.version() }
    }

    /// The same decision where the user already has `other`, a live order: what this one grants goes to the
    /// user all the same and staff are told; what it takes away leaves the user's plan alone.
    #[must_use]
    pub fn alongside_live_order(mut self, other: &SubscriptionId, now: Timestamp) -> Self {
        let grants = |user: &UserChange| user.user_plan.as_ref().is_some_and(|now| now.live && !now.plan.is_free());
        if let Some(user) = self.user.take().filter(grants) {
            let notice = Notice::about(&self.change.next, NoticeKind::SecondLiveOrder, other.as_str(), now);
            self.notices.push(notice.with("other", other));
            self.user = Some(UserChange { condition: LiveOrderCondition::Any, ..user });
        }
        self
    }
}

/// What the user has once `next` is stored, where that differs from before. An order that was superseded no
/// longer speaks for its user, and one whose user was erased has none.
fn user_change(before: &Subscription, next: &Subscription) -> Option<UserChange> {
    let same = before.plan == next.plan && before.is_live() == next.is_live();
    if same || next.superseded_by.is_some() || next.erased.is_some() {
        return None;
    }
    let mut may_follow = vec![next.id.clone()];
    may_follow.extend(next.replaces.clone());
    Some(UserChange {
        user: next.user.clone(),
        subscription: next.id.clone(),
        user_plan: Some(UserPlan { plan: next.plan.clone(), live: next.is_live() }),
        condition: LiveOrderCondition::NoneOrOneOf(may_follow),
    })
}
