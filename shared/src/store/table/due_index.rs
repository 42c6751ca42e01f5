//! What is due, read from the sparse index: as much work as there is, at any table size.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;

use crate::store::table::keys;
use crate::store::table::record::Record;
use crate::store::table::table::Table;
use crate::store::{Error, Item, key_of, text};

/// Items read at once.
const PAGE: i32 = 50;

/// Where a page ended; none: at the end of what is due.
pub type Cursor = Option<HashMap<String, AttributeValue>>;

/// Items of a queue, in the order in which they fell due.
#[derive(Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// When the first of them fell due.
    pub oldest: Option<Timestamp>,
    /// Where the page ended.
    pub next: Cursor,
}

impl<T> Page<T> {
    /// The same page with other items.
    pub(in crate::store) fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(of).collect(), oldest: self.oldest, next: self.next }
    }
}

impl Table {
    /// A page of items of a queue that are due at `now`. One that cannot be read is told and parked, so that it does
    /// not hide the others.
    ///
    /// # Errors
    /// [`Error`].
    pub(in crate::store) async fn due_records<T: DeserializeOwned>(
        &self,
        queue: &str,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Record<T>>, Error> {
        let Page { items, oldest, next } = self.due_page(queue, now, after).await?;
        let mut records = Vec::with_capacity(items.len());
        for item in items {
            match Record::from_item(item) {
                Ok(record) => records.push(record),
                Err(error) => self.park_unreadable(&error).await?,
            }
        }
        Ok(Page { items: records, oldest, next })
    }

    /// Takes an item that cannot be read out of its queue, so that no run meets it again. It stays as it is otherwise.
    ///
    /// # Errors
    /// [`Error`].
    pub(in crate::store) async fn park_unreadable(&self, unreadable: &Error) -> Result<(), Error> {
        let Error::Unreadable { pk, sk, .. } = unreadable else { return Ok(()) };
        tracing::error!(
            error = crate::platform::logging::error_chain(unreadable),
            "a due item cannot be read; it moves to the queue of unreadable items"
        );
        if self.is_dry_run {
            return Ok(());
        }
        let key = key_of(&keys::Key { pk: pk.clone(), sk: sk.clone() });
        let update = self.client.update_item().table_name(&self.name).set_key(Some(key));
        let update = update
            .update_expression("SET #queue = :unreadable")
            .condition_expression("attribute_exists(#queue)")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_values(":unreadable", text(keys::UNREADABLE_QUEUE));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(Error::unavailable("parking an item", error)),
        }
    }

    pub(in crate::store) async fn due_page(
        &self,
        queue: &str,
        now: Timestamp,
        after: Cursor,
    ) -> Result<Page<Item>, Error> {
        self.between(queue, TimeRange::inclusive(Timestamp::EPOCH, now), after).await
    }

    /// A page of the items of a queue whose time lies in the range.
    pub(in crate::store) async fn between(
        &self,
        queue: &str,
        range: TimeRange,
        after: Cursor,
    ) -> Result<Page<Item>, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#queue = :queue AND #due_at BETWEEN :from AND :to")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_names("#due_at", keys::DUE_AT)
            .expression_attribute_values(":queue", text(queue))
            .expression_attribute_values(":from", text(range.from.to_string()))
            .expression_attribute_values(":to", text(range.last().to_string()))
            .set_exclusive_start_key(after)
            .limit(PAGE);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading what is due", error))?;
        let items = answer.items.unwrap_or_default();
        let due_at = items.first().and_then(|item| item.get(keys::DUE_AT)).and_then(|at| at.as_s().ok());
        let oldest = due_at.and_then(|at| Timestamp::parse(at).ok());
        Ok(Page { items, oldest, next: answer.last_evaluated_key })
    }
}
