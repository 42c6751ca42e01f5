//! One person's items: found, given out, and rewritten so that nothing of the person is left.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::domain::billing::decide::erasure::{ERASED_TEXT, without_person};
use crate::domain::billing::decision::HistoryEntry;
use crate::domain::billing::notices::{NoticeState, Recipient};
use crate::domain::values::ids::{EmailAddress, SubscriptionId, UserId};
use crate::ecpay::callback_form::is_accounting_field;

use crate::store::billing::Billing;
use crate::store::table::keys::{self, Key, prefix};
use crate::store::table::record::{Erasure, Record, StoredNotice, StoredUser};
use crate::store::{Error, Item, key_of, number, text};

/// How often a partition is gone over because notices in it were being sent.
const PASSES: usize = 4;

/// What is kept about a person, apart from their orders.
#[derive(Clone, Debug)]
pub struct UserData {
    /// Their item.
    pub user: Option<StoredUser>,
    /// Their orders, by id.
    pub orders: BTreeSet<SubscriptionId>,
    /// The latest erasure of the same user id.
    pub erased: Option<Erasure>,
}

impl UserData {
    /// Whether there is anything of a person, apart from the note that they were erased.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.user.is_some() || !self.orders.is_empty()
    }
}

impl Billing {
    /// What is kept about a person, and where.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn person(&self, id: &UserId) -> Result<UserData, Error> {
        let user = self.user(id).await?;
        let links = self.table.partition(&keys::user_partition(id), prefix::ORDER, "reading a user's orders").await?;
        let linked = links.iter().filter_map(|item| sort_key(item)?.strip_prefix(prefix::ORDER));
        let mut orders: BTreeSet<_> = linked.filter_map(|order| SubscriptionId::parse(order).ok()).collect();
        orders.extend(user.iter().flat_map(|user| user.live.iter().chain([&user.latest]).cloned()));
        let erased = self.table.get::<Erasure>(&keys::erasure(id), "reading an erasure").await?;
        Ok(UserData { user, orders, erased: erased.map(|record| record.data) })
    }

    /// Everything that is kept with an order, each item's data as it is stored: in the order of their sort keys.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn export_items(&self, order: &SubscriptionId) -> Result<Vec<(String, Value)>, Error> {
        let items = self.table.partition(&keys::subscription_partition(order), "", "reading an order's items").await?;
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            if let Some(id) = quarantine_id(&item) {
                let report = self.table.get::<Value>(&keys::quarantine(&id), "reading a quarantined report").await?;
                all.extend(report.map(|record| (format!("{}{id}", prefix::QUARANTINE), record.data)));
            } else {
                let record: Record<Value> = Record::from_item(item)?;
                all.push((record.sk, record.data));
            }
        }
        Ok(all)
    }

    /// Takes the person out of everything that is kept with an order, but for the order's own item. Done again, it
    /// finds nothing to do.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn erase_related_items(&self, order: &SubscriptionId) -> Result<(), Error> {
        let doing = "erasing a person";
        for _ in 0..PASSES {
            let mut settled = true;
            for item in self.table.partition(&keys::subscription_partition(order), "", doing).await? {
                match sort_key(&item).and_then(|key| key.split_once('#')).map(|(kind, _)| kind) {
                    Some("HISTORY") => self.erase_from_history(Record::from_item(item)?).await?,
                    Some("NOTICE") => settled &= self.erase_from_notice(Record::from_item(item)?).await?,
                    Some("QUARANTINE") => self.erase_from_quarantine(&item).await?,
                    _ => {}
                }
            }
            if settled {
                return Ok(());
            }
        }
        Err(Error::Contended { doing })
    }

    async fn erase_from_history(&self, record: Record<HistoryEntry>) -> Result<(), Error> {
        let Some(data) = without_person(&record.data) else { return Ok(()) };
        let item = Record { data, ..record }.into_item()?;
        let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| Error::unavailable("erasing a person from history", error))
    }

    /// What was not sent to the person is not sent any more; `false` when somebody was sending it. Staff are told what
    /// they are to be told: it names nobody.
    async fn erase_from_notice(&self, record: Record<StoredNotice>) -> Result<bool, Error> {
        let named = matches!(&record.data.to, Recipient::Customer(address) if !address.is_erased());
        if !named {
            return Ok(true);
        }
        let version = record.version.unwrap_or(0);
        let mut notice = record.data;
        notice.to = Recipient::Customer(EmailAddress::erased());
        notice.fields.clear();
        let erased = match notice.state {
            NoticeState::Queued => Some(NoticeState::Dead),
            NoticeState::Claimed => Some(NoticeState::Unclear),
            NoticeState::Sent | NoticeState::Unclear | NoticeState::Dead => None,
        };
        if let Some(state) = erased {
            notice.state = state;
            notice.detail = Some(ERASED_TEXT.to_owned());
        }
        let key = Key { pk: record.pk, sk: record.sk };
        self.table.put_version(Record::new(key, notice), version, "erasing a person from a notice").await
    }

    /// Of the fields of a report only those stay that the books need.
    async fn erase_from_quarantine(&self, pointer: &Item) -> Result<(), Error> {
        let doing = "erasing a person from a quarantined report";
        let Some(id) = quarantine_id(pointer) else { return Ok(()) };
        let key = key_of(&keys::quarantine(&id));
        let get =
            self.table.client.get_item().table_name(&self.table.name).set_key(Some(key.clone())).consistent_read(true);
        let answer = get.send().await.map_err(|error| Error::unavailable(doing, error))?;
        let Some(item) = answer.item else { return Ok(()) };
        let paths = personal_paths(&item);
        if paths.is_empty() {
            return Ok(());
        }
        let mut update = self.table.client.update_item().table_name(&self.table.name).set_key(Some(key));
        let mut removed = Vec::with_capacity(paths.len());
        for (place, (part, name)) in paths.into_iter().enumerate() {
            removed.push(format!("#data.#part{place}.#name{place}"));
            update = update.expression_attribute_names(format!("#part{place}"), part);
            update = update.expression_attribute_names(format!("#name{place}"), name);
        }
        let mut expression = format!("REMOVE {}", removed.join(", "));
        if item.contains_key("version") {
            // Whoever has read the report as it was cannot put it back.
            expression.push_str(" ADD #version :one");
            update =
                update.expression_attribute_names("#version", "version").expression_attribute_values(":one", number(1));
        }
        update = update
            .expression_attribute_names("#data", "data")
            .update_expression(expression)
            .condition_expression("attribute_exists(#data)");
        match update.send().await {
            Ok(_) => Ok(()),
            // Its time was over just now.
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(Error::unavailable(doing, error)),
        }
    }

    /// Puts the note that a person was erased in the place of everything that leads from their user id to their orders.
    /// `false` when they have ordered again meanwhile.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn forget_person(&self, id: &UserId, person: &UserData, erasure: &Erasure) -> Result<bool, Error> {
        let doing = "erasing a user";
        let note = Record::new(keys::erasure(id), erasure).into_item()?;
        let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(note));
        put.send().await.map_err(|error| Error::unavailable(doing, error))?;
        for order in &person.orders {
            let key = key_of(&keys::user_order(id, order));
            let delete = self.table.client.delete_item().table_name(&self.table.name).set_key(Some(key));
            delete.send().await.map_err(|error| Error::unavailable(doing, error))?;
        }
        if let Some(user) = &person.user {
            // Whatever is done for a user sets the latest order.
            let delete =
                self.table.client.delete_item().table_name(&self.table.name).set_key(Some(key_of(&keys::user(id))));
            let delete = delete
                .condition_expression("attribute_not_exists(pk) OR #latest = :latest")
                .expression_attribute_names("#latest", "latest")
                .expression_attribute_values(":latest", text(user.latest.as_str()));
            match delete.send().await {
                Ok(_) => {}
                Err(error)
                    if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(Error::unavailable(doing, error)),
            }
        }
        Ok(true)
    }
}

fn sort_key(item: &Item) -> Option<&String> {
    item.get(keys::SK).and_then(|key| key.as_s().ok())
}

/// Where in a quarantined report something of the person stands: part of its data, and the name within that.
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

/// The quarantined report that an item of an order's partition leads to.
fn quarantine_id(item: &Item) -> Option<String> {
    // The pointer's key holds the time it came before the report's id.
    sort_key(item)?.strip_prefix(prefix::QUARANTINE)?.rsplit('#').next().map(str::to_owned)
}
