//! Lists of reports that were set aside: by the time they came, open or resolved or both, or those of one order.

use std::collections::VecDeque;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;

use crate::store::billing::Billing;
use crate::store::table::keys::{self, prefix};
use crate::store::table::record::{QuarantinePointer, QuarantineState, Quarantined, Record};
use crate::store::{Error, Item, text};

/// Reports read at once where all of a time are read.
const PAGE: usize = 100;

/// Which reports, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Where they stand.
    pub states: &'a [QuarantineState],
    /// Range of the times at which they came.
    pub range: TimeRange,
    /// Oldest first; otherwise newest first.
    pub oldest_first: bool,
}

/// Where a page ended: at one second, and at which report of that second in each of the lists that are merged. Within
/// that second a report that is resolved between two pages of both lists may be told twice or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The second.
    pub at: Timestamp,
    /// The id of the last report of that second, in the order of the lists.
    pub last: Vec<Option<String>>,
}

/// A report in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
    /// The report, or why it cannot be read: one such does not hide the others.
    pub report: Result<Quarantined, Error>,
}

/// A page, and where the next begins; none: it was the last.
pub type Page = (Vec<Listed>, Option<Position>);

/// What was read of one queue.
struct Queue {
    listed: VecDeque<Listed>,
    more: bool,
}

impl Position {
    /// The end of a page of one list.
    #[must_use]
    pub fn of(listed: &Listed) -> Self {
        Self { at: listed.at, last: vec![Some(listed.id.clone())] }
    }

    fn last(&self, list: usize) -> Option<&str> {
        self.last.get(list).and_then(Option::as_deref)
    }
}

impl QuarantineState {
    const fn queue(self) -> &'static str {
        match self {
            Self::Open => keys::QUARANTINE_QUEUE,
            Self::Resolved => keys::QUARANTINE_RESOLVED_QUEUE,
        }
    }
}

impl Billing {
    /// A report that was set aside; `None` when there is none of that id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantined(&self, id: &str) -> Result<Option<Quarantined>, Error> {
        let record = self.table.get(&keys::quarantine(id), "reading a report that was set aside").await?;
        Ok(record.map(|record| record.data))
    }

    /// At most `limit` reports after a position. Where two queues are merged, a page may end early.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantine_page(
        &self,
        listing: &Listing<'_>,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page, Error> {
        let mut queues = Vec::new();
        for (list, state) in listing.states.iter().enumerate() {
            let start = after.map(|position| (position.at, position.last(list)));
            queues.push(self.quarantine_queue((listing, state.queue()), start, limit).await?);
        }
        Ok(merge(queues, listing.oldest_first, after, limit))
    }

    /// All reports set aside in the range, newest first, whatever became of them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn all_quarantined(&self, range: TimeRange) -> Result<Vec<Quarantined>, Error> {
        let states = [QuarantineState::Open, QuarantineState::Resolved];
        let listing = Listing { states: &states, range, oldest_first: false };
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.quarantine_page(&listing, after.as_ref(), PAGE).await?;
            all.extend(page.into_iter().filter_map(Listed::readable));
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// At most `limit` reports about an order of ours, newest first, by the pointers of its partition.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantined_of(
        &self,
        order: &SubscriptionId,
        range: TimeRange,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page, Error> {
        let upper = after.map_or_else(|| range.last(), |position| position.at);
        let start = after.and_then(|position| position.last(0)).map(|id| {
            let key = keys::quarantine_pointer(order, upper, id);
            Item::from([(keys::PK.to_owned(), text(key.pk)), (keys::SK.to_owned(), text(key.sk))])
        });
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::subscription_partition(order)))
            .expression_attribute_values(":from", text(format!("{}{}", prefix::QUARANTINE, range.from)))
            .expression_attribute_values(":to", text(format!("{}{upper}~", prefix::QUARANTINE)))
            .scan_index_forward(false)
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| Error::unavailable("reading an order's quarantine", error))?;
        let (mut page, mut next) = (Vec::new(), None);
        for item in answer.items.unwrap_or_default() {
            let QuarantinePointer { id, received_at: at } = Record::from_item(item)?.data;
            next = Some(Position { at, last: vec![Some(id.clone())] });
            match self.quarantined(&id).await {
                Ok(Some(report)) => page.push(Listed { id, at, report: Ok(report) }),
                // Its data may have been erased.
                Ok(None) => {}
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => page.push(Listed { id, at, report: Err(error) }),
            }
        }
        Ok((page, next.filter(|_| answer.last_evaluated_key.is_some())))
    }

    /// One queue of a listing, on from a second and the last report of it.
    async fn quarantine_queue(
        &self,
        (listing, queue): (&Listing<'_>, &str),
        start: Option<(Timestamp, Option<&str>)>,
        limit: usize,
    ) -> Result<Queue, Error> {
        let (mut from, mut to) = (listing.range.from, listing.range.last());
        if let Some((at, _)) = start {
            *(if listing.oldest_first { &mut from } else { &mut to }) = at;
        }
        let key = |(at, id): (Timestamp, &str)| {
            let key = keys::quarantine(id);
            let names = [keys::QUEUE, keys::DUE_AT, keys::PK, keys::SK].map(str::to_owned);
            names.into_iter().zip([text(queue), text(at.to_string()), text(key.pk), text(key.sk)]).collect::<Item>()
        };
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#queue = :queue AND #due_at BETWEEN :from AND :to")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_names("#due_at", keys::DUE_AT)
            .expression_attribute_values(":queue", text(queue))
            .expression_attribute_values(":from", text(from.to_string()))
            .expression_attribute_values(":to", text(to.to_string()))
            .scan_index_forward(listing.oldest_first)
            .set_exclusive_start_key(start.and_then(|(at, id)| id.map(|id| key((at, id)))))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| Error::unavailable("reading the quarantine", error))?;
        let listed = answer.items.unwrap_or_default().into_iter().filter_map(listed).collect();
        Ok(Queue { listed, more: answer.last_evaluated_key.is_some() })
    }
}

impl Listed {
    /// The report, if it can be read; else its error is told.
    #[must_use]
    pub fn readable(self) -> Option<Quarantined> {
        let told = |error: &Error| {
            tracing::error!(
                quarantine = self.id,
                error = crate::platform::logging::error_chain(error),
                "a report that was set aside cannot be read"
            );
        };
        self.report.inspect_err(told).ok()
    }
}

/// An item of the index under its own keys, which are there even where the rest is not as it should be.
fn listed(item: Item) -> Option<Listed> {
    let value = |name: &str| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok());
    let id = value(keys::PK)?.strip_prefix(prefix::QUARANTINE)?.to_owned();
    let at = Timestamp::parse(value(keys::DUE_AT)?).ok()?;
    Some(Listed { id, at, report: Record::from_item(item).map(|record| record.data) })
}

/// The reports of all queues in one order. Ends where a queue may hold more that comes first.
fn merge(mut queues: Vec<Queue>, oldest_first: bool, after: Option<&Position>, limit: usize) -> Page {
    let lists = queues.len();
    let (mut page, mut position) = (Vec::new(), after.cloned());
    if let Some(position) = position.as_mut() {
        position.last.resize(lists, None);
    }
    while page.len() < limit && !queues.iter().any(|queue| queue.more && queue.listed.is_empty()) {
        let heads = queues.iter().enumerate().filter_map(|(list, queue)| Some((list, queue.listed.front()?.at)));
        let first = if oldest_first { heads.min_by_key(|(_, at)| *at) } else { heads.rev().max_by_key(|(_, at)| *at) };
        let taken = first.and_then(|(list, _)| Some((list, queues.get_mut(list)?.listed.pop_front()?)));
        let Some((list, listed)) = taken else { break };
        if position.as_ref().is_none_or(|position| position.at != listed.at) {
            position = Some(Position { at: listed.at, last: vec![None; lists] });
        }
        if let Some(last) = position.as_mut().and_then(|position| position.last.get_mut(list)) {
            *last = Some(listed.id.clone());
        }
        page.push(listed);
    }
    let more = queues.iter().any(|queue| queue.more || !queue.listed.is_empty());
    // Whoever asks on and on comes to an end.
    let next = position.filter(|_| more && !page.is_empty());
    (page, next)
}
