//! The due index: sparse and ordered by time within each queue, so that a run reads as many items as are due, at any
//! size of the table.

use serde::de::DeserializeOwned;

use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;
use crate::platform::logging::error_chain;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
pub use crate::store::table::query::Cursor;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::{Item, Table, keys, text, text_in};

/// Items in one page.
const PAGE: usize = 50;

/// One page of a queue, in the order of due times.
#[derive(Debug)]
pub struct Page<T> {
    /// Items in the order in which they fell due.
    pub items: Vec<T>,
    /// Due time of the first item.
    pub oldest: Option<Timestamp>,
    /// Position after the page.
    pub next: Cursor,
}

impl<T> Page<T> {
    pub(in crate::store) fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), oldest: self.oldest, next: self.next }
    }
}

impl Table {
    /// Reads a page of the items of a queue whose time lies in the range.
    pub(in crate::store) async fn due(
        &self,
        queue: &str,
        range: TimeRange,
        after: Cursor,
    ) -> Result<Page<Item>, Error> {
        let query = Query::queue(queue).due_in(range).after(after).limit(PAGE);
        let page = self.query(query, "reading due items").await?;
        let due_at = page.items.first().and_then(|item| text_in(item, keys::DUE_AT));
        let oldest = due_at.and_then(|at| Timestamp::parse(at).ok());
        Ok(Page { items: page.items, oldest, next: page.next })
    }

    /// Reads a page of the items of a queue that are due at `now`.
    pub(in crate::store) async fn due_until(
        &self,
        queue: &str,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Item>, Error> {
        self.due(queue, TimeRange::inclusive(Timestamp::EPOCH, now), after).await
    }

    /// Reads a page of the items of a queue that are due at `now`. Items that cannot be read are moved to the queue of
    /// unreadable items.
    pub(in crate::store) async fn due_records<T: DeserializeOwned>(
        &self,
        queue: &str,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Record<T>>, Error> {
        self.due_readable(queue, now, after, Record::from_item).await
    }

    /// As [`Self::due_records`], for items of several shapes.
    pub(in crate::store) async fn due_readable<T>(
        &self,
        queue: &str,
        now: Timestamp,
        after: Cursor,
        read: impl Fn(Item) -> Result<T, Error>,
    ) -> Result<Page<T>, Error> {
        let Page { items, oldest, next } = self.due_until(queue, now, after).await?;
        let mut records = Vec::with_capacity(items.len());
        for item in items {
            match read(item) {
                Ok(record) => records.push(record),
                Err(error) => {
                    if let Err(unmoved) = self.move_to_unreadable(queue, &error).await {
                        tracing::error!(
                            error = error_chain(&unmoved),
                            "an unreadable item could not be taken out of its queue"
                        );
                    }
                }
            }
        }
        Ok(Page { items: records, oldest, next })
    }

    /// Moves an item of `queue` that cannot be read to the queue of unreadable items, so that no later run reads it as due.
    /// The item is otherwise unchanged. Does nothing for other errors: an item of a newer version stays in its queue.
    pub(in crate::store) async fn move_to_unreadable(&self, queue: &str, unreadable: &Error) -> Result<(), Error> {
        let Error::Unreadable { pk, sk, .. } = unreadable else { return Ok(()) };
        tracing::error!(
            error = error_chain(unreadable),
            "a due item cannot be read; it moves to the queue of unreadable items"
        );
        // An item without a queue was handled by another run in between.
        let update = Update::of(keys::Key { pk: pk.clone(), sk: sk.clone() })
            .set(keys::QUEUE, text(keys::UNREADABLE_QUEUE))
            .set(keys::QUEUE_BEFORE, text(queue))
            .when(Condition::text_is(keys::QUEUE, queue));
        self.update(update, "moving an unreadable item").await.map(|_| ())
    }

    /// Moves the items of the queue of unreadable items that this version can read back to their queues, and returns their
    /// number. `is_readable` decides by the item as it is stored.
    pub(in crate::store) async fn restore_unreadable(
        &self,
        now: Timestamp,
        is_readable: impl Fn(&str, &Item) -> bool,
    ) -> Result<Restored, Error> {
        let (mut restored, mut cursor) = (Restored::default(), None);
        loop {
            let page = self.due_until(keys::UNREADABLE_QUEUE, now, cursor).await?;
            for item in page.items {
                let key = |name: &str| text_in(&item, name).unwrap_or_default().to_owned();
                let queue = key(keys::QUEUE_BEFORE);
                if queue.is_empty() || !is_readable(&queue, &item) {
                    restored.left += 1;
                    continue;
                }
                let update = Update::of(keys::Key { pk: key(keys::PK), sk: key(keys::SK) })
                    .set(keys::QUEUE, text(&queue))
                    .remove(keys::QUEUE_BEFORE)
                    .when(Condition::text_is(keys::QUEUE, keys::UNREADABLE_QUEUE));
                if self.update(update, "restoring an unreadable item").await? {
                    restored.moved += 1;
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(restored);
            }
        }
    }
}

/// Result of restoring unreadable items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Items that are in their queues again.
    pub moved: u64,
    /// Items that still cannot be read.
    pub left: u64,
}
