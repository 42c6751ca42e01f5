//! Endpoints of events: which fail, and which are switched off. Their addresses and keys are in the events secret, which this function
//! does not read.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::billing::app_events::delivery::is_endpoint_name;
use shared::domain::values::time::Timestamp;
use shared::store::billing::events::endpoints::StoredEndpoint;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate, Read};
use crate::http::given::{Given, Nothing};
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;

/// Name of an endpoint in a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EndpointName(pub(crate) String);

/// Rejection of a text as the name of an endpoint.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to 32 letters, digits, - and _")]
pub(crate) struct NotAName;

impl TryFrom<String> for EndpointName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        if is_endpoint_name(&text) { Ok(Self(text)) } else { Err(NotAName) }
    }
}

/// Query of a request to switch an endpoint on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EnableQuery {
    /// Answers what the request would do, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Endpoints that once failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointList {
    endpoints: Vec<EndpointAnswer>,
}

/// State of an endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointAnswer {
    /// Name in the events secret.
    #[schema(example = "app")]
    name: String,
    /// True while nothing is posted to it.
    #[schema(example = false)]
    is_off: bool,
    /// Time of the first failure since the latest success; null while it works.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-15T02:00:01Z")]
    failing_since: Option<Timestamp>,
    /// Time at which it was switched off; null while it is on.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-18T02:00:01Z")]
    off_since: Option<Timestamp>,
    /// Failure because of which it counts as failing, or did last.
    #[schema(example = "it answered with HTTP status 500")]
    detail: Option<String>,
}

/// Endpoint that is switched on.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnabledEndpoint {
    /// True if nothing was changed.
    #[schema(example = false)]
    dry_run: bool,
    /// Name in the events secret.
    #[schema(example = "app")]
    name: String,
    /// True if it was switched off before.
    #[schema(example = true)]
    was_off: bool,
}

impl From<StoredEndpoint> for EndpointAnswer {
    fn from(endpoint: StoredEndpoint) -> Self {
        let StoredEndpoint { name, health } = endpoint;
        Self {
            name,
            is_off: health.off_since.is_some(),
            failing_since: health.failing_since,
            off_since: health.off_since,
            detail: health.detail,
        }
    }
}

/// Lists the endpoints that once failed.
///
/// One that never failed is not listed. An endpoint that accepts nothing for three days is switched off, and staff get a mail.
#[utoipa::path(
    get, path = "/api/events/endpoints", tag = "events", operation_id = "list_event_endpoints", params(Nothing),
    responses((status = 200, description = "The endpoints, by name.", body = EndpointList), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    _: Caller<Read>,
    _: Given,
) -> Result<Json<EndpointList>, Failure> {
    let endpoints = api.store.billing.endpoints().await?;
    Ok(Json(EndpointList { endpoints: endpoints.into_iter().map(Into::into).collect() }))
}

/// Switches an endpoint on.
///
/// The events that waited for it are posted within minutes, the earliest first as far as they can be. Events are kept for 30 days.
#[utoipa::path(
    post, path = "/api/events/endpoints/{name}/enable", tag = "events", operation_id = "enable_event_endpoint",
    params(("name" = String, Path, description = "Name in the events secret.", example = "app"), EnableQuery),
    responses((status = 200, description = "The endpoint is on.", body = EnabledEndpoint), Refusals, Missing),
    security(("token" = ["operate"])),
)]
pub(crate) async fn enable(
    State(api): State<Arc<ApiState>>,
    Path(name): Path<String>,
    caller: Caller<Operate>,
    given: Given<EnableQuery>,
) -> Result<Json<EnabledEndpoint>, Failure> {
    let missing = || Failure::not_found("name", "No endpoint of this name has ever failed.");
    let EndpointName(name) = EndpointName::try_from(name).map_err(|_| missing())?;
    let dry_run = given.query.dry_run;
    let store = if dry_run { api.store.dry_run() } else { api.store.clone() };
    let enabled = store.billing.enable_endpoint(&name, caller.context.time.wall).await?;
    let was_off = enabled.ok_or_else(missing)?;
    if was_off && !dry_run {
        tracing::info!(endpoint = name, by = caller.context.actor(), "endpoint switched on");
    }
    Ok(Json(EnabledEndpoint { dry_run, name, was_off }))
}
