//! Answers of the reminder routes, in the shape of the reminder document: `{"success": …, "data": …}`.

use axum::Json;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};

use crate::api::ApiState;
use crate::http::refusals::{ErrorDetail, FaultDetail};
use crate::http::response::Failure;

/// Answer to a request that succeeded.
#[derive(Serialize, ToSchema)]
pub(crate) struct Success<T> {
    /// Always true; a failed request has false.
    #[schema(example = true)]
    success: bool,
    data: T,
}

/// The schedule after it was started.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleStarted {
    /// Confirmation in Indonesian, with the time of day in Asia/Jakarta.
    #[schema(example = "Scheduler dimulai. Job akan berjalan setiap hari jam 07:00")]
    pub(crate) message: String,
    /// Warning for a time of day outside the send hours: reminders are not sent at it. Absent for any other time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<String>,
}

/// The schedule after it was stopped.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleStopped {
    /// Confirmation in Indonesian.
    #[schema(example = "Scheduler dihentikan")]
    pub(crate) message: &'static str,
}

/// State of the schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleStatus {
    /// True if reminders are sent by schedule.
    #[schema(example = true)]
    pub(crate) running: bool,
    /// The scheduled job; empty while the schedule is stopped.
    pub(crate) jobs: Vec<ScheduledJob>,
}

/// Job of the schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduledJob {
    #[schema(example = "maintenance_reminder_job")]
    pub(crate) id: &'static str,
    #[schema(example = "Maintenance Reminder WhatsApp")]
    pub(crate) name: &'static str,
    /// Time of the next run, with the offset of Asia/Jakarta; null if the schedule is not a time of every day.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-12-15T07:00:00+07:00")]
    pub(crate) next_run_time: Option<String>,
    /// Time of day in Asia/Jakarta, or the schedule's own expression.
    #[schema(example = "cron[hour='7', minute='0']")]
    pub(crate) trigger: String,
}

/// Report of a run of reminders.
///
/// `total_customers` counts the vehicles that are due, `reminder_sent`, `already_sent`, `failed`, `skipped` and `unclear`
/// their outcomes; `details` has a row for each vehicle with its `status`. Follow-ups of missed visits are counted with the
/// reminders, and in `follow_ups_sent`; their rows have the `kind` `follow_up`. `waiting` counts skipped vehicles that a
/// later run reminds, because the provider takes no message more than an hour ahead; `continuation` then says when: its `state`
/// is `scheduled` (a run at `at` goes on), or the next daily run goes on, because it is `outside_hours` (too late in the day),
/// `stopped` (staff stopped the schedule) or `failed` (EventBridge did not answer). A dry run sends nothing: `would_send` counts the
/// reminders that a run would send, and their rows have that status. A run in which no reminder could be sent says so in `status`.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct ReminderReport(pub(crate) Value);

/// Error of a request to the reminder routes.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReminderError {
    /// Always false.
    #[schema(example = false)]
    success: bool,
    /// Reason for people: a sentence that stands alone.
    #[schema(example = "hour must be a whole number from 0 to 23")]
    message: String,
    error: ErrorDetail,
    /// Every fault of a request that is answered with 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FaultDetail>>,
}

/// Refusals of the reminder routes.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers them")]
pub(crate) enum ReminderRefusals {
    /// A parameter, field or header cannot be used. Nothing was done.
    #[response(status = 400)]
    Invalid(ReminderError),
    /// There is no token, or it is malformed, unknown, expired or of the wrong kind; `code` says which.
    #[response(status = 401)]
    Unauthorized(ReminderError),
    /// The token lacks the scope that `message` names.
    #[response(status = 403)]
    Forbidden(ReminderError),
    /// A fault of Duekeeper, or unreadable data. The log has the error under `request_id`.
    #[response(status = 500)]
    Internal(ReminderError),
    /// A service that is needed is unavailable; try again.
    #[response(status = 503)]
    Unavailable(ReminderError),
}

/// Refusal of a run of reminders while another one is active.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers it")]
pub(crate) enum ReminderConflicts {
    /// Another run is active: `code` is `already_running` or `busy`.
    #[response(status = 409)]
    Conflict(ReminderError),
}

/// Body of a request that succeeded.
pub(crate) const fn success<T>(data: T) -> Json<Success<T>> {
    Json(Success { success: true, data })
}

/// Adds to reminders as they are stored, where the provider gave their message an id, what became of it: `delivery`, null where
/// nothing was reported.
pub(crate) async fn with_deliveries(api: &ApiState, reminders: Vec<Value>) -> Result<Vec<Value>, Failure> {
    let message_id = |reminder: &Value| reminder.get("message_id").and_then(Value::as_str).map(str::to_owned);
    let ids: Vec<String> = reminders.iter().filter_map(message_id).collect();
    let deliveries = api.store.workshop.deliveries(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let with_delivery = |mut reminder: Value| {
        let Some(id) = message_id(&reminder) else { return reminder };
        // Of a message about several vehicles each has it.
        let delivery = deliveries.get(&id);
        if let Some(fields) = reminder.as_object_mut() {
            fields.insert("delivery".to_owned(), json!(delivery));
        }
        reminder
    };
    Ok(reminders.into_iter().map(with_delivery).collect())
}
