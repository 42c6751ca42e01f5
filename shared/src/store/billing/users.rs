//! Users' plans: written with every decision that changes them, on the condition that the user has no other live order.

use crate::domain::billing::decision::{LiveOrderCondition, UserChange};
use crate::domain::billing::plan::PlanId;
use crate::domain::values::ids::{SubscriptionId, UserId};

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::record::SCHEMA;
use crate::store::table::{Item, keys, number, text, text_in};

/// A user's plan and the order that grants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUser {
    /// User id of the business's app.
    pub user: UserId,
    /// Plan that the user has now.
    pub plan: PlanId,
    /// Live order of the user; a new order must name it in `replaces`.
    pub live: Option<SubscriptionId>,
    /// Order that was created or changed last.
    pub latest: SubscriptionId,
}

/// The user's part of a decision's transaction. Plan and live order change together.
pub(in crate::store) fn update(change: &UserChange) -> Update {
    let id = text(change.subscription.as_str());
    let mut update = Update::of(keys::user(&change.user)).set("latest", id.clone()).set("schema", number(SCHEMA));
    if let Some(user_plan) = &change.user_plan {
        update = update.set("plan", text(user_plan.plan.as_str()));
        update = if user_plan.live { update.set("live", id) } else { update.remove("live") };
    }
    match &change.condition {
        LiveOrderCondition::NoneOrOneOf(orders) => {
            let is_one_of =
                |condition: Condition, order: &SubscriptionId| condition.or(Condition::text_is("live", order.as_str()));
            update.when(orders.iter().fold(Condition::absent("live"), is_one_of))
        }
        LiveOrderCondition::Any => update,
    }
}

/// The live order in a user's item.
pub(in crate::store) fn live_order(item: &Item) -> Option<SubscriptionId> {
    SubscriptionId::parse(text_in(item, "live")?).ok()
}

impl Billing {
    /// Returns a user; `None` where no order names that user id.
    pub async fn user(&self, id: &UserId) -> Result<Option<StoredUser>, Error> {
        let Some(item) = self.table.get_item(&keys::user(id), "reading a user").await? else { return Ok(None) };
        let latest = text_in(&item, "latest").and_then(|id| SubscriptionId::parse(id).ok());
        let Some(latest) = latest else { return Ok(None) };
        let plan = text_in(&item, "plan").and_then(|name| serde_json::from_value(name.into()).ok());
        let (plan, live) = (plan.unwrap_or_else(PlanId::free), live_order(&item));
        Ok(Some(StoredUser { user: id.clone(), plan, live, latest }))
    }
}
