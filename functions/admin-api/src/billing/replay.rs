//! Deciding again about what was set aside, after repair: the same report, the same code, the time of now.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::apply_report::{self, Applied, Outcome};
use shared::domain::billing::decision::QuarantineReason;
use shared::domain::billing::payment::PaymentReport;
use shared::domain::billing::rule::Rule;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::platform::logging::error_chain;
use shared::platform::metrics::Batch;
use shared::store::Error;
use shared::store::billing::counters::Counts;
use shared::store::billing::quarantine_list::{Listing, Position};
use shared::store::table::record::{QuarantineState, Quarantined, Resolution, ResolvedAs};

use crate::api::AdminApi;
use crate::billing::quarantine::{day, position, reason, span};
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::request::Input;
use crate::http::response::{self, Failure};

/// Reports that one call replays at most.
const MOST: usize = 200;
/// Reports read at once.
const PAGE: usize = 50;
/// A call takes up no further report after this many seconds, so that it answers before its function ends.
const SECONDS: u64 = 20;

/// What became of a report.
enum Replayed {
    /// It is stored now, under this rule.
    Applied(Rule),
    /// It was stored before.
    Repeat,
    /// It stays, for this reason, in short and in words.
    Stays(String, String),
}

/// Replays one report: `{why}`.
pub(crate) async fn one(
    api: &AdminApi,
    id: &str,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["why", "admin_token"])?;
    let why = input.required("why")?.to_owned();
    let missing = || Failure::not_found("id", "no such report was set aside");
    if !cursor::is_report_id(id) {
        return Err(missing());
    }
    let report = api.store.billing.quarantined(id).await?.ok_or_else(missing)?;
    let resolution =
        Resolution { at: context.time.logical, by: context.actor.clone(), why, outcome: ResolvedAs::Applied };
    let replayed = decide_again(api, &report, &resolution).await?;
    Ok(response::ok(&shown(id, replayed)))
}

/// Replays the open reports of some days, oldest first: `{from, to, reason?, why, after?}`. One that stays does not
/// keep the others waiting; where there are more, the answer's `next` is the `after` of the next call.
pub(crate) async fn range(api: &AdminApi, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["from", "to", "reason", "why", "after", "admin_token"])?;
    let (from, to) = span(day("from", input.required("from")?)?, day("to", input.required("to")?)?)?;
    let reason = reason(input.optional("reason")?)?;
    let why = input.required("why")?.to_owned();
    let mut after = position(input.optional("after")?, (from, to))?;
    let resolution =
        Resolution { at: context.time.logical, by: context.actor.clone(), why, outcome: ResolvedAs::Applied };
    let listing = Listing { states: &[QuarantineState::Open], from, to, oldest_first: true };
    let mut replayed = Vec::new();
    let next = 'pages: loop {
        let limit = PAGE.min(MOST.saturating_sub(replayed.len()));
        let (page, next) = api.store.billing.quarantine_page(&listing, after.as_ref(), limit).await?;
        for listed in page {
            if context.time.stopwatch.elapsed().as_secs() >= SECONDS {
                break 'pages after;
            }
            after = Some(Position::of(&listed));
            let id = listed.id.clone();
            if let Some(report) = listed.readable().filter(|report| reason.is_none_or(|wanted| wanted == report.reason))
            {
                replayed.push(shown(&id, decide_again(api, &report, &resolution).await?));
            }
        }
        if next.is_none() || replayed.len() >= MOST {
            break next;
        }
    };
    let next = next.as_ref().map(cursor::encode);
    Ok(response::ok(&json!({ "replayed": replayed, "more": next.is_some(), "next": next })))
}

/// Applies a report if it can be applied, then marks it. Cut off in between, it is found applied the next time.
async fn decide_again(api: &AdminApi, report: &Quarantined, resolution: &Resolution) -> Result<Replayed, Failure> {
    let replayed = match outcome(api, report, resolution).await {
        Ok(replayed) => replayed,
        Err(error @ Error::Unavailable { .. }) => return Err(error.into()),
        // An order that cannot be read, or that others keep changing, does not keep the other reports waiting.
        Err(error @ (Error::Unreadable { .. } | Error::Contended { .. } | Error::Rejected { .. })) => {
            tracing::error!(quarantine = report.id, error = error_chain(&error), "a report cannot be replayed");
            Replayed::Stays(report.reason.clone(), "its order cannot be read or written now".to_owned())
        }
    };
    let outcome = replayed.name();
    tracing::info!(quarantine = report.id, by = resolution.by, outcome, "report replayed");
    Ok(replayed)
}

async fn outcome(api: &AdminApi, kept: &Quarantined, resolution: &Resolution) -> Result<Replayed, Error> {
    if kept.state() == QuarantineState::Resolved {
        return Ok(Replayed::Repeat);
    }
    let report = match said(kept) {
        Ok(report) => report,
        Err(reason) => return stays(api, kept, None, &reason).await,
    };
    let found = apply_report::apply(&api.store, &report, None, &api.config.policy, resolution.at).await?;
    let (outcome, replayed) = match found {
        Outcome::Applied(applied) => {
            count(api, &applied, resolution.at).await;
            (ResolvedAs::Applied, Replayed::Applied(applied.decision.change.history.rule))
        }
        Outcome::Repeat => (ResolvedAs::Repeat, Replayed::Repeat),
        Outcome::Quarantined(reason) => return stays(api, kept, Some(&report), &reason).await,
    };
    let resolution = Resolution { outcome, ..resolution.clone() };
    // `false`: another replay marked it meanwhile.
    let _marked = api.store.billing.resolve_quarantined(kept, &report.subscription, &resolution).await?;
    Ok(replayed)
}

/// Counts what followed from a report, like a callback's. What cannot be counted fails nothing.
async fn count(api: &AdminApi, applied: &Applied, at: Timestamp) {
    let (mut batch, mut tally) = (Batch::default(), Counts::default());
    for happening in applied.happened() {
        batch.happened(&happening);
        tally.happened(&happening);
    }
    batch.emit(at);
    if tally.is_empty() {
        return;
    }
    let spread = applied.decision.change.next.id.as_str();
    if let Err(error) = api.store.billing.count(&tally, at, spread).await {
        tracing::warn!(error = error_chain(&error), "a replayed report is missing in the counters");
    }
}

/// What a report says: as it was understood when it came, or as it is understood by now.
fn said(kept: &Quarantined) -> Result<PaymentReport, QuarantineReason> {
    if let Some(report) = &kept.report {
        return Ok(report.clone());
    }
    let unusable = |reason: String| QuarantineReason::Unusable(reason);
    let kind = kept.callback.ok_or_else(|| unusable("the report was not kept".to_owned()))?;
    let fields = kept.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    callback::parse_kept(kind.into(), fields, kept.received_at).map_err(|error| unusable(error.to_string()))
}

/// Leaves a report where it is, and has it say why, if that is no longer what it said.
async fn stays(
    api: &AdminApi,
    kept: &Quarantined,
    report: Option<&PaymentReport>,
    reason: &QuarantineReason,
) -> Result<Replayed, Error> {
    let detail = reason.to_string();
    if (kept.reason.as_str(), &kept.detail) != (reason.name(), &detail) {
        let is_known = *reason != QuarantineReason::UnknownOrder;
        let order = if is_known { report.map(|report| &report.subscription) } else { None };
        let _marked = api.store.billing.update_quarantine_reason(kept, order, reason).await?;
    }
    Ok(Replayed::Stays(reason.name().to_owned(), detail))
}

impl Replayed {
    const fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Repeat => "repeat",
            Self::Stays(..) => "still_quarantined",
        }
    }
}

fn shown(id: &str, replayed: Replayed) -> Value {
    let outcome = replayed.name();
    match replayed {
        Replayed::Applied(rule) => json!({ "id": id, "outcome": outcome, "rule": rule, "what": rule.sentence() }),
        Replayed::Repeat => json!({ "id": id, "outcome": outcome }),
        Replayed::Stays(reason, detail) => {
            json!({ "id": id, "outcome": outcome, "reason": reason, "detail": detail })
        }
    }
}
