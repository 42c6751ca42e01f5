//! Live orders of a user, and the plan that follows from them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::plan::PlanId;
use crate::domain::billing::subscription::{NewOrder, Subscription};
use crate::domain::values::ids::{SubscriptionId, UserId};
use crate::domain::values::money::Twd;

/// Effect of a decision on the user's own item. A user can have several live orders; the plan is the best of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// User whose item changes.
    pub user: UserId,
    /// Order that `subscription-status` shows while none is live.
    pub subscription: SubscriptionId,
    /// Live orders that the item must hold at the commit.
    pub expected: Vec<LiveOrder>,
    /// Order that may be live at the creation of a new one, and is no longer once the new one starts.
    pub replaces: Option<SubscriptionId>,
    /// The order's entry from now on; [`LiveEntry::Unchanged`] for a new order.
    pub entry: LiveEntry,
}

/// Entry of an order in its user's list of live orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEntry {
    /// List and plan stay as they are.
    Unchanged,
    /// The order is live with this plan.
    Live(LiveOrder),
    /// The order is not live any more.
    Gone,
}

/// Live order in its user's item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveOrder {
    /// MerchantTradeNo of the order.
    pub id: SubscriptionId,
    /// Plan that the order grants now.
    pub plan: PlanId,
    /// TWD per month of that plan in the price table; `None` for a plan that was not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_price: Option<Twd>,
}

impl LiveOrder {
    /// The entry of an order.
    #[must_use]
    pub fn of(order: &Subscription) -> Self {
        let monthly_price = order.terms.monthly_price.filter(|_| !order.plan.is_free());
        Self { id: order.id.clone(), plan: order.plan.clone(), monthly_price }
    }

    /// Rank of the plan: FREE is the lowest, a plan that is not in the price table stands just above it.
    fn rank(&self) -> (bool, Option<Twd>) {
        (!self.plan.is_free(), self.monthly_price)
    }

    /// The order whose plan the user has: the one with the best plan, of equals the first that became live.
    #[must_use]
    pub fn best(live: &[Self]) -> Option<&Self> {
        live.iter().reduce(|best, order| if order.rank() > best.rank() { order } else { best })
    }
}

impl UserChange {
    /// The condition of a new order: no live order but the one that it replaces.
    #[must_use]
    pub fn of_new_order(order: &NewOrder) -> Self {
        Self {
            user: order.user.clone(),
            subscription: order.id.clone(),
            expected: Vec::new(),
            replaces: order.replaces.clone(),
            entry: LiveEntry::Unchanged,
        }
    }

    /// The change of the user's item, if plan or liveness differ. A superseded order no longer determines its user's
    /// plan, and the user of an erased order has none.
    pub(super) fn between(before: &Subscription, next: &Subscription) -> Option<Self> {
        let counts = Subscription::counts_for_user;
        let same = before.plan == next.plan && counts(before) == counts(next);
        if same || next.superseded_by.is_some() || next.erased.is_some() {
            return None;
        }
        let starts = !counts(before) && counts(next);
        Some(Self {
            user: next.user.clone(),
            subscription: next.id.clone(),
            // Most users have one order; the commit reports the list of the others.
            expected: if counts(before) { vec![LiveOrder::of(before)] } else { Vec::new() },
            replaces: next.replaces.clone().filter(|_| starts),
            entry: if counts(next) { LiveEntry::Live(LiveOrder::of(next)) } else { LiveEntry::Gone },
        })
    }

    /// The user's other live orders, without the one that this order replaces.
    #[must_use]
    pub fn others(&self) -> Vec<LiveOrder> {
        let is_other = |order: &&LiveOrder| order.id != self.subscription && Some(&order.id) != self.replaces.as_ref();
        self.expected.iter().filter(is_other).cloned().collect()
    }

    /// The user's plan before the change.
    #[must_use]
    pub fn previous_plan(&self) -> PlanId {
        plan_of(&self.expected)
    }

    /// The user's plan after the change.
    #[must_use]
    pub fn plan(&self) -> PlanId {
        plan_of(&self.live_orders())
    }

    /// The list of live orders after the change, in the order in which they became live.
    #[must_use]
    pub fn live_orders(&self) -> Vec<LiveOrder> {
        match &self.entry {
            LiveEntry::Unchanged => self.expected.clone(),
            LiveEntry::Gone => self.others(),
            LiveEntry::Live(entry) => {
                let mut live = self.expected.clone();
                live.retain(|order| Some(&order.id) != self.replaces.as_ref());
                match live.iter_mut().find(|order| order.id == entry.id) {
                    Some(known) => known.clone_from(entry),
                    None => live.push(entry.clone()),
                }
                live
            }
        }
    }
}

/// The best plan of live orders.
fn plan_of(live: &[LiveOrder]) -> PlanId {
    LiveOrder::best(live).map_or_else(PlanId::free, |order| order.plan.clone())
}
