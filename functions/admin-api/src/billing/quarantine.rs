//! List of quarantined reports, with reason and resolution.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::payments::quarantine_reason::QuarantineReasonKind;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::{LocalDate, Zone};
use shared::domain::values::time_range::TimeRange;
use shared::platform::clock::InvocationTime;
use shared::store::billing::quarantine_list::{Listed, Listing, Page, Position};
use shared::store::billing::quarantine_types::{QuarantineState, Quarantined};

use crate::api::AdminApi;
use crate::http::cursor;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Days before `?to=` at which the list begins without `?from=`. For one order it begins with its first report.
const DAYS: i64 = 30;
/// Default page size.
const PAGE: usize = 50;
/// Largest page size that a caller may request.
const LARGEST_PAGE: usize = 100;
/// Most index pages read for one response: a filter may leave few reports of each.
const READS: usize = 10;

/// Filter of a list.
struct Wanted<'a> {
    subscription: Option<SubscriptionId>,
    states: &'a [QuarantineState],
    reason: Option<&'a str>,
    range: TimeRange,
}

/// Lists reports, newest first. `?from=` and `?to=` are days in Asia/Taipei, both included.
pub(crate) async fn list(api: &AdminApi, input: &Input, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let subscription = input.query("subscription").map(SubscriptionId::parse).transpose();
    let subscription = subscription.map_err(|error| Failure::invalid("subscription", error.to_string()))?;
    let today = time.logical.day(Zone::Taipei);
    // One order has few reports, so its list needs no default period.
    let earliest = if subscription.is_some() { LocalDate::new(2000, 1, 1) } else { None };
    let from = input.query("from").map(|text| day("from", text)).transpose()?;
    let to = input.query("to").map(|text| day("to", text)).transpose()?;
    let from = from.or(earliest).unwrap_or_else(|| to.unwrap_or(today).plus_days(-DAYS));
    let range = time_range(from, to.unwrap_or(today))?;
    let states = states(input.query("state").unwrap_or("open"))?;
    let wanted = Wanted { subscription, states, reason: reason(input.query("reason"))?, range };
    let limit = input.limit(PAGE, LARGEST_PAGE)?;
    let after = position(input.query("after"), range)?;
    let (reports, next) = collect(api, &wanted, after, limit).await?;
    let shown: Vec<Value> = reports.iter().map(shown).collect();
    Ok(response::ok(&json!({ "quarantine": shown, "next": next.as_ref().map(cursor::encode) })))
}

/// Reads index pages until `limit` reports match or [`READS`] pages were read.
async fn collect(
    api: &AdminApi,
    wanted: &Wanted<'_>,
    mut after: Option<Position>,
    limit: usize,
) -> Result<(Vec<Quarantined>, Option<Position>), Failure> {
    let fits = |report: &Quarantined| {
        wanted.states.contains(&report.state()) && wanted.reason.is_none_or(|reason| reason == report.reason)
    };
    let mut found: Vec<Quarantined> = Vec::new();
    for _ in 0..READS {
        let (page, next) = page(api, wanted, after.as_ref(), limit.saturating_sub(found.len())).await?;
        // The cursor also advances past filtered reports, so a page may be short while `next` is set.
        found.extend(page.into_iter().filter_map(Listed::readable).filter(fits));
        after = next;
        if after.is_none() || found.len() >= limit {
            break;
        }
    }
    Ok((found, after))
}

async fn page(
    api: &AdminApi,
    wanted: &Wanted<'_>,
    after: Option<&Position>,
    limit: usize,
) -> Result<Page, shared::store::Error> {
    // Reports of one order are read from its partition; all others are found by state and time in the index.
    if let Some(order) = &wanted.subscription {
        return api.store.billing.quarantined_of(order, wanted.range, after, limit).await;
    }
    let listing = Listing { states: wanted.states, range: wanted.range, oldest_first: false };
    api.store.billing.quarantine_page(&listing, after, limit).await
}

/// Parses a date parameter. Years need four digits, because the index compares dates as text.
pub(crate) fn day(param: &str, text: &str) -> Result<LocalDate, Failure> {
    let day = LocalDate::parse(text).map_err(|error| Failure::invalid(param, error.to_string()))?;
    if text.len() == 10 { Ok(day) } else { Err(Failure::invalid(param, "must be a day yyyy-MM-dd")) }
}

/// Time range of two days in Asia/Taipei, both included.
pub(crate) fn time_range(from: LocalDate, to: LocalDate) -> Result<TimeRange, Failure> {
    if to < from {
        return Err(Failure::invalid("to", "must not be before from"));
    }
    Ok(TimeRange { from: from.start(Zone::Taipei), to: to.plus_days(1).start(Zone::Taipei) })
}

/// Parses the filter by reason.
pub(crate) fn reason(text: Option<&str>) -> Result<Option<&str>, Failure> {
    let names: Vec<&str> = QuarantineReasonKind::ALL.iter().map(|reason| reason.as_str()).collect();
    match text.filter(|name| !names.contains(name)) {
        Some(_) => Err(Failure::invalid("reason", format!("must be one of {}", names.join(", ")))),
        None => Ok(text),
    }
}

/// Parses the cursor. A position outside of the requested range belongs to another list.
pub(crate) fn position(text: Option<&str>, range: TimeRange) -> Result<Option<Position>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let position = cursor::decode(text).filter(|position| range.contains(position.at));
    position.map(Some).ok_or_else(|| Failure::invalid("after", "must be the `next` of this list"))
}

fn states(text: &str) -> Result<&'static [QuarantineState], Failure> {
    match text {
        "open" => Ok(&[QuarantineState::Open]),
        "resolved" => Ok(&[QuarantineState::Resolved]),
        "all" => Ok(&[QuarantineState::Open, QuarantineState::Resolved]),
        _ => Err(Failure::invalid("state", "must be open, resolved or all")),
    }
}

fn shown(report: &Quarantined) -> Value {
    let resolved = report.resolved.as_ref().map(|resolved| {
        json!({
            "at": resolved.at, "by": format!("staff:{}", resolved.by), "why": resolved.why,
            "outcome": resolved.outcome.name(),
        })
    });
    json!({
        "id": report.id, "received_at": report.received_at, "reason": report.reason, "detail": report.detail,
        "merchant_trade_no": report.subscription, "event": report.event,
        "type": report.callback.map_or("query", |kind| kind.as_str()), "fields": report.fields,
        "state": report.state().name(), "resolved": resolved,
    })
}
