//! Result of a drain of events.

use crate::domain::billing::app_events::AppEventType;
use crate::domain::billing::app_events::delivery::EventState;
use crate::store::billing::events::StoredEvent;

/// Result of a drain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventReport {
    /// Events that every endpoint has that takes them.
    pub delivered: u64,
    /// Events with a further attempt ahead, or that wait for an endpoint that is switched off.
    pub later: u64,
    /// Events that were given up for an endpoint.
    pub given_up: u64,
    /// Events for which the table failed: they are due again when their claim ends.
    pub failed: u64,
    /// True if events are left that are due: the time was over, or an endpoint is slow.
    pub is_left: bool,
    /// Every event with its new state.
    pub handled: Vec<HandledEvent>,
}

/// One event that was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandledEvent {
    /// Id of the event.
    pub id: String,
    /// Type of the event.
    pub kind: AppEventType,
    /// State after this drain.
    pub outcome: EventState,
}

impl EventReport {
    /// Number of events that the drain handled.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.delivered + self.later + self.given_up + self.failed
    }

    /// Adds the result of a further pass.
    pub fn merge(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.later += other.later;
        self.given_up += other.given_up;
        self.failed += other.failed;
        self.is_left = other.is_left;
        self.handled.extend(other.handled);
    }

    pub(super) fn add(&mut self, event: &StoredEvent) {
        match event.state {
            EventState::Delivered => self.delivered += 1,
            EventState::Failed => self.given_up += 1,
            EventState::Queued | EventState::Claimed | EventState::Waiting | EventState::Held => self.later += 1,
        }
        self.handled.push(HandledEvent { id: event.id.to_string(), kind: event.kind, outcome: event.state });
    }
}
