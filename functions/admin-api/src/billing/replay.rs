//! Replay of quarantined reports after their cause was fixed: the same report takes the path of a new callback, with the
//! current time.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::apply_report;
use shared::apply_report::{Applied, Outcome};
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::payments::quarantine_reason::{QuarantineReason, QuarantineReasonKind};
use shared::domain::billing::rule::Rule;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::platform::logging::error_chain;
use shared::platform::metrics::Batch;
use shared::store::Error;
use shared::store::billing::counters::Counts;
use shared::store::billing::quarantine_list::{Listing, Position};
use shared::store::billing::quarantine_types::{QuarantineState, Quarantined, Resolution, ResolvedAs};

use crate::api::AdminApi;
use crate::billing::quarantine::{day, position, reason, time_range};
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Most reports that one request replays.
const MOST: usize = 200;
/// Page size of the reads.
const PAGE: usize = 50;
/// Seconds after which a request starts no further report: API Gateway ends a request after 30 seconds.
const SECONDS: u64 = 20;

/// Result of a replay.
enum Replayed {
    /// Applied now, under this rule.
    Applied(Rule),
    /// Applied before, by a repeat or an earlier replay.
    Repeat,
    /// Still quarantined: name of the reason, and the reason as a sentence.
    StillQuarantined(String, String),
}

/// `POST /quarantine/{id}/replay` `{why}`: replays one report.
pub(crate) async fn one(
    api: &AdminApi,
    id: &str,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["why", "admin_token"])?;
    let why = input.required("why")?.to_owned();
    let missing = || Failure::not_found("id", "no such quarantined report");
    // Refused without a read: the id becomes part of a key.
    if !cursor::is_report_id(id) {
        return Err(missing());
    }
    let report = api.store.billing.quarantined(id).await?.ok_or_else(missing)?;
    let resolution =
        Resolution { at: context.time.logical, by: context.actor.clone(), why, outcome: ResolvedAs::Applied };
    let replayed = replay(api, &report, &resolution).await?;
    Ok(response::ok(&shown(id, replayed)))
}

/// `POST /quarantine/replay` `{from, to, reason?, why, after?}`: replays the open reports of some days, oldest first. A
/// report that is refused again does not stop the others. If more remain, `next` is the `after` of the next request.
pub(crate) async fn range(api: &AdminApi, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["from", "to", "reason", "why", "after", "admin_token"])?;
    let range = time_range(day("from", input.required("from")?)?, day("to", input.required("to")?)?)?;
    let reason = reason(input.optional("reason")?)?;
    let why = input.required("why")?.to_owned();
    let mut after = position(input.optional("after")?, range)?;
    let resolution =
        Resolution { at: context.time.logical, by: context.actor.clone(), why, outcome: ResolvedAs::Applied };
    let listing = Listing { states: &[QuarantineState::Open], range, oldest_first: true };
    let mut replayed = Vec::new();
    let next = 'pages: loop {
        let limit = PAGE.min(MOST.saturating_sub(replayed.len()));
        let (page, next) = api.store.billing.quarantine_page(&listing, after.as_ref(), limit).await?;
        for listed in page {
            if context.time.stopwatch.elapsed().as_secs() >= SECONDS {
                break 'pages after;
            }
            // Also for reports that the filter skips, so that the next request starts behind them.
            after = Some(Position::of(&listed));
            let id = listed.id.clone();
            if let Some(report) = listed.readable().filter(|report| reason.is_none_or(|wanted| wanted == report.reason))
            {
                replayed.push(shown(&id, replay(api, &report, &resolution).await?));
            }
        }
        if next.is_none() || replayed.len() >= MOST {
            break next;
        }
    };
    let next = next.as_ref().map(cursor::encode);
    Ok(response::ok(&json!({ "replayed": replayed, "more": next.is_some(), "next": next })))
}

/// Applies a report and marks it resolved. If interrupted in between, the next replay detects that it was applied.
async fn replay(api: &AdminApi, report: &Quarantined, resolution: &Resolution) -> Result<Replayed, Failure> {
    let replayed = match apply(api, report, resolution).await {
        Ok(replayed) => replayed,
        Err(error @ Error::Unavailable { .. }) => return Err(error.into()),
        // The fault of one order: the other reports are still replayed. An unavailable table, above, stops all.
        Err(
            error @ (Error::Unreadable { .. } | Error::Newer { .. } | Error::Contended { .. } | Error::Rejected { .. }),
        ) => {
            tracing::error!(quarantine = report.id, error = error_chain(&error), "report not replayed");
            Replayed::StillQuarantined(
                report.reason.clone(),
                "the order cannot be read or written at the moment".to_owned(),
            )
        }
    };
    let outcome = replayed.name();
    tracing::info!(quarantine = report.id, by = resolution.by, outcome, "report replayed");
    Ok(replayed)
}

async fn apply(api: &AdminApi, kept: &Quarantined, resolution: &Resolution) -> Result<Replayed, Error> {
    // Resolved by another request since it was listed.
    if kept.state() == QuarantineState::Resolved {
        return Ok(Replayed::Repeat);
    }
    let report = match parse_stored(kept) {
        Ok(report) => report,
        Err(reason) => return keep_quarantined(api, kept, None, &reason).await,
    };
    let context = DecisionContext::new(&api.config.policy, resolution.at);
    let found = apply_report::apply(&api.store.billing, &report, None, context).await?;
    let (outcome, replayed) = match found {
        Outcome::Applied(applied) => {
            count(api, &applied, resolution.at).await;
            (ResolvedAs::Applied, Replayed::Applied(applied.decision.change.history.rule))
        }
        Outcome::Repeat => (ResolvedAs::Repeat, Replayed::Repeat),
        Outcome::Quarantined(reason) => return keep_quarantined(api, kept, Some(&report), &reason).await,
    };
    let resolution = Resolution { outcome, ..resolution.clone() };
    // `false`: a concurrent replay has resolved it; the outcome is the same.
    let _marked = api.store.billing.resolve_quarantined(kept, &report.subscription, &resolution).await?;
    Ok(replayed)
}

/// Counts the business events of a replayed report like those of a callback. A failure is only logged.
async fn count(api: &AdminApi, applied: &Applied, at: Timestamp) {
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
    if let Err(error) = api.store.billing.count(&counts, at, shard_key).await {
        tracing::warn!(error = error_chain(&error), "replayed report not counted");
    }
}

/// Returns the stored report, or parses the stored form with the current parser.
fn parse_stored(kept: &Quarantined) -> Result<PaymentReport, QuarantineReason> {
    // The stored fields may say less than the form did, for example after an erasure.
    if kept.reason == QuarantineReasonKind::Ambiguous.as_str() {
        return Err(QuarantineReason::Ambiguous(kept.detail.trim_start_matches("ambiguous: ").to_owned()));
    }
    if let Some(report) = &kept.report {
        return Ok(report.clone());
    }
    let unusable = |reason: String| QuarantineReason::Unusable(reason);
    let kind = kept.callback.ok_or_else(|| unusable("the form was not stored".to_owned()))?;
    let fields = kept.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    callback::parse_kept(kind, fields, kept.received_at).map_err(|error| error.quarantine_reason())
}

/// Keeps a report in quarantine and stores the current reason if it differs.
async fn keep_quarantined(
    api: &AdminApi,
    kept: &Quarantined,
    report: Option<&PaymentReport>,
    reason: &QuarantineReason,
) -> Result<Replayed, Error> {
    let detail = reason.to_string();
    if (kept.reason.as_str(), &kept.detail) != (reason.as_str(), &detail) {
        let is_known = *reason != QuarantineReason::UnknownOrder;
        let order = if is_known { report.map(|report| &report.subscription) } else { None };
        let _marked = api.store.billing.update_quarantine_reason(kept, order, reason).await?;
    }
    Ok(Replayed::StillQuarantined(reason.as_str().to_owned(), detail))
}

impl Replayed {
    const fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Repeat => "repeat",
            Self::StillQuarantined(..) => "still_quarantined",
        }
    }
}

fn shown(id: &str, replayed: Replayed) -> Value {
    let outcome = replayed.name();
    match replayed {
        Replayed::Applied(rule) => json!({ "id": id, "outcome": outcome, "rule": rule, "what": rule.sentence() }),
        Replayed::Repeat => json!({ "id": id, "outcome": outcome }),
        Replayed::StillQuarantined(reason, detail) => {
            json!({ "id": id, "outcome": outcome, "reason": reason, "detail": detail })
        }
    }
}
