//! Users' plans: written with every decision that changes them, on the condition that the user's live orders are those
//! that the decision knew.

pub mod erasure;

use crate::domain::billing::live_orders::{LiveEntry, LiveOrder, UserChange};
use crate::domain::billing::plan::PlanId;
use crate::domain::values::ids::{SubscriptionId, UserId};

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::record::SCHEMA;
use crate::store::table::{Item, keys, number, text, text_in};

/// Attribute with the live orders as JSON text, so that a condition compares the whole list.
const LIVE: &str = "live";

/// A user's plan and the orders that grant it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// User id of the business's app.
    pub user: UserId,
    /// Plan that the user has now: the best of the live orders.
    pub plan: PlanId,
    /// Live orders of the user; a new order must replace one of them.
    pub live: Vec<LiveOrder>,
    /// Order that was created or changed last.
    pub latest: SubscriptionId,
}

impl StoredUser {
    /// The order that determines the user's plan; without a live one the latest.
    #[must_use]
    pub fn shown(&self) -> &SubscriptionId {
        LiveOrder::best(&self.live).map_or(&self.latest, |order| &order.id)
    }
}

/// The user's part of a decision's transaction. Plan and live orders change together.
pub(in crate::store) fn update(change: &UserChange) -> Update {
    let mut update = Update::of(keys::user(&change.user))
        .set("latest", text(change.subscription.as_str()))
        .set("schema", number(SCHEMA));
    if change.entry != LiveEntry::Unchanged {
        let live = change.live_orders();
        let plan = LiveOrder::best(&live).map_or_else(PlanId::free, |order| order.plan.clone());
        update = update.set("plan", text(plan.as_str()));
        update = if live.is_empty() { update.remove(LIVE) } else { update.set(LIVE, text(encoded(&live))) };
    }
    let expected = if change.expected.is_empty() {
        Condition::absent(LIVE)
    } else {
        Condition::text_is(LIVE, encoded(&change.expected))
    };
    update.when(expected)
}

fn encoded(live: &[LiveOrder]) -> String {
    serde_json::json!(live).to_string()
}

/// The live orders in a user's item.
pub(in crate::store) fn live_orders(item: &Item) -> Vec<LiveOrder> {
    text_in(item, LIVE).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

impl Billing {
    /// Returns a user; `None` where no order names that user id.
    pub async fn user(&self, id: &UserId) -> Result<Option<StoredUser>, Error> {
        let Some(item) = self.table.get_item(&keys::user(id), "reading a user").await? else { return Ok(None) };
        let latest = text_in(&item, "latest").and_then(|id| SubscriptionId::parse(id).ok());
        let Some(latest) = latest else { return Ok(None) };
        let plan = text_in(&item, "plan").and_then(|name| serde_json::from_value(name.into()).ok());
        let (plan, live) = (plan.unwrap_or_else(PlanId::free), live_orders(&item));
        Ok(Some(StoredUser { user: id.clone(), plan, live, latest }))
    }
}
