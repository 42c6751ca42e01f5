//! Import of a list of customers and vehicles: valid rows are stored, every refused row is reported.

pub(crate) mod answer;
pub(crate) mod background;
pub(crate) mod cells;
pub(crate) mod columns;
pub(crate) mod dates;
pub(crate) mod file;
pub(crate) mod header;
pub(crate) mod reasons;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod upload;
pub(crate) mod workbook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures::future::try_join_all;
use lambda_http::http::StatusCode;
use serde::Deserialize;
use shared::domain::values::ids::CustomerId;
use shared::domain::workshop::import::{Refused, RefusedReason, Row, RowCustomer, RowField};
use shared::domain::workshop::latest_visits::{LatestVisits, ListedRow};
use shared::domain::workshop::phone::Phone;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::phone_keys::PhoneHasher;
use shared::store::Store;
use shared::store::workshop::background_import::ChunkOutcome;
use shared::store::workshop::import::{ImportPreview, Imported};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::request::UploadedList;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::import::answer::{ImportAnswer, ImportRow};
use crate::workshop::import::dates::DateOrder;
use crate::workshop::import::file::ImportedTable;
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::rows::{DateRules, Note, ParsedRow};

/// Lanes: parts of a list that are stored concurrently.
const LANES: usize = 4;
/// Rows stored between two checks of the time.
const STEP: usize = 50;
/// Phone numbers looked up between two checks of the time.
const LOOKUPS: usize = 500;
/// Rows that a dry run shows.
pub(crate) const SHOWN_ROWS: usize = 20;
/// Milliseconds after which the import goes on in the background: the function must save the rest and answer within its timeout
/// of 29 seconds.
const LATEST_MS: f64 = 16_000.0;
const LOOKUPS_TOO_LONG: &str = "The customers of the list could not be found in time. Send the list in parts.";
const DRY_RUN_TOO_LONG: &str = "The dry run took too long. Send the list in parts.";

/// Route of the import.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(import)).routes(routes!(background::show))
}

/// Keys under which numbers are hashed, and the time that the import has taken.
struct ImportContext<'a> {
    hasher: &'a PhoneHasher,
    time: InvocationTime,
}

/// Query of an import.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportQuery {
    /// Answers what the import would do; nothing is written. Default: false.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Order of day and month in dates like `05/06/2025`. Where it is absent, dates with two readings are refused.
    #[param(inline)]
    pub(crate) date_order: Option<DateOrder>,
}

/// Excel file of a list.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it describes a body that is read from its bytes")]
pub(crate) struct ImportFile(Vec<u8>);

/// Form with the file of a list.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a body that is read from its bytes")]
pub(crate) struct ImportForm {
    /// Excel file or CSV.
    #[schema(value_type = String, format = Binary, example = "nama,no hp\nBudi Santoso,0855-1234-567\n")]
    file: Vec<u8>,
}

/// Imports a list of customers and vehicles.
///
/// The list is an Excel file (xlsx) or CSV, as the body or as a file of a multipart form, of at most 6 MB, 50 MB when unpacked,
/// 20,000 rows and 100 columns. CSV may be separated by commas, semicolons or tabs, in UTF-8, UTF-16 or Windows-1252. Columns are
/// recognised by their titles in English or Indonesian, in any order; names and phone numbers are needed, other columns are
/// ignored. A customer without an id is the stored one with the phone number, or gets an id that follows from the number. Of a
/// vehicle the latest visit counts. Of a workbook the first of at most ten visible sheets with such titles is read. Valid rows are
/// stored; each other row is reported with its line, field and reason. An import that takes longer than a response may goes on in the
/// background and is answered with 202 and the address at which its result is read. Until it
/// has ended, it may replace what staff change of the customers in its rows. Sending the list again does no harm.
#[utoipa::path(
    post, path = "/customers/import", tag = "workshop", operation_id = "import_customers", params(ImportQuery),
    request_body(
        description = "List with a header and one row a vehicle or visit.",
        content(
            (String = "text/csv"),
            (ImportFile = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            (ImportForm = "multipart/form-data"),
        ),
    ),
    responses(
        (status = 200, description = "Result of the import.", body = ImportAnswer),
        (status = 202, description = "The import goes on in the background.", body = ImportAnswer),
        Refusals,
    ),
    security(("token" = ["customers"])),
)]
async fn import(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Customers>,
    given: Given<ImportQuery>,
    list: UploadedList,
) -> Result<(StatusCode, Json<ImportAnswer>), Failure> {
    let list = file::read(list.bytes()).map_err(|fault| Failure::invalid(fault.field, fault.reason.both()))?;
    import_list(&api, &caller.context, &list, given.query).await.map(|(status, answer)| (status, Json(answer)))
}

/// Imports a list that was read, or answers what that would do.
pub(crate) async fn import_list(
    api: &ApiState,
    context: &RequestContext,
    list: &ImportedTable,
    query: ImportQuery,
) -> Result<(StatusCode, ImportAnswer), Failure> {
    let ImportQuery { dry_run, date_order } = query;
    let parsed = rows::parse(list, DateRules { now: context.time.logical, order: date_order });
    let rows = parsed.rows.len() + parsed.refused.len();
    let (mut refused, mut notes) = (parsed.refused, parsed.lost);
    let import = ImportContext { hasher: &api.phone_hasher(context).await?, time: context.time };
    let identified = identify(api, parsed.rows, &import, &mut refused).await?;
    let latest = LatestVisits::of(identified);
    refused.extend(latest.refused.iter().map(|row| answer::refused(row.line, row.refused)));
    notes.extend(remarks(&latest));
    let first_rows = dry_run.then(|| latest.rows.iter().take(SHOWN_ROWS).map(ImportRow::from).collect());
    let older_visits = latest.older.len();
    let lanes = lanes(latest.rows).into_iter().map(|lane| import_lane(&api.store, lane, dry_run, &import));
    let (mut outcome, mut left) = (ChunkOutcome::default(), Vec::new());
    for lane in try_join_all(lanes).await? {
        lane.outcomes.into_iter().for_each(|(line, imported)| outcome.add(line, imported));
        left.extend(lane.left);
    }
    refused.extend(outcome.refused.iter().map(|row| answer::refused(row.line, row.refused)));
    // Staff correct the list from top to bottom.
    refused.sort_by_key(|note| note.line);
    notes.sort_by_key(|note| note.line);
    if !dry_run {
        let (stored, unchanged, left) = (outcome.stored, outcome.unchanged, left.len());
        tracing::info!(by = context.actor(), rows, stored, unchanged, refused = refused.len(), left, "list imported");
    }
    let answer = ImportAnswer {
        import_id: None,
        status: None,
        remaining: None,
        dry_run: dry_run.then_some(true),
        columns: answer::columns(list),
        sheet: list.table.sheet.clone(),
        sheets_not_read: list.other_sheets.clone(),
        rows,
        stored: (!dry_run).then_some(outcome.stored),
        would_store: dry_run.then_some(outcome.stored),
        unchanged: outcome.unchanged,
        older_visits,
        refused_count: refused.len(),
        refused: refused.into_iter().map(Into::into).collect(),
        notes: notes.into_iter().map(Into::into).collect(),
        first_rows,
    };
    if left.is_empty() {
        return Ok((StatusCode::OK, answer));
    }
    background::go_on(api, context, answer, left).await.map(|answer| (StatusCode::ACCEPTED, answer))
}

/// Gives each row its customer's id: its own, that of the stored customer with the phone number, or one that follows from the
/// number.
async fn identify(
    api: &ApiState,
    rows: Vec<ParsedRow>,
    import: &ImportContext<'_>,
    refused: &mut Vec<Note>,
) -> Result<Vec<ListedRow>, Failure> {
    let without_id: BTreeSet<&Phone> = rows.iter().filter(|row| row.id.is_none()).map(|row| &row.phone).collect();
    let without_id = Vec::from_iter(without_id);
    let mut known: BTreeMap<Phone, Vec<CustomerId>> = BTreeMap::new();
    for phones in without_id.chunks(LOOKUPS) {
        if import.time.stopwatch.elapsed_ms() > LATEST_MS {
            return Err(Failure::unavailable(LOOKUPS_TOO_LONG));
        }
        known.extend(api.store.workshop.customers_with_phones(phones.iter().copied().cloned().collect()).await?);
    }
    for row in &rows {
        let Some(id) = &row.id else { continue };
        let ids = known.entry(row.phone.clone()).or_default();
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    let mut identified = Vec::new();
    for ParsedRow { line, id, name, phone, email, salutation, vehicle } in rows {
        let stored = known.get(&phone).map(Vec::as_slice).unwrap_or_default();
        let id = match (id, stored) {
            (Some(id), _) => id,
            (None, [one]) => one.clone(),
            (None, []) => {
                import.hasher.customer_id(&phone).ok_or_else(|| Failure::defect("no id follows from a phone number"))?
            }
            (None, _) => {
                let why = Refused { field: RowField::CustomerId, reason: RefusedReason::SeveralCustomers };
                refused.push(answer::refused(line, why));
                continue;
            }
        };
        let customer = RowCustomer { id, name, phone, email, salutation };
        identified.push(ListedRow { line, row: Row { customer, vehicle } });
    }
    Ok(identified)
}

/// Remarks on rows of which something is not stored, since a later visit counts.
fn remarks(latest: &LatestVisits) -> impl Iterator<Item = Note> {
    let older = latest.older.iter().map(|row| Note {
        line: row.line,
        field: "last_visit_date",
        reason: Reason::new(
            format!("line {} has the latest visit of this vehicle", row.counts),
            format!("baris {} memuat kunjungan terakhir kendaraan ini", row.counts),
        ),
    });
    let names = latest.other_names.iter().map(|row| Note {
        line: row.line,
        field: "name",
        reason: Reason::new(
            format!("differs from line {}, which has the customer's latest visit", row.counts),
            format!("berbeda dari baris {}, yang memuat kunjungan terakhir pelanggan ini", row.counts),
        ),
    });
    older.chain(names)
}

/// Divides the rows into lanes of similar length. All rows of a customer are in one lane, because concurrent transactions
/// on one item conflict.
fn lanes(rows: Vec<ListedRow>) -> Vec<Vec<ListedRow>> {
    let mut customers: BTreeMap<CustomerId, Vec<ListedRow>> = BTreeMap::new();
    for listed in rows {
        customers.entry(listed.row.customer.id.clone()).or_default().push(listed);
    }
    let mut lanes = vec![Vec::new(); LANES];
    for rows in customers.into_values() {
        if let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.len()) {
            lane.extend(rows);
        }
    }
    lanes
}

/// Outcomes of a lane's rows, and the rows that are left.
struct LaneResult {
    outcomes: Vec<(u64, Imported)>,
    /// Rows for which the time or the table did not suffice.
    left: Vec<ListedRow>,
}

/// Stores the rows of a lane, or only finds out what storing them would lead to.
async fn import_lane(
    store: &Store,
    lane: Vec<ListedRow>,
    dry_run: bool,
    ImportContext { hasher, time }: &ImportContext<'_>,
) -> Result<LaneResult, Failure> {
    let mut outcomes = Vec::with_capacity(lane.len());
    let mut preview = ImportPreview::default();
    for (place, step) in lane.chunks(STEP).enumerate() {
        let left = || lane.iter().skip(place * STEP).cloned().collect();
        let is_late = time.stopwatch.elapsed_ms() > LATEST_MS;
        if is_late && dry_run {
            return Err(Failure::unavailable(DRY_RUN_TOO_LONG));
        }
        if is_late {
            return Ok(LaneResult { outcomes, left: left() });
        }
        let rows: Vec<Row> = step.iter().map(|listed| listed.row.clone()).collect();
        let imported = if dry_run {
            store.workshop.preview_import(&rows, &mut preview, hasher).await?
        } else {
            match store.workshop.import(&rows, hasher).await {
                Ok(imported) => imported,
                // A table that takes no rows for seconds takes them later.
                Err(error) if error.is_retryable() => {
                    tracing::warn!(error = error_chain(&error), "the table did not take rows of an import");
                    return Ok(LaneResult { outcomes, left: left() });
                }
                Err(error) => return Err(error.into()),
            }
        };
        outcomes.extend(step.iter().map(|listed| listed.line).zip(imported));
    }
    Ok(LaneResult { outcomes, left: Vec::new() })
}
