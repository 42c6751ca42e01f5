//! Events for the business's app: stored with their cause, claimed, and their deliveries recorded. They expire after
//! [`KEPT_DAYS`].

pub mod endpoints;
pub mod list;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::billing::app_events::delivery::{Delivery, EventState};
use crate::domain::billing::app_events::{AppEvent, AppEventId, AppEventType};
use crate::domain::billing::decide::erasure::ERASED_TEXT;
use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;

use crate::store::billing::Billing;
use crate::store::billing::notices::ResendRequest;
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::record::Record;
use crate::store::table::{Item, keys, text_in};

/// Days for which an event is listed, can be requested again and waits for an endpoint that is switched off.
pub const KEPT_DAYS: i64 = 30;

/// Event with the state of its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The same at every attempt (`webhook-id`).
    pub id: AppEventId,
    /// Type by which endpoints choose.
    #[serde(rename = "type")]
    pub kind: AppEventType,
    /// Logical time of the decision that caused the event (UTC).
    pub timestamp: Timestamp,
    /// Content as it is posted. Not read again as what it was made of, so that a later version may add fields.
    pub data: Value,
    /// Real time at which it was stored (UTC), by which it is listed and expires.
    pub stored_at: Timestamp,
    /// State of the event.
    pub state: EventState,
    /// The only endpoint that gets it; `None` for all that take its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Deliveries by name of the endpoint; none before a run has chosen the endpoints.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deliveries: BTreeMap<String, Delivery>,
    /// Latest request of staff to post the event again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resend: Option<ResendRequest>,
}

/// An event and the version that the next write must name.
#[derive(Clone, Debug)]
pub struct DueEvent {
    /// Event to be posted.
    pub event: StoredEvent,
    /// Time for which it was due, or at which its claim ends, when it was read (UTC).
    pub due_at: Option<Timestamp>,
    pub(in crate::store) version: u64,
}

/// Result of a request to post an event again.
#[derive(Debug)]
pub enum EventResend {
    /// The event is due now.
    Queued(Box<StoredEvent>),
    /// A run is posting it at this moment.
    BeingPosted,
    /// No event has this id, or it has expired.
    Unknown,
    /// The event was not for this endpoint.
    OtherEndpoint,
}

impl StoredEvent {
    fn new(event: AppEvent, stored_at: Timestamp) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| {
            let key = keys::event(&event.id);
            Error::Unreadable { pk: key.pk, sk: key.sk, reason: error.to_string() }
        };
        Ok(Self {
            data: serde_json::to_value(&event.data).map_err(unreadable)?,
            id: event.id,
            kind: event.kind,
            timestamp: event.timestamp,
            stored_at,
            state: EventState::Queued,
            only: None,
            deliveries: BTreeMap::new(),
            resend: None,
        })
    }

    /// The event as an item that is due at `at`.
    fn record(&self, at: Timestamp) -> Record<&Self> {
        let record = Record::new(keys::event(&self.id), self).listed(list::EVENTS, self.stored_at);
        let record = record.expiring(self.stored_at.plus_days(KEPT_DAYS));
        match self.state {
            EventState::Queued | EventState::Claimed | EventState::Waiting => record.due(keys::MAIL_QUEUE, at),
            EventState::Held => record.due(keys::HELD_EVENT_QUEUE, at),
            EventState::Delivered | EventState::Failed => record,
        }
    }
}

impl DueEvent {
    pub(in crate::store) fn of(record: Record<StoredEvent>) -> Self {
        Self { version: record.version.unwrap_or(0), due_at: record.due_at, event: record.data }
    }
}

/// An event as a transaction stores it, due at once.
pub(in crate::store) fn stored(event: AppEvent, wall: Timestamp) -> Result<Record<StoredEvent>, Error> {
    let event = StoredEvent::new(event, wall)?;
    let Record { pk, sk, queue, due_at, list, listed_at, expires_at, .. } = event.record(wall);
    let record = Record::new(keys::Key { pk, sk }, event).at_version(1);
    Ok(Record { queue, due_at, list, listed_at, expires_at, ..record })
}

impl Billing {
    /// Stores an event that no decision caused, for one endpoint or for all; `false` where one of its id exists.
    pub async fn enqueue_event(&self, event: AppEvent, only: Option<String>, wall: Timestamp) -> Result<bool, Error> {
        let mut record = stored(event, wall)?;
        record.data.only = only;
        self.table.put_if_absent(record, "enqueueing an event").await
    }

    /// Reads an event consistently; `None` also for one that has expired at `wall`.
    pub async fn event(&self, id: &AppEventId, wall: Timestamp) -> Result<Option<DueEvent>, Error> {
        let record = self.table.get::<StoredEvent>(&keys::event(id), "reading an event").await?;
        let is_kept = |due: &DueEvent| wall < due.event.stored_at.plus_days(KEPT_DAYS);
        Ok(record.map(DueEvent::of).filter(is_kept))
    }

    /// Writes an event over the version that was read, due at `at`. `None` where it has changed since.
    pub async fn put_event(&self, due: DueEvent, at: Timestamp) -> Result<Option<DueEvent>, Error> {
        let record = due.event.record(at);
        let written = self.table.put_if_version(record, due.version, "recording the state of an event").await?;
        Ok(written.then(|| DueEvent { version: due.version.saturating_add(1), ..due }))
    }

    /// Returns a page of the events that wait for an endpoint that is switched off, in the order in which they were held.
    pub async fn held_events(&self, wall: Timestamp, after: Cursor) -> Result<Page<DueEvent>, Error> {
        let page = self.table.due_records::<StoredEvent>(keys::HELD_EVENT_QUEUE, wall, after).await?;
        Ok(page.map(DueEvent::of))
    }

    /// Returns a page of the events whose next attempt lies between two times. Mails are left out, and what cannot be read is moved out
    /// of its queue when it is due.
    pub async fn waiting_events(
        &self,
        from: Timestamp,
        until: Timestamp,
        after: Cursor,
    ) -> Result<Page<DueEvent>, Error> {
        let Page { items, oldest, next } =
            self.table.due(keys::MAIL_QUEUE, TimeRange::inclusive(from, until), after).await?;
        let is_event = |item: &Item| text_in(item, keys::SK).is_some_and(|sk| sk.starts_with(keys::prefix::EVENT));
        let items = items.into_iter().filter(is_event);
        let items = items.filter_map(|item| Record::from_item(item).ok().map(DueEvent::of)).collect();
        Ok(Page { items, oldest, next })
    }

    /// Makes an event due at once on a request of staff, for one endpoint or for all, with all attempts ahead. It keeps its id.
    pub async fn resend_event(
        &self,
        id: &AppEventId,
        endpoint: Option<&str>,
        request: &ResendRequest,
    ) -> Result<EventResend, Error> {
        retry_on_conflict("posting an event again", (), |()| async move {
            let Some(mut due) = self.event(id, request.at).await? else {
                return Ok(Attempt::Done(EventResend::Unknown));
            };
            // A claim that has ended was left by a run that crashed.
            if due.event.state == EventState::Claimed && due.due_at.is_some_and(|until| request.at < until) {
                return Ok(Attempt::Done(EventResend::BeingPosted));
            }
            let event = &mut due.event;
            if event.data.get("user_id").is_some_and(|user| *user == ERASED_TEXT) {
                return Ok(Attempt::Done(EventResend::Unknown));
            }
            let is_other = |endpoint: &str| match &event.only {
                Some(only) => only != endpoint,
                None => !event.deliveries.is_empty() && !event.deliveries.contains_key(endpoint),
            };
            if endpoint.is_some_and(is_other) {
                return Ok(Attempt::Done(EventResend::OtherEndpoint));
            }
            match endpoint {
                // Not chosen yet: it goes to all that take its type, and so to this one.
                Some(_) if event.deliveries.is_empty() => {}
                Some(name) => drop(event.deliveries.insert(name.to_owned(), Delivery::due(request.at))),
                // The next run chooses the endpoints again.
                None => event.deliveries.clear(),
            }
            event.state = EventState::Queued;
            event.resend = Some(request.clone());
            let queued = Box::new(event.clone());
            Ok(match self.put_event(due, request.at).await? {
                Some(_) => Attempt::Done(EventResend::Queued(queued)),
                None => Attempt::Conflict(()),
            })
        })
        .await
    }
}
