//! Run history.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::billing::task::Task;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::reminders::Reminder;
use shared::store::runs::run_history::RunFilter;
use shared::store::runs::stored_run::StoredRun;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{AnyCaller, Caller, Read};
use crate::auth::scope::Scope;
use crate::http::context::RequestContext;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::runs::exclusive_job::ExclusiveJob;
use crate::workshop::reminder_answers::with_deliveries;

/// Default number of runs in one response.
const PAGE: usize = 50;

fn unknown_run() -> Failure {
    Failure::not_found("id", "There is no such run.")
}

/// Query of the run history.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunListQuery {
    /// Name of a job of the run.
    #[param(min_length = 1, max_length = 50, example = "reconcile")]
    job: Option<String>,
    /// State of the run.
    #[param(inline)]
    pub(crate) status: Option<RunStatus>,
    /// Id of a run, usually the `next` of the page before: only earlier runs are listed.
    #[param(max_length = 200, min_length = 1, example = "20250331T123000Z-reconcile.retry")]
    before: Option<String>,
    /// Runs in one response.
    #[param(minimum = 1, maximum = 50, default = 50)]
    pub(crate) limit: Option<usize>,
}

/// Runs, newest first.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct RunList {
    pub(crate) runs: Vec<RunSummary>,
    /// `before` of the next page; null on the last one.
    #[schema(example = "20250331T103000Z-reconcile.retry")]
    pub(crate) next: Option<String>,
}

/// A run with the counts of its tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunSummary {
    #[serde(flatten)]
    pub(crate) run: RunHead,
    pub(crate) tasks: BTreeMap<String, TaskCounts>,
}

/// Part that every run has.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunHead {
    #[schema(example = "20250331T123000Z-reconcile.retry")]
    pub(crate) id: String,
    #[schema(example = json!(["reconcile", "retry"]))]
    pub(crate) jobs: Vec<String>,
    pub(crate) status: RunStatus,
    /// Logical time of the run's decisions.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T12:30:00Z")]
    pub(crate) scheduled_at: Timestamp,
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T12:30:01Z")]
    pub(crate) started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-31T12:30:04Z")]
    pub(crate) finished_at: Option<Timestamp>,
    /// Number of attempts to run it.
    #[schema(example = 1)]
    pub(crate) attempts: u32,
    /// Error of the latest attempt that failed.
    pub(crate) error: Option<String>,
}

/// State of a run.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    /// Registered and not started yet.
    Requested,
    Running,
    Done,
    /// Ended by an error; of reminders also a run in which no provider was left or every reminder failed.
    Failed,
    /// Ended by a timeout of the function or a crash.
    CutOff,
}

impl RunStatus {
    /// Every state, in the order in which they are offered.
    pub(crate) const ALL: [Self; 5] = [Self::Requested, Self::Running, Self::Done, Self::Failed, Self::CutOff];

    /// Name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::CutOff => "cut_off",
        }
    }
}

/// Items of one task.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct TaskCounts {
    #[schema(example = 12)]
    pub(crate) due: Option<u64>,
    #[schema(example = 11)]
    pub(crate) done: Option<u64>,
    /// By reason.
    #[schema(example = json!({ "nothing new at ECPay": 1 }))]
    pub(crate) skipped: BTreeMap<String, u64>,
    /// By reason.
    #[schema(example = json!({}))]
    pub(crate) failed: BTreeMap<String, u64>,
    /// Reason for which the task stopped before its end.
    pub(crate) stopped: Option<String>,
}

/// A run with its whole report.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    pub(crate) run: RunHead,
    /// Report of each task, with its entries.
    #[schema(value_type = Object)]
    pub(crate) tasks: Value,
    /// Of a run of reminders: the reminders with their outcomes, and `delivery` with the stage that the message reached, where the
    /// provider gave it an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub(crate) reminders: Option<Value>,
    /// Further figures of the job.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(crate) figures: BTreeMap<String, Value>,
}

/// Lists runs, newest first.
#[utoipa::path(
    get, path = "/runs", tag = "runs", operation_id = "list_runs", params(RunListQuery),
    responses((status = 200, description = "One page of the run history.", body = RunList), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Read>,
    given: Given<RunListQuery>,
) -> Result<Json<RunList>, Failure> {
    let RunListQuery { job, status: wanted, before, limit } = given.query;
    let job = job.as_deref().map(known_job).transpose()?;
    let wall = caller.context.time.wall;
    let filter = RunFilter { job, is_done: wanted.map(|status| status == RunStatus::Done) };
    let is_wanted = |run: &StoredRun| wanted.is_none_or(|wanted| status(run, wall) == wanted);
    let limit = limit.unwrap_or(PAGE);
    let (runs, next) = api.store.runs.runs(filter, before.as_deref(), limit, is_wanted).await?;
    Ok(Json(RunList { runs: runs.iter().map(|run| summary(run, wall)).collect(), next }))
}

/// The latest run of a job, for pages of those who may read it by its id.
pub(crate) async fn latest_of(
    api: &ApiState,
    job: ExclusiveJob,
    wall: Timestamp,
) -> Result<Option<RunSummary>, Failure> {
    let filter = RunFilter { job: Some(job.name()), is_done: None };
    let (runs, _) = api.store.runs.runs(filter, None, 1, |_| true).await?;
    Ok(runs.first().map(|run| summary(run, wall)))
}

/// Name of a job; refused where there is none of that name.
fn known_job(name: &str) -> Result<&str, Failure> {
    if job_names().any(|job| job == name) {
        return Ok(name);
    }
    Err(Failure::invalid("job", format!("must be one of {}", job_names().collect::<Vec<_>>().join(", "))))
}

/// Names of all jobs.
pub(crate) fn job_names() -> impl Iterator<Item = &'static str> {
    Task::ALL.iter().map(|task| task.as_str()).chain(ExclusiveJob::ALL.map(ExclusiveJob::name))
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
pub(crate) async fn show(
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
    // The reminders at once: whether the run has any stands in its item.
    let (run, stored) = futures::join!(api.store.runs.run(&id), api.store.workshop.reminders_of_run(&id));
    // 404 for runs of another scope: the app does not learn that they exist.
    let run = run?.filter(is_visible).ok_or_else(unknown_run)?;
    let stored = if is_of(&run, ExclusiveJob::Reminders) { stored? } else { Vec::new() };
    detail(&api, &run, stored, &caller.context).await.map(Json)
}

async fn detail(
    api: &ApiState,
    run: &StoredRun,
    stored: Vec<Reminder>,
    context: &RequestContext,
) -> Result<RunDetail, Failure> {
    let report = report(run).unwrap_or_default();
    let mut reminders = None;
    let figures: &[&str] = match ExclusiveJob::ALL.into_iter().find(|job| is_of(run, *job)) {
        Some(ExclusiveJob::Reminders) => {
            let stored = stored.into_iter().map(|reminder| json!(reminder)).collect();
            reminders = Some(json!(with_deliveries(api, stored).await?));
            &["requested_by", "total_customers", "reminder_sent", "already_sent", "failed", "skipped", "unclear"]
        }
        Some(ExclusiveJob::ExpiryScan) => {
            &["requested_by", "day", "institutions", "acknowledged", "unreadable", "contradictory", "posting"]
        }
        // The first actions by task.
        None => &["did"],
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

/// True for a run that ended by an error, or whose report says that it failed.
pub(crate) fn has_failed(run: &StoredRun, wall: Timestamp) -> bool {
    status(run, wall) == RunStatus::Failed
}

/// True for a run that failed or was interrupted.
pub(crate) fn has_ended_badly(run: &StoredRun, wall: Timestamp) -> bool {
    matches!(status(run, wall), RunStatus::Failed | RunStatus::CutOff)
}

fn status(run: &StoredRun, wall: Timestamp) -> RunStatus {
    // A run without report and without lease was interrupted: by a timeout of the function or a crash.
    let holds_lease = run.lease_until.is_some_and(|until| wall < until);
    match (&run.report, &run.error) {
        // A report is stored only at the end, so it takes precedence over the error of an earlier attempt.
        (Some(_), _) if run.has_failed => RunStatus::Failed,
        (Some(_), _) => RunStatus::Done,
        (None, _) if holds_lease => RunStatus::Running,
        (None, Some(_)) => RunStatus::Failed,
        (None, None) if run.attempts == 0 => RunStatus::Requested,
        (None, None) => RunStatus::CutOff,
    }
}
