//! Opening of a customer page: from its token to the customer's orders.

use futures::stream::{StreamExt, TryStreamExt, iter};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::{Locale, Status, Subscription};
use shared::domain::values::ids::SubscriptionId;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::logging::error_chain;
use shared::store;
use shared::store::billing::pages::recipient_hash;

use crate::api::ApiState;

/// Orders that are read at the same time.
const AT_ONCE: usize = 16;
/// Most replaced orders whose payments are shown with those of the order that replaced them.
const MOST_REPLACED: usize = 2;

/// Customer page as its token opens it.
pub(super) struct Opened {
    /// Language of the order for which the page was made.
    pub(super) locale: Locale,
    /// Best plan of all orders of the customer.
    pub(super) plan: PlanId,
    /// Address to which the page leads back, if it has one of its own.
    pub(super) back: Option<String>,
    /// Orders that the page shows: those that are live, else the latest one that was.
    pub(super) orders: Vec<Versioned<Subscription>>,
}

/// Opens the page of a token; `None` where there is none, it has expired, its customer was erased, or none of the orders
/// that it shows has the address any more to which it was mailed.
pub(super) async fn open(api: &ApiState, token: &str, time: InvocationTime) -> Result<Option<Opened>, String> {
    let text = |error: store::Error| error_chain(&error);
    let billing = &api.store.billing;
    let Some(page) = billing.customer_page(&sha256_hex(token), time.wall).await.map_err(text)? else {
        return Ok(None);
    };
    let order = billing.subscription(&page.subscription).await.map_err(text)?;
    let Some(order) = order.filter(|order| order.value.erased.is_none()) else { return Ok(None) };
    let user = billing.user(&order.value.user).await.map_err(text)?;
    let live = user.iter().flat_map(|user| &user.live).map(|order| order.id.clone()).collect::<Vec<_>>();
    let locale = order.value.locale;
    let orders = if live.is_empty() {
        vec![latest_paid(api, order).await.map_err(text)?]
    } else {
        read(api, live).await.map_err(text)?
    };
    let has_address = |hash: &String| orders.iter().any(|order| recipient_hash(token, &order.value.email) == *hash);
    if !page.recipient.as_ref().is_none_or(has_address) {
        return Ok(None);
    }
    let plan = user.map_or_else(PlanId::free, |user| user.plan);
    Ok(Some(Opened { locale, plan, back: page.return_url, orders }))
}

/// The order to show to a customer without a live one: the latest that was paid, else that of the page.
async fn latest_paid(api: &ApiState, order: Versioned<Subscription>) -> Result<Versioned<Subscription>, store::Error> {
    let was_paid = |order: &Versioned<Subscription>| {
        order.value.superseded_by.is_none() && !matches!(order.value.status, Status::Pending | Status::Failed)
    };
    let known = api.store.billing.user_data(&order.value.user).await?.orders;
    let orders = read(api, known.into_iter().collect()).await?;
    Ok(orders.into_iter().filter(was_paid).max_by_key(|order| order.value.created_at).unwrap_or(order))
}

async fn read(api: &ApiState, ids: Vec<SubscriptionId>) -> Result<Vec<Versioned<Subscription>>, store::Error> {
    let reads = ids.into_iter().map(|id| async move { api.store.billing.subscription(&id).await });
    iter(reads).buffered(AT_ONCE).try_filter_map(|order| async { Ok(order) }).try_collect().await
}

/// Payments of an order and of those that it replaced, latest first.
pub(super) async fn payments(api: &ApiState, order: &Subscription) -> Result<Vec<Payment>, store::Error> {
    let billing = &api.store.billing;
    let (mut payments, mut replaced) = (billing.payments(&order.id).await?, order.replaces.clone());
    for _ in 0..MOST_REPLACED {
        let Some(id) = replaced else { break };
        let (earlier, paid) = tokio::try_join!(billing.subscription(&id), billing.payments(&id))?;
        payments.extend(paid);
        replaced = earlier.and_then(|earlier| earlier.value.replaces);
    }
    payments.sort_by_key(|payment| std::cmp::Reverse((payment.processed_at, payment.recorded_at)));
    Ok(payments)
}
