//! Events that the business's app received.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Events that are kept; with one more the oldest is forgotten.
const MOST_EVENTS: usize = 20_000;

/// A request to the business's app, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedEvent {
    /// Time of arrival.
    pub at: DateTime<Utc>,
    /// Headers by lower-case name, several values of one joined by commas.
    pub headers: BTreeMap<String, String>,
    /// Exact text of the body, which is what the signature covers.
    pub raw: String,
    /// The body as JSON; null if it is none.
    pub body: Value,
}

/// Events that the app received, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReceivedEvents(VecDeque<ReceivedEvent>);

impl ReceivedEvents {
    /// Keeps one more.
    pub(crate) fn push(&mut self, event: ReceivedEvent) {
        if self.0.len() >= MOST_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// Events from that number on, oldest first.
    pub(crate) fn since(&self, number: usize) -> impl Iterator<Item = &ReceivedEvent> {
        self.0.iter().skip(number)
    }

    /// Number of events that are kept.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_events_are_kept() {
        let mut events = ReceivedEvents::default();
        let at: DateTime<Utc> = "2026-03-02T01:30:00Z".parse().unwrap();
        for number in 0..MOST_EVENTS + 2 {
            let raw = number.to_string();
            events.push(ReceivedEvent { at, headers: BTreeMap::new(), raw, body: Value::Null });
        }
        assert_eq!(events.0.len(), MOST_EVENTS);
        assert_eq!(events.0.front().map(|event| event.raw.as_str()), Some("2"));
    }
}
