//! Adopted orders: receipts, payments and history in chunks, the order itself last, so that an order that is found is whole.

pub mod list;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::billing::app_events::of_decision::events_of_adoption;
use crate::domain::billing::decide::adopt::Adoption;
use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::live_orders::UserChange;
use crate::domain::billing::subscription::AppliedEvent;
use crate::domain::values::ids::SubscriptionId;

use crate::store::billing::commit::CommitPlan;
use crate::store::billing::find::payments;
use crate::store::billing::{Billing, events, users};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::lookup::links;
use crate::store::table::record::Record;
use crate::store::table::transaction::{MAX_ACTIONS, Transaction};

const DOING: &str = "storing an adopted order";
/// Most items that one past charge leaves: receipt, payment, history entry and what finds the payment.
const ITEMS_OF_A_STEP: usize = 8;

/// Outcome of storing an adoption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptionCommit {
    /// The order is held now.
    Done,
    /// An order with this number is held already.
    Held,
    /// An order is held whose number differs by letter case only.
    HeldInAnotherCase(SubscriptionId),
}

/// Order whose number, in capital letters, is this: ECPay's signature is blind to letter case, so that only one of them can
/// be held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldNumber {
    order: SubscriptionId,
}

/// The user as an attempt expects it, and the version that it gives.
struct Expected {
    user: UserChange,
    version: u64,
}

/// The number in capital letters.
fn folded(id: &SubscriptionId) -> Result<SubscriptionId, Error> {
    SubscriptionId::parse(&id.as_str().to_ascii_uppercase()).map_err(|error| Error::unavailable(DOING, error))
}

impl Billing {
    /// Returns the order that is held under a number, whatever the letter case of either.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn held_number(&self, id: &SubscriptionId) -> Result<Option<SubscriptionId>, Error> {
        let key = folded(id)?;
        for known in [id, &key] {
            if self.subscription(known).await?.is_some() {
                return Ok(Some(known.clone()));
            }
        }
        let guard = self.table.get::<HeldNumber>(&keys::held_number(&key), DOING).await?;
        Ok(guard.map(|guard| guard.data.order))
    }

    /// Stores an adopted order, for a user who may have other live orders. An interrupted adoption left no order, and is
    /// repeated from its beginning.
    ///
    /// # Errors
    /// Where it is unknown whether the order was stored; repeating is safe.
    pub async fn adopt(&self, adoption: &Adoption, context: DecisionContext<'_>) -> Result<AdoptionCommit, Error> {
        let id = &adoption.order.next.id;
        if let Some(held) = self.held_number(id).await? {
            return Ok(if held == *id { AdoptionCommit::Held } else { AdoptionCommit::HeldInAnotherCase(held) });
        }
        if self.overlay.is_some() {
            return Ok(AdoptionCommit::Done);
        }
        let (mut chunk, target) = (Transaction::default(), keys::subscription_partition(id));
        // First, so that an erasure finds what an interrupted adoption left.
        chunk.put(Record::new(keys::user_order(&adoption.user.user, id), ()))?;
        let mut linked: BTreeSet<Key> = BTreeSet::new();
        for step in &adoption.steps {
            if chunk.action_count() + ITEMS_OF_A_STEP > MAX_ACTIONS {
                self.write_chunk(std::mem::take(&mut chunk)).await?;
            }
            let version = step.change.version();
            chunk.put(Record::new(keys::history(id, version), &step.change.history))?;
            if let Some(receipt) = &step.receipt {
                let (gwsr, amount) = (receipt.report.gwsr.clone(), receipt.report.amount);
                let applied = AppliedEvent { event: receipt.event.clone(), gwsr, amount };
                chunk.put(Record::new(keys::receipt(id, &receipt.event), applied))?;
            }
            if let Some(payment) = &step.payment {
                chunk.put(payments::record(id, payment))?;
                // Charges can share a number, and one transaction writes an item once.
                let new: Vec<Key> =
                    links(&payment.lookups(), &target).filter(|link| linked.insert(link.clone())).collect();
                chunk.put_links(new)?;
            }
        }
        self.write_chunk(chunk).await?;
        self.write_adopted(adoption, context).await
    }

    async fn write_chunk(&self, chunk: Transaction) -> Result<(), Error> {
        retry_on_conflict(DOING, (), |()| async {
            Ok(match self.table.transact(chunk.clone(), DOING).await? {
                None => Attempt::Done(()),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }

    async fn write_adopted(&self, adoption: &Adoption, context: DecisionContext<'_>) -> Result<AdoptionCommit, Error> {
        let id = &adoption.order.next.id;
        let (key, wall) = (&folded(id)?, context.wall);
        let first = Expected { user: adoption.user.clone(), version: users::next_version(wall, None) };
        let storing = retry_on_conflict(DOING, first, |Expected { user, version }| async move {
            let mut plan = CommitPlan::adopting(&adoption.order, context.policy)?;
            for event in events_of_adoption(&adoption.order, &user, version) {
                plan.transaction().put(events::stored(event, wall)?)?;
            }
            let transaction = plan.transaction();
            let held =
                transaction.put_if_absent(Record::new(keys::held_number(key), HeldNumber { order: id.clone() }))?;
            if *key != *id {
                transaction.check(keys::subscription(key), Condition::item_absent());
            }
            let place = transaction.update_or_return(users::update(&user, version));
            let Some(refusal) = self.table.transact(transaction.clone(), DOING).await? else {
                return Ok(Attempt::Done(Some(AdoptionCommit::Done)));
            };
            Ok(if refusal.is_at(place) && !refusal.is_at(held) {
                let stored = refusal.existing(place);
                let expected = stored.map(users::live_orders).unwrap_or_default();
                let version = users::next_version(wall, stored);
                Attempt::Conflict(Expected { user: UserChange { expected, ..user }, version })
            } else if refusal.is_by_condition() {
                Attempt::Done(None)
            } else {
                Attempt::Conflict(Expected { user, version })
            })
        });
        if let Some(done) = Box::pin(storing).await? {
            return Ok(done);
        }
        // Adopted by another request in between.
        Ok(match self.held_number(id).await? {
            Some(held) if held != *id => AdoptionCommit::HeldInAnotherCase(held),
            _ => AdoptionCommit::Held,
        })
    }
}
