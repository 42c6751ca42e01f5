//! Users' plans: written with every decision that changes them, on the condition that the user's live orders are those
//! that the decision knew.

pub mod erasure;

use crate::domain::billing::live_orders::{LiveEntry, LiveOrder, UserChange};
use crate::domain::billing::plan::PlanId;
use crate::domain::values::ids::{SubscriptionId, UserId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::record::SCHEMA;
use crate::store::table::{Item, keys, number, text, text_in};

/// Attribute with the live orders as JSON text, so that a condition compares the whole list.
const LIVE: &str = "live";

/// Attribute with the number of the latest change of plan or live orders, which grows. By the clock, so that it also does so after an
/// erasure, of which no number is left.
const VERSION: &str = "user_version";

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

/// The user's part of a decision's transaction. Plan and live orders change together, under a version that must be higher than the
/// stored one.
pub(in crate::store) fn update(change: &UserChange, version: u64) -> Update {
    let mut update = Update::of(keys::user(&change.user))
        .set("latest", text(change.subscription.as_str()))
        .set("schema", number(SCHEMA));
    if change.entry != LiveEntry::Unchanged {
        let live = change.live_orders();
        update = update.set("plan", text(change.plan().as_str())).set(VERSION, number(version));
        update = if live.is_empty() { update.remove(LIVE) } else { update.set(LIVE, text(encoded(&live))) };
    }
    let expected = if change.expected.is_empty() {
        Condition::absent(LIVE)
    } else {
        Condition::text_is(LIVE, encoded(&change.expected))
    };
    if change.entry == LiveEntry::Unchanged {
        return update.when(expected);
    }
    update.when(expected.and(Condition::absent(VERSION).or(Condition::number_below(VERSION, version))))
}

/// The lowest version under which a change of a user can be stored: by the clock, or by the item as it is stored.
pub(in crate::store) fn next_version(wall: Timestamp, item: Option<&Item>) -> u64 {
    let stored = item.and_then(|item| item.get(VERSION)?.as_n().ok()?.parse::<u64>().ok());
    let by_clock = u64::try_from(wall.unix()).unwrap_or(0);
    stored.map_or(by_clock, |stored| by_clock.max(stored.saturating_add(1)))
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
