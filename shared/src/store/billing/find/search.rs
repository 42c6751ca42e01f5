//! Search for subscriptions by a value.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use crate::domain::values::ids::{SubscriptionId, UserId};
use crate::domain::values::lookup::Lookup;

use crate::store::billing::Billing;
use crate::store::billing::find::subscriptions::{ListedSubscription, listed};
use crate::store::error::Error;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::lookup::MOST_FOUND;
use crate::store::table::query::Query;
use crate::store::table::{keys, text_in};

const DOING: &str = "searching";

/// Readings of a text that is searched for.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionSearch {
    /// Number of the order.
    pub id: Option<SubscriptionId>,
    /// User of the orders.
    pub user: Option<UserId>,
    /// Other values of the orders.
    pub lookups: Vec<Lookup>,
}

impl Billing {
    /// Returns the subscriptions that any of the readings finds, the latest change first. At most a hundred for each reading.
    pub async fn search(&self, search: &SubscriptionSearch) -> Result<Vec<ListedSubscription>, Error> {
        let values = try_join_all(search.lookups.iter().map(|lookup| self.table.find(lookup)));
        let (values, users) = futures::try_join!(values, self.orders_of(search.user.as_ref()))?;
        let orders = values.iter().flatten().filter_map(|partition| {
            partition.strip_prefix(prefix::SUBSCRIPTION).and_then(|id| SubscriptionId::parse(id).ok())
        });
        let orders: BTreeSet<SubscriptionId> = orders.chain(users).chain(search.id.clone()).collect();
        let keys: Vec<Key> = orders.iter().map(keys::subscription).collect();
        let found = self.table.get_many(&keys, DOING).await?;
        let mut found: Vec<ListedSubscription> = found.into_values().filter_map(listed).collect();
        found.sort_by(|a, b| (b.updated_at, &a.subscription.id).cmp(&(a.updated_at, &b.subscription.id)));
        Ok(found)
    }

    /// Reads the links from a user to their orders.
    async fn orders_of(&self, user: Option<&UserId>) -> Result<Vec<SubscriptionId>, Error> {
        let Some(user) = user else { return Ok(Vec::new()) };
        let query = Query::partition(keys::user_partition(user)).prefix(prefix::ORDER).consistent().limit(MOST_FOUND);
        let page = self.table.query(query, DOING).await?;
        let orders = page.items.iter().filter_map(|item| text_in(item, keys::SK)?.strip_prefix(prefix::ORDER));
        Ok(orders.filter_map(|order| SubscriptionId::parse(order).ok()).collect())
    }
}
