//! Events as the API shows them.

use serde::Serialize;
use serde_json::Value;
use shared::domain::billing::app_events::delivery::Delivery;
use shared::domain::billing::app_events::delivery::DeliveryState;
use shared::domain::billing::app_events::{AppEventId, AppEventType};
use shared::domain::values::time::Timestamp;
use shared::store::billing::events::StoredEvent;
use utoipa::ToSchema;

use crate::billing::events::payloads::EventData;
use crate::billing::notices::ResendAnswer;

/// Event: id, type, time and data as they are posted, and what became of its deliveries.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// The same in every delivery (`webhook-id`).
    #[schema(value_type = String, example = "evt_DK8M2XQ7RT4B9KWZ5N3P_5_1")]
    id: AppEventId,
    /// Type of the event.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "subscription.past_due")]
    kind: AppEventType,
    /// Logical time of the decision that caused the event.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:00Z")]
    timestamp: Timestamp,
    #[schema(value_type = EventData)]
    data: Value,
    /// Real time at which the event was stored, by which the list is ordered.
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T02:00:01Z")]
    stored_at: Timestamp,
    /// `queued`, `claimed`, `waiting` (an attempt is ahead), `held` (its endpoint is switched off), `delivered` or `failed` (given up
    /// for an endpoint).
    #[schema(example = "delivered")]
    state: &'static str,
    /// Deliveries by endpoint; empty before the first attempt, and where no endpoint takes the type.
    deliveries: Vec<EventDelivery>,
    /// Latest request of staff to post it again; null without one.
    resend: Option<ResendAnswer>,
}

/// Delivery of an event to one endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventDelivery {
    /// Name of the endpoint.
    #[schema(example = "app")]
    endpoint: String,
    /// `waiting`, `delivered` or `failed`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// Attempts so far, since the event was stored or requested again.
    #[schema(example = 1)]
    attempts: usize,
    /// Time of the next attempt; null where none follows.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-15T02:05:00Z")]
    again_at: Option<Timestamp>,
    /// HTTP status or failure of the latest attempt.
    #[schema(example = "204")]
    detail: Option<String>,
}

impl EventDelivery {
    fn of(endpoint: &str, delivery: &Delivery) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            again_at: Some(delivery.at).filter(|_| delivery.state == DeliveryState::Waiting),
            detail: delivery.detail.clone(),
        }
    }
}

impl From<StoredEvent> for EventAnswer {
    fn from(event: StoredEvent) -> Self {
        Self {
            deliveries: event.deliveries.iter().map(|(name, delivery)| EventDelivery::of(name, delivery)).collect(),
            resend: event.resend.as_ref().map(Into::into),
            id: event.id,
            kind: event.kind,
            timestamp: event.timestamp,
            data: event.data,
            stored_at: event.stored_at,
            state: event.state.as_str(),
        }
    }
}
