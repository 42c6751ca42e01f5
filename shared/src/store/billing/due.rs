//! Subscriptions that are due for a task, messages that are due to be sent, and callback logs that are due for deletion.

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::subscription::Subscription;
use crate::domain::billing::task::Task;
use crate::domain::values::time::Timestamp;
use crate::domain::workshop::vehicles::Vehicle;

use crate::store::billing::Billing;
use crate::store::billing::events::{DueEvent, StoredEvent};
use crate::store::billing::notices::DueNotice;
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::error::Error;
use crate::store::table::due_index::{Cursor, Page, Restored};
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::record::Record;
use crate::store::table::{Item, text, text_in};

/// Result of a clean-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deleted {
    /// Number of deleted items; in a dry run, of items that would be deleted.
    pub count: usize,
    /// Due time of the first deleted item.
    pub oldest: Option<Timestamp>,
}

/// Message that is due, in the one queue of mails and events.
#[derive(Clone, Debug)]
pub enum DueMessage {
    /// Mail to be sent.
    Notice(DueNotice),
    /// Event to be posted to the business's app.
    Event(DueEvent),
    /// Endpoint that was switched on: the events that waited for it are to be made due.
    Endpoint(String),
}

impl DueMessage {
    fn from_item(item: Item) -> Result<Self, Error> {
        let key = text_in(&item, keys::SK).unwrap_or_default();
        Ok(if let Some(name) = key.strip_prefix(prefix::ENDPOINT) {
            Self::Endpoint(name.to_owned())
        } else if key.starts_with(prefix::EVENT) {
            Self::Event(DueEvent::of(Record::from_item(item)?))
        } else {
            Self::Notice(DueNotice::of(Record::from_item(item)?))
        })
    }
}

impl Billing {
    /// Returns a page of the messages that are due at `wall`, in the order in which they fell due.
    pub async fn due_messages(&self, wall: Timestamp, after: Cursor) -> Result<Page<DueMessage>, Error> {
        self.table.due_readable(keys::MAIL_QUEUE, wall, after, DueMessage::from_item).await
    }

    /// Reads a message consistently; `None` where it is not due at `wall`.
    ///
    /// # Errors
    /// Also where the item cannot be read.
    pub async fn due_message(&self, key: &Key, wall: Timestamp) -> Result<Option<DueMessage>, Error> {
        let Some(item) = self.table.get_item(key, "reading a message").await? else { return Ok(None) };
        let due_at = text_in(&item, keys::DUE_AT).and_then(|at| Timestamp::parse(at).ok());
        let is_due = text_in(&item, keys::QUEUE) == Some(keys::MAIL_QUEUE) && due_at.is_some_and(|at| at <= wall);
        if is_due { DueMessage::from_item(item).map(Some) } else { Ok(None) }
    }

    /// Returns a page of subscriptions whose task is due at `now`, in the order in which they fell due. Items that
    /// cannot be read are contained as errors, so that they do not hide the others.
    pub async fn due_subscriptions(
        &self,
        kind: Task,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Result<Versioned<Subscription>, Error>>, Error> {
        let page = self.table.due_until(kind.as_str(), now, after).await?;
        Ok(page.map(|item| Record::from_item(item).map(Record::into_versioned)))
    }

    /// Deletes callback logs that have expired at `now`, until at least `limit` are deleted. DynamoDB's own expiry does
    /// the same, up to days later.
    pub async fn delete_old_webhook_logs(&self, now: Timestamp, limit: usize) -> Result<Deleted, Error> {
        let (mut deleted, mut cursor) = (Deleted::default(), None);
        while deleted.count < limit {
            let page = self.table.due_records::<WebhookLog>(keys::WEBHOOK_LOG_QUEUE, now, cursor).await?;
            deleted.oldest = deleted.oldest.or(page.oldest);
            for record in page.items {
                let key = Key { pk: record.pk, sk: record.sk };
                self.table.delete(&key, "deleting a callback log").await?;
                deleted.count += 1;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Moves a due subscription that cannot be read to the queue of unreadable items, so that no later run reads it as due.
    pub async fn move_to_unreadable(&self, task: Task, unreadable: &Error) -> Result<(), Error> {
        self.table.move_to_unreadable(task.as_str(), unreadable).await
    }

    /// Moves items that were unreadable and can be read by this version back to the queues that they came from.
    pub async fn restore_unreadable(&self, now: Timestamp) -> Result<Restored, Error> {
        let is_readable = |queue: &str, item: &Item| match queue {
            keys::MAIL_QUEUE => DueMessage::from_item(item.clone()).is_ok(),
            keys::HELD_EVENT_QUEUE => Record::<StoredEvent>::from_item(item.clone()).is_ok(),
            keys::WEBHOOK_LOG_QUEUE => Record::<WebhookLog>::from_item(item.clone()).is_ok(),
            keys::VISIT_QUEUE => Record::<Vehicle>::from_item(item.clone()).is_ok(),
            _ => Record::<Subscription>::from_item(item.clone()).is_ok(),
        };
        self.table.restore_unreadable(now, is_readable).await
    }

    /// Moves an order from the queue of a task that the policy does not want to the queue of the one that it wants, where
    /// the order is still as it was read. An order without a next action leaves the index.
    pub async fn move_to_wanted_queue(
        &self,
        order: &Versioned<Subscription>,
        policy: &DunningPolicy,
    ) -> Result<(), Error> {
        let update = Update::of(keys::subscription(&order.value.id));
        let update = match NextAction::of(&order.value, policy) {
            Some(next) => {
                update.set(keys::QUEUE, text(next.kind.as_str())).set(keys::DUE_AT, text(next.at.to_string()))
            }
            None => update.remove(keys::QUEUE).remove(keys::DUE_AT),
        };
        self.table.update(update.when(Condition::version_is(order.version)), "moving an order").await.map(|_| ())
    }
}
