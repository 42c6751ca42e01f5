//! List of events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::billing::app_events::AppEventType;
use shared::domain::billing::app_events::delivery::EventState;
use shared::store::billing::events::list::{EventFilter, EventPosition};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::events::answers::EventAnswer;
use crate::http::cursor;
use crate::http::cursor::EventCursor;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;

/// Default number of events in one response.
const PAGE: usize = 100;

/// Query of the list of events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventListQuery {
    /// `next` of the response before; from the earliest one that is kept where it is absent.
    #[param(value_type = Option<String>, max_length = 500)]
    after: Option<EventCursor>,
    /// Only events of this type.
    #[serde(rename = "type")]
    #[param(value_type = Option<String>, example = "subscription.downgraded")]
    kind: Option<AppEventType>,
    /// Only events in this state: `queued`, `claimed`, `waiting`, `held`, `delivered` or `failed`.
    #[param(value_type = Option<String>, example = "failed")]
    state: Option<EventState>,
    /// Most events in one response; 100 where it is absent.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<usize>,
}

/// Events in the order in which they were stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<EventAnswer>,
    /// `after` of the next request, whether or not there are more by now. Never null: an app that polls keeps it.
    #[schema(example = "OTI3ZTRhMTQ-")]
    next: String,
    /// True if further events are stored already.
    #[schema(example = false)]
    has_more: bool,
}

/// Lists events, the earliest first.
///
/// For an app that polls, beside its endpoint or instead of it, and for staff. Events are kept for 30 days. At the end of the list
/// `next` leads back to the events of the last minute: they are answered again, as one that was stored at the same time may become
/// visible later. Recognise them by their ids.
#[utoipa::path(
    get, path = "/api/events", tag = "events", operation_id = "list_events", params(EventListQuery),
    responses((status = 200, description = "One page of the list.", body = EventList), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Read>,
    given: Given<EventListQuery>,
) -> Result<Json<EventList>, Failure> {
    let EventListQuery { after, kind, state, limit } = given.query;
    let after = after.map_or(EventPosition::START, |EventCursor(position)| position);
    let (filter, limit) = (EventFilter { kind, state }, limit.unwrap_or(PAGE));
    let page = api.store.billing.events(filter, &after, limit, caller.context.time.wall).await?;
    Ok(Json(EventList {
        events: page.events.into_iter().map(Into::into).collect(),
        next: cursor::encode_event(&page.next),
        has_more: page.has_more,
    }))
}
