//! Opening of a customer page: from its token to the customer's orders.

use futures::future::try_join_all;
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::{Status, Subscription};
use shared::domain::values::ids::SubscriptionId;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::logging::error_chain;
use shared::store;

use crate::api::ApiState;

/// Most orders of a customer without a live one that are read to find the latest paid one.
const MOST_SEARCHED: usize = 30;
/// Most replaced orders whose payments are shown with those of the order that replaced them.
const MOST_REPLACED: usize = 4;

/// Customer page as its token opens it.
pub(super) struct Opened {
    /// Order for which the page was made.
    pub(super) order: Subscription,
    /// Best plan of all orders of the customer.
    pub(super) plan: PlanId,
    /// Address to which the page leads back, if it has one of its own.
    pub(super) back: Option<String>,
    /// Orders that the page shows.
    ids: Vec<SubscriptionId>,
}

/// Order with its payments and those of the orders that it replaced, latest first.
pub(super) struct OpenedOrder {
    pub(super) order: Versioned<Subscription>,
    pub(super) payments: Vec<Payment>,
}

/// Opens the page of a token; `None` where there is none, it has expired, or its customer was erased.
pub(super) async fn open(api: &ApiState, token: &str, time: InvocationTime) -> Result<Option<Opened>, String> {
    let text = |error: store::Error| error_chain(&error);
    let billing = &api.store.billing;
    let Some(page) = billing.customer_page(&sha256_hex(token), time.wall).await.map_err(text)? else {
        return Ok(None);
    };
    let order = billing.subscription(&page.subscription).await.map_err(text)?.map(|order| order.value);
    let Some(order) = order.filter(|order| order.erased.is_none()) else { return Ok(None) };
    let user = billing.user(&order.user).await.map_err(text)?;
    let live: Vec<_> = user.iter().flat_map(|user| &user.live).map(|order| order.id.clone()).collect();
    let ids = if live.is_empty() { vec![latest_paid(api, &order).await.map_err(text)?] } else { live };
    let plan = user.map_or_else(PlanId::free, |user| user.plan);
    Ok(Some(Opened { order, plan, back: page.return_url, ids }))
}

/// The order to show to a customer without a live one: that of the page if it was paid, else the latest one that was.
async fn latest_paid(api: &ApiState, order: &Subscription) -> Result<SubscriptionId, store::Error> {
    let was_paid = |order: &Subscription| {
        order.superseded_by.is_none() && !matches!(order.status, Status::Pending | Status::Failed)
    };
    if was_paid(order) {
        return Ok(order.id.clone());
    }
    let known = api.store.billing.user_data(&order.user).await?.orders;
    let reads = known.iter().rev().take(MOST_SEARCHED).map(|id| api.store.billing.subscription(id));
    let orders = try_join_all(reads).await?.into_iter().flatten().map(|order| order.value);
    let latest = orders.filter(was_paid).max_by_key(|order| order.created_at);
    Ok(latest.map_or_else(|| order.id.clone(), |order| order.id))
}

impl Opened {
    /// The orders that the page shows.
    pub(super) async fn orders(&self, api: &ApiState) -> Result<Vec<OpenedOrder>, store::Error> {
        let orders = try_join_all(self.ids.iter().map(|id| opened_order(api, id))).await?;
        Ok(orders.into_iter().flatten().collect())
    }

    /// Ids of the orders that the page shows.
    pub(super) fn ids(&self) -> &[SubscriptionId] {
        &self.ids
    }
}

async fn opened_order(api: &ApiState, id: &SubscriptionId) -> Result<Option<OpenedOrder>, store::Error> {
    let billing = &api.store.billing;
    let (order, payments) = tokio::try_join!(billing.subscription(id), billing.payments(id))?;
    let Some(order) = order else { return Ok(None) };
    let (mut payments, mut replaced) = (payments, order.value.replaces.clone());
    for _ in 0..MOST_REPLACED {
        let Some(id) = replaced else { break };
        let (earlier, paid) = tokio::try_join!(billing.subscription(&id), billing.payments(&id))?;
        payments.extend(paid);
        replaced = earlier.and_then(|earlier| earlier.value.replaces);
    }
    payments.sort_by_key(|payment| std::cmp::Reverse((payment.processed_at, payment.recorded_at)));
    Ok(Some(OpenedOrder { order, payments }))
}
