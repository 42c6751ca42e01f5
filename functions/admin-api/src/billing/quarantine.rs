//! List of quarantined reports, with reason and resolution.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::billing::payments::quarantine_reason::QuarantineReasonKind;
use shared::domain::values::ids::{EventId, SubscriptionId};
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::domain::values::time_range::TimeRange;
use shared::store::billing::quarantine::list::{Listed, Listing, Page, Position};
use shared::store::billing::quarantine::types::{QuarantineState, Quarantined};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Object, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::http::cursor;
use crate::http::cursor::ReportCursor;
use crate::http::dates::Day;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Days before `to` at which the list begins without `from`. For one order it begins with its first report.
const DAYS: i64 = 30;
/// Default number of reports in one response.
const PAGE: usize = 50;
/// Most index pages read for one response: a filter may leave few reports of each.
const READS: usize = 10;

/// Routes of the list.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list))
}

/// Query of the list of quarantined reports.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuarantineQuery {
    /// First day of receipt, in Asia/Taipei. Where it is absent 30 days before `to`, and with `subscription` the first
    /// report of the order.
    #[param(value_type = Option<String>, format = Date, example = "2025-03-01")]
    from: Option<Day>,
    /// Last day of receipt, in Asia/Taipei; today where it is absent.
    #[param(value_type = Option<String>, format = Date, example = "2025-03-31")]
    to: Option<Day>,
    /// State of the reports; `open` where it is absent.
    #[serde(default)]
    #[param(inline)]
    state: ListedReports,
    /// Reason for which they are quarantined; every reason where it is absent.
    #[param(inline)]
    reason: Option<ReasonName>,
    /// Order of the reports (`MerchantTradeNo`); every order where it is absent.
    #[param(value_type = Option<String>, min_length = 1, max_length = 20, example = "DK20250131SAMPLE0001")]
    pub(crate) subscription: Option<SubscriptionId>,
    /// Reports in one response; 50 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: Option<usize>,
    /// `next` of the page before, with the same filter.
    #[param(value_type = Option<String>, max_length = 500)]
    after: Option<ReportCursor>,
}

/// Reports in a list, by their state.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListedReports {
    /// Not applied; staff have to look at them.
    #[default]
    Open,
    /// Applied, by a replay or before one.
    Resolved,
    All,
}

/// Name of a reason for a quarantine in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReasonName(QuarantineReasonKind);

/// Refusal of a text as a [`ReasonName`].
#[derive(Debug, thiserror::Error)]
#[error("a reason is one of those that `GET /quarantine` shows")]
pub(crate) struct NotAReasonName;

/// Quarantined reports, newest first.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct QuarantineList {
    pub(crate) quarantine: Vec<QuarantinedReport>,
    /// `after` of the next page; null on the last one. A filtered page may be short, or empty, although there is one.
    pub(crate) next: Option<String>,
}

/// A report that ECPay signed and that was not applied.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantinedReport {
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub(crate) id: String,
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    pub(crate) received_at: Timestamp,
    /// Name of the reason.
    #[schema(example = "unknown_order")]
    pub(crate) reason: String,
    /// Reason as a sentence.
    #[schema(example = "unknown order")]
    pub(crate) detail: String,
    /// Order of the report; null where it cannot be read.
    #[schema(value_type = Option<String>, example = "DK20250131SAMPLE0001")]
    pub(crate) merchant_trade_no: Option<SubscriptionId>,
    /// Event of the report within its order; null where it cannot be read.
    #[schema(value_type = Option<String>, example = "S:2")]
    pub(crate) event: Option<EventId>,
    /// Source of the report: `auth_callback`, `billing_callback` or `query`.
    #[serde(rename = "type")]
    #[schema(example = "billing_callback")]
    pub(crate) source: &'static str,
    /// Fields of the form, without CheckMacValue and without digits of the card but the last four.
    pub(crate) fields: BTreeMap<String, String>,
    /// `open` or `resolved`.
    #[schema(example = "open")]
    pub(crate) state: &'static str,
    /// Replay that resolved it; null while it is open.
    pub(crate) resolved: Option<ReportResolution>,
}

/// Replay that resolved a quarantined report.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportResolution {
    #[schema(value_type = String, format = DateTime, example = "2025-04-01T02:00:00Z")]
    pub(crate) at: Timestamp,
    /// `staff:` and the name of the token.
    #[schema(example = "staff:support")]
    pub(crate) by: String,
    /// Reason of staff.
    #[schema(example = "the order exists by now")]
    pub(crate) why: String,
    /// `applied` by the replay, or `repeat` where it was applied before.
    #[schema(example = "applied")]
    pub(crate) outcome: &'static str,
}

/// Filter of a list.
struct Wanted<'a> {
    subscription: Option<SubscriptionId>,
    states: &'a [QuarantineState],
    reason: Option<ReasonName>,
    range: TimeRange,
}

impl ReasonName {
    /// Description of the field in a body, where it may be null.
    pub(crate) fn in_a_body() -> Object {
        let about = "Reason for which the reports are quarantined; every reason where it is absent.";
        let kinds = SchemaType::from_iter([Type::String, Type::Null]);
        described_names().schema_type(kinds).description(Some(about)).build()
    }

    /// True for a report that is quarantined for this reason.
    pub(crate) fn is_of(self, report: &Quarantined) -> bool {
        self.0.as_str() == report.reason
    }
}

impl TryFrom<String> for ReasonName {
    type Error = NotAReasonName;

    fn try_from(text: String) -> Result<Self, NotAReasonName> {
        let reason = QuarantineReasonKind::ALL.iter().find(|reason| reason.as_str() == text);
        reason.copied().map(Self).ok_or(NotAReasonName)
    }
}

impl PartialSchema for ReasonName {
    fn schema() -> RefOr<Schema> {
        described_names().into()
    }
}

impl ToSchema for ReasonName {}

fn described_names() -> ObjectBuilder {
    let names = QuarantineReasonKind::ALL.iter().map(|reason| reason.as_str());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names))
}

/// Lists quarantined reports, newest first.
///
/// Days are days in Asia/Taipei, and both are included.
#[utoipa::path(
    get, path = "/quarantine", tag = "quarantine", operation_id = "list_quarantine", params(QuarantineQuery),
    responses((status = 200, description = "One page of the list.", body = QuarantineList), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Read>,
    given: Given<QuarantineQuery>,
) -> Result<Json<QuarantineList>, Failure> {
    let QuarantineQuery { from, to, state, reason, subscription, limit, after } = given.query;
    let [from, to] = [from, to].map(|day| day.map(|Day(day)| day));
    let today = caller.context.time.logical.day(Zone::Taipei);
    // One order has few reports, so its list needs no default period.
    let earliest = if subscription.is_some() { LocalDate::new(2000, 1, 1) } else { None };
    let from = from.or(earliest).unwrap_or_else(|| to.unwrap_or(today).plus_days(-DAYS));
    let range = time_range(from, to.unwrap_or(today))?;
    let states: &[QuarantineState] = match state {
        ListedReports::Open => &[QuarantineState::Open],
        ListedReports::Resolved => &[QuarantineState::Resolved],
        ListedReports::All => &[QuarantineState::Open, QuarantineState::Resolved],
    };
    let after = position(after, range)?;
    let wanted = Wanted { subscription, states, reason, range };
    let (reports, next) = collect(&api, &wanted, after, limit.unwrap_or(PAGE)).await?;
    let next = next.as_ref().map(cursor::encode);
    Ok(Json(QuarantineList { quarantine: reports.into_iter().map(shown).collect(), next }))
}

/// Reads index pages until `limit` reports match or [`READS`] pages were read.
async fn collect(
    api: &ApiState,
    wanted: &Wanted<'_>,
    mut after: Option<Position>,
    limit: usize,
) -> Result<(Vec<Quarantined>, Option<Position>), Failure> {
    let fits = |report: &Quarantined| {
        wanted.states.contains(&report.state()) && wanted.reason.is_none_or(|reason| reason.is_of(report))
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
    api: &ApiState,
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

/// Time range of two days in Asia/Taipei, both included.
pub(crate) fn time_range(from: LocalDate, to: LocalDate) -> Result<TimeRange, Failure> {
    if to < from {
        return Err(Failure::invalid("to", "must not be before from"));
    }
    Ok(TimeRange { from: from.start(Zone::Taipei), to: to.plus_days(1).start(Zone::Taipei) })
}

/// Position of a cursor. One outside of the requested range belongs to another list.
pub(crate) fn position(after: Option<ReportCursor>, range: TimeRange) -> Result<Option<Position>, Failure> {
    let Some(ReportCursor(position)) = after else { return Ok(None) };
    let position = Some(position).filter(|position| range.contains(position.at));
    position.map(Some).ok_or_else(|| Failure::invalid("after", "must be the `next` of this list"))
}

/// Shows a report.
pub(crate) fn shown(report: Quarantined) -> QuarantinedReport {
    let state = report.state().name();
    let resolved = report.resolved.map(|resolved| ReportResolution {
        at: resolved.at,
        by: format!("staff:{}", resolved.by),
        why: resolved.why,
        outcome: resolved.outcome.name(),
    });
    QuarantinedReport {
        id: report.id,
        received_at: report.received_at,
        reason: report.reason,
        detail: report.detail,
        merchant_trade_no: report.subscription,
        event: report.event,
        source: report.callback.map_or("query", |kind| kind.as_str()),
        fields: report.fields,
        state,
        resolved,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::{Value, json};

    use super::*;
    use crate::billing::replay::ReplayRangeBody;
    use crate::http::fields::Fields;
    use crate::http::request::Sent;
    use crate::http::response::Fault;

    fn sent(pairs: &[[&'static str; 2]]) -> Sent {
        Sent::of_pairs(pairs.iter().map(|[name, value]| (Cow::Borrowed(*name), Cow::Borrowed(*value))))
    }

    fn messages(faults: &[Fault]) -> Vec<Value> {
        faults.iter().map(|fault| json!(fault)["message"].clone()).collect()
    }

    #[test]
    fn a_wrong_state_or_reason_is_answered_with_those_that_there_are() {
        const REASONS: &str = "reason must be unusable, ambiguous, implausible_date, implausible_number, unknown_order, \
                               wrong_merchant, wrong_amount, simulated or conflict";
        let mut faults = Vec::new();
        let query = Fields::of_query::<QuarantineQuery>();
        assert!(query.read::<QuarantineQuery>(sent(&[["state", "closed"], ["reason", "bad"]]), &mut faults).is_none());
        assert_eq!(messages(&faults), [REASONS, "state must be open, resolved or all"]);
        faults.clear();
        let range = [["from", "2025-03-01"], ["to", "2025-03-31"], ["why", "x"]];
        let body = Fields::of_body::<ReplayRangeBody>();
        assert!(
            body.read::<ReplayRangeBody>(sent(&[&range[..], &[["reason", "bad"]]].concat()), &mut faults).is_none()
        );
        assert_eq!(messages(&faults), [REASONS]);
        faults.clear();
        assert!(body.read::<ReplayRangeBody>(sent(&range), &mut faults).is_some());
        assert!(query.read::<QuarantineQuery>(sent(&[["reason", "conflict"]]), &mut faults).is_some());
    }
}
