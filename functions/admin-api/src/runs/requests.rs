//! Runs on demand, dry runs, and the run history.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::task::Task;
use shared::domain::institutions;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::platform::clock::InvocationTime;
use shared::platform::random;
use shared::store::institutions::digests::REPLAYED_DAYS;
use shared::store::runs::run_history::run_id;
use shared::store::runs::stored_run::StoredRun;

use crate::api::AdminApi;
use crate::auth::Scope;
use crate::auth::jwt;
use crate::http::context::RequestContext;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::runs::exclusive_job::ExclusiveJob;

/// Most and default number of runs in one response.
const PAGE: usize = 50;

/// Routes below `/runs`. Apps may start and read the runs of their area with a JSON Web Token.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let allow = |scope: Scope| api.tokens.authorize(input, scope, time);
    match (method, rest) {
        ("POST", [job]) if jwt::is_jwt(input) => {
            let exclusive = ExclusiveJob::of_name(job).ok_or_else(unknown_job)?;
            let context = api.jwt.authorize(input, exclusive.area(), time).await?;
            start(api, job, input, &context).await
        }
        ("POST", [job]) => {
            let context = allow(Scope::Operate).await?;
            start(api, job, input, &context).await
        }
        ("GET", []) => {
            allow(Scope::Read).await?;
            list(api, input, time).await
        }
        ("GET", [id]) if jwt::is_jwt(input) => show_app(api, &decoded(id), input, time).await,
        ("GET", [id]) => {
            allow(Scope::Read).await?;
            let run = api.store.runs.run(&decoded(id)).await?.ok_or_else(unknown_run)?;
            show(api, &run, time).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

/// How a run of `subscription-maintenance` was requested.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunMode {
    /// True if nothing is written or requested.
    pub(crate) dry_run: bool,
    /// True if `cancel` also requests the cancellations that customers can still undo.
    pub(crate) early: bool,
}

/// Runs one task of `subscription-maintenance`, or all. Returns the run's id, and its report if it finishes in time.
pub(crate) async fn invoke(
    api: &AdminApi,
    job: Option<&str>,
    mode: RunMode,
    time: InvocationTime,
) -> Result<(String, Option<Value>), Failure> {
    // A random name: two requests within a second are two runs.
    let name = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
    let name = format!("manual-{name}");
    let mut event =
        json!({ "scheduled_at": time.logical, "run_id": name, "dry_run": mode.dry_run, "early": mode.early });
    if let (Some(job), Some(fields)) = (job, event.as_object_mut()) {
        fields.insert("task".to_owned(), json!(job));
    }
    let report = api.maintenance.invoke(&event).await?;
    Ok((run_id(time.logical, &name), report))
}

/// `POST /runs/{job}?dry_run=`, for `cancel` also `?early=`: returns the report, or 202 and the run's address if the run
/// outlasts the request.
async fn start(api: &AdminApi, job: &str, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["admin_token"])?;
    let dry_run = input.flag("dry_run")?;
    let early = input.flag("early")?;
    if early && job != Task::Cancel.as_str() {
        return Err(Failure::invalid("early", "is supported by cancel only"));
    }
    let invoked = match ExclusiveJob::of_name(job) {
        Some(exclusive) => {
            let scheduled_at = scheduled_at(exclusive, input, context.time)?;
            exclusive.invoke(api, scheduled_at, dry_run, context).await?
        }
        None if Task::ALL.iter().any(|task| task.as_str() == job) => {
            invoke(api, Some(job), RunMode { dry_run, early }, context.time).await?
        }
        None => return Err(unknown_job()),
    };
    match invoked {
        (_, Some(report)) => Ok(response::ok(&report)),
        // A dry run is not stored, so there is no address at which its report could be read later.
        (_, None) if dry_run => Err(Failure::unavailable("the dry run did not finish in time")),
        (run, None) => Ok(still_running(&run)),
    }
}

fn unknown_job() -> Failure {
    let tasks = Task::ALL.iter().map(|task| task.as_str());
    let names: Vec<&str> = tasks.chain(ExclusiveJob::ALL.map(ExclusiveJob::name)).collect();
    Failure::not_found("job", &format!("must be one of {}", names.join(", ")))
}

fn unknown_run() -> Failure {
    Failure::not_found("id", "no such run")
}

/// Scheduled time of a run: now, or noon of `?day=` to catch up a missed day of the expiry scan.
fn scheduled_at(job: ExclusiveJob, input: &Input, time: InvocationTime) -> Result<Timestamp, Failure> {
    let Some(day) = input.query("day") else { return Ok(time.logical) };
    let today = time.logical.day(institutions::ZONE);
    let day = LocalDate::parse(day).map_err(|error| Failure::invalid("day", error.to_string()))?;
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

/// 202: the run continues after the response.
pub(crate) fn still_running(run: &str) -> Response<Body> {
    response::json_reply(StatusCode::ACCEPTED, &json!({ "status": "running", "run": run, "address": address(run) }))
}

/// Path of a run in the API.
pub(crate) fn address(run: &str) -> String {
    format!("/runs/{run}")
}

/// `GET /runs?before=&limit=`: lists runs, newest first; `next` is the `before` of the next page.
async fn list(api: &AdminApi, input: &Input, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let limit = input.limit(PAGE, PAGE)?;
    // Ids begin with the scheduled time, so "9999" sorts after all of them.
    let before = input.query("before").unwrap_or("9999");
    let runs = api.store.runs.runs(before, limit).await?;
    // A full page may be the last one; the next one is then empty.
    let full = runs.len() == limit;
    let next = if full { runs.last().map(|run| run.id.clone()) } else { None };
    let shown: Vec<Value> = runs.iter().map(|run| summary(run, time.wall)).collect();
    Ok(response::ok(&json!({ "runs": shown, "next": next })))
}

/// `GET /runs/{id}` of an app: shows a run of the areas in the token's scope.
async fn show_app(api: &AdminApi, id: &str, input: &Input, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let (mut allowed, mut refusal) = (Vec::new(), Failure::unauthorized());
    // A token may have several scopes; it sees the runs of each.
    for job in ExclusiveJob::ALL {
        match api.jwt.authorize(input, job.area(), time).await {
            Ok(_) => allowed.push(job),
            Err(failure) => refusal = failure,
        }
    }
    if allowed.is_empty() {
        return Err(refusal);
    }
    // 404 for runs of another area: the app does not learn that they exist.
    let run = api.store.runs.run(id).await?.filter(|run| allowed.iter().any(|job| is_of(run, *job)));
    show(api, &run.ok_or_else(unknown_run)?, time).await
}

/// `GET /runs/{id}`: shows a run with its whole report.
async fn show(api: &AdminApi, run: &StoredRun, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let mut shown = summary(run, time.wall);
    let report = report(run).unwrap_or_default();
    let Some(fields) = shown.as_object_mut() else { return Ok(response::ok(&shown)) };
    if let Some(tasks) = report.get("tasks") {
        fields.insert("tasks".to_owned(), tasks.clone());
    }
    let details: &[&str] = match ExclusiveJob::ALL.into_iter().find(|job| is_of(run, *job)) {
        Some(ExclusiveJob::Reminders) => {
            fields.insert("reminders".to_owned(), json!(api.store.workshop.reminders_of_run(&run.id).await?));
            &["requested_by", "total_customers", "reminder_sent", "already_sent", "failed", "skipped", "unclear"]
        }
        Some(ExclusiveJob::ExpiryScan) => {
            &["requested_by", "day", "institutions", "acknowledged", "unreadable", "posting"]
        }
        None => &[],
    };
    for (name, value) in details.iter().filter_map(|name| Some((*name, report.get(*name)?.clone()))) {
        fields.insert(name.to_owned(), value);
    }
    Ok(response::ok(&shown))
}

fn is_of(run: &StoredRun, job: ExclusiveJob) -> bool {
    run.tasks.iter().any(|task| task == job.name())
}

fn report(run: &StoredRun) -> Option<Value> {
    run.report.as_ref().and_then(|report| serde_json::from_str(report).ok())
}

/// Run with the counts of its tasks, without their entries.
fn summary(run: &StoredRun, wall: Timestamp) -> Value {
    let counts = |task: &Value| {
        let part = |name: &str| task.get(name).cloned().unwrap_or_default();
        json!({ "due": part("due"), "done": part("done"), "skipped": part("skipped"), "failed": part("failed"), "stopped": part("stopped") })
    };
    let report = report(run);
    let tasks = report.as_ref().and_then(|report| report.get("tasks")).and_then(Value::as_object);
    let tasks: serde_json::Map<String, Value> =
        tasks.into_iter().flatten().map(|(name, task)| (name.clone(), counts(task))).collect();
    json!({
        "id": run.id, "jobs": run.tasks, "status": status(run, wall), "scheduled_at": run.scheduled_at,
        "started_at": run.started_at, "finished_at": run.finished_at, "attempts": run.attempts,
        "error": run.error, "tasks": tasks,
    })
}

fn status(run: &StoredRun, wall: Timestamp) -> &'static str {
    // A run without report and without lease was interrupted: by a timeout of the function or a crash.
    let holds_lease = run.lease_until.is_some_and(|until| wall < until);
    match (&run.report, &run.error) {
        // A report is stored only at the end, so it takes precedence over the error of an earlier attempt.
        (Some(_), _) => "done",
        (None, _) if holds_lease => "running",
        (None, Some(_)) => "failed",
        (None, None) if run.attempts == 0 => "requested",
        (None, None) => "cut_off",
    }
}
