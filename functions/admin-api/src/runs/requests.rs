//! Runs on demand and dry runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::billing::task::Task;
use shared::domain::institutions;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::store::institutions::digests::REPLAYED_DAYS;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::Token;
use crate::auth::caller::AnyCaller;
use crate::auth::scope::Scope;
use crate::http::dates::Day;
use crate::http::given::Given;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::history;
use crate::runs::maintenance::{RunMode, invoke};

/// Routes of runs.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(history::list)).routes(routes!(start, history::show))
}

/// Query of a run on demand.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartQuery {
    /// Answers what the run would do. ECPay and MMS are asked as in the run; nothing is written, sent or requested.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Of `cancel` alone: requests also the cancellations that customers can still undo.
    #[serde(default)]
    early: bool,
    /// Of `mms-expiry-scan` alone: a missed day of the last 14, in Asia/Taipei.
    #[param(value_type = Option<String>, format = Date, example = "2025-03-31")]
    day: Option<Day>,
}

/// Report of a run, by its job.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct RunReport(pub(crate) Value);

/// A run that goes on after the response.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunStarted {
    #[schema(example = "running")]
    status: &'static str,
    /// Id of the run.
    #[schema(example = "20250331T123000Z-manual-BE2G51CEGGF7")]
    run: String,
    /// Path under which the run and its report are read.
    #[schema(example = "/runs/20250331T123000Z-manual-BE2G51CEGGF7")]
    address: String,
}

/// Runs a job now.
///
/// Apps start the job of their scope: `reminders` for `maintenance-reminder`, `institutions` for `mms-expiry-scan`. `id` is the
/// job: `reconcile`, `check-pending`, `resume`, `retry`, `end-grace`, `cancel`, `clean-up` or `send-mail` of
/// `subscription-maintenance`, `maintenance-reminder` or `mms-expiry-scan`.
#[utoipa::path(
    post, path = "/runs/{id}", tag = "runs", operation_id = "start_run",
    params(("id" = String, Path, description = "Name of the job.", example = "reconcile"), StartQuery),
    responses(
        (status = 200, description = "Report of the run.", body = RunReport),
        (status = 202, description = "The run takes longer than the response and continues.", body = RunStarted),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"]), ("token" = ["reminders"]), ("token" = ["institutions"])),
)]
async fn start(
    State(api): State<Arc<ApiState>>,
    Path(job): Path<String>,
    caller: AnyCaller,
    given: Result<Given<StartQuery>, Failure>,
) -> Result<Response, Failure> {
    let is_dry_run = given.as_ref().is_ok_and(|given| given.query.dry_run);
    match start_job(&api, &job, &caller, given).await? {
        (_, Some(report)) => Ok(Json(RunReport(report)).into_response()),
        // A dry run is not stored, so there is no address at which its report could be read later.
        (_, None) if is_dry_run => Err(Failure::unavailable("The dry run did not finish in time.")),
        (run, None) => Ok((StatusCode::ACCEPTED, Json(started(&run))).into_response()),
    }
}

/// True if a caller may start a job: staff every one, an app the one of its scope.
pub(crate) fn may_start(token: &Token, job: &str) -> Result<(), Failure> {
    let may_start_all = token.require(Scope::Operate);
    match ExclusiveJob::of_name(job) {
        Some(exclusive) if may_start_all.is_err() => token.require(exclusive.scope()),
        _ => may_start_all,
    }
}

/// Starts a job. Returns the run's id, and its report if it finishes in time.
pub(crate) async fn start_job(
    api: &ApiState,
    job: &str,
    caller: &AnyCaller,
    given: Result<Given<StartQuery>, Failure>,
) -> Result<(String, Option<Value>), Failure> {
    may_start(&caller.token, job)?;
    // After the scope was checked.
    let StartQuery { dry_run, early, day } = given?.query;
    if early && job != Task::Cancel.as_str() {
        return Err(Failure::invalid("early", "is supported by cancel only"));
    }
    let context = &caller.context;
    match ExclusiveJob::of_name(job) {
        Some(exclusive) => {
            let scheduled_at = scheduled_at(exclusive, day, context.time)?;
            exclusive.invoke(api, scheduled_at, dry_run, context).await
        }
        None if day.is_some() => Err(Failure::invalid("day", "is supported by mms-expiry-scan only")),
        None if Task::ALL.iter().any(|task| task.as_str() == job) => {
            invoke(api, Some(job), RunMode { dry_run, early }, context.time).await
        }
        None => Err(unknown_job()),
    }
}

fn unknown_job() -> Failure {
    let names = history::job_names().collect::<Vec<_>>().join(", ");
    Failure::not_found("id", &format!("There is no such job; the jobs are {names}."))
}

/// Scheduled time of a run: now, or noon of a day of the past to catch up a missed expiry scan.
fn scheduled_at(job: ExclusiveJob, day: Option<Day>, time: InvocationTime) -> Result<Timestamp, Failure> {
    let Some(Day(day)) = day else { return Ok(time.logical) };
    let today = time.logical.day(institutions::ZONE);
    match job {
        ExclusiveJob::Reminders => {
            Err(Failure::invalid("day", "is supported by mms-expiry-scan only; reminders are not sent for past days"))
        }
        ExclusiveJob::ExpiryScan if (1..=REPLAYED_DAYS).contains(&day.days_until(today)) => {
            Ok(day.start(institutions::ZONE).plus_hours(12))
        }
        ExclusiveJob::ExpiryScan if day == today => Ok(time.logical),
        ExclusiveJob::ExpiryScan => {
            Err(Failure::invalid("day", format!("must be one of the last {REPLAYED_DAYS} days")))
        }
    }
}

/// Answer for a run that continues after it.
pub(crate) fn started(run: &str) -> RunStarted {
    RunStarted { status: "running", run: run.to_owned(), address: format!("/runs/{run}") }
}
