//! The index `listed`: items in lists, each ordered by a position of its own. Its keys stand apart from those of the due
//! index, so that being listed makes nothing due.

use std::collections::BTreeSet;
use std::fmt::Display;

use futures::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::platform::hash::short_id;
use crate::platform::logging::error_chain;
use crate::store::error::Error;
use crate::store::table::keys::Key;
use crate::store::table::query::{Query, QueryPage};
use crate::store::table::record::Record;
use crate::store::table::{Item, Table, keys, text_in};

/// Partitions of one list, so that none takes all writes of a list that most items are in. A read asks all of them beside one
/// another.
const SHARDS: u8 = 4;
/// Lists of few items, which are in one partition each, so that one query reads them.
const SMALL: [&str; 2] = ["runs#unfinished", "subscriptions#needs_attention"];
/// Sorts before every position.
const FIRST: &str = " ";
/// Sorts after every position.
const LAST: &str = "~";
/// Longest text that is taken for a position.
const LONGEST_POSITION: usize = 100;

/// Place of an item within its list: a time or a day, `#`, and a hash of the item's key. Unique within the list, and without
/// personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition(String);

/// Selection from lists.
#[derive(Clone, Debug)]
pub(in crate::store) struct Listing<'a> {
    /// Lists that are merged.
    pub(in crate::store) lists: Vec<String>,
    /// Beginning of the lowest position, usually a time or a day; from the first one where it is absent.
    pub(in crate::store) from: Option<String>,
    /// Beginning of the highest position; to the last one where it is absent.
    pub(in crate::store) to: Option<String>,
    /// True for the highest position first.
    pub(in crate::store) is_descending: bool,
    /// Position after which the page begins.
    pub(in crate::store) after: Option<&'a ListPosition>,
    /// Largest number of entries.
    pub(in crate::store) limit: usize,
}

/// Entry of a list.
#[derive(Debug)]
pub(in crate::store) struct ListEntry {
    pub(in crate::store) key: Key,
    pub(in crate::store) position: ListPosition,
}

impl ListPosition {
    /// Reads a position of an earlier page; `None` for a text that cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (is_printable && !text.is_empty() && text.len() <= LONGEST_POSITION).then(|| Self(text.to_owned()))
    }

    /// The position as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time or day of the position.
    #[must_use]
    pub fn at(&self) -> &str {
        self.0.split('#').next().unwrap_or_default()
    }
}

impl<T> Record<T> {
    /// Puts the item into a list, at a time or a day whose texts sort as they follow one another.
    #[must_use]
    pub(in crate::store) fn listed(mut self, list: &str, at: impl Display) -> Self {
        let item = short_id(&format!("{} {}", self.pk, self.sk));
        self.list = Some(partition(list, keys::shard(&item, shards(list))));
        self.listed_at = Some(format!("{at}#{item}"));
        self
    }
}

/// Number of partitions of a list.
fn shards(list: &str) -> u8 {
    if SMALL.contains(&list) { 1 } else { SHARDS }
}

fn partition(list: &str, shard: u8) -> String {
    format!("{list}#{shard}")
}

impl Listing<'_> {
    fn query(&self, partition: String) -> Query {
        let after = self.after.map(|position| position.0.clone());
        let (mut lowest, mut highest) = (
            self.from.clone().unwrap_or_else(|| FIRST.to_owned()),
            self.to.as_ref().map_or_else(|| LAST.to_owned(), |to| format!("{to}{LAST}")),
        );
        // A cursor that was made for another range leaves the range as it is.
        if let Some(after) = after {
            if self.is_descending {
                highest = highest.min(after);
            } else {
                lowest = lowest.max(after);
            }
        }
        // One more than wanted, because the position itself was on the page before.
        let query = Query::list(partition).between(lowest.clone(), highest.max(lowest)).limit(self.limit + 1);
        if self.is_descending { query.descending() } else { query }
    }
}

impl Table {
    /// Reads one page of lists: the entries in the order of their positions, and the position of the next page; none: it was
    /// the last one. Eventually consistent: an entry may be missing for a moment, or be of a list that its item has left.
    pub(in crate::store) async fn list(
        &self,
        listing: Listing<'_>,
        doing: &'static str,
    ) -> Result<(Vec<ListEntry>, Option<ListPosition>), Error> {
        let partitions = listing.lists.iter().flat_map(|list| (0..shards(list)).map(|shard| partition(list, shard)));
        let pages = try_join_all(partitions.map(|partition| self.query(listing.query(partition), doing))).await?;
        Ok(merged(pages, &listing))
    }

    /// Reads one page of the items of lists: the first `limit` of those that `select` takes, and the position of the next page;
    /// none: it was the last one. The page is shorter where fewer of the entries in the listing's limit are taken.
    pub(in crate::store) async fn list_items<T>(
        &self,
        listing: Listing<'_>,
        limit: usize,
        doing: &'static str,
        select: impl Fn(Item) -> Option<T>,
    ) -> Result<(Vec<T>, Option<ListPosition>), Error> {
        let (entries, mut next) = self.list(listing, doing).await?;
        // While an item moves from one list to another, the index may show it in both.
        let wanted: BTreeSet<Key> = entries.iter().map(|entry| entry.key.clone()).collect();
        let mut items = self.get_many(&Vec::from_iter(wanted), doing).await?;
        let (mut page, mut last) = (Vec::new(), None);
        for entry in entries {
            let is_own = |item: &Item| text_in(item, keys::LISTED_AT) == Some(entry.position.as_str());
            if !items.get(&entry.key).is_some_and(is_own) {
                continue;
            }
            let Some(selected) = items.remove(&entry.key).and_then(&select) else { continue };
            if page.len() == limit {
                next = last;
                break;
            }
            page.push(selected);
            last = Some(entry.position);
        }
        Ok((page, next))
    }
}

/// Merges the first entries of all partitions. A partition that has more is complete as far as it was read.
fn merged(pages: Vec<QueryPage>, listing: &Listing<'_>) -> (Vec<ListEntry>, Option<ListPosition>) {
    let (mut entries, mut ends) = (Vec::new(), Vec::new());
    for page in pages {
        let has_more = page.next.is_some();
        let read: Vec<ListEntry> = page.items.iter().filter_map(entry).collect();
        ends.extend(read.last().filter(|_| has_more).map(|last| last.position.clone()));
        entries.extend(read.into_iter().filter(|entry| Some(&entry.position) != listing.after));
    }
    entries.sort_by(|a, b| a.position.cmp(&b.position));
    let end = if listing.is_descending {
        entries.reverse();
        ends.into_iter().max()
    } else {
        ends.into_iter().min()
    };
    let is_complete = |entry: &ListEntry| match &end {
        Some(end) if listing.is_descending => entry.position >= *end,
        Some(end) => entry.position <= *end,
        None => true,
    };
    let complete = entries.iter().take_while(|entry| is_complete(entry)).count();
    let has_more = end.is_some() || complete > listing.limit;
    entries.truncate(complete.min(listing.limit));
    let next = entries.last().map(|last| last.position.clone()).filter(|_| has_more);
    (entries, next)
}

fn entry(item: &Item) -> Option<ListEntry> {
    let part = |name| text_in(item, name).map(str::to_owned);
    let key = Key { pk: part(keys::PK)?, sk: part(keys::SK)? };
    Some(ListEntry { key, position: ListPosition(part(keys::LISTED_AT)?) })
}

/// The content of an item; `None`, and a line in the log, where it cannot be read: one such item does not hide the others.
pub(in crate::store) fn readable<T: DeserializeOwned>(item: Item) -> Option<T> {
    let log = |error: &Error| tracing::error!(error = error_chain(error), "an item of a list cannot be read");
    Record::from_item(item).inspect_err(log).ok().map(|record| record.data)
}
