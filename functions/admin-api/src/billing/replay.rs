//! Replay of quarantined reports after their cause was fixed: the same report takes the path of a new callback, with the
//! current time.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::apply_report::Applied;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::rule::Rule;
use shared::platform::logging::error_chain;
use shared::platform::metrics::Batch;
use shared::replay;
use shared::replay::Replayed;
use shared::store::billing::counters::Counts;
use shared::store::billing::quarantine::list::{Listing, Position};
use shared::store::billing::quarantine::types::{QuarantineState, Quarantined, Resolution, ResolvedAs};
use shared::store::{Error, Store};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::quarantine::{ReasonName, position, time_range};
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::cursor::ReportCursor;
use crate::http::dates::Day;
use crate::http::given::Given;
use crate::http::reason::Reason;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Most reports that one request replays.
const MOST: usize = 200;
/// Page size of the reads.
const PAGE: usize = 50;
/// Seconds after which a request starts no further report: API Gateway ends a request after 30 seconds.
const SECONDS: u64 = 20;

/// Routes of replays.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(one)).routes(routes!(range))
}

/// Query of a replay.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayQuery {
    /// Answers what the replay would do. Nothing is written or counted.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Request to replay one report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayReportBody {
    /// Reason of staff in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "the order exists by now")]
    pub(crate) why: Reason,
}

/// Request to replay the open reports of some days.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayRangeBody {
    /// First day of receipt, in Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2025-03-01")]
    from: Day,
    /// Last day of receipt, in Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2025-03-31")]
    to: Day,
    #[schema(schema_with = ReasonName::in_a_body)]
    reason: Option<ReasonName>,
    /// Reason of staff in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "the orders were imported late")]
    why: Reason,
    /// `next` of the request before, with the same days.
    #[schema(value_type = Option<String>, max_length = 500)]
    after: Option<ReportCursor>,
}

/// Result of the replay of one report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    #[serde(flatten)]
    report: ReplayedReport,
    /// True in a dry run; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
}

/// Results of the replay of some days.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayRangeAnswer {
    /// Reports in the order of their receipt, oldest first.
    replayed: Vec<ReplayedReport>,
    /// True if reports of these days are left for another request.
    more: bool,
    /// `after` of the next request; null where none is left.
    next: Option<String>,
    /// True in a dry run; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
}

/// Result of the replay of a report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayedReport {
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub(crate) id: String,
    pub(crate) outcome: ReplayOutcome,
    /// Rule under which it was or would be applied; absent for another outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "renewed")]
    pub(crate) rule: Option<&'static str>,
    /// Sentence of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "payment processed: the recurring charge succeeded")]
    pub(crate) what: Option<&'static str>,
    /// Name of the reason for which it is still quarantined; absent for another outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "unknown_order")]
    pub(crate) reason: Option<String>,
    /// Sentence of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "unknown order")]
    pub(crate) detail: Option<String>,
}

/// Outcome of the replay of a report.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplayOutcome {
    /// Applied now.
    Applied,
    /// Of a dry run: a replay would apply it now.
    WouldApply,
    /// Applied before, by a repeat or an earlier replay.
    Repeat,
    /// Still not applicable.
    StillQuarantined,
}

/// One request to replay, with what is the same for all of its reports.
struct Replay<'a> {
    api: &'a ApiState,
    /// Of a dry run a store that writes nothing, in which each decision sees those before it.
    store: Store,
    resolution: Resolution,
}

/// Replays one quarantined report.
///
/// The report takes the path of a new callback, so that nothing is applied twice. If it is refused again it stays open with
/// the new reason.
#[utoipa::path(
    post, path = "/quarantine/{id}/replay", tag = "quarantine", operation_id = "replay_report",
    params(
        ("id" = String, Path, description = "Id of the report.", example = "0123456789abcdef0123456789abcdef"),
        ReplayQuery,
    ),
    request_body = ReplayReportBody,
    responses((status = 200, description = "Result of the replay.", body = ReplayAnswer), Refusals, Missing),
    security(("token" = ["operate"])),
)]
async fn one(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<ReplayQuery, ReplayReportBody>,
) -> Result<Json<ReplayAnswer>, Failure> {
    let missing = || Failure::not_found("id", "There is no such quarantined report.");
    // Refused without a read: the id becomes part of a key.
    if !cursor::is_report_id(&id) {
        return Err(missing());
    }
    let replay = Replay::of(&api, given.query, given.body.why, caller.context);
    let report = replay.store.billing.quarantined(&id).await?.ok_or_else(missing)?;
    let replayed = replay.replay(&report).await?;
    Ok(Json(ReplayAnswer { report: replay.shown(id, replayed), dry_run: replay.shown_mode() }))
}

/// Replays the open reports of some days, oldest first, at most 200.
///
/// A report that is refused again does not stop the others. If more remain, `next` is the `after` of the next request.
#[utoipa::path(
    post, path = "/quarantine/replay", tag = "quarantine", operation_id = "replay_quarantine", params(ReplayQuery),
    request_body = ReplayRangeBody,
    responses((status = 200, description = "Results of the replay.", body = ReplayRangeAnswer), Refusals),
    security(("token" = ["operate"])),
)]
async fn range(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<ReplayQuery, ReplayRangeBody>,
) -> Result<Json<ReplayRangeAnswer>, Failure> {
    let ReplayRangeBody { from: Day(from), to: Day(to), reason, why, after } = given.body;
    let range = time_range(from, to)?;
    let mut after = position(after, range)?;
    let stopwatch = caller.context.time.stopwatch;
    let replay = Replay::of(&api, given.query, why, caller.context);
    let listing = Listing { states: &[QuarantineState::Open], range, oldest_first: true };
    let mut replayed = Vec::new();
    let next = 'pages: loop {
        let limit = PAGE.min(MOST.saturating_sub(replayed.len()));
        let (page, next) = replay.store.billing.quarantine_page(&listing, after.as_ref(), limit).await?;
        for listed in page {
            if stopwatch.elapsed().as_secs() >= SECONDS {
                break 'pages after;
            }
            // Also for reports that the filter skips, so that the next request starts behind them.
            after = Some(Position::of(&listed));
            let id = listed.id.clone();
            if let Some(report) = listed.readable().filter(|report| reason.is_none_or(|reason| reason.is_of(report))) {
                replayed.push(replay.shown(id, replay.replay(&report).await?));
            }
        }
        if next.is_none() || replayed.len() >= MOST {
            break next;
        }
    };
    let next = next.as_ref().map(cursor::encode);
    Ok(Json(ReplayRangeAnswer { replayed, more: next.is_some(), next, dry_run: replay.shown_mode() }))
}

/// A chosen report as it was stored before its replay, and the result.
pub(crate) struct Chosen {
    pub(crate) report: Quarantined,
    pub(crate) replayed: ReplayedReport,
}

/// Replays chosen reports, the earliest first. Those that time does not suffice for are left out.
pub(crate) async fn chosen(
    api: &ApiState,
    caller: Caller<Operate>,
    ids: &BTreeSet<String>,
    given: Given<ReplayQuery, ReplayReportBody>,
) -> Result<Vec<Chosen>, Failure> {
    let stopwatch = caller.context.time.stopwatch;
    let replay = Replay::of(api, given.query, given.body.why, caller.context);
    let mut replayed = Vec::new();
    for report in replay.store.billing.quarantined_many(ids).await? {
        if stopwatch.elapsed().as_secs() >= SECONDS {
            break;
        }
        let outcome = replay.replay(&report).await?;
        replayed.push(Chosen { replayed: replay.shown(report.id.clone(), outcome), report });
    }
    Ok(replayed)
}

impl ReplayOutcome {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::WouldApply => "would_apply",
            Self::Repeat => "repeat",
            Self::StillQuarantined => "still_quarantined",
        }
    }
}

impl<'a> Replay<'a> {
    fn of(api: &'a ApiState, query: ReplayQuery, why: Reason, context: RequestContext) -> Self {
        let store = if query.dry_run { api.store.dry_run() } else { api.store.clone() };
        let Reason(why) = why;
        let resolution =
            Resolution { at: context.time.logical, by: context.actor().to_owned(), why, outcome: ResolvedAs::Applied };
        Self { api, store, resolution }
    }

    /// Replays a report and counts what it brought.
    async fn replay(&self, report: &Quarantined) -> Result<Replayed, Failure> {
        let context = DecisionContext::new(&self.api.config.policy, self.resolution.at);
        let replayed = match replay::replay(&self.store.billing, report, &self.resolution, context).await {
            Ok(Replayed::Applied(applied)) => {
                self.count(&applied).await;
                Replayed::Applied(applied)
            }
            Ok(replayed) => replayed,
            Err(error @ Error::Unavailable { .. }) => return Err(error.into()),
            // The fault of one order: the other reports are still replayed. An unavailable table, above, stops all.
            Err(
                error @ (Error::Unreadable { .. }
                | Error::Newer { .. }
                | Error::Contended { .. }
                | Error::Rejected { .. }),
            ) => {
                tracing::error!(quarantine = report.id, error = error_chain(&error), "report not replayed");
                Replayed::StillQuarantined(
                    report.reason.clone(),
                    "the order cannot be read or written at the moment".to_owned(),
                )
            }
        };
        let outcome = self.outcome(&replayed).name();
        let dry_run = self.store.is_dry_run();
        tracing::info!(quarantine = report.id, by = self.resolution.by, outcome, dry_run, "report replayed");
        Ok(replayed)
    }

    /// Counts the business events of a replayed report like those of a callback. A failure is only logged.
    async fn count(&self, applied: &Applied) {
        if self.store.is_dry_run() {
            return;
        }
        let at = self.resolution.at;
        let (mut batch, mut counts) = (Batch::default(), Counts::default());
        for event in applied.business_events() {
            batch.happened(&event);
            counts.count_event(&event);
        }
        batch.emit(at);
        if counts.is_empty() {
            return;
        }
        let shard_key = applied.decision.change.next.id.as_str();
        if let Err(error) = self.store.billing.count(&counts, at, shard_key).await {
            tracing::warn!(error = error_chain(&error), "replayed report not counted");
        }
    }

    const fn outcome(&self, replayed: &Replayed) -> ReplayOutcome {
        match replayed {
            Replayed::Applied(_) if self.store.is_dry_run() => ReplayOutcome::WouldApply,
            Replayed::Applied(_) => ReplayOutcome::Applied,
            Replayed::Repeat => ReplayOutcome::Repeat,
            Replayed::StillQuarantined(..) => ReplayOutcome::StillQuarantined,
        }
    }

    /// Field `dry_run` of the answer.
    fn shown_mode(&self) -> Option<bool> {
        self.store.is_dry_run().then_some(true)
    }

    fn shown(&self, id: String, replayed: Replayed) -> ReplayedReport {
        let outcome = self.outcome(&replayed);
        let (mut rule, mut still) = (None, None);
        match replayed {
            Replayed::Applied(applied) => rule = Some(applied.decision.change.history.rule),
            Replayed::Repeat => {}
            Replayed::StillQuarantined(reason, detail) => still = Some((reason, detail)),
        }
        let (reason, detail) = still.unzip();
        ReplayedReport { id, outcome, rule: rule.map(Rule::as_str), what: rule.map(Rule::sentence), reason, detail }
    }
}
