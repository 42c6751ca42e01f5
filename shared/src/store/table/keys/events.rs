//! Keys of events for the business's app, and of their endpoints.

use crate::domain::billing::app_events::AppEventId;
use crate::store::table::keys::{Key, prefix, subscription_partition};

/// Queue of events that wait for an endpoint that is switched off, by the time from which they wait.
pub const HELD_EVENT_QUEUE: &str = "event-held";
/// Partition of the endpoints of events, and of their tests.
pub const ENDPOINTS: &str = "EVENTS";

/// Key of an event, in the partition of the order that it is about; numbers padded, so that keys sort by version.
#[must_use]
pub fn event(id: &AppEventId) -> Key {
    match id.place() {
        Some((order, version, number)) => {
            Key::new(subscription_partition(order), format!("{}{version:010}#{number:02}", prefix::EVENT))
        }
        None => Key::new(ENDPOINTS, format!("{}{id}", prefix::EVENT)),
    }
}

/// Key of the state of an endpoint of events.
#[must_use]
pub fn endpoint(name: &str) -> Key {
    Key::new(ENDPOINTS, format!("{}{name}", prefix::ENDPOINT))
}
