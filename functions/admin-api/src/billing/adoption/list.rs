//! A list of orders that already run at ECPay, taken over in the background at ECPay's pace.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use csv::{ReaderBuilder, StringRecord};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::domain::billing::decide::adopt::report::{AdoptionOutcome, OrderToAdopt};
use shared::platform::random;
use shared::store::billing::adoption::list::{AdoptionList, ListedOrder, ListedOutcome};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::adoption::{AdoptBody, AdoptedAnswer};
use crate::http::fields::Fields;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::request::Sent;
use crate::http::request::UploadedList;
use crate::http::response::{Failure, Fault};
use crate::workshop::import::text::decoded;

/// Most rows of a list.
const MOST_ROWS: usize = 5_000;
/// Faults that an answer shows.
const MOST_FAULTS: usize = 100;
/// Separators of columns.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Columns of a list, which are the fields of the request for one order.
const COLUMNS: [&str; 6] = ["merchant_trade_no", "user_id", "email", "plan_id", "billing_cycle", "locale"];
/// Columns without which nothing can be adopted.
const NEEDED: usize = 5;

/// Query of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Only finds out what would be held; nothing but the list itself is written. Default: false.
    #[serde(default)]
    dry_run: bool,
}

/// State of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "running")]
pub(crate) enum ListStatus {
    /// Rows are left.
    Running,
    /// Every row has its outcome.
    Done,
}

/// A list as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdoptionListAnswer {
    /// Id of the list.
    #[schema(example = "9hJ2kQ7bXw3c")]
    adoption_id: String,
    /// State of the work on it.
    status: ListStatus,
    /// True if the list only says what would be held.
    dry_run: bool,
    /// Rows that are left.
    #[schema(example = 140)]
    remaining: usize,
    /// Rows by outcome: `adopted`, `would_adopt`, `already_held`, `refused`, `unavailable`.
    counts: BTreeMap<String, usize>,
    /// Rows with an outcome, in the order of the list.
    rows: Vec<ListedAnswer>,
}

/// Outcome of a row.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedAnswer {
    /// Line at which the row begins.
    #[schema(example = 2)]
    line: u64,
    /// Number of the order, as the list has it.
    #[schema(example = "shop00001742A")]
    merchant_trade_no: String,
    /// `adopted`, `would_adopt`, `already_held`, `refused`, or `unavailable`: ECPay gave no answer, so send the list again.
    #[schema(example = "adopted")]
    outcome: String,
    /// Column at fault, where the row is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "billing_cycle")]
    field: Option<String>,
    /// Reason, where the row is not held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "does not fit: ECPay charges this order every year")]
    reason: Option<String>,
    /// The order, where it is or would be held.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<AdoptedAnswer>,
}

/// Takes over a list of orders that ECPay already charges.
///
/// CSV in UTF-8, separated by commas, semicolons or tabs, with the fields of the request for one order as titles, of at most 5,000
/// rows. A list with a faulty row is refused as a whole, with the line and the field of each. ECPay is queried in the background at
/// the pace that the business has set; the result is read at the address of the list, which is kept for seven days. Sending a list
/// again does no harm: what is held already stays as it is.
#[utoipa::path(
    post, path = "/api/adoptions", tag = "subscriptions", operation_id = "adopt_subscriptions",
    params(ListQuery),
    request_body(content = String, content_type = "text/csv", description = "List with a header and one row an order."),
    responses((status = 202, description = "The list is worked on.", body = AdoptionListAnswer), Refusals),
    security(("token" = ["operate"])),
)]
pub(crate) async fn adopt_list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<ListQuery>,
    sent: UploadedList,
) -> Result<(StatusCode, Json<AdoptionListAnswer>), Failure> {
    let text = decoded(sent.bytes()).map_err(|_| Failure::invalid("body", "is no CSV"))?;
    let rows = read(&api, &text)?;
    let id = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
    let (by, dry_run) = (caller.context.actor().to_owned(), given.query.dry_run);
    let list = AdoptionList { by, dry_run, started_at: caller.context.time.wall, chunks: 0 };
    let list = api.store.billing.save_adoption_list(&id, list, &rows).await?;
    api.maintenance.start(&json!({ "adopt_list": id })).await?;
    tracing::info!(by = list.by, rows = rows.len(), dry_run, "list of orders to adopt");
    let status = if rows.is_empty() { ListStatus::Done } else { ListStatus::Running };
    let answer = AdoptionListAnswer {
        adoption_id: id,
        status,
        dry_run,
        remaining: rows.len(),
        counts: BTreeMap::new(),
        rows: Vec::new(),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Shows how far a list of orders is, and what became of each row.
#[utoipa::path(
    get, path = "/api/adoptions/{id}", tag = "subscriptions", operation_id = "show_adoptions",
    params(("id" = String, Path, description = "Id of the list.", example = "9hJ2kQ7bXw3c")),
    responses((status = 200, description = "The list as it stands.", body = AdoptionListAnswer), Refusals, Missing),
    security(("token" = ["operate"])),
)]
pub(crate) async fn show(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    _: Caller<Operate>,
    _: Given,
) -> Result<Json<AdoptionListAnswer>, Failure> {
    let is_id = id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let progress = if is_id { api.store.billing.adoption_progress(&id).await? } else { None };
    let progress = progress.ok_or_else(|| Failure::not_found("adoption_id", "There is no such list."))?;
    let rows: Vec<ListedAnswer> = progress.outcomes.into_iter().map(Into::into).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.outcome.clone()).or_default() += 1;
    }
    Ok(Json(AdoptionListAnswer {
        adoption_id: id,
        status: if progress.remaining == 0 { ListStatus::Done } else { ListStatus::Running },
        dry_run: progress.list.dry_run,
        remaining: progress.remaining,
        counts,
        rows,
    }))
}

impl From<ListedOutcome> for ListedAnswer {
    fn from(listed: ListedOutcome) -> Self {
        let ListedOutcome { line, merchant_trade_no, outcome } = listed;
        let (outcome, order, field, reason) = match outcome {
            AdoptionOutcome::Adopted(order) => ("adopted", Some(order), None, None),
            AdoptionOutcome::WouldAdopt(order) => ("would_adopt", Some(order), None, None),
            AdoptionOutcome::AlreadyHeld(order) => ("already_held", Some(order), None, None),
            AdoptionOutcome::Refused { field, reason } => ("refused", None, Some(field), Some(reason)),
            AdoptionOutcome::Unavailable { reason } => ("unavailable", None, None, Some(reason)),
        };
        Self {
            line,
            merchant_trade_no: merchant_trade_no.to_string(),
            outcome: outcome.to_owned(),
            field,
            reason,
            order: order.map(Into::into),
        }
    }
}

/// Rows of a list, each checked as the request for one order is.
fn read(api: &ApiState, text: &str) -> Result<Vec<ListedOrder>, Failure> {
    let (titles, records) = records(text)?;
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for record in records {
        if rows.len() + faults.len() >= MOST_ROWS {
            return Err(Failure::invalid("body", format!("has more than {MOST_ROWS} rows: send it in parts")));
        }
        let line = line(text, &record);
        match row(api, &titles, &record) {
            Ok(order) => {
                let folded = order.merchant_trade_no.as_str().to_ascii_uppercase();
                if let Some(first) = lines.insert(folded, line) {
                    let reason = format!("is in line {first} as well, in whatever letter case");
                    faults.push(Fault::new("merchant_trade_no", &reason).in_line(line));
                } else {
                    rows.push(ListedOrder { line, order });
                }
            }
            Err(failure) => faults.extend(failure.into_faults().into_iter().map(|fault| fault.in_line(line))),
        }
    }
    if !faults.is_empty() {
        faults.truncate(MOST_FAULTS);
        return Err(Failure::faults(faults));
    }
    if rows.is_empty() {
        return Err(Failure::invalid("body", "has no row below its titles"));
    }
    Ok(rows)
}

/// Line at which a row begins. The csv crate counts only the lines of records, not blank ones.
fn line(text: &str, record: &StringRecord) -> u64 {
    let begin = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
    let (before, rest) = text.split_at_checked(begin).unwrap_or((text, ""));
    let blank = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let breaks = before.matches('\n').count() + rest.get(..blank).unwrap_or_default().matches('\n').count();
    u64::try_from(breaks + 1).unwrap_or(u64::MAX)
}

/// Titles and rows, by the separator with which the header has most of the columns.
fn records(text: &str) -> Result<(Vec<String>, Vec<StringRecord>), Failure> {
    let header = |separator: u8| -> Vec<String> {
        let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
        let titles = reader.headers().map(|titles| titles.iter().map(title).collect());
        titles.unwrap_or_default()
    };
    let known = |titles: &Vec<String>| titles.iter().filter(|title| COLUMNS.contains(&title.as_str())).count();
    let best = SEPARATORS.into_iter().max_by_key(|separator| (known(&header(*separator)), *separator == b','));
    let separator = best.unwrap_or(b',');
    let titles = header(separator);
    if let Some(missing) = COLUMNS.iter().take(NEEDED).find(|column| !titles.iter().any(|title| title == *column)) {
        return Err(Failure::invalid("body", format!("has no column {missing} in its first line")));
    }
    if let Some(strange) = titles.iter().find(|title| !COLUMNS.contains(&title.as_str())) {
        let strange: String = strange.chars().take(40).collect();
        return Err(Failure::invalid("body", format!("has a column {strange:?}; columns are {}", COLUMNS.join(", "))));
    }
    let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let records: Result<Vec<_>, _> = reader.records().collect();
    let mut records = records.map_err(|_| Failure::invalid("body", "is no CSV"))?;
    records.retain(|record| record.iter().any(|cell| !cell.trim().is_empty()));
    Ok((titles, records))
}

fn title(cell: &str) -> String {
    cell.trim_start_matches('\u{feff}').trim().to_ascii_lowercase()
}

/// Order of a row; an empty cell is an absent field.
fn row(api: &ApiState, titles: &[String], record: &StringRecord) -> Result<OrderToAdopt, Failure> {
    if record.len() > titles.len() {
        return Err(Failure::invalid("row", "has more cells than the list has columns"));
    }
    let cells = titles.iter().zip(record).map(|(title, cell)| (title.as_str(), cell.trim()));
    let given = cells.filter(|(_, cell)| !cell.is_empty()).map(|(title, cell)| (title.into(), cell.into()));
    let mut faults = Vec::new();
    let body = Fields::of_body::<AdoptBody>().read::<AdoptBody>(Sent::of_pairs(given), &mut faults);
    match body {
        Some(body) if faults.is_empty() => body.order(api),
        _ => Err(Failure::faults(faults)),
    }
}
