//! Lists of quarantined reports: by time of receipt, open or resolved or both, or those of one order.

use std::collections::{BTreeSet, VecDeque};

use futures::future::{join_all, try_join_all};

use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;
use crate::platform::logging::error_chain;

use crate::store::billing::Billing;
use crate::store::billing::quarantine::types::{QuarantinePointer, QuarantineState, Quarantined};
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::{Item, text, text_in};

/// Reports in one page of [`Billing::all_quarantined`].
const PAGE: usize = 100;

/// Selection and order of a list.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// States of the reports; each has a queue, which are merged.
    pub states: &'a [QuarantineState],
    /// Range of the times of receipt.
    pub range: TimeRange,
    /// True for oldest first; otherwise newest first.
    pub oldest_first: bool,
}

/// End of a page: one second, and the last report of that second in each of the merged queues. A report of that second
/// that is resolved between two pages of both queues may be listed twice or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Time of receipt of the last report, to the second (UTC).
    pub at: Timestamp,
    /// Id of the last report of that second, for each of [`Listing::states`].
    pub last: Vec<Option<String>>,
}

/// A report in a list.
#[derive(Debug)]
pub struct Listed {
    /// Id of the report.
    pub id: String,
    /// Time of receipt (UTC).
    pub at: Timestamp,
    /// The report, or the reason why it cannot be read: one such report does not hide the others.
    pub report: Result<Quarantined, Error>,
}

/// Reports of one page, and the position of the next; none: it was the last page.
pub type Page = (Vec<Listed>, Option<Position>);

/// Reports that were read from one queue.
struct Queue {
    listed: VecDeque<Listed>,
    has_more: bool,
}

/// Start of a page within one queue.
#[derive(Clone, Copy)]
struct QueueStart<'a> {
    at: Timestamp,
    /// Last listed report of that second; none: the page starts with the second.
    last: Option<&'a str>,
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
    /// Returns a quarantined report.
    pub async fn quarantined(&self, id: &str) -> Result<Option<Quarantined>, Error> {
        let record = self.table.get(&keys::quarantine(id), "reading a quarantined report").await?;
        Ok(record.map(|record| record.data))
    }

    /// Returns the reports of those ids that are stored, the earliest first, in one batch. One that cannot be read is logged.
    pub async fn quarantined_many(&self, ids: &BTreeSet<String>) -> Result<Vec<Quarantined>, Error> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::quarantine(id)).collect();
        let found = self.table.get_many(&keys, "reading quarantined reports").await?;
        let mut reports: Vec<Quarantined> =
            found.into_values().filter_map(listed).filter_map(Listed::readable).collect();
        reports.sort_by(|a, b| (a.received_at, &a.id).cmp(&(b.received_at, &b.id)));
        Ok(reports)
    }

    /// Returns at most `limit` reports after a position. Where two queues are merged, a page may be shorter although
    /// more reports follow.
    pub async fn quarantine_page(
        &self,
        listing: &Listing<'_>,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page, Error> {
        let queues = try_join_all(listing.states.iter().enumerate().map(|(list, state)| {
            let start = after.map(|position| QueueStart { at: position.at, last: position.last(list) });
            self.quarantine_queue(listing, *state, start, limit)
        }));
        Ok(merge(queues.await?, listing.oldest_first, after, limit))
    }

    /// Returns all reports received in the range, open and resolved, newest first. Reports that cannot be read are
    /// logged.
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

    /// Returns at most `limit` reports about an order, newest first, by the pointers in its partition.
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
        // `~` sorts after every id of the last second.
        let query = Query::partition(keys::subscription_partition(order))
            .between(format!("{}{}", prefix::QUARANTINE, range.from), format!("{}{upper}~", prefix::QUARANTINE))
            .descending()
            .consistent()
            .after(start)
            .limit(limit);
        let pointers = self.table.query(query, "reading an order's quarantined reports").await?;
        let (mut page, mut next) = (Vec::new(), None);
        let pointers_read =
            pointers.items.into_iter().map(|item| Ok(Record::<QuarantinePointer>::from_item(item)?.data));
        let found = pointers_read.collect::<Result<Vec<_>, Error>>()?;
        // At once; a page is bounded.
        let reports = join_all(found.iter().map(|pointer| self.quarantined(&pointer.id))).await;
        for (QuarantinePointer { id, received_at: at }, report) in found.into_iter().zip(reports) {
            next = Some(Position { at, last: vec![Some(id.clone())] });
            match report {
                Ok(Some(report)) => page.push(Listed { id, at, report: Ok(report) }),
                // The pointer remains where the report has expired.
                Ok(None) => {}
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => page.push(Listed { id, at, report: Err(error) }),
            }
        }
        Ok((page, if pointers.next.is_some() { next } else { None }))
    }

    /// Reads one queue of a listing.
    async fn quarantine_queue(
        &self,
        listing: &Listing<'_>,
        state: QuarantineState,
        start: Option<QueueStart<'_>>,
        limit: usize,
    ) -> Result<Queue, Error> {
        let (mut from, mut last) = (listing.range.from, listing.range.last());
        if let Some(start) = start {
            *(if listing.oldest_first { &mut from } else { &mut last }) = start.at;
        }
        let mut query = Query::queue(state.queue()).due_in(TimeRange::inclusive(from, last)).limit(limit);
        if let Some((at, id)) = start.and_then(|start| Some((start.at, start.last?))) {
            query = query.after_due(at, keys::quarantine(id));
        }
        let query = if listing.oldest_first { query } else { query.descending() };
        let page = self.table.query(query, "reading quarantined reports").await?;
        Ok(Queue { listed: page.items.into_iter().filter_map(listed).collect(), has_more: page.next.is_some() })
    }
}

impl Listed {
    /// Returns the report; logs the error where it cannot be read.
    #[must_use]
    pub fn readable(self) -> Option<Quarantined> {
        let log = |error: &Error| {
            tracing::error!(quarantine = self.id, error = error_chain(error), "a quarantined report cannot be read");
        };
        self.report.inspect_err(log).ok()
    }
}

/// Reads id and time from the index keys, which exist even where the rest of the item cannot be read.
fn listed(item: Item) -> Option<Listed> {
    let id = text_in(&item, keys::PK)?.strip_prefix(prefix::QUARANTINE)?.to_owned();
    let at = Timestamp::parse(text_in(&item, keys::DUE_AT)?).ok()?;
    Some(Listed { id, at, report: Record::from_item(item).map(|record| record.data) })
}

/// Merges the queues by time. Ends where a queue that was read to its end may have more reports that come first.
fn merge(mut queues: Vec<Queue>, oldest_first: bool, after: Option<&Position>, limit: usize) -> Page {
    let lists = queues.len();
    let (mut page, mut position) = (Vec::new(), after.cloned());
    if let Some(position) = position.as_mut() {
        position.last.resize(lists, None);
    }
    while page.len() < limit && !queues.iter().any(|queue| queue.has_more && queue.listed.is_empty()) {
        let heads = queues.iter().enumerate().filter_map(|(list, queue)| Some((list, queue.listed.front()?.at)));
        // Of one second, the earlier of the listed states comes first in both orders.
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
    let has_more = queues.iter().any(|queue| queue.has_more || !queue.listed.is_empty());
    // An empty page has no next one, so that a caller that follows `next` always ends.
    let next = if has_more && !page.is_empty() { position } else { None };
    (page, next)
}
