//! Reading one subscription and what belongs to it.

use serde::de::DeserializeOwned;

use crate::domain::billing::decision::{HistoryEntry, Snapshot, Versioned};
use crate::domain::billing::payment::Payment;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::ids::{PaymentId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::table::keys::{self, prefix};
use crate::store::table::record::{Checkout, Record, StoredNotice, WebhookLog};
use crate::store::{Error, Item, text};

/// Items read at once.
const PAGE: i32 = 200;
/// Pages of one list: more than an order of 999 charges fills.
const MOST_PAGES: usize = 10;

impl Billing {
    /// A subscription; `None` when there is none of that id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Versioned<Subscription>>, Error> {
        if let Some(rehearsed) = self.overlay.as_ref().and_then(|overlay| overlay.subscription(id)) {
            return Ok(Some(rehearsed));
        }
        let record = self.table.get(&keys::subscription(id), "reading a subscription").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// What a decision about an order is made from: one read more while it may still replace another.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn snapshot(&self, subscription: Versioned<Subscription>) -> Result<Snapshot, Error> {
        let unpaid = matches!(subscription.value.status, Status::Pending | Status::Failed);
        let replaced = match subscription.value.replaces.as_ref().filter(|_| unpaid) {
            Some(old) => self.subscription(old).await?,
            None => None,
        };
        Ok(Snapshot { subscription, replaced })
    }

    /// One payment.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, Error> {
        let Ok(subscription) = id.subscription() else { return Ok(None) };
        let record = self.table.get(&keys::payment(&subscription, id), "reading a payment").await?;
        Ok(record.map(|record| record.data))
    }

    /// All payments of a subscription, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn payments(&self, id: &SubscriptionId) -> Result<Vec<Payment>, Error> {
        let mut payments: Vec<Payment> = self.list(id, prefix::PAYMENT, "reading payments").await?;
        payments.sort_by_key(|payment| (payment.processed_at, payment.recorded_at));
        Ok(payments)
    }

    /// The notices about a subscription.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn notices(&self, id: &SubscriptionId) -> Result<Vec<StoredNotice>, Error> {
        let mut notices: Vec<StoredNotice> = self.list(id, prefix::NOTICE, "reading notices").await?;
        notices.sort_by_key(|notice| notice.created_at);
        Ok(notices)
    }

    /// Up to `limit` entries of history after version `after`, oldest first, each with its version.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn history(
        &self,
        id: &SubscriptionId,
        after: u64,
        limit: i32,
    ) -> Result<Vec<(u64, HistoryEntry)>, Error> {
        let from = keys::history(id, after.saturating_add(1)).sk;
        let to = keys::history(id, 9_999_999_999).sk;
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::subscription_partition(id)))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .limit(limit);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading history", error))?;
        let entry = |item: Item| {
            let record: Record<HistoryEntry> = Record::from_item(item)?;
            let version = record.sk.strip_prefix(prefix::HISTORY).and_then(|version| version.parse().ok()).unwrap_or(0);
            Ok((version, record.data))
        };
        answer.items.unwrap_or_default().into_iter().map(entry).collect()
    }

    /// The latest callbacks of a subscription since `since`, newest first, at most ten, each with its id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn recent_webhooks(
        &self,
        id: &SubscriptionId,
        since: Timestamp,
    ) -> Result<Vec<(String, WebhookLog)>, Error> {
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::subscription_partition(id)))
            .expression_attribute_values(":from", text(format!("{}{since}", prefix::WEBHOOK)))
            .expression_attribute_values(":to", text(format!("{}~", prefix::WEBHOOK)))
            .scan_index_forward(false)
            .limit(10);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading callbacks", error))?;
        let entry = |item: Item| {
            let record: Record<WebhookLog> = Record::from_item(item)?;
            let name = record.sk.strip_prefix(prefix::WEBHOOK).unwrap_or_default().to_owned();
            Ok((name, record.data))
        };
        answer.items.unwrap_or_default().into_iter().map(entry).collect()
    }

    /// The order of a checkout page that has not expired at `wall`, by the digest of its token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn checkout(&self, token_digest: &str, wall: Timestamp) -> Result<Option<SubscriptionId>, Error> {
        let record = self.table.get::<Checkout>(&keys::checkout(token_digest), "reading a checkout page").await?;
        Ok(record.filter(|record| wall < record.data.expires_at).map(|record| record.data.subscription))
    }

    /// All items of a subscription whose sort key begins with `prefix`, page by page.
    async fn list<T: DeserializeOwned>(
        &self,
        id: &SubscriptionId,
        prefix: &str,
        doing: &'static str,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut from = None;
        for _ in 0..MOST_PAGES {
            let query = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", text(keys::subscription_partition(id)))
                .expression_attribute_values(":prefix", text(prefix))
                .set_exclusive_start_key(from)
                .consistent_read(true)
                .limit(PAGE);
            let answer = query.send().await.map_err(|error| Error::unavailable(doing, error))?;
            for item in answer.items.unwrap_or_default() {
                all.push(Record::from_item(item)?.data);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(all)
    }
}
