//! Reads of one subscription and of the items in its partition.

use serde::de::DeserializeOwned;

use crate::domain::billing::decision::{HistoryEntry, Replaced, Snapshot, Versioned};
use crate::domain::billing::payments::payment::Payment;
use crate::domain::billing::payments::unused_part::{paid_outside, pays_latest, periods_since};
use crate::domain::billing::subscription::{AppliedEvent, Status, Subscription};
use crate::domain::values::ids::{EventId, PaymentId, SubscriptionId};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

use crate::store::billing::Billing;
use crate::store::billing::notices::{StoredNotice, readable};
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;

/// Items in one page of a list.
const PAGE: usize = 200;
/// Maximum items of one list: an order has at most 999 charges (ExecTimes), each with one payment and few notices.
const MAX_LISTED: usize = 2_000;
/// Largest version that a history key can hold in its ten digits.
const LAST_VERSION: u64 = 9_999_999_999;
/// Latest success numbers among which the payment of an order's latest period is searched for.
const NUMBERS_TRIED: usize = 12;
/// Callbacks that [`Billing::recent_webhooks`] returns.
const RECENT_WEBHOOKS: usize = 10;

impl Billing {
    /// Returns a subscription as it is stored, or as this dry run would have stored it.
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Versioned<Subscription>>, Error> {
        if let Some(decided) = self.overlay.as_ref().and_then(|overlay| overlay.subscription(id)) {
            return Ok(Some(decided));
        }
        let record = self.table.get(&keys::subscription(id), "reading a subscription").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Completes the input of a decision about an order: reads the order that it replaces and the one by which its purchase
    /// was paid, while it is not paid itself.
    pub async fn snapshot(&self, subscription: Versioned<Subscription>) -> Result<Snapshot, Error> {
        let is_unpaid = matches!(subscription.value.status, Status::Pending | Status::Failed);
        let replaced = match &subscription.value.replaces {
            // ECPay may date the first charge up to a day before the order.
            Some(old) if is_unpaid => {
                let since = subscription.value.created_at.day(Zone::Taipei).plus_days(-1);
                self.replaced(old, since).await?
            }
            Some(_) | None => None,
        };
        let paid_order = if is_unpaid { self.purchase(&subscription.value).await?.paid } else { None };
        let paid_order = paid_order.filter(|paid| *paid != subscription.value.id);
        Ok(Snapshot { subscription, replaced, paid_order })
    }

    /// Returns an order as a new one replaces it, with the payments that may have paid for days from `since` on.
    pub async fn replaced(&self, id: &SubscriptionId, since: LocalDate) -> Result<Option<Replaced>, Error> {
        // The order first: a refund that comes in between changes its version, and the decision is made again.
        let Some(order) = self.subscription(id).await? else { return Ok(None) };
        let mut payments = Vec::new();
        for known in periods_since(&order.value, since) {
            payments.extend(self.latest_payment(&known).await?);
        }
        Ok(Some(Replaced { order, payments }))
    }

    /// Returns what was applied of an order under an event.
    pub(super) async fn applied(&self, id: &SubscriptionId, event: &EventId) -> Result<Option<AppliedEvent>, Error> {
        let receipt = self.table.get(&keys::receipt(id, event), "reading a receipt").await?;
        Ok(receipt.map(|record| record.data))
    }

    /// Returns the payment of an order's latest paid period, found without a query, which `ecpay-webhook` may not make.
    async fn latest_payment(&self, order: &Subscription) -> Result<Option<Payment>, Error> {
        let id = &order.id;
        if let Some(due) = paid_outside(order) {
            return self.payment(&PaymentId::of_event(id, &EventId::paid_out_of_band(due))).await;
        }
        // The latest numbers may be of charges that must go back, or be unreported.
        for number in (1..=order.charge_history.successes).rev().take(NUMBERS_TRIED) {
            let success = EventId::success(number);
            let recent = order.recent_events.iter().find(|seen| seen.event == success).cloned();
            let applied = match recent {
                Some(recent) => Some(recent),
                None => self.applied(id, &success).await?,
            };
            let Some(AppliedEvent { event, gwsr, .. }) = applied else { continue };
            let payment = match gwsr {
                Some(gwsr) => PaymentId::success(id, &gwsr),
                None => PaymentId::of_event(id, &event),
            };
            let payment = self.payment(&payment).await?;
            if let Some(payment) = payment.filter(|payment| pays_latest(order, payment)) {
                return Ok(Some(payment));
            }
        }
        Ok(None)
    }

    /// Returns one payment.
    pub async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, Error> {
        let Ok(subscription) = id.subscription() else { return Ok(None) };
        let record = self.table.get(&keys::payment(&subscription, id), "reading a payment").await?;
        Ok(record.map(|record| record.data))
    }

    /// Returns the payments of a subscription, oldest first.
    pub async fn payments(&self, id: &SubscriptionId) -> Result<Vec<Payment>, Error> {
        let mut payments: Vec<Payment> = self.list(id, prefix::PAYMENT, "reading payments").await?;
        payments.sort_by_key(|payment| (payment.processed_at, payment.recorded_at));
        Ok(payments)
    }

    /// Returns the notices about a subscription, oldest first. One that cannot be read is logged and left out.
    pub async fn notices(&self, id: &SubscriptionId) -> Result<Vec<StoredNotice>, Error> {
        let items = self.notice_items(id).await?.into_iter();
        let mut notices: Vec<_> = items.filter_map(|item| readable(item).ok()).map(|record| record.data).collect();
        notices.sort_by_key(|notice| notice.created_at);
        Ok(notices)
    }

    /// Returns up to `limit` history entries after version `after`, oldest first, each with its version.
    pub async fn history(
        &self,
        id: &SubscriptionId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, HistoryEntry)>, Error> {
        let query = Query::partition(keys::subscription_partition(id))
            .between(keys::history(id, after.saturating_add(1)).sk, keys::history(id, LAST_VERSION).sk)
            .limit(limit);
        let page = self.table.query(query, "reading history").await?;
        let entry = |item| {
            let record: Record<HistoryEntry> = Record::from_item(item)?;
            let version = record.sk.strip_prefix(prefix::HISTORY).and_then(|version| version.parse().ok()).unwrap_or(0);
            Ok((version, record.data))
        };
        page.items.into_iter().map(entry).collect()
    }

    /// Returns the ten latest callbacks of a subscription since `since`, newest first, each with its id.
    pub async fn recent_webhooks(
        &self,
        id: &SubscriptionId,
        since: Timestamp,
    ) -> Result<Vec<(String, WebhookLog)>, Error> {
        // `~` sorts after every character of an instant.
        let query = Query::partition(keys::subscription_partition(id))
            .between(format!("{}{since}", prefix::WEBHOOK), format!("{}~", prefix::WEBHOOK))
            .descending()
            .limit(RECENT_WEBHOOKS);
        let page = self.table.query(query, "reading callbacks").await?;
        let entry = |item| {
            let record: Record<WebhookLog> = Record::from_item(item)?;
            let name = record.sk.strip_prefix(prefix::WEBHOOK).unwrap_or_default().to_owned();
            Ok((name, record.data))
        };
        page.items.into_iter().map(entry).collect()
    }

    /// Reads the items of a subscription whose sort key begins with `prefix`.
    async fn list<T: DeserializeOwned>(
        &self,
        id: &SubscriptionId,
        prefix: &str,
        doing: &'static str,
    ) -> Result<Vec<T>, Error> {
        let query = Query::partition(keys::subscription_partition(id)).prefix(prefix).consistent().limit(PAGE);
        let items = self.table.query_pages(query, MAX_LISTED, doing).await?;
        items.into_iter().map(|item| Ok(Record::from_item(item)?.data)).collect()
    }
}
