//! Health of the callbacks, for monitors.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde_json::Value;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store::billing::counters::{CallbackCount, Counts};

use crate::api::ApiState;
use crate::billing::callbacks::health_report::{CallbackFates, HealthMetrics, HealthReport, HealthStatus};
use crate::billing::callbacks::kpis::{percent, success_rate};
use crate::http::request::Input;
use crate::http::routes::{Routes, routes};

const SERVICE: &str = "ecpay-webhooks";
/// Share of processed callbacks in percent below which the service is `degraded`.
const HEALTHY_PERCENT: f64 = 95.0;
/// Quarantined reports in a day below which the service is not `degraded`: on a quiet day a single one is a large share.
const DEGRADED_FROM: u64 = 3;

/// Route of the health.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(health))
}

/// Shows the health of the callbacks.
///
/// Needs no token. 200 also where the status is not `healthy`, because monitors of the older system read `status`; with
/// `strict=true` it is 503 then. Each instance counts the callbacks at most once in 60 seconds. Unknown parameters are
/// ignored.
#[utoipa::path(
    get, path = "/api/webhooks/health", tag = "callbacks", operation_id = "show_health",
    params((
        "strict" = Option<bool>, Query,
        description = "`true`: answers 503 where the status is not `healthy`, for monitors that read the status code alone.",
    )),
    responses(
        (status = 200, description = "The health.", body = HealthReport),
        (status = 503, description = "With `strict=true`: the status is not `healthy`.", body = HealthReport),
    ),
    security(()),
)]
async fn health(
    State(api): State<Arc<ApiState>>,
    Extension(input): Extension<Arc<Input>>,
    Extension(time): Extension<InvocationTime>,
) -> Response {
    let report = api.health.get_or(time.wall, report(&api, time.logical)).await;
    let is_strict = input.sent_query().values.get("strict").and_then(Value::as_str) == Some("true");
    let is_refused = is_strict && report.status != HealthStatus::Healthy;
    let status = if is_refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(report)).into_response()
}

async fn report(api: &ApiState, now: Timestamp) -> HealthReport {
    let unknown = HealthReport {
        status: HealthStatus::Unhealthy,
        timestamp: now,
        service: SERVICE,
        metrics: None,
        callbacks_24h: None,
        error: Some("the database is unavailable"),
    };
    match counts(api, now).await {
        Ok([recent, day]) => HealthReport {
            status: if is_degraded(day) { HealthStatus::Degraded } else { HealthStatus::Healthy },
            metrics: Some(HealthMetrics {
                recent_webhooks_30min: recent.total(),
                failed_webhooks_24h: day.quarantined,
                total_webhooks_24h: day.total(),
                success_rate_24h: success_rate(day),
            }),
            callbacks_24h: Some(CallbackFates::from(day)),
            error: None,
            ..unknown
        },
        Err(error) => {
            tracing::error!(error = error_chain(&error), "health could not be read");
            unknown
        }
    }
}

/// Callbacks of the last 30 minutes and of the last 24 hours.
async fn counts(api: &ApiState, now: Timestamp) -> Result<[CallbackCount; 2], shared::store::Error> {
    // Counters have slots of five minutes, so both windows are exact to five minutes.
    let recent = api.store.billing.counts(now.plus_minutes(-30), now).await?;
    let day = api.store.billing.counts(now.plus_hours(-24), now).await?;
    Ok([sum(&recent), sum(&day)])
}

fn sum(counts: &Counts) -> CallbackCount {
    CallbackKind::ALL.iter().map(|kind| counts.callbacks(*kind)).fold(CallbackCount::default(), CallbackCount::plus)
}

/// True if reports that ECPay signed could not be applied. Refused callbacks and repetitions, of which a stranger or a buyer
/// can send any number, say nothing about that.
fn is_degraded(count: CallbackCount) -> bool {
    let rate = percent(count.applied, count.total()).unwrap_or(100.0);
    count.quarantined >= DEGRADED_FROM && rate < HEALTHY_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeries_and_repetitions_degrade_nothing_and_three_quarantined_reports_do() {
        let degraded =
            |applied, quarantined| is_degraded(CallbackCount { applied, quarantined, not_kept: 1_000, refused: 1_000 });
        assert!(!degraded(0, 0) && !degraded(0, 2) && !degraded(57, 3));
        assert!(degraded(0, 3) && degraded(56, 3));
    }
}
