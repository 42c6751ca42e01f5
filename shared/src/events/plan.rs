//! Choice of the endpoints that get an event.

use crate::domain::billing::app_events::delivery::{Delivery, DeliveryState};
use crate::domain::values::time::Timestamp;
use crate::events::endpoints::Endpoints;
use crate::store::billing::events::StoredEvent;

/// The event with a delivery for each endpoint that is to get it. What waits for an endpoint that the secret does not name any more is
/// given up, and can be requested again.
pub(super) fn planned(event: &StoredEvent, endpoints: &Endpoints, now: Timestamp) -> StoredEvent {
    let mut planned = event.clone();
    if planned.deliveries.is_empty() {
        let takes = endpoints.iter().filter(|(_, endpoint)| endpoint.takes(planned.kind));
        let takes = takes.map(|(name, _)| name).filter(|name| planned.only.as_ref().is_none_or(|only| only == *name));
        // One that is requested by name is tried, so that its absence shows.
        let names = takes.chain(&planned.only).cloned();
        planned.deliveries = names.map(|name| (name, Delivery::due(now))).collect();
    }
    for (name, delivery) in &mut planned.deliveries {
        if delivery.state == DeliveryState::Waiting && !endpoints.contains_key(name) {
            *delivery = delivery.dropped(now);
        }
    }
    planned
}
