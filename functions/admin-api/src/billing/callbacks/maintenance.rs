//! Run of all tasks of `subscription-maintenance`, in the shape of the ECPay document.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::callbacks::refusals::{DetailBody, DetailRefusals};
use crate::http::given::Given;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::runs::maintenance::{RunMode, invoke};
use crate::runs::requests;
use crate::runs::requests::{RunReport, RunStarted};

/// Route of the run.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(trigger_maintenance))
}

/// Query of a run of all tasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MaintenanceQuery {
    /// Answers what the run would do. ECPay is asked as in the run; nothing is written, sent or requested.
    #[serde(default)]
    dry_run: bool,
}

/// Body of a run of all tasks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceBody {
    /// Field of the older system. It has no effect: every run processes what is due.
    #[serde(rename = "force")]
    #[schema(example = false)]
    _force: Option<bool>,
}

/// Result of a run of all tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct MaintenanceAnswer {
    #[schema(example = "completed")]
    status: &'static str,
    /// Logical time of the run's decisions.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    maintenance_run_at: Timestamp,
    results: MaintenanceResults,
    run: RunReport,
}

/// Numbers of a run of all tasks.
#[derive(Serialize, ToSchema)]
pub(crate) struct MaintenanceResults {
    /// Grace periods that the run ended.
    #[schema(example = 1)]
    expired_subscriptions_processed: u64,
    /// Retries that the run requested from ECPay.
    #[schema(example = 2)]
    payment_retries_processed: u64,
    /// Active subscriptions after the run.
    #[schema(example = 420)]
    current_active_subscriptions: i64,
    /// Past due subscriptions after the run.
    #[schema(example = 7)]
    current_past_due_subscriptions: i64,
}

/// Conflict of a run with others.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers it")]
enum MaintenanceConflict {
    /// As many runs as the function may have are in progress.
    #[response(status = 409)]
    Busy(DetailBody),
}

/// Runs all tasks of `subscription-maintenance` now.
#[utoipa::path(
    post, path = "/api/webhooks/trigger-maintenance", tag = "callbacks", operation_id = "trigger_maintenance",
    params(MaintenanceQuery), request_body = Option<MaintenanceBody>,
    responses(
        (status = 200, description = "Result of the run.", body = MaintenanceAnswer),
        (status = 202, description = "The run takes longer than the response and continues.", body = RunStarted),
        DetailRefusals, MaintenanceConflict,
    ),
    security(("token" = ["operate"])),
)]
async fn trigger_maintenance(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<MaintenanceQuery, MaintenanceBody>,
) -> Result<Response, Failure> {
    let (dry_run, time) = (given.query.dry_run, caller.context.time);
    let (run, report) = invoke(&api, None, RunMode { dry_run, early: false }, time).await?;
    let Some(report) = report else {
        // A dry run is not stored, so there is no address at which its report could be read later.
        if dry_run {
            return Err(Failure::unavailable("The dry run did not finish in time."));
        }
        // API Gateway ends the request after 30 seconds, a run may take minutes.
        return Ok((StatusCode::ACCEPTED, Json(requests::started(&run))).into_response());
    };
    let done = |task: &str| report.pointer(&format!("/tasks/{task}/done")).and_then(Value::as_u64).unwrap_or(0);
    let counts = api.store.billing.status_counts().await?;
    let count = |status: &str| counts.get(status).copied().unwrap_or(0);
    let results = MaintenanceResults {
        expired_subscriptions_processed: done("end-grace"),
        payment_retries_processed: done("retry"),
        current_active_subscriptions: count("active"),
        current_past_due_subscriptions: count("past_due"),
    };
    let (status, maintenance_run_at) = ("completed", time.logical);
    Ok(Json(MaintenanceAnswer { status, maintenance_run_at, results, run: RunReport(report) }).into_response())
}
