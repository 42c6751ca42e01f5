//! Statistics of the callbacks, in the shape of the ECPay document.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::time::Timestamp;
use shared::store::billing::counters::CallbackCount;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::callbacks::kpis::{KeyFigures, kpis, success_rate};
use crate::billing::callbacks::refusals::DetailRefusals;
use crate::http::given::Given;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Default period in hours.
const HOURS: i64 = 24;

/// Route of the statistics.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(webhook_stats))
}

/// Query of the statistics.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatsQuery {
    /// Hours up to now, exact to five minutes; 24 where it is absent. Hourly counters are kept for 93 days.
    #[param(minimum = 1, maximum = 168, default = 24)]
    hours: Option<i64>,
}

/// Callbacks and key figures of a period.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookStats {
    #[schema(example = 24)]
    period_hours: i64,
    /// End of the period.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    generated_at: Timestamp,
    /// Callbacks by their route: `auth_callback` and `billing_callback`. One without any callback is absent.
    webhook_types: BTreeMap<&'static str, WebhookTypeStats>,
    kpis: KeyFigures,
}

/// Callbacks of one route, without repetitions.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookTypeStats {
    /// Callbacks that ECPay signed: applied and quarantined ones.
    #[schema(example = 45)]
    total: u64,
    /// Applied, declined cards included.
    #[schema(example = 44)]
    success: u64,
    /// Quarantined; each report counts once.
    #[schema(example = 1)]
    failed: u64,
    /// Always 0: a callback is decided within its request.
    #[schema(example = 0)]
    processing: u64,
    /// Not signed by ECPay, or a form of the other address; not in `total`.
    #[schema(example = 3)]
    refused: u64,
    /// Applied ones among `total` in percent, with two decimals; 100 where there was none.
    #[schema(example = 97.78)]
    success_rate: f64,
}

/// Shows statistics of the callbacks, and key figures.
#[utoipa::path(
    get, path = "/api/webhooks/webhook-stats", tag = "callbacks", operation_id = "show_webhook_stats", params(StatsQuery),
    responses((status = 200, description = "Statistics of the period.", body = WebhookStats), DetailRefusals),
    security(("token" = ["read"])),
)]
async fn webhook_stats(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Read>,
    given: Given<StatsQuery>,
) -> Result<Json<WebhookStats>, Failure> {
    let (hours, now) = (given.query.hours.unwrap_or(HOURS), caller.context.time.logical);
    let counts = api.store.billing.counts(now.plus_hours(-hours), now).await?;
    let types = CallbackKind::ALL.iter().map(|kind| (kind.as_str(), counts.callbacks(*kind)));
    let types = types.filter(|(_, count)| count.total() > 0 || count.refused > 0);
    Ok(Json(WebhookStats {
        period_hours: hours,
        generated_at: now,
        webhook_types: types.map(|(kind, count)| (kind, shown(count))).collect(),
        kpis: kpis(&counts),
    }))
}

fn shown(count: CallbackCount) -> WebhookTypeStats {
    WebhookTypeStats {
        total: count.total(),
        success: count.applied,
        failed: count.quarantined,
        processing: 0,
        refused: count.refused,
        success_rate: success_rate(count),
    }
}
