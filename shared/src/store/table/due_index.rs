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
        let Page { items, oldest, next } = self.due_until(queue, now, after).await?;
        let mut records = Vec::with_capacity(items.len());
        for item in items {
            match Record::from_item(item) {
                Ok(record) => records.push(record),
                Err(error) => self.move_to_unreadable(&error).await?,
            }
        }
        Ok(Page { items: records, oldest, next })
    }

    /// Moves an item that cannot be read to the queue of unreadable items, so that no later run reads it as due. The
    /// item is otherwise unchanged. Does nothing for other errors.
    pub(in crate::store) async fn move_to_unreadable(&self, unreadable: &Error) -> Result<(), Error> {
        let Error::Unreadable { pk, sk, .. } = unreadable else { return Ok(()) };
        tracing::error!(
            error = error_chain(unreadable),
            "a due item cannot be read; it moves to the queue of unreadable items"
        );
        // An item without a queue was handled by another run in between.
        let update = Update::of(keys::Key { pk: pk.clone(), sk: sk.clone() })
            .set(keys::QUEUE, text(keys::UNREADABLE_QUEUE))
            .when(Condition::exists(keys::QUEUE));
        self.update(update, "moving an unreadable item").await.map(|_| ())
    }
}
