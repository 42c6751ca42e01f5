//! Reads of one subscription and of the items in its partition.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use crate::domain::billing::decision::{HistoryEntry, Replaced, Snapshot, Versioned};
use crate::domain::billing::notices::feedback::Feedback;
use crate::domain::billing::payments::payment::Payment;
use crate::domain::billing::payments::unused_part::{paid_outside, pays_latest, periods_since};
use crate::domain::billing::subscription::{AppliedEvent, Status, Subscription};
use crate::domain::values::ids::{EventId, PaymentId, SubscriptionId};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

use crate::platform::logging::error_chain;

use crate::store::billing::Billing;
use crate::store::billing::mail_feedback;
use crate::store::billing::notices::{StoredNotice, readable};
use crate::store::billing::purchases;
use crate::store::billing::purchases::Purchase;
use crate::store::billing::quarantine::types::{QuarantinePointer, Quarantined};
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::error::Error;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::listing::readable as readable_item;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::{Item, keys, text_in};

/// Items in one page of a list.
const PAGE: usize = 200;
/// Maximum items of one list: an order has at most 999 charges (ExecTimes), each with one payment and few notices.
const MAX_LISTED: usize = 2_000;
/// Largest version that a history key can hold in its ten digits.
const LAST_VERSION: u64 = 9_999_999_999;
/// Latest success numbers among which the payment of an order's latest period is searched for.
const NUMBERS_TRIED: usize = 12;
/// Items of one order that [`Billing::order_file`] reads, more or less: those of thirty years, with all mails and callbacks.
const MAX_FILED: usize = 6_000;
/// Quarantined reports of an order that are read with it.
const SHOWN_REPORTS: usize = 20;
/// Callbacks that [`Billing::recent_webhooks`] returns.
const RECENT_WEBHOOKS: usize = 10;

/// What is stored about an order: the items in its partition, but its events for the business's app.
#[derive(Clone, Debug)]
pub struct OrderFile {
    /// The order.
    pub order: Versioned<Subscription>,
    /// History entries with their versions, newest first.
    pub history: Vec<(u64, HistoryEntry)>,
    /// Payments, newest first.
    pub payments: Vec<Payment>,
    /// Notices, newest first.
    pub notices: Vec<StoredNotice>,
    /// Callbacks of the last 30 days, newest first.
    pub callbacks: Vec<WebhookLog>,
    /// Ids of the quarantined reports with their times of receipt, newest first.
    pub quarantined: Vec<QuarantinePointer>,
    /// Items that cannot be read; they are logged.
    pub unreadable: usize,
}

/// What is stored elsewhere about an order.
#[derive(Clone, Debug)]
pub struct OrderSurroundings {
    /// Report after which the order's address gets no mail; `None` where it gets mail.
    pub mail_block: Option<Feedback>,
    /// Purchase to which it belongs.
    pub purchase: Purchase,
    /// Quarantined reports, newest first, at most 20.
    pub quarantined: Vec<Quarantined>,
}

impl Billing {
    /// Reads the partition of an order at once: one query, or a few for an order of decades; `None` for an unknown order.
    pub async fn order_file(&self, id: &SubscriptionId) -> Result<Option<OrderFile>, Error> {
        // Sort keys of an order begin with HISTORY, NOTICE, PAYMENT, QUARANTINE, RECEIPT, STATE and WEBHOOK; `~` sorts after each.
        let query = Query::partition(keys::subscription_partition(id))
            .between(prefix::HISTORY, format!("{}~", prefix::WEBHOOK))
            .descending()
            .consistent();
        let items = self.table.query_pages(query, MAX_FILED, "reading all of an order").await?;
        let mut file = FiledItems::default();
        for item in items {
            file.add(item)?;
        }
        Ok(file.into_file())
    }

    /// Reads what is stored elsewhere about an order, in one call.
    pub async fn order_surroundings(&self, file: &OrderFile) -> Result<OrderSurroundings, Error> {
        let order = &file.order.value;
        let (address, purchase) = (mail_feedback::block_key(&order.email), purchases::key_of(order));
        let reports: Vec<Key> =
            file.quarantined.iter().take(SHOWN_REPORTS).map(|pointer| keys::quarantine(&pointer.id)).collect();
        let wanted: Vec<Key> = address.iter().cloned().chain([purchase.clone()]).chain(reports.clone()).collect();
        let mut items = self.table.get_many(&wanted, "reading what belongs to an order").await?;
        let mail_block = address.and_then(|key| items.remove(&key)).map(mail_feedback::block_in).transpose()?.flatten();
        let purchase = items.remove(&purchase).map(|item| purchases::read(&item)).unwrap_or_default();
        // A pointer remains where its report has expired.
        let reports = reports.iter().filter_map(|key| items.remove(key));
        let quarantined =
            reports.filter_map(|item| readable_of::<Quarantined>(item).map(|record| record.data)).collect();
        Ok(OrderSurroundings { mail_block, purchase, quarantined })
    }

    /// Returns a subscription as it is stored, or as this dry run would have stored it.
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Versioned<Subscription>>, Error> {
        if let Some(decided) = self.overlay.as_ref().and_then(|overlay| overlay.subscription(id)) {
            return Ok(Some(decided));
        }
        let record = self.table.get(&keys::subscription(id), "reading a subscription").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Returns the orders of those numbers that are stored, in one batch. One that cannot be read is logged and left out.
    pub async fn subscriptions_by_id(
        &self,
        ids: &BTreeSet<SubscriptionId>,
    ) -> Result<BTreeMap<SubscriptionId, Subscription>, Error> {
        let keys: Vec<Key> = ids.iter().map(keys::subscription).collect();
        let found = self.table.get_many(&keys, "reading subscriptions").await?;
        let orders = found.into_values().filter_map(readable_item::<Subscription>);
        Ok(orders.map(|order| (order.id.clone(), order)).collect())
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

/// Items of an order's partition, sorted by their kinds.
#[derive(Default)]
struct FiledItems {
    order: Option<Versioned<Subscription>>,
    history: Vec<(u64, HistoryEntry)>,
    payments: Vec<Payment>,
    notices: Vec<StoredNotice>,
    callbacks: Vec<WebhookLog>,
    quarantined: Vec<QuarantinePointer>,
    unreadable: usize,
}

impl FiledItems {
    /// Adds an item. One that cannot be read hides no other, except the order itself.
    fn add(&mut self, item: Item) -> Result<(), Error> {
        let key = text_in(&item, keys::SK).unwrap_or_default().to_owned();
        if key == keys::STATE {
            self.order = Some(Record::from_item(item)?.into_versioned());
        } else if let Some(version) = key.strip_prefix(prefix::HISTORY) {
            let version = version.parse().unwrap_or(0);
            let entry = self.read(item);
            self.history.extend(entry.map(|entry| (version, entry)));
        } else if key.starts_with(prefix::PAYMENT) {
            let payment = self.read(item);
            self.payments.extend(payment);
        } else if key.starts_with(prefix::NOTICE) {
            let notice = self.read(item);
            self.notices.extend(notice);
        } else if key.starts_with(prefix::WEBHOOK) {
            let log = self.read(item);
            self.callbacks.extend(log);
        } else if key.starts_with(prefix::QUARANTINE) {
            let pointer = self.read(item);
            self.quarantined.extend(pointer);
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&mut self, item: Item) -> Option<T> {
        let record = readable_of(item);
        self.unreadable += usize::from(record.is_none());
        record.map(|record| record.data)
    }

    fn into_file(self) -> Option<OrderFile> {
        let Self { order, history, mut payments, mut notices, callbacks, quarantined, unreadable } = self;
        payments.sort_by_key(|payment| Reverse((payment.processed_at, payment.recorded_at)));
        notices.sort_by_key(|notice| Reverse(notice.created_at));
        Some(OrderFile { order: order?, history, payments, notices, callbacks, quarantined, unreadable })
    }
}

/// The record of an item; one that cannot be read is logged.
fn readable_of<T: DeserializeOwned>(item: Item) -> Option<Record<T>> {
    let key = text_in(&item, keys::SK).unwrap_or_default().to_owned();
    match Record::from_item(item) {
        Ok(record) => Some(record),
        Err(error) => {
            tracing::warn!(key, error = error_chain(&error), "an item of an order cannot be read");
            None
        }
    }
}
