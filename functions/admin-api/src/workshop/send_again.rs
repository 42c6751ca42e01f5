//! A further reminder of a visit after a correction.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::operations::{KeyReceipt, KeyedRequest};
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::reminders::Reminder;
use shared::domain::workshop::send_again::{Permission, SendAgainRefusal, send_again};
use shared::domain::workshop::vehicles::{Vehicle, ZONE};
use shared::platform::clock::InvocationTime;
use shared::store::retry::{Attempt, retry_on_conflict};
use shared::store::workshop::send_again::FurtherReminder;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Reminders};
use crate::billing::keys;
use crate::http::context::RequestContext;
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::vehicles::{stored, unknown};

/// Route of the request.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(allow))
}

/// Query of the request.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendAgainQuery {
    /// Answers with the effect; nothing is stored, also no Idempotency-Key. Default: false.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Request for a further reminder.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendAgainBody {
    /// Reason, one line, kept with the reminder.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The phone number was corrected.")]
    why: Reason,
}

/// Effect of a request for a further reminder.
#[derive(Serialize, ToSchema)]
pub(crate) struct SendAgainAnswer {
    /// True for a dry run, of which nothing is stored; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    /// Number plate in normalised form.
    #[schema(value_type = String, example = "B 1234 ABC")]
    plate: Plate,
    /// Date of the visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-12-18")]
    next_visit_date: LocalDate,
    /// State of the latest message about the visit: `sent`, `unclear` or `failed`; null if none was tried.
    #[schema(value_type = Option<String>, example = "sent")]
    latest_message: Option<&'static str>,
    /// True if this request allows the further message; false if a run sends one anyway, or did under the same
    /// Idempotency-Key.
    #[schema(example = true)]
    pub(crate) allowed: bool,
}

/// A vehicle, the latest reminder of its next visit, and that reminder with the further message allowed.
struct Considered {
    vehicle: Vehicle,
    reminder: Option<Versioned<Reminder>>,
    allowed: Option<Reminder>,
    /// True if the same request was made before under its key.
    is_repeat: bool,
}

/// The request with its caller.
struct SendAgainRequest<'a> {
    plate: &'a Plate,
    why: &'a str,
    key: Option<KeyedRequest>,
    context: &'a RequestContext,
}

/// Allows one further reminder of the next visit.
///
/// For a number that was corrected, a vehicle with a new owner, or a message whose outcome is unclear: the next run sends one
/// message more, by the rules of every reminder. A visit of which no message was sent needs no permission, and nothing changes.
/// Refused with 409: `visit_over`, `not_active`, `in_progress` while a run sends the reminder.
#[utoipa::path(
    post, path = "/vehicles/{plate}/remind-again", tag = "workshop", operation_id = "remind_again",
    params(
        ("plate" = String, Path, description = "Number plate, in any usual notation.", example = "B 1234 ABC"),
        SendAgainQuery, IdempotencyHeader,
    ),
    request_body = SendAgainBody,
    responses(
        (status = 200, description = "Effect of the request.", body = SendAgainAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["reminders"])),
)]
pub(crate) async fn allow(
    State(api): State<Arc<ApiState>>,
    Path(plate): Path<String>,
    caller: Caller<Reminders>,
    given: Given<SendAgainQuery, SendAgainBody>,
) -> Result<Json<SendAgainAnswer>, Failure> {
    let plate = &stored(&plate)?;
    let Reason(why) = &given.body.why;
    let (api, context, dry_run) = (&api, &caller.context, given.query.dry_run);
    let key = context.keyed(&format!("remind-again|{plate}|{why}"))?;
    let request = &SendAgainRequest { plate, why, key, context };
    retry_on_conflict("allowing a further reminder", (), |()| async move {
        let considered = consider(api, request).await?;
        if !dry_run && !store(api, &considered, request).await? {
            return Ok(Attempt::Conflict(()));
        }
        let Considered { vehicle, reminder, allowed, .. } = considered;
        if allowed.is_some() && !dry_run {
            tracing::info!(by = context.actor(), "further reminder allowed");
        }
        Ok(Attempt::Done(Json(SendAgainAnswer {
            dry_run: dry_run.then_some(true),
            next_visit_date: vehicle.next_visit(),
            plate: vehicle.plate,
            latest_message: reminder.map(|reminder| reminder.value.state.name()),
            allowed: allowed.is_some(),
        })))
    })
    .await
}

/// Reads what the request is about and decides. Its key comes first: a repetition changes nothing, whatever was sent since.
async fn consider(api: &ApiState, request: &SendAgainRequest<'_>) -> Result<Considered, Failure> {
    let now = request.context.time.logical;
    let vehicle = api.store.workshop.vehicle(request.plate).await?.ok_or_else(unknown)?.value;
    let reminder = api.store.workshop.latest_reminder(request.plate, vehicle.next_visit()).await?;
    let is_repeat = keys::earlier(api, request.key.as_ref()).await?.is_some();
    let allowed = if is_repeat {
        None
    } else {
        let (by, why) = (request.context.actor().to_owned(), request.why.to_owned());
        let latest = reminder.as_ref().map(|reminder| &reminder.value);
        send_again(&vehicle, latest, Permission { at: now, by, why }, now.day(ZONE)).map_err(|why| refused(&why))?
    };
    Ok(Considered { vehicle, reminder, allowed, is_repeat })
}

/// Stores the permission with the key, or the key alone; `false` where another request came first.
async fn store(api: &ApiState, considered: &Considered, request: &SendAgainRequest<'_>) -> Result<bool, Failure> {
    let InvocationTime { logical, wall, .. } = request.context.time;
    let receipt = request.key.clone().map(|keyed| KeyReceipt { keyed, subscription: None, at: logical });
    match (&considered.allowed, &considered.reminder) {
        (Some(allowed), Some(reminder)) => {
            let further = FurtherReminder { allowed, version: reminder.version, receipt: receipt.as_ref() };
            Ok(api.store.workshop.allow_further_reminder(further, wall).await?)
        }
        _ => match receipt.filter(|_| !considered.is_repeat) {
            Some(receipt) => Ok(api.store.billing.note_key(&receipt).await?),
            None => Ok(true),
        },
    }
}

fn refused(refusal: &SendAgainRefusal) -> Failure {
    let code = match refusal {
        SendAgainRefusal::NotActive => "not_active",
        SendAgainRefusal::VisitOver => "visit_over",
        SendAgainRefusal::InProgress => "in_progress",
    };
    Failure::conflict(code, refusal.to_string())
}
