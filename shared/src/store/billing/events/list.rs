//! List of events in the order in which they were stored, for an app that polls.

use crate::domain::billing::app_events::AppEventType;
use crate::domain::billing::app_events::delivery::EventState;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::billing::events::{KEPT_DAYS, StoredEvent};
use crate::store::error::Error;
use crate::store::table::listing::{ListPosition, Listing, readable};

/// Name of the list.
pub(in crate::store) const EVENTS: &str = "events";
/// Seconds within which a write may become visible after one with a later time: longer than the retries of a call and the delay
/// of the index.
const SETTLED_SECONDS: i64 = 60;
/// Entries of the list that are read at a time, and how often for one page.
const READ: usize = 200;
const MOST_READS: usize = 20;

/// Position in the list of events. An app that polls keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPosition {
    /// Last entry that was read; `None` before the first one.
    pub last: Option<ListPosition>,
    /// Entry after which the list is read again once its end was reached: an event of the last minute may still be followed by one
    /// that stands before it. The inner `None` is the beginning of the list.
    pub again_from: Option<Option<ListPosition>>,
}

/// Selection of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    /// Only events of this type.
    pub kind: Option<AppEventType>,
    /// Only events in this state.
    pub state: Option<EventState>,
}

/// Events of one page.
#[derive(Debug)]
pub struct EventPage {
    /// Events in the order in which they were stored, to the second.
    pub events: Vec<StoredEvent>,
    /// Position of the next page; at the end of the list, that from which later events follow.
    pub next: EventPosition,
    /// True if the list goes on.
    pub has_more: bool,
}

impl EventPosition {
    /// The beginning of the list.
    pub const START: Self = Self { last: None, again_from: None };
}

impl Billing {
    /// Returns at most `limit` events after a position, the earliest first. No event is missed by a reader who goes on from `next`;
    /// those of the last minute are answered again.
    pub async fn events(
        &self,
        filter: EventFilter,
        after: &EventPosition,
        limit: usize,
        wall: Timestamp,
    ) -> Result<EventPage, Error> {
        let settled = wall.plus_seconds(-SETTLED_SECONDS).to_string();
        let is_wanted = |event: &StoredEvent| {
            filter.kind.is_none_or(|kind| event.kind == kind)
                && filter.state.is_none_or(|state| event.state == state)
                && wall < event.stored_at.plus_days(KEPT_DAYS)
        };
        let (mut events, mut last, mut again_from) = (Vec::new(), after.last.clone(), after.again_from.clone());
        let mut has_more = true;
        for _ in 0..MOST_READS {
            let limit_of_read = READ.min(limit.saturating_sub(events.len()));
            if limit_of_read == 0 || !has_more {
                break;
            }
            let listing = Listing {
                lists: vec![EVENTS.to_owned()],
                from: None,
                to: None,
                is_descending: false,
                after: last.as_ref(),
                limit: limit_of_read,
            };
            let (entries, next) = self.table.list(listing, "listing events").await?;
            let keys: Vec<_> = entries.iter().map(|entry| entry.key.clone()).collect();
            let mut items = self.table.get_many(&keys, "listing events").await?;
            for entry in entries {
                if again_from.is_none() && entry.position.at() >= settled.as_str() {
                    again_from = Some(last.clone());
                }
                last = Some(entry.position);
                let event = items.remove(&entry.key).and_then(readable::<StoredEvent>);
                events.extend(event.filter(is_wanted));
            }
            has_more = next.is_some();
        }
        let next = if has_more {
            EventPosition { last, again_from }
        } else {
            EventPosition { last: again_from.unwrap_or(last), again_from: None }
        };
        Ok(EventPage { events, next, has_more })
    }
}
