//! Runs on demand, dry runs, and the run history.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::billing::task::Task;
use shared::domain::institutions;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::store::institutions::digests::REPLAYED_DAYS;
use shared::store::runs::stored_run::StoredRun;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::ApiState;
use crate::auth::caller::{AnyCaller, Caller, Read};
use crate::auth::scope::Scope;
use crate::http::context::RequestContext;
use crate::http::dates::Day;
use crate::http::given::Given;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::maintenance::{RunMode, invoke};

/// Default number of runs in one response.
const PAGE: usize = 50;

/// Routes of runs.
pub(crate) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(start, show))
}

/// Query of a run on demand.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartQuery {
    /// Answers what the run would do. ECPay and MMS are asked as in the run; nothing is written, sent or requested.
    #[serde(default)]
    dry_run: bool,
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
    let exclusive = ExclusiveJob::of_name(&job);
    // Staff may start every job, an app the one of its scope.
    let may_start_all = caller.token.require(Scope::Operate);
    match exclusive {
        Some(exclusive) if may_start_all.is_err() => caller.token.require(exclusive.scope())?,
        _ => may_start_all?,
    }
    // After the scope was checked.
    let StartQuery { dry_run, early, day } = given?.query;
    if early && job != Task::Cancel.as_str() {
        return Err(Failure::invalid("early", "is supported by cancel only"));
    }
    let context = &caller.context;
    let invoked = match exclusive {
        Some(exclusive) => {
            let scheduled_at = scheduled_at(exclusive, day, context.time)?;
            exclusive.invoke(&api, scheduled_at, dry_run, context).await?
        }
        None if day.is_some() => return Err(Failure::invalid("day", "is supported by mms-expiry-scan only")),
        None if Task::ALL.iter().any(|task| task.as_str() == job) => {
            invoke(&api, Some(&job), RunMode { dry_run, early }, context.time).await?
        }
        None => return Err(unknown_job()),
    };
    match invoked {
        (_, Some(report)) => Ok(Json(RunReport(report)).into_response()),
        // A dry run is not stored, so there is no address at which its report could be read later.
        (_, None) if dry_run => Err(Failure::unavailable("The dry run did not finish in time.")),
        (run, None) => Ok((StatusCode::ACCEPTED, Json(started(&run))).into_response()),
    }
}

fn unknown_job() -> Failure {
    let tasks = Task::ALL.iter().map(|task| task.as_str());
    let names: Vec<&str> = tasks.chain(ExclusiveJob::ALL.map(ExclusiveJob::name)).collect();
    Failure::not_found("id", &format!("There is no such job; the jobs are {}.", names.join(", ")))
}

fn unknown_run() -> Failure {
    Failure::not_found("id", "There is no such run.")
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

/// Query of the run history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Id of a run, usually the `next` of the page before: only earlier runs are listed.
    #[param(max_length = 200, min_length = 1, example = "20250331T123000Z-reconcile.retry")]
    before: Option<String>,
    /// Runs in one response.
    #[param(minimum = 1, maximum = 50, default = 50)]
    limit: Option<usize>,
}

/// Runs, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunList {
    runs: Vec<RunSummary>,
    /// `before` of the next page; null on the last one.
    #[schema(example = "20250331T103000Z-reconcile.retry")]
    next: Option<String>,
}

/// A run with the counts of its tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunSummary {
    #[serde(flatten)]
    run: RunHead,
    tasks: BTreeMap<String, TaskCounts>,
}

/// Part that every run has.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunHead {
    #[schema(example = "20250331T123000Z-reconcile.retry")]
    id: String,
    #[schema(example = json!(["reconcile", "retry"]))]
    jobs: Vec<String>,
    status: RunStatus,
    /// Logical time of the run's decisions.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T12:30:00Z")]
    scheduled_at: Timestamp,
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T12:30:01Z")]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-31T12:30:04Z")]
    finished_at: Option<Timestamp>,
    /// Number of attempts to run it.
    #[schema(example = 1)]
    attempts: u32,
    /// Error of the latest attempt that failed.
    error: Option<String>,
}

/// State of a run.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    /// Registered and not started yet.
    Requested,
    Running,
    Done,
    Failed,
    /// Ended by a timeout of the function or a crash.
    CutOff,
}

/// Items of one task.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct TaskCounts {
    #[schema(example = 12)]
    due: Option<u64>,
    #[schema(example = 11)]
    done: Option<u64>,
    /// By reason.
    #[schema(example = json!({ "nothing new at ECPay": 1 }))]
    skipped: BTreeMap<String, u64>,
    /// By reason.
    #[schema(example = json!({}))]
    failed: BTreeMap<String, u64>,
    /// Reason for which the task stopped before its end.
    stopped: Option<String>,
}

/// A run with its whole report.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    run: RunHead,
    /// Report of each task, with its entries.
    #[schema(value_type = Object)]
    tasks: Value,
    /// Of a run of reminders: the reminders with their outcomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    reminders: Option<Value>,
    /// Further figures of the job.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    figures: BTreeMap<String, Value>,
}

/// Lists runs, newest first.
#[utoipa::path(
    get, path = "/runs", tag = "runs", operation_id = "list_runs", params(ListQuery),
    responses((status = 200, description = "One page of the run history.", body = RunList), Refusals),
    security(("token" = ["read"])),
)]
async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Read>,
    given: Given<ListQuery>,
) -> Result<Json<RunList>, Failure> {
    let limit = given.query.limit.unwrap_or(PAGE);
    // Ids begin with the scheduled time, so "9999" sorts after all of them.
    let runs = api.store.runs.runs(given.query.before.as_deref().unwrap_or("9999"), limit).await?;
    // A full page may be the last one; the next one is then empty.
    let full = runs.len() == limit;
    let next = if full { runs.last().map(|run| run.id.clone()) } else { None };
    Ok(Json(RunList { runs: runs.iter().map(|run| summary(run, caller.context.time.wall)).collect(), next }))
}

/// Shows a run with its report.
///
/// An app sees the runs of the jobs in its scopes.
#[utoipa::path(
    get, path = "/runs/{id}", tag = "runs", operation_id = "show_run",
    params(("id" = String, Path, description = "Id of the run.", example = "20250331T123000Z-reconcile.retry")),
    responses((status = 200, description = "The run.", body = RunDetail), Refusals, Missing),
    security(("token" = ["read"]), ("token" = ["reminders"]), ("token" = ["institutions"])),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: AnyCaller,
    given: Result<Given, Failure>,
) -> Result<Json<RunDetail>, Failure> {
    let token = &caller.token;
    let may_see = |job: &ExclusiveJob| token.require(job.scope()).is_ok();
    let reads_all = token.require(Scope::Read);
    if reads_all.is_err() && !ExclusiveJob::ALL.iter().any(may_see) {
        // A JSON Web Token cannot have the scope of staff.
        token.require(Scope::Reminders)?;
    }
    given?;
    let is_visible =
        |run: &StoredRun| reads_all.is_ok() || ExclusiveJob::ALL.iter().any(|job| may_see(job) && is_of(run, *job));
    // 404 for runs of another scope: the app does not learn that they exist.
    let run = api.store.runs.run(&id).await?.filter(is_visible).ok_or_else(unknown_run)?;
    detail(&api, &run, &caller.context).await.map(Json)
}

async fn detail(api: &ApiState, run: &StoredRun, context: &RequestContext) -> Result<RunDetail, Failure> {
    let report = report(run).unwrap_or_default();
    let mut reminders = None;
    let figures: &[&str] = match ExclusiveJob::ALL.into_iter().find(|job| is_of(run, *job)) {
        Some(ExclusiveJob::Reminders) => {
            reminders = Some(json!(api.store.workshop.reminders_of_run(&run.id).await?));
            &["requested_by", "total_customers", "reminder_sent", "already_sent", "failed", "skipped", "unclear"]
        }
        Some(ExclusiveJob::ExpiryScan) => {
            &["requested_by", "day", "institutions", "acknowledged", "unreadable", "posting"]
        }
        None => &[],
    };
    let figures = figures.iter().filter_map(|name| Some(((*name).to_owned(), report.get(*name)?.clone())));
    Ok(RunDetail {
        run: head(run, context.time.wall),
        tasks: report.get("tasks").cloned().unwrap_or_else(|| json!({})),
        reminders,
        figures: figures.collect(),
    })
}

fn is_of(run: &StoredRun, job: ExclusiveJob) -> bool {
    run.tasks.iter().any(|task| task == job.name())
}

fn report(run: &StoredRun) -> Option<Value> {
    run.report.as_ref().and_then(|report| serde_json::from_str(report).ok())
}

fn summary(run: &StoredRun, wall: Timestamp) -> RunSummary {
    let report = report(run);
    let tasks = report.as_ref().and_then(|report| report.get("tasks")).and_then(Value::as_object);
    let counts = |task: &Value| serde_json::from_value(task.clone()).unwrap_or_default();
    let tasks = tasks.into_iter().flatten().map(|(name, task)| (name.clone(), counts(task))).collect();
    RunSummary { run: head(run, wall), tasks }
}

fn head(run: &StoredRun, wall: Timestamp) -> RunHead {
    RunHead {
        id: run.id.clone(),
        jobs: run.tasks.clone(),
        status: status(run, wall),
        scheduled_at: run.scheduled_at,
        started_at: run.started_at,
        finished_at: run.finished_at,
        attempts: run.attempts,
        error: run.error.clone(),
    }
}

fn status(run: &StoredRun, wall: Timestamp) -> RunStatus {
    // A run without report and without lease was interrupted: by a timeout of the function or a crash.
    let holds_lease = run.lease_until.is_some_and(|until| wall < until);
    match (&run.report, &run.error) {
        // A report is stored only at the end, so it takes precedence over the error of an earlier attempt.
        (Some(_), _) => RunStatus::Done,
        (None, _) if holds_lease => RunStatus::Running,
        (None, Some(_)) => RunStatus::Failed,
        (None, None) if run.attempts == 0 => RunStatus::Requested,
        (None, None) => RunStatus::CutOff,
    }
}
