//! Feedback of SES about mails: at the address, which then may get no mail, and at the order.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | feedback about an address | `ADDRESS#<hash>` | `STATE` |
//! | feedback about a mail | `FEEDBACK#<order>` | `<hash>#<notification id>` |
//! | staff were notified about order and address: key only | `FEEDBACK#<order>` | `<hash>` |
//!
//! The hash is that of the address as a [`Lookup`]. An address can be guessed from its hash, so an erasure deletes all items.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::notices::feedback::{AddressFacts, Feedback, FeedbackRecord};
use crate::domain::billing::notices::{Recipient, undeliverable};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{EmailAddress, NotificationId, SubscriptionId};
use crate::domain::values::lookup::Lookup;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::billing::notices::{StoredNotice, queued};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys::{Key, STATE};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Item, keys, text_in};

const DOING: &str = "recording feedback about a mail";

/// Report about one mail.
#[derive(Clone, Debug)]
pub struct FeedbackReport {
    /// Notice that the mail was.
    pub notice: NotificationId,
    /// Address to which it went.
    pub address: EmailAddress,
    /// Report without personal data.
    pub feedback: Feedback,
}

/// Recipient of the mail of a report, and what the report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackRecorded {
    /// No such notice, or one whose customer was erased: nothing is stored.
    Unknown,
    /// Mail to staff. It is stored with the order that the mail was about.
    Staff,
    /// Mail to a customer; `false` where the report was recorded before.
    Customer(bool),
}

/// Feedback about the mails of one order.
#[derive(Clone, Debug, Default)]
pub struct OrderFeedback(BTreeMap<String, FeedbackRecord>);

fn lookup(address: &EmailAddress) -> Lookup {
    Lookup::subscription_email(address)
}

fn address_key(hash: &str) -> Key {
    Key { pk: format!("ADDRESS#{hash}"), sk: STATE.to_owned() }
}

/// Key of the feedback about an address; `None` for an erased one.
pub(super) fn block_key(address: &EmailAddress) -> Option<Key> {
    (!address.is_erased()).then(|| address_key(lookup(address).hash()))
}

/// Report in an item about an address after which that gets no mail.
pub(super) fn block_in(item: Item) -> Result<Option<Feedback>, Error> {
    Ok(Record::<FeedbackRecord>::from_item(item)?.data.block)
}

fn partition(order: &SubscriptionId) -> String {
    format!("FEEDBACK#{order}")
}

fn mail_key(order: &SubscriptionId, hash: &str, notice: &NotificationId) -> Key {
    Key { pk: partition(order), sk: format!("{hash}#{notice}") }
}

fn notified_key(order: &SubscriptionId, hash: &str) -> Key {
    Key { pk: partition(order), sk: hash.to_owned() }
}

impl OrderFeedback {
    /// Feedback about a notice at the address that it has now, since staff had it sent again last.
    #[must_use]
    pub fn of(&self, notice: &StoredNotice) -> Option<&Feedback> {
        let record = match &notice.to {
            Recipient::Customer(address) => self.0.get(&format!("{}#{}", lookup(address).hash(), notice.id)),
            Recipient::Staff => {
                let end = format!("#{}", notice.id);
                self.0.iter().find(|(key, _)| key.ends_with(&end)).map(|(_, record)| record)
            }
        };
        let is_of_this_attempt =
            |feedback: &&Feedback| notice.resend.as_ref().is_none_or(|resend| feedback.at >= resend.at);
        record.map(FeedbackRecord::shown).filter(is_of_this_attempt)
    }

    /// True if SES reported that the notice did not arrive.
    #[must_use]
    pub fn did_bounce(&self, notice: &StoredNotice) -> bool {
        self.of(notice).is_some_and(|feedback| feedback.kind.is_bounce())
    }
}

impl Billing {
    /// Returns the report after which an address gets no mail; `None` where it gets mail.
    pub async fn address_block(&self, address: &EmailAddress) -> Result<Option<Feedback>, Error> {
        let Some(key) = block_key(address) else { return Ok(None) };
        let item = self.table.get_item(&key, "reading feedback about an address").await?;
        item.map_or(Ok(None), block_in)
    }

    /// Returns the feedback about the mails of an order.
    pub async fn order_feedback(&self, order: &SubscriptionId) -> Result<OrderFeedback, Error> {
        let mut feedback = OrderFeedback::default();
        for item in self.feedback_items(order).await? {
            let is_of_mail = text_in(&item, keys::SK).is_some_and(|key| key.contains('#'));
            if is_of_mail {
                let record: Record<FeedbackRecord> = Record::from_item(item)?;
                feedback.0.insert(record.sk, record.data);
            }
        }
        Ok(feedback)
    }

    /// Returns the facts about the addresses of an order's notice on which its resending depends.
    pub async fn address_facts(&self, order: &Subscription, notice: &StoredNotice) -> Result<AddressFacts, Error> {
        let is_blocked = self.address_block(&order.email).await?.is_some();
        Ok(AddressFacts { did_bounce: self.order_feedback(&order.id).await?.did_bounce(notice), is_blocked })
    }

    /// Records a report at the mail and at its address. Repeated and reordered reports lead to the same items. Where the order
    /// still has an address that gets no mail from now on, staff are notified once.
    pub async fn record_feedback(&self, report: &FeedbackReport, now: Timestamp) -> Result<FeedbackRecorded, Error> {
        let recorded = retry_on_conflict(DOING, (), |()| self.try_record(report)).await?;
        let Some(order) = self.order_of(report.notice.as_str()).await?.map(|order| order.value) else {
            return Ok(recorded);
        };
        let hash_now = lookup(&order.email);
        if matches!(recorded, FeedbackRecorded::Customer(_)) && hash_now == lookup(&report.address) {
            // The earliest report, so that a repetition writes the same text.
            if let Some(block) = self.address_block(&order.email).await? {
                self.notify_undeliverable(&order.id, &block, now).await?;
            }
        }
        Ok(recorded)
    }

    async fn try_record(&self, report: &FeedbackReport) -> Result<Attempt<FeedbackRecorded>, Error> {
        let FeedbackReport { notice, address, feedback } = report;
        let stored = self.notice(notice).await?.map(|due| due.notice);
        let order = self.order_of(notice.as_str()).await?.filter(|order| order.value.erased.is_none());
        let recorded = match (stored.map(|stored| stored.to), &order) {
            (None, _) | (Some(Recipient::Customer(_)), None) => return Ok(Attempt::Done(FeedbackRecorded::Unknown)),
            (Some(Recipient::Staff), None) => return Ok(Attempt::Done(FeedbackRecorded::Staff)),
            (Some(Recipient::Staff), Some(_)) => FeedbackRecorded::Staff,
            (Some(Recipient::Customer(_)), Some(_)) => FeedbackRecorded::Customer(true),
        };
        let Some(order) = order else { return Ok(Attempt::Done(FeedbackRecorded::Unknown)) };
        let lookup = lookup(address);
        let mut transaction = Transaction::default();
        // An erasure that comes first refuses this write.
        transaction.check(keys::subscription(&order.value.id), Condition::version_is(order.version));
        let mut is_new =
            self.merge(&mut transaction, mail_key(&order.value.id, lookup.hash(), notice), feedback).await?;
        if recorded != FeedbackRecorded::Staff {
            is_new |= self.merge(&mut transaction, address_key(lookup.hash()), feedback).await?;
        }
        if !is_new {
            let repeated =
                if recorded == FeedbackRecorded::Staff { recorded } else { FeedbackRecorded::Customer(false) };
            return Ok(Attempt::Done(repeated));
        }
        let refused = self.table.transact(transaction, DOING).await?;
        Ok(if refused.is_none() { Attempt::Done(recorded) } else { Attempt::Conflict(()) })
    }

    /// Adds the write of a record with one more report; `false` where the record has it.
    async fn merge(&self, transaction: &mut Transaction, key: Key, feedback: &Feedback) -> Result<bool, Error> {
        let stored = self.table.get::<FeedbackRecord>(&key, DOING).await?.map(Record::into_versioned);
        let (merged, version) = match stored {
            None => (FeedbackRecord::from(feedback.clone()), None),
            Some(Versioned { value, version }) => {
                let merged = value.with(feedback);
                if merged == value {
                    return Ok(false);
                }
                (merged, Some(version))
            }
        };
        transaction.put_if_version(Record::new(key, merged), version)?;
        Ok(true)
    }

    /// Queues the mail to staff about an order's address, once for each order and address. `false` where that happened before.
    pub async fn notify_undeliverable(
        &self,
        order: &SubscriptionId,
        block: &Feedback,
        now: Timestamp,
    ) -> Result<bool, Error> {
        retry_on_conflict("notifying staff about an address", (), |()| async move {
            let order = self.subscription(order).await?.filter(|order| order.value.erased.is_none());
            let Some(Versioned { value: order, version }) = order else { return Ok(Attempt::Done(false)) };
            let mut transaction = Transaction::default();
            // An erasure that comes first refuses this write.
            transaction.check(keys::subscription(&order.id), Condition::version_is(version));
            let key = notified_key(&order.id, lookup(&order.email).hash());
            let marked = transaction.put_if_absent(Record::new(key, ()))?;
            // Not the address's hash: the notice stays after an erasure.
            let occasion = now.unix().to_string();
            let notice = transaction.put_if_absent(queued(&undeliverable(&order, &occasion, block, now)))?;
            Ok(match self.table.transact(transaction, "notifying staff about an address").await? {
                None => Attempt::Done(true),
                Some(refusal) if refusal.is_at(marked) || refusal.is_at(notice) => Attempt::Done(false),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }

    /// Returns everything that is stored about an order's mails and addresses, without the hashes.
    pub async fn export_feedback(&self, order: &SubscriptionId) -> Result<Vec<FeedbackExport>, Error> {
        let mut exported = Vec::new();
        for (key, record) in self.order_feedback(order).await?.0 {
            let Some((hash, notice)) = key.split_once('#') else { continue };
            let about_address = self.table.get::<FeedbackRecord>(&address_key(hash), DOING).await?;
            let address = about_address.map(|record| record.data);
            exported.push(FeedbackExport { notice: notice.to_owned(), mail: record, address });
        }
        Ok(exported)
    }

    /// Deletes the feedback about an erased order's mails, and that about each address that no other order has.
    pub(in crate::store) async fn erase_feedback(&self, order: &SubscriptionId) -> Result<(), Error> {
        let doing = "erasing feedback about mails";
        let items = self.feedback_items(order).await?;
        let keys: BTreeSet<&str> = items.iter().filter_map(|item| text_in(item, keys::SK)).collect();
        let hashes: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('#').next()).collect();
        let own = keys::subscription_partition(order);
        for hash in hashes {
            let others = self.table.find(&Lookup::of_subscription_email_hash(hash)).await?;
            if others.iter().all(|target| *target == own) {
                self.table.delete(&address_key(hash), doing).await?;
            }
        }
        // Last, since they lead to the addresses.
        for key in keys {
            self.table.delete(&Key { pk: partition(order), sk: key.to_owned() }, doing).await?;
        }
        Ok(())
    }

    async fn feedback_items(&self, order: &SubscriptionId) -> Result<Vec<Item>, Error> {
        let query = Query::partition(partition(order)).consistent();
        self.table.query_pages(query, usize::MAX, "reading feedback about mails").await
    }
}

/// Feedback about one mail and its address, for the export of a user.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FeedbackExport {
    /// Notification id of the mail.
    pub notice: String,
    /// Reports about the mail.
    pub mail: FeedbackRecord,
    /// Reports about the address to which it went.
    pub address: Option<FeedbackRecord>,
}
