//! Health and statistics of callbacks, in the shapes of the ECPay document.

use lambda_http::{Body, Response};
use serde_json::{Map, Value, json};
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store::billing::counters::{CallbackCount, Counts};

use crate::api::AdminApi;
use crate::billing::kpis::{kpis, percent};
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

const SERVICE: &str = "ecpay-webhooks";
/// Share of processed callbacks in percent below which the service is `degraded`.
const HEALTHY_PERCENT: f64 = 95.0;
/// Quarantined reports in a day below which the service is not `degraded`: on a quiet day a single one is a large share.
const DEGRADED_FROM: u64 = 3;
/// Longest period in hours (7 days): counters are kept for 9 days.
const MOST_HOURS: i64 = 168;

/// `GET /api/webhooks/health`: always 200, because monitors read `status` in the body.
pub(crate) async fn health(api: &AdminApi, time: InvocationTime) -> Response<Body> {
    let body = match metrics(api, time.logical).await {
        Ok((recent, day)) => {
            json!({
                "status": if is_degraded(day) { "degraded" } else { "healthy" },
                "timestamp": time.logical,
                "service": SERVICE,
                "metrics": {
                    "recent_webhooks_30min": recent.total(),
                    "failed_webhooks_24h": day.unsuccessful(),
                    "total_webhooks_24h": day.total(),
                    "success_rate_24h": success_rate(day),
                },
                "callbacks_24h": {
                    "applied": day.applied, "quarantined": day.quarantined, "not_kept": day.not_kept, "refused": day.refused,
                },
            })
        }
        Err(error) => {
            tracing::error!(error = error_chain(&error), "health could not be read");
            json!({ "status": "unhealthy", "timestamp": time.logical, "service": SERVICE, "error": "the database is unavailable" })
        }
    };
    response::ok(&body)
}

async fn metrics(api: &AdminApi, now: Timestamp) -> Result<(CallbackCount, CallbackCount), shared::store::Error> {
    // Counters have slots of five minutes, so both windows are exact to five minutes.
    let recent = api.store.billing.counts(now.plus_minutes(-30), now).await?;
    let day = api.store.billing.counts(now.plus_hours(-24), now).await?;
    Ok((sum(&recent), sum(&day)))
}

fn sum(counts: &Counts) -> CallbackCount {
    CallbackKind::ALL.iter().map(|kind| counts.callbacks(*kind)).fold(CallbackCount::default(), CallbackCount::plus)
}

/// True if reports that ECPay signed could not be applied. Refused callbacks and repetitions, of which a stranger or a buyer
/// can send any number, say nothing about that.
fn is_degraded(count: CallbackCount) -> bool {
    let signed = count.applied.saturating_add(count.quarantined);
    let rate = percent(count.applied, signed).unwrap_or(100.0);
    count.quarantined >= DEGRADED_FROM && rate < HEALTHY_PERCENT
}

/// Success rate in percent; 100 if there were no callbacks.
fn success_rate(count: CallbackCount) -> f64 {
    percent(count.applied, count.total()).unwrap_or(100.0)
}

/// `GET /api/webhooks/webhook-stats?hours=`: 1 to 168 hours, default 24.
pub(crate) async fn webhook_stats(
    api: &AdminApi,
    input: &Input,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let hours = match input.query("hours") {
        None => 24,
        Some(text) => text
            .parse()
            .ok()
            .filter(|hours| (1..=MOST_HOURS).contains(hours))
            .ok_or_else(|| Failure::invalid("hours", "must be 1 to 168"))?,
    };
    let counts = api.store.billing.counts(time.logical.plus_hours(-hours), time.logical).await?;
    let types: Map<String, Value> = CallbackKind::ALL
        .iter()
        .map(|kind| (kind, counts.callbacks(*kind)))
        .filter(|(_, count)| count.total() > 0)
        .map(|(kind, count)| {
            // `processing` is 0: a callback is decided within its request.
            let shown = json!({
                "total": count.total(), "success": count.applied, "failed": count.unsuccessful(),
                "processing": 0, "success_rate": success_rate(count),
            });
            (kind.as_str().to_owned(), shown)
        })
        .collect();
    Ok(response::ok(
        &json!({ "period_hours": hours, "generated_at": time.logical, "webhook_types": types, "kpis": kpis(&counts) }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_to_two_decimals() {
        let rate = |applied, refused| success_rate(CallbackCount { applied, refused, ..CallbackCount::default() });
        assert_eq!(rate(0, 0), 100.0);
        assert_eq!(rate(19, 1), 95.0);
        assert_eq!(rate(2, 1), 66.67);
        assert_eq!(rate(0, 3), 0.0);
        assert_eq!(rate(1, 5), 16.67);
    }

    #[test]
    fn forgeries_and_repetitions_degrade_nothing_and_three_quarantined_reports_do() {
        let degraded =
            |applied, quarantined| is_degraded(CallbackCount { applied, quarantined, not_kept: 1_000, refused: 1_000 });
        assert!(!degraded(0, 0) && !degraded(0, 2) && !degraded(57, 3));
        assert!(degraded(0, 3) && degraded(56, 3));
    }
}
