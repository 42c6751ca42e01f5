//! Subscriptions that are due for a task, and callback logs that are due for deletion.

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::subscription::Subscription;
use crate::domain::billing::task::Task;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::billing::webhook_log::WebhookLog;
use crate::store::error::Error;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;

/// Result of a clean-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deleted {
    /// Number of deleted items; in a dry run, of items that would be deleted.
    pub count: usize,
    /// Due time of the first deleted item.
    pub oldest: Option<Timestamp>,
}

impl Billing {
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

    /// Moves an item that cannot be read to the queue of unreadable items, so that no later run reads it as due. The
    /// item is otherwise unchanged.
    pub async fn move_to_unreadable(&self, unreadable: &Error) -> Result<(), Error> {
        self.table.move_to_unreadable(unreadable).await
    }
}
