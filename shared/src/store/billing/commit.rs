//! A decision stored as one transaction, and the meaning of a refusal.

use std::collections::BTreeMap;

use crate::domain::billing::app_events::of_decision::events_of;
use crate::domain::billing::decision::{Decision, DecisionContext, SubscriptionWrite};
use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::live_orders::LiveOrder;
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::notices::feedback::follows_change;
use crate::domain::billing::notices::{NoticeState, Recipient};
use crate::domain::billing::operations::KeyStep;
use crate::domain::billing::payments::payment::Payment;
use crate::domain::billing::subscription::{AppliedEvent, Subscription};
use crate::domain::values::ids::{EmailAddress, NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::find::payments;
use crate::store::billing::find::subscriptions::SubscriptionList;
use crate::store::billing::notices::StoredNotice;
use crate::store::billing::webhook_log;
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::billing::{Billing, counters, events, key_receipts, notices, purchases, users};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::Item;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::lookup::links;
use crate::store::table::record::Record;
use crate::store::table::transaction::{MAX_ACTIONS, Refusal, Transaction};

const DOING: &str = "storing a decision";

/// Outcome of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The whole decision is stored.
    Done,
    /// The event or its authorisation was applied before; contains what was applied, where it can be read.
    AlreadyApplied(Option<AppliedEvent>),
    /// Another write came first: load and decide again.
    Conflict,
    /// The decision creates an order for a user who has this other live order.
    LiveOrderExists(SubscriptionId),
}

/// An action whose refusal has a meaning of its own.
enum Guard {
    Key,
    Receipt,
    Subscription,
    Payment,
    Purchase,
    User,
    /// A notice that waits and gets a new recipient, or that could be queued with the old one meanwhile.
    Waiting,
    Notice(NotificationId),
}

/// A decision, and what earlier attempts at its transaction showed.
struct CommitAttempt {
    /// As it was decided.
    decision: Decision,
    /// Live orders that the user's item holds, if they are others than the decision expects.
    live: Option<Vec<LiveOrder>>,
    /// Version that the user's item gets where it changes.
    user_version: u64,
    /// Notices that were enqueued before.
    enqueued: Vec<NotificationId>,
}

impl CommitAttempt {
    /// The decision that this attempt stores.
    fn adapted(&self, now: Timestamp) -> Decision {
        let mut decision = self.decision.clone();
        if let Some(live) = &self.live {
            decision = decision.with_live_orders(live.clone(), now);
        }
        decision.notices.retain(|notice| !self.enqueued.contains(&notice.id));
        decision
    }
}

/// The transaction of a decision, with the place of each guard in it.
#[derive(Default)]
pub(super) struct CommitPlan {
    transaction: Transaction,
    guards: Vec<(usize, Guard)>,
}

impl Billing {
    /// Stores a decision completely or not at all. A notice that exists was enqueued before and is left out; a decision
    /// about an order whose user has other live orders is stored as [`Decision::with_live_orders`] says. The events that follow
    /// from what is stored are part of it.
    ///
    /// # Errors
    /// Where it is unknown whether the decision was stored; deciding again is safe.
    pub async fn commit(
        &self,
        decision: Decision,
        log: Option<&WebhookLog>,
        context: DecisionContext<'_>,
    ) -> Result<Commit, Error> {
        if let Some(overlay) = &self.overlay {
            // The conditions of the transaction that would refuse a repeat.
            if let Some(applied) = self.applied_before(&decision).await? {
                return Ok(Commit::AlreadyApplied(Some(applied)));
            }
            overlay.record(&decision);
            return Ok(Commit::Done);
        }
        let now = decision.change.history.at;
        let user_version = users::next_version(context.wall, None);
        let first = CommitAttempt { decision, live: None, user_version, enqueued: Vec::new() };
        let storing = retry_on_conflict(DOING, first, |mut attempt| async move {
            let decision = attempt.adapted(now);
            let mut plan = CommitPlan::of(&decision, log, context, attempt.user_version)?;
            if let Some(recipient) = decision.new_recipient() {
                for notice in self.unsent(&decision.change.next.id).await? {
                    plan.readdress(notice, recipient, now)?;
                }
            }
            let Some(refusal) = self.table.transact(plan.transaction, DOING).await? else {
                return Ok(Attempt::Done(Commit::Done));
            };
            // Guards are in order of importance: a repeated event is reported before a version conflict.
            let refused = plan.guards.iter().find(|(place, _)| refusal.is_at(*place));
            Ok(Attempt::Done(match refused {
                Some((place, Guard::Receipt)) => Commit::AlreadyApplied(receipt(&refusal, *place)),
                Some((place, Guard::Payment)) => Commit::AlreadyApplied(payment(&refusal, *place)),
                Some((place, Guard::User)) => {
                    let stored = refusal.existing(*place);
                    attempt.user_version = users::next_version(context.wall, stored);
                    let live = stored.map(users::live_orders).unwrap_or_default();
                    if let Some(other) = blocking(&decision, &live) {
                        return Ok(Attempt::Done(Commit::LiveOrderExists(other)));
                    }
                    attempt.live = Some(live);
                    return Ok(Attempt::Conflict(attempt));
                }
                Some((_, Guard::Notice(id))) => {
                    attempt.enqueued.push(id.clone());
                    return Ok(Attempt::Conflict(attempt));
                }
                Some((_, Guard::Key | Guard::Subscription | Guard::Purchase | Guard::Waiting)) | None => {
                    Commit::Conflict
                }
            }))
        });
        // On the heap: a decision is large, and so is every future that holds one.
        Box::pin(storing).await
    }

    /// Returns what is stored under the event or the payment of a decision; `None` where the decision is new.
    async fn applied_before(&self, decision: &Decision) -> Result<Option<AppliedEvent>, Error> {
        let id = &decision.change.next.id;
        if let Some(receipt) = &decision.receipt
            && let Some(applied) = self.applied(id, &receipt.event).await?
        {
            return Ok(Some(applied));
        }
        let Some(payment) = &decision.payment else { return Ok(None) };
        Ok(self.payment(&payment.id).await?.map(applied_with))
    }
}

/// The item of a subscription, with its place in the lists and in the due index.
fn subscription_record<'a>(write: &'a SubscriptionWrite, policy: &DunningPolicy) -> Record<&'a Subscription> {
    let record = Record::new(keys::subscription(&write.next.id), &write.next);
    let record = record.listed(&SubscriptionList::of(&write.next).name(), write.history.at);
    match NextAction::of(&write.next, policy) {
        Some(action) => record.due(action.kind.as_str(), action.at),
        None => record,
    }
}

/// The live order that forbids a new one: any, unless the new order replaces one of them.
fn blocking(decision: &Decision, live: &[LiveOrder]) -> Option<SubscriptionId> {
    let replaces = decision.change.next.replaces.as_ref();
    if decision.change.expected.is_some() || live.iter().any(|order| Some(&order.id) == replaces) {
        return None;
    }
    LiveOrder::best(live).map(|order| order.id.clone())
}

fn existing<T: serde::de::DeserializeOwned>(refusal: &Refusal, place: usize) -> Option<T> {
    let item: Item = refusal.existing(place)?.clone();
    Record::from_item(item).ok().map(|record| record.data)
}

fn receipt(refusal: &Refusal, place: usize) -> Option<AppliedEvent> {
    existing(refusal, place)
}

fn payment(refusal: &Refusal, place: usize) -> Option<AppliedEvent> {
    existing(refusal, place).map(applied_with)
}

fn applied_with(payment: Payment) -> AppliedEvent {
    AppliedEvent { event: payment.event, gwsr: payment.gwsr, amount: payment.amount }
}

impl CommitPlan {
    /// The parts of an adopted order that every order has. As nothing of it is stored, it is written as a new item, with the
    /// number of writes that its history shows.
    pub(super) fn adopting(write: &SubscriptionWrite, policy: &DunningPolicy) -> Result<Self, Error> {
        let mut plan = Self::default();
        plan.transaction.put_if_absent(subscription_record(write, policy).at_version(write.version()))?;
        plan.write_related(write)?;
        plan.count(&write.next.id, BTreeMap::from([(write.next.status.name(), 1)]));
        Ok(plan)
    }

    pub(super) const fn transaction(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    fn of(
        decision: &Decision,
        log: Option<&WebhookLog>,
        context: DecisionContext<'_>,
        user_version: u64,
    ) -> Result<Self, Error> {
        let (mut plan, policy) = (Self::default(), context.policy);
        let id = &decision.change.next.id;
        match &decision.key {
            Some(KeyStep::Used(receipt)) => {
                // The first guard: the next decision finds the receipt, whatever else has changed.
                let place = plan.transaction.put_if_absent(key_receipts::record(receipt))?;
                plan.guards.push((place, Guard::Key));
            }
            Some(KeyStep::Released(key)) => drop(plan.transaction.delete(keys::key_receipt(key))),
            None => {}
        }
        if let Some(receipt) = &decision.receipt {
            let report = &receipt.report;
            let applied =
                AppliedEvent { event: receipt.event.clone(), gwsr: report.gwsr.clone(), amount: report.amount };
            let record = Record::new(keys::receipt(id, &receipt.event), applied);
            let place = plan.transaction.put_if_absent_or_return(record)?;
            plan.guards.push((place, Guard::Receipt));
        }
        plan.write_subscription(&decision.change, policy)?;
        if let Some(replaced) = &decision.replaced {
            plan.write_subscription(replaced, policy)?;
            for credited in &decision.credited {
                // Protected by the condition of its order, as a refund is.
                plan.transaction.put(payments::record(&replaced.next.id, credited))?;
            }
        }
        if let Some(payment) = &decision.payment {
            let place = plan.transaction.put_if_absent_or_return(payments::record(id, payment))?;
            plan.guards.push((place, Guard::Payment));
            if decision.change.next.erased.is_none() {
                plan.transaction.put_links(links(&payment.lookups(), &keys::subscription_partition(id)))?;
            }
        }
        if let Some(refunded) = &decision.refunded {
            // Every refund writes the subscription too, whose condition protects the payment as well.
            plan.transaction.put(payments::record(id, refunded))?;
        }
        if let Some(change) = &decision.purchase {
            let place = plan.transaction.update_or_return(purchases::update(change, id));
            plan.guards.push((place, Guard::Purchase));
        }
        if let Some(change) = &decision.user {
            let place = plan.transaction.update_or_return(users::update(change, user_version));
            plan.guards.push((place, Guard::User));
        }
        if decision.change.expected.is_none() {
            // Written once, when the order is created, so no other write conflicts with it.
            plan.transaction.put(Record::new(keys::user_order(&decision.change.next.user, id), ()))?;
        }
        for notice in &decision.notices {
            let place = plan.transaction.put_if_absent_or_return(notices::queued(notice))?;
            plan.guards.push((place, Guard::Notice(notice.id.clone())));
        }
        for event in events_of(decision, user_version) {
            // Protected by the condition of its order, whose version is in the id.
            plan.transaction.put(events::stored(event, context.wall)?)?;
        }
        if let Some(log) = log {
            plan.transaction.put(webhook_log::record(id, log))?;
        }
        plan.count_statuses(decision);
        Ok(plan)
    }

    /// Writes a notice that waits, with its new recipient, and queues one again that was undeliverable. Any other one must be as
    /// it was read: a resend that queues it, and a run that queues a claimed one again, take the address that the order has then.
    /// A notice that was enqueued since changed the subscription's version. Of more notices than a transaction takes, the last
    /// ones are not checked.
    fn readdress(
        &mut self,
        mut notice: Record<StoredNotice>,
        recipient: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), Error> {
        let place = match (notice.data.state, notice.version) {
            (NoticeState::Queued, version) => {
                notice.data.to = Recipient::Customer(recipient.clone());
                self.transaction.put_if_version(notice, version)?
            }
            (NoticeState::Undeliverable, version)
                if follows_change(notice.data.created_at, now) && self.transaction.action_count() < MAX_ACTIONS =>
            {
                let queued = notices::queued_again(notice.data, Recipient::Customer(recipient.clone()));
                self.transaction.put_if_version(notices::placed(&queued, now)?, version)?
            }
            (
                NoticeState::Claimed
                | NoticeState::Sent
                | NoticeState::Unclear
                | NoticeState::Dead
                | NoticeState::Undeliverable
                | NoticeState::Obsolete,
                Some(version),
            ) if self.transaction.action_count() < MAX_ACTIONS => {
                let key = Key { pk: notice.pk, sk: notice.sk };
                self.transaction.check(key, Condition::version_is(version))
            }
            (
                NoticeState::Claimed
                | NoticeState::Sent
                | NoticeState::Unclear
                | NoticeState::Dead
                | NoticeState::Undeliverable
                | NoticeState::Obsolete,
                _,
            ) => return Ok(()),
        };
        self.guards.push((place, Guard::Waiting));
        Ok(())
    }

    /// Writes a subscription, with its place in the due index, and its history entry.
    fn write_subscription(&mut self, write: &SubscriptionWrite, policy: &DunningPolicy) -> Result<(), Error> {
        let place = self.transaction.put_if_version(subscription_record(write, policy), write.expected)?;
        self.guards.push((place, Guard::Subscription));
        self.write_related(write)
    }

    /// Writes what finds a subscription, and its history entry.
    fn write_related(&mut self, write: &SubscriptionWrite) -> Result<(), Error> {
        let target = keys::subscription_partition(&write.next.id);
        self.transaction.put_links(links(&write.new_lookups, &target))?;
        self.transaction.delete_links(links(&write.lost_lookups, &target));
        // The key holds the version, so the subscription's condition protects the history as well.
        self.transaction.put(Record::new(keys::history(&write.next.id, write.version()), &write.history))?;
        Ok(())
    }

    /// Adds the changes of both orders to the counts by status, in one shard: one transaction writes an item once.
    fn count_statuses(&mut self, decision: &Decision) {
        let mut deltas: BTreeMap<&'static str, i64> = BTreeMap::new();
        for write in std::iter::once(&decision.change).chain(&decision.replaced) {
            if let Some(from) = write.history.from {
                *deltas.entry(from.name()).or_default() -= 1;
            }
            *deltas.entry(write.history.to.name()).or_default() += 1;
        }
        deltas.retain(|_, delta| *delta != 0);
        self.count(&decision.change.next.id, deltas);
    }

    fn count(&mut self, id: &SubscriptionId, deltas: BTreeMap<&'static str, i64>) {
        if deltas.is_empty() {
            return;
        }
        let shard = keys::shard(id.as_str(), counters::SHARDS);
        let update = Update::of(keys::status_count(shard));
        let update = deltas.into_iter().fold(update, |update, (status, delta)| update.add(status, delta));
        self.transaction.update(update);
    }
}
