//! Events that staff request: a test of the endpoints, and one that is posted again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::billing::app_events::data::{AppEventData, TestData};
use shared::domain::billing::app_events::{AppEvent, AppEventId, AppEventType};
use shared::domain::values::time::Timestamp;
use shared::platform::random;
use shared::store::billing::events::EventResend;
use shared::store::billing::notices::ResendRequest;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::events::answers::EventAnswer;
use crate::billing::events::endpoints::EndpointName;
use crate::http::given::Given;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;

/// Characters of a test's id: 119 bits.
const ID_LENGTH: usize = 20;

/// Query of a request that acts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventRequestQuery {
    /// Answers what the request would do, and stores nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Request for a test.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTestBody {
    /// The only endpoint that gets it; all where it is absent.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,32}$", example = "app")]
    endpoint: Option<EndpointName>,
}

/// Request to post an event again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventResendBody {
    /// The only endpoint that gets it again; all that take its type where it is absent.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,32}$", example = "app")]
    endpoint: Option<EndpointName>,
    /// Reason of staff in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "the app lost it")]
    why: Reason,
}

/// Test that is posted.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventTest {
    /// True if nothing was stored.
    #[schema(example = false)]
    dry_run: bool,
    /// Id of the test, as `GET /api/events?type=test` lists it with its deliveries.
    #[schema(value_type = String, example = "evt_4F8QZ1LM9TXR7K2W5B3C")]
    id: AppEventId,
}

/// Event that is posted again.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResentEvent {
    /// True if nothing was queued.
    #[schema(example = false)]
    dry_run: bool,
    #[serde(flatten)]
    event: EventAnswer,
}

/// Posts a test.
///
/// An event of the type `test`, signed like any other, goes to the endpoints whatever types they take, within seconds.
/// `GET /api/events?type=test` shows what became of it.
#[utoipa::path(
    post, path = "/api/events/test", tag = "events", operation_id = "test_events",
    params(EventRequestQuery), request_body = EventTestBody,
    responses((status = 202, description = "The test is queued.", body = EventTest), Refusals),
    security(("token" = ["operate"])),
)]
pub(crate) async fn test(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<EventRequestQuery, EventTestBody>,
) -> Result<(StatusCode, Json<EventTest>), Failure> {
    let dry_run = given.query.dry_run;
    let store = if dry_run { api.store.dry_run() } else { api.store.clone() };
    let random = random::random_id(ID_LENGTH).map_err(|error| Failure::upstream(&error))?;
    let id = AppEventId::of_test(&random).map_err(|error| Failure::upstream(&error))?;
    let (requested_by, wall) = (caller.context.actor().to_owned(), caller.context.time.wall);
    let event = AppEvent {
        id: id.clone(),
        kind: AppEventType::Test,
        timestamp: wall,
        data: AppEventData::Test(TestData { requested_by }),
    };
    let only = given.body.endpoint.map(|EndpointName(name)| name);
    store.billing.enqueue_event(event, only, wall).await?;
    Ok((StatusCode::ACCEPTED, Json(EventTest { dry_run, id })))
}

/// Posts an event again.
///
/// It keeps its id, so that a receiver which has it ignores it, and has all attempts ahead. Refused with 409 and the code
/// `being_posted` while a run posts it, and `other_endpoint` where the event was not for that endpoint.
#[utoipa::path(
    post, path = "/api/events/{id}/resend", tag = "events", operation_id = "resend_event",
    params(
        ("id" = String, Path, description = "Id of the event.", example = "evt_DK8M2XQ7RT4B9KWZ5N3P_5_1"),
        EventRequestQuery,
    ),
    request_body = EventResendBody,
    responses(
        (status = 200, description = "The event as it is queued now; of a dry run as it would be.", body = ResentEvent),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn resend(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<EventRequestQuery, EventResendBody>,
) -> Result<Json<ResentEvent>, Failure> {
    let missing = || Failure::not_found("id", "There is no such event, or it is older than 30 days.");
    let id = AppEventId::parse(&id).map_err(|_| missing())?;
    let EventResendBody { endpoint, why: Reason(why) } = given.body;
    let at: Timestamp = caller.context.time.wall;
    let request = ResendRequest { at, by: caller.context.actor().to_owned(), why };
    let dry_run = given.query.dry_run;
    let store = if dry_run { api.store.dry_run() } else { api.store.clone() };
    let endpoint = endpoint.as_ref().map(|EndpointName(name)| name.as_str());
    match store.billing.resend_event(&id, endpoint, &request).await? {
        EventResend::Queued(event) => {
            if !dry_run {
                tracing::info!(event = %id, by = request.by, "event to be posted again");
            }
            Ok(Json(ResentEvent { dry_run, event: (*event).into() }))
        }
        EventResend::BeingPosted => {
            Err(Failure::conflict("being_posted", "A run is posting the event at this moment."))
        }
        EventResend::OtherEndpoint => {
            Err(Failure::conflict("other_endpoint", "The event was not for an endpoint of this name."))
        }
        EventResend::Unknown => Err(missing()),
    }
}
