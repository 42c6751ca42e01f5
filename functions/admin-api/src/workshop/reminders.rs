//! Routes of maintenance reminders: start, stop and status of their schedule, and a run on demand. Shapes and Indonesian
//! texts are those of the reminder document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::Deserialize;
use shared::domain::workshop::vehicles::ZONE;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Reminders};
use crate::aws::schedule::Daily;
use crate::http::context::RequestContext;
use crate::http::given::Given;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::requests::{RunStarted, started};
use crate::workshop::reminder_answers::{
    ReminderConflicts, ReminderRefusals, ReminderReport, ScheduleStarted, ScheduleStatus, ScheduleStopped,
    ScheduledJob, Success, success,
};

/// Time of day of the reminder document, Asia/Jakarta.
const DOCUMENTED: Daily = Daily { hour: 7, minute: 0 };

/// Routes of reminders and their schedule.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(status))
        .routes(routes!(run_now))
        .routes(routes!(send))
}

/// Time of day at which reminders are sent.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleStartQuery {
    /// Hour of the day in Asia/Jakarta.
    #[param(minimum = 0, maximum = 23, default = 7)]
    hour: Option<u32>,
    /// Minute of the hour.
    #[param(minimum = 0, maximum = 59, default = 0)]
    minute: Option<u32>,
}

/// Query of a run of reminders on demand.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReminderRunQuery {
    /// Answers which reminders would be sent; nothing is sent or written. Default: false.
    #[serde(default)]
    dry_run: bool,
}

/// Starts the schedule of reminders.
///
/// Reminders are then sent every day at that time in Asia/Jakarta. A time outside the send hours is accepted with a
/// `warning`.
#[utoipa::path(
    post, path = "/scheduler/maintenance-reminder/start", tag = "reminders", operation_id = "start_reminder_schedule",
    params(ScheduleStartQuery),
    responses((status = 200, description = "The schedule is started.", body = Success<ScheduleStarted>), ReminderRefusals),
    security(("token" = ["reminders"])),
)]
pub(crate) async fn start(
    State(api): State<Arc<ApiState>>,
    _: Caller<Reminders>,
    given: Given<ScheduleStartQuery>,
) -> Result<Json<Success<ScheduleStarted>>, Failure> {
    let ScheduleStartQuery { hour, minute } = given.query;
    let daily = Daily { hour: hour.unwrap_or(DOCUMENTED.hour), minute: minute.unwrap_or(DOCUMENTED.minute) };
    api.schedule.start(daily).await?;
    tracing::info!(hour = daily.hour, minute = daily.minute, "reminders started");
    let at = format!("{:02}:{:02}", daily.hour, daily.minute);
    let message = format!("Scheduler dimulai. Job akan berjalan setiap hari jam {at}");
    Ok(success(ScheduleStarted { message, warning: api.schedule.warning(daily) }))
}

/// Stops the schedule of reminders.
///
/// Its time of day stays. A run that is active continues.
#[utoipa::path(
    post, path = "/scheduler/maintenance-reminder/stop", tag = "reminders", operation_id = "stop_reminder_schedule",
    responses((status = 200, description = "The schedule is stopped.", body = Success<ScheduleStopped>), ReminderRefusals),
    security(("token" = ["reminders"])),
)]
pub(crate) async fn stop(
    State(api): State<Arc<ApiState>>,
    _: Caller<Reminders>,
    _: Given,
) -> Result<Json<Success<ScheduleStopped>>, Failure> {
    api.schedule.stop().await?;
    tracing::info!("reminders stopped");
    Ok(success(ScheduleStopped { message: "Scheduler dihentikan" }))
}

/// Shows the schedule of reminders.
#[utoipa::path(
    get, path = "/scheduler/maintenance-reminder/status", tag = "reminders", operation_id = "show_reminder_schedule",
    responses((status = 200, description = "State of the schedule.", body = Success<ScheduleStatus>), ReminderRefusals),
    security(("token" = ["reminders"])),
)]
async fn status(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Reminders>,
    _: Given,
) -> Result<Json<Success<ScheduleStatus>>, Failure> {
    let setting = api.schedule.setting().await?;
    let trigger = match setting.daily {
        Some(Daily { hour, minute }) => format!("cron[hour='{hour}', minute='{minute}']"),
        None => setting.expression,
    };
    let job = ScheduledJob {
        id: "maintenance_reminder_job",
        name: "Maintenance Reminder WhatsApp",
        next_run_time: setting.daily.map(|daily| daily.next_after(caller.context.time.wall).to_rfc3339(ZONE)),
        trigger,
    };
    let jobs = if setting.running { vec![job] } else { Vec::new() };
    Ok(success(ScheduleStatus { running: setting.running, jobs }))
}

/// Sends today's reminders now.
///
/// Reminders are sent at any hour: the send hours bind the schedule only. A vehicle whose owner was reminded of the visit is
/// not reminded of it again.
#[utoipa::path(
    post, path = "/scheduler/maintenance-reminder/run-now", tag = "reminders", operation_id = "run_reminders_now",
    params(ReminderRunQuery),
    responses(
        (status = 200, description = "Report of the run.", body = Success<ReminderReport>),
        (
            status = 202, description = "The run takes longer than the response and continues.",
            body = Success<RunStarted>,
        ),
        ReminderRefusals, ReminderConflicts,
    ),
    security(("token" = ["reminders"])),
)]
async fn run_now(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Reminders>,
    given: Given<ReminderRunQuery>,
) -> Result<Response, Failure> {
    run(&api, &caller.context, given.query.dry_run).await
}

/// Sends today's reminders now, as `run_reminders_now` does.
///
/// The reminder document has both routes.
#[utoipa::path(
    post, path = "/customers/send-maintenance-reminder", tag = "reminders", operation_id = "send_maintenance_reminder",
    params(ReminderRunQuery),
    responses(
        (status = 200, description = "Report of the run.", body = Success<ReminderReport>),
        (
            status = 202, description = "The run takes longer than the response and continues.",
            body = Success<RunStarted>,
        ),
        ReminderRefusals, ReminderConflicts,
    ),
    security(("token" = ["reminders"])),
)]
async fn send(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Reminders>,
    given: Given<ReminderRunQuery>,
) -> Result<Response, Failure> {
    run(&api, &caller.context, given.query.dry_run).await
}

/// Runs the job: its report, or 202 and the run's address if the run outlasts the request.
async fn run(api: &ApiState, context: &RequestContext, dry_run: bool) -> Result<Response, Failure> {
    match ExclusiveJob::Reminders.invoke(api, context.time.logical, dry_run, context).await? {
        (_, Some(report)) => Ok(success(ReminderReport(report)).into_response()),
        // A dry run is not stored, so there is no address at which its report could be read later.
        (_, None) if dry_run => Err(Failure::unavailable("The dry run did not finish in time.")),
        (run, None) => Ok((StatusCode::ACCEPTED, success(started(&run))).into_response()),
    }
}
