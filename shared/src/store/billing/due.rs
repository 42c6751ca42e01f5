//! Subscriptions and callback logs that are due.

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::subscription::Subscription;
use crate::domain::billing::task::Task;
use crate::domain::values::time::Timestamp;
use crate::store::billing::Billing;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::record::{Record, WebhookLog};
use crate::store::{Error, key_of};

/// What was deleted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deleted {
    /// How many items.
    pub count: usize,
    /// When the first of them fell due.
    pub oldest: Option<Timestamp>,
}

impl Billing {
    /// A page of subscriptions whose task is due at `now`, in the order in which they fell due. Items that cannot
    /// be read are in it as errors, so that they do not hide the others.
    ///
    /// # Errors
    /// [`Error`] when the page itself cannot be read.
    pub async fn due_subscriptions(
        &self,
        kind: Task,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Result<Versioned<Subscription>, Error>>, Error> {
        let page = self.table.due_page(kind.as_str(), now, after).await?;
        let read = |item| Record::from_item(item).map(Record::into_versioned);
        Ok(page.map(read))
    }

    /// Deletes callback logs whose time is over, at most `limit`. DynamoDB's own expiry may take days and does the same.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_old_webhook_logs(&self, now: Timestamp, limit: usize) -> Result<Deleted, Error> {
        let (mut deleted, mut cursor) = (Deleted::default(), None);
        while deleted.count < limit {
            let page = self.table.due_records::<WebhookLog>(keys::WEBHOOK_LOG_QUEUE, now, cursor).await?;
            deleted.oldest = deleted.oldest.or(page.oldest);
            for record in page.items {
                deleted.count += 1;
                if self.table.is_dry_run {
                    continue;
                }
                let key = key_of(&keys::Key { pk: record.pk, sk: record.sk });
                let delete =
                    self.table.client.delete_item().table_name(&self.table.name).set_key(Some(key)).send().await;
                delete.map_err(|error| Error::unavailable("deleting a callback log", error))?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(deleted)
    }

    /// Moves an item that cannot be read to the queue of unreadable items, so that no run meets it again. The item is
    /// otherwise unchanged.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when DynamoDB does not answer.
    pub async fn park_unreadable(&self, unreadable: &Error) -> Result<(), Error> {
        self.table.park_unreadable(unreadable).await
    }
}
