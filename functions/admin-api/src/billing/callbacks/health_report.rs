//! Health as it is answered, and the latest one of an instance.

use serde::Serialize;
use shared::domain::values::time::Timestamp;
use shared::store::billing::counters::CallbackCount;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// Seconds of wall time for which a report is answered again: everyone may ask for it, and each report costs reads.
const FRESH_SECONDS: i64 = 60;

/// Health of the callbacks.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct HealthReport {
    pub(crate) status: HealthStatus,
    /// Time at which the callbacks were counted, at most 60 seconds ago.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    pub(crate) timestamp: Timestamp,
    #[schema(example = "ecpay-webhooks")]
    pub(crate) service: &'static str,
    /// Numbers in the older system's form; absent where the status is `unhealthy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<HealthMetrics>,
    /// Callbacks of the last 24 hours by what became of them; absent where the status is `unhealthy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callbacks_24h: Option<CallbackFates>,
    /// Reason for the status `unhealthy`; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the database is unavailable")]
    pub(crate) error: Option<&'static str>,
}

/// Health in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    Healthy,
    /// At least three reports of the last 24 hours were quarantined, and less than 95 % of the signed ones applied.
    Degraded,
    /// The callbacks cannot be counted, because the database is unavailable.
    Unhealthy,
}

/// Callbacks in the older system's form: those that ECPay signed, without repetitions.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct HealthMetrics {
    /// Callbacks of the last 30 minutes.
    #[schema(example = 4)]
    pub(crate) recent_webhooks_30min: u64,
    /// Quarantined callbacks of the last 24 hours.
    #[schema(example = 1)]
    pub(crate) failed_webhooks_24h: u64,
    /// Applied and quarantined callbacks of the last 24 hours.
    #[schema(example = 45)]
    pub(crate) total_webhooks_24h: u64,
    /// Applied ones among them in percent, with two decimals; 100 where there was none.
    #[schema(example = 97.78)]
    pub(crate) success_rate_24h: f64,
}

/// Callbacks by what became of them.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct CallbackFates {
    /// Applied, declined cards included.
    #[schema(example = 44)]
    applied: u64,
    /// Signed by ECPay and not applicable; each report counts once.
    #[schema(example = 1)]
    quarantined: u64,
    /// Signed, and quarantined before or beyond a limit.
    #[schema(example = 0)]
    not_kept: u64,
    /// Not signed by ECPay, or a form of the other address.
    #[schema(example = 0)]
    refused: u64,
}

impl From<CallbackCount> for CallbackFates {
    fn from(count: CallbackCount) -> Self {
        let CallbackCount { applied, quarantined, not_kept, refused } = count;
        Self { applied, quarantined, not_kept, refused }
    }
}

/// Latest report of an instance, with the wall time at which it was made.
#[derive(Default)]
pub(crate) struct HealthCache(Mutex<Option<(Timestamp, HealthReport)>>);

impl HealthCache {
    /// Returns the latest report, or a new one where that is stale. Requests at the same time wait for one report.
    pub(crate) async fn get_or(&self, wall: Timestamp, report: impl Future<Output = HealthReport>) -> HealthReport {
        let mut latest = self.0.lock().await;
        if let Some((_, report)) = latest.as_ref().filter(|(made_at, _)| is_fresh(*made_at, wall)) {
            return report.clone();
        }
        let report = report.await;
        // A failed count is tried again by the next request.
        *latest = (report.status != HealthStatus::Unhealthy).then(|| (wall, report.clone()));
        report
    }
}

/// False also for a report of the future: the wall clock went backwards, so that its age is unknown.
fn is_fresh(made_at: Timestamp, wall: Timestamp) -> bool {
    (0..FRESH_SECONDS).contains(&wall.unix().saturating_sub(made_at.unix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_fresh_for_a_minute_and_never_before_it_was_made() {
        let made_at = Timestamp::parse("2025-01-15T02:00:00Z").unwrap();
        let fresh = |seconds| is_fresh(made_at, made_at.plus_seconds(seconds));
        assert!(fresh(0) && fresh(59));
        assert!(!fresh(60) && !fresh(-1));
    }

    #[tokio::test]
    async fn a_failed_count_is_tried_again_by_the_next_request() {
        let wall = Timestamp::parse("2025-01-15T02:00:00Z").unwrap();
        let report = |status| {
            std::future::ready(HealthReport {
                status,
                timestamp: wall,
                service: "invented",
                metrics: None,
                callbacks_24h: None,
                error: None,
            })
        };
        let cache = HealthCache::default();
        for (counted, shown) in [
            (HealthStatus::Unhealthy, HealthStatus::Unhealthy),
            (HealthStatus::Healthy, HealthStatus::Healthy),
            // Not counted any more within the minute.
            (HealthStatus::Degraded, HealthStatus::Healthy),
        ] {
            assert_eq!(cache.get_or(wall, report(counted)).await.status, shown);
        }
    }
}
