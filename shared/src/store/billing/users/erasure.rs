//! The data of one user: found, exported, and erased. Payments stay for accounting, without personal data.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::domain::billing::app_events::delivery::{DeliveryState, EventState};
use crate::domain::billing::decide::erasure::{ERASED_TEXT, without_person};
use crate::domain::billing::decision::HistoryEntry;
use crate::domain::billing::notices::{NoticeState, Recipient};
use crate::domain::billing::payments::payment::Payment;
use crate::domain::values::ids::{EmailAddress, SubscriptionId, UserId};
use crate::ecpay::callback_fields::is_accounting_field;

use crate::store::billing::Billing;
use crate::store::billing::events::StoredEvent;
use crate::store::billing::notices::StoredNotice;
use crate::store::billing::users::StoredUser;
use crate::store::erasure::Erasure;
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::Item;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::lookup::links;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::text_in;
use crate::store::table::transaction::{MAX_ACTIONS, Transaction};

/// Items of a user, apart from those in the partitions of their orders.
#[derive(Clone, Debug)]
pub struct UserData {
    /// User's plan and orders; none where no order names the user.
    pub user: Option<StoredUser>,
    /// Orders of the user.
    pub orders: BTreeSet<SubscriptionId>,
    /// Latest erasure of the same user id.
    pub erased: Option<Erasure>,
}

impl UserData {
    /// True if anything but the record of an erasure is stored.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.user.is_some() || !self.orders.is_empty()
    }
}

impl Billing {
    /// Returns the items of a user.
    pub async fn user_data(&self, id: &UserId) -> Result<UserData, Error> {
        let user = self.user(id).await?;
        let query = Query::partition(keys::user_partition(id)).prefix(prefix::ORDER).consistent();
        let links = self.table.query_pages(query, usize::MAX, "reading a user's orders").await?;
        let linked = links.iter().filter_map(|item| text_in(item, keys::SK)?.strip_prefix(prefix::ORDER));
        let mut orders: BTreeSet<_> = linked.filter_map(|order| SubscriptionId::parse(order).ok()).collect();
        orders.extend(
            user.iter().flat_map(|user| user.live.iter().map(|order| &order.id).chain([&user.latest]).cloned()),
        );
        let erased = self.table.get::<Erasure>(&keys::erasure(id), "reading an erasure").await?;
        Ok(UserData { user, orders, erased: erased.map(|record| record.data) })
    }

    /// Returns all items of an order as they are stored, by sort key, with the quarantined reports about it.
    pub async fn export_items(&self, order: &SubscriptionId) -> Result<Vec<(String, Value)>, Error> {
        let items = self.order_items(order, "reading an order's items").await?;
        let mut exported = Vec::with_capacity(items.len());
        for item in items {
            if let Some(id) = quarantine_id(&item) {
                let report = self.table.get::<Value>(&keys::quarantine(id), "reading a quarantined report").await?;
                exported.extend(report.map(|record| (format!("{}{id}", prefix::QUARANTINE), record.data)));
            } else {
                let record: Record<Value> = Record::from_item(item)?;
                exported.push((record.sk, record.data));
            }
        }
        Ok(exported)
    }

    /// Removes personal data from all items of an order except the subscription itself, and cancels its pending mails
    /// to the customer. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Contended`] where notices were being sent at every attempt.
    pub async fn erase_related_items(&self, order: &SubscriptionId) -> Result<(), Error> {
        let doing = "erasing a user's order";
        retry_on_conflict(doing, (), |()| async move {
            let (mut is_complete, mut events) = (true, Vec::new());
            for item in self.order_items(order, doing).await? {
                match text_in(&item, keys::SK).and_then(|key| key.split_once('#')).map(|(kind, _)| kind) {
                    Some("HISTORY") => self.anonymize_history(Record::from_item(item)?).await?,
                    Some("NOTICE") => is_complete &= self.anonymize_notice(Record::from_item(item)?).await?,
                    Some("EVENT") => events.extend(without_user(Record::from_item(item)?)),
                    Some("PAYMENT") => self.delete_payment_links(order, Record::from_item(item)?).await?,
                    Some("QUARANTINE") => self.anonymize_quarantined(&item).await?,
                    _ => {}
                }
            }
            is_complete &= self.anonymize_events(events).await?;
            self.erase_feedback(order).await?;
            Ok(if is_complete { Attempt::Done(()) } else { Attempt::Conflict(()) })
        })
        .await
    }

    async fn order_items(&self, order: &SubscriptionId, doing: &'static str) -> Result<Vec<Item>, Error> {
        let query = Query::partition(keys::subscription_partition(order)).consistent();
        self.table.query_pages(query, usize::MAX, doing).await
    }

    async fn anonymize_history(&self, record: Record<HistoryEntry>) -> Result<(), Error> {
        let Some(data) = without_person(&record.data) else { return Ok(()) };
        self.table.put(Record { data, ..record }, "erasing personal data from history").await
    }

    /// Deletes the items by which the order is found through a payment. The payment itself stays for accounting.
    async fn delete_payment_links(&self, order: &SubscriptionId, record: Record<Payment>) -> Result<(), Error> {
        for link in links(&record.data.lookups(), &keys::subscription_partition(order)) {
            self.table.delete(&link, "erasing the numbers of a payment").await?;
        }
        Ok(())
    }

    /// Removes the user id from events and ends their deliveries. Returns `false` where a run changed one at that moment.
    async fn anonymize_events(&self, events: Vec<Record<StoredEvent>>) -> Result<bool, Error> {
        let (doing, mut is_complete) = ("erasing personal data from events", true);
        for chunk in events.chunks(MAX_ACTIONS) {
            let mut transaction = Transaction::default();
            for record in chunk {
                transaction.put_if_version(record.clone(), record.version)?;
            }
            is_complete &= self.table.transact(transaction, doing).await?.is_none();
        }
        Ok(is_complete)
    }

    /// Removes address and text from a notice to the customer and cancels it where it is pending. Returns `false` where
    /// a run changed it at that moment. Notices to staff are kept, since they contain no personal data.
    async fn anonymize_notice(&self, record: Record<StoredNotice>) -> Result<bool, Error> {
        let is_personal = matches!(&record.data.to, Recipient::Customer(address) if !address.is_erased());
        if !is_personal {
            return Ok(true);
        }
        let version = record.version.unwrap_or(0);
        let mut notice = record.data;
        notice.to = Recipient::Customer(EmailAddress::erased());
        notice.fields.clear();
        if let Some(resend) = &mut notice.resend {
            resend.why = ERASED_TEXT.to_owned();
        }
        let cancelled = match notice.state {
            NoticeState::Queued => Some(NoticeState::Dead),
            // The mail may be on its way, and its sender can no longer record the outcome.
            NoticeState::Claimed => Some(NoticeState::Unclear),
            NoticeState::Sent
            | NoticeState::Unclear
            | NoticeState::Dead
            | NoticeState::Undeliverable
            | NoticeState::Obsolete => None,
        };
        if let Some(state) = cancelled {
            notice.state = state;
            notice.detail = Some(ERASED_TEXT.to_owned());
        }
        let key = Key { pk: record.pk, sk: record.sk };
        self.table.put_if_version(Record::new(key, notice), version, "erasing personal data from a notice").await
    }

    /// Removes all fields of a quarantined report that accounting does not need, and the reason of its replay.
    async fn anonymize_quarantined(&self, pointer: &Item) -> Result<(), Error> {
        let doing = "erasing personal data from a quarantined report";
        let Some(id) = quarantine_id(pointer) else { return Ok(()) };
        let key = keys::quarantine(id);
        let Some(item) = self.table.get_item(&key, doing).await? else { return Ok(()) };
        let (paths, has_reason) = (personal_paths(&item), has_reason(&item));
        if paths.is_empty() && !has_reason {
            return Ok(());
        }
        let update = Update::of(key).when(Condition::exists("data"));
        let mut update =
            paths.iter().fold(update, |update, (part, name)| update.remove(["data", *part, name.as_str()]));
        if has_reason {
            // What staff wrote may name the person.
            update = update.set(["data", "resolved", "why"], AttributeValue::S(ERASED_TEXT.to_owned()));
        }
        if item.contains_key("version") {
            // A writer that read the report before cannot restore the fields.
            update = update.add("version", 1);
        }
        // The condition fails where the report expired in between.
        self.table.update(update, doing).await.map(|_| ())
    }

    /// Replaces a user's items by the record of the erasure. The links to the orders go before the user, so that a
    /// repetition finds what is left. Returns `false` where the user has ordered again in between.
    pub async fn delete_user(&self, id: &UserId, data: &UserData, erasure: &Erasure) -> Result<bool, Error> {
        let doing = "erasing a user";
        self.table.put(Record::new(keys::erasure(id), erasure), doing).await?;
        for order in &data.orders {
            self.table.delete(&keys::user_order(id, order), doing).await?;
        }
        let Some(user) = &data.user else { return Ok(true) };
        // Every decision about the user sets `latest`.
        let is_unchanged = Condition::item_absent().or(Condition::text_is("latest", user.latest.as_str()));
        self.table.delete_if(&keys::user(id), &is_unchanged, doing).await
    }
}

/// Places of personal data in a quarantined report: part of its data, and name within that part.
fn personal_paths(item: &Item) -> Vec<(&'static str, String)> {
    let data = item.get("data").and_then(|data| data.as_m().ok());
    let part = |name| data.and_then(|data| data.get(name)).and_then(|part| part.as_m().ok());
    let fields = part("fields").into_iter().flat_map(|fields| fields.keys());
    let mut paths: Vec<_> =
        fields.filter(|name| !is_accounting_field(name)).map(|name| ("fields", name.clone())).collect();
    if part("report").and_then(|report| report.get("card_last4")).is_some_and(AttributeValue::is_s) {
        paths.push(("report", "card_last4".to_owned()));
    }
    paths
}

/// The event without its user; `None` where that is done.
fn without_user(record: Record<StoredEvent>) -> Option<Record<StoredEvent>> {
    let mut event = record.data;
    let user = event.data.get_mut("user_id").filter(|user| *user != ERASED_TEXT)?;
    *user = ERASED_TEXT.into();
    for delivery in event.deliveries.values_mut().filter(|delivery| delivery.state == DeliveryState::Waiting) {
        delivery.state = DeliveryState::Failed;
        delivery.detail = Some(ERASED_TEXT.to_owned());
    }
    if let Some(resend) = &mut event.resend {
        resend.why = ERASED_TEXT.to_owned();
    }
    if event.state != EventState::Delivered {
        event.state = EventState::Failed;
    }
    // In no queue, and a run that claimed it before does not record it any more.
    Some(Record { queue: None, due_at: None, data: event, ..record })
}

/// True for a report that was replayed with a reason that is not removed yet.
fn has_reason(item: &Item) -> bool {
    let resolved = item.get("data").and_then(|data| data.as_m().ok()?.get("resolved")?.as_m().ok());
    resolved.and_then(|resolved| resolved.get("why")?.as_s().ok()).is_some_and(|why| why != ERASED_TEXT)
}

/// Id of the quarantined report to which an item of an order's partition points.
fn quarantine_id(item: &Item) -> Option<&str> {
    // The pointer's sort key is `QUARANTINE#<received>#<report id>`.
    text_in(item, keys::SK)?.strip_prefix(prefix::QUARANTINE)?.rsplit('#').next()
}
