//! Decision: the set of changes that are written in one transaction, with their cause.

mod history;

use std::collections::BTreeSet;

use crate::domain::billing::app_events::AppEventType;
use crate::domain::billing::app_events::transitions::transitions;
use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::live_orders::{LiveEntry, LiveOrder, UserChange};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::operations::{KeyStep, OperationContext};
use crate::domain::billing::payments::payment::{Payment, PaymentReport};
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::billing::payments::unused_part::{UnusedPart, unused_parts};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{EmailAddress, EventId, SubscriptionId};
use crate::domain::values::lookup::Lookup;
use crate::domain::values::time::{LocalDate, Timestamp};

pub use self::history::{Cause, HistoryEntry, HistoryEvent};
pub use crate::domain::billing::operations::Actor;

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
    pub replaced: Option<Replaced>,
    /// Another order of the same purchase that was paid already.
    pub paid_order: Option<SubscriptionId>,
}

/// Order that another one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The order as it was read first: its version protects the payment as well, because every refund writes the order.
    pub order: Versioned<Subscription>,
    /// Payments of its latest paid periods, as far as they may be unused.
    pub payments: Vec<Payment>,
}

/// Change of a purchase: the orders that a buyer made for it, of which one is paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseChange {
    /// First order of the purchase, which identifies it.
    pub purchase: SubscriptionId,
    /// Step that the decision takes.
    pub step: PurchaseStep,
}

/// Step of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurchaseStep {
    /// The decision's order is a further attempt, after these.
    Attempted(Vec<SubscriptionId>),
    /// The decision's order is the one that was paid.
    Paid,
}

/// Policy and time under which a decision is made.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'a> {
    /// The dunning policy in force.
    pub policy: &'a DunningPolicy,
    /// Logical time of the decision.
    pub now: Timestamp,
    /// Real time of the decision, by which dates of a report are judged and events are listed. Later than [`Self::now`] where a
    /// run is late.
    pub wall: Timestamp,
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
    /// Values by which the order was found before and not any more.
    pub lost_lookups: BTreeSet<Lookup>,
    /// Values by which the order is found from now on.
    pub new_lookups: BTreeSet<Lookup>,
    /// Types of the events about the order that the business's app gets.
    pub transitions: Vec<AppEventType>,
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
    /// Payments of the replaced order of which a part must go back from now on.
    pub credited: Vec<Payment>,
    /// The user's item, if plan or live order change.
    pub user: Option<UserChange>,
    /// Idempotency key that the decision uses or releases.
    pub key: Option<KeyStep>,
    /// Receipt of the event, if a report caused the decision.
    pub receipt: Option<Receipt>,
    /// Payment record, if a report caused the decision.
    pub payment: Option<Payment>,
    /// Payment of which money went back, as it is stored from now on.
    pub refunded: Option<Payment>,
    /// The purchase, where the order is a further attempt or was paid.
    pub purchase: Option<PurchaseChange>,
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

impl Replaced {
    /// The unused parts of its payments if another order takes over on that day.
    #[must_use]
    pub fn unused_since(&self, since: LocalDate) -> Vec<(&Payment, UnusedPart)> {
        unused_parts(&self.order.value, &self.payments, since)
    }
}

impl<'a> DecisionContext<'a> {
    /// Context of `policy` and `now`.
    #[must_use]
    pub const fn new(policy: &'a DunningPolicy, now: Timestamp) -> Self {
        Self { policy, now, wall: now }
    }

    /// The context for a decision that is made at that real time.
    #[must_use]
    pub fn at_wall(self, wall: Timestamp) -> Self {
        Self { wall: self.now.max(wall), ..self }
    }
}

impl SubscriptionWrite {
    /// A new order.
    #[must_use]
    pub fn created(next: Subscription, history: HistoryEntry) -> Self {
        let new_lookups = next.lookups();
        Self { next, expected: None, history, lost_lookups: BTreeSet::new(), new_lookups, transitions: Vec::new() }
    }

    /// An order over the state in which it was read.
    #[must_use]
    pub fn changed(before: &Versioned<Subscription>, next: Subscription, history: HistoryEntry) -> Self {
        let (was, is) = (before.value.lookups(), next.lookups());
        let transitions = transitions(&before.value, &next, history.rule);
        Self {
            next,
            transitions,
            expected: Some(before.version),
            history,
            lost_lookups: was.difference(&is).cloned().collect(),
            new_lookups: is.difference(&was).cloned().collect(),
        }
    }

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
        // These say nothing about the order at ECPay.
        let is_remark = matches!(cause.event, HistoryEvent::EmailChanged { .. } | HistoryEvent::Noted);
        if !is_remark && !matches!(cause.event, HistoryEvent::TaskFailed { .. }) {
            // Any other change may have removed the cause of the failure; if not, the next attempt records it again.
            next.task_failure = None;
        }
        let keeps_backoff = matches!(
            cause.event,
            HistoryEvent::NothingNew { .. } | HistoryEvent::TaskFailed { .. } | HistoryEvent::DowngradePostponed { .. }
        );
        if !is_remark && !keeps_backoff {
            next.backoff = None;
        }
        let history = HistoryEntry::new(at, cause, Some(before.value.status), next.status);
        let user = UserChange::between(&before.value, &next);
        let change = SubscriptionWrite::changed(before, next, history);
        Self::of(change, user)
    }

    /// Decision that writes one order, and its user's item where that changes; nothing else yet.
    pub(in crate::domain::billing) const fn of(change: SubscriptionWrite, user: Option<UserChange>) -> Self {
        Self {
            change,
            replaced: None,
            credited: Vec::new(),
            user,
            key: None,
            receipt: None,
            payment: None,
            refunded: None,
            purchase: None,
            notices: Vec::new(),
        }
    }

    /// The decision in the name of who requested it, with the reason, and with the receipt of a request under a key.
    #[must_use]
    pub fn requested(mut self, cause: &OperationContext) -> Self {
        self.key = cause.receipt(&self.change.next.id, self.change.history.at).map(KeyStep::Used);
        let history = &mut self.change.history;
        history.by.clone_from(&cause.by);
        history.why.clone_from(&cause.why);
        self
    }

    /// The new recipient of the order's mails that wait, where the decision changes it.
    #[must_use]
    pub fn new_recipient(&self) -> Option<&EmailAddress> {
        if let HistoryEvent::EmailChanged { email } = &self.change.history.event { Some(email) } else { None }
    }

    /// The order as stored after the commit.
    #[must_use]
    pub fn after(&self) -> Versioned<Subscription> {
        Versioned { value: self.change.next.clone(), version: self.change.version() }
    }

    /// The decision for a user whose item holds these live orders. Staff are notified when a second order grants a plan,
    /// and no mail says FREE while another order grants one.
    #[must_use]
    pub fn with_live_orders(mut self, live: Vec<LiveOrder>, now: Timestamp) -> Self {
        let Some(user) = self.user.take() else { return self };
        let user = UserChange { expected: live, ..user };
        let others = user.others();
        if others.iter().any(|order| !order.plan.is_free()) {
            self.notices.retain(|notice| !notice.kind.says_free());
        }
        let grants = matches!(&user.entry, LiveEntry::Live(entry) if !entry.plan.is_free());
        if let Some(other) = others.first().filter(|_| grants) {
            let notice = Notice::about(&self.change.next, NoticeKind::SecondLiveOrder, other.id.as_str(), now);
            self.notices.push(notice.with("other", &other.id));
        }
        self.user = Some(user);
        self
    }
}
