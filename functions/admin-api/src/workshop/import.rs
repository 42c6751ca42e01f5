//! Import of a list of customers and vehicles: valid rows are stored, every refused row is reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use futures::future::try_join_all;
use lambda_http::http::request::Parts;
use serde::{Deserialize, Serialize};
use shared::domain::values::ids::CustomerId;
use shared::domain::workshop::import::Row;
use shared::platform::clock::InvocationTime;
use shared::store::Store;
use shared::store::workshop::import::{ImportPreview, Imported};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::csv;
use crate::workshop::csv::Refusal;

/// Lanes: parts of a list that are stored concurrently.
const LANES: usize = 8;
/// Rows stored between two checks of the time.
const STEP: usize = 100;
/// Milliseconds after which no further rows are stored: the function must answer within its timeout of 29 seconds.
const LATEST_MS: f64 = 24_000.0;
const TOO_LONG: &str = "The import took too long. Send the list again; rows already stored are skipped.";
const DRY_RUN_TOO_LONG: &str = "The dry run took too long. Send the list in parts.";

/// Route of the import.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(import))
}

/// List of an import as it was sent.
pub(crate) struct ImportList(Arc<Input>);

impl<S: Sync> FromRequestParts<S> for ImportList {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Input::of(parts).map(Self)
    }
}

/// Query of an import.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportQuery {
    /// Answers what the import would do; nothing is written. Default: false.
    #[serde(default)]
    dry_run: bool,
}

/// Result of an import, or of its dry run.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportAnswer {
    /// True for a dry run; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    /// Rows of the list, without the header.
    #[schema(example = 120)]
    rows: usize,
    /// Rows of which something was stored. Absent for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 117)]
    stored: Option<u32>,
    /// Of a dry run: rows of which something would be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_store: Option<u32>,
    /// Rows that were stored like this already.
    #[schema(example = 2)]
    unchanged: u32,
    /// Refused rows in the order of the list.
    refused: Vec<ImportRefusal>,
    #[schema(example = 1)]
    refused_count: usize,
}

/// Row that is not stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportRefusal {
    /// First line of the row; the header is line 1.
    #[schema(example = 17)]
    line: u64,
    /// Column at fault; `row` for a wrong number of columns.
    #[schema(example = "phone")]
    field: &'static str,
    /// Reason, without the cell's content.
    #[schema(example = "is not a mobile number")]
    reason: String,
}

/// Imports a list of customers and vehicles.
///
/// The list is CSV in UTF-8, at most 4 MB and 5,000 rows, with the columns
/// `customer_id,name,phone,email,plate,last_visit_date,next_visit_date` in any order. Valid rows are stored; each other row is
/// reported with its line, field and reason. Stored rows stay stored if the import is interrupted; sending the list again
/// stores the rest.
#[utoipa::path(
    post, path = "/customers/import", tag = "workshop", operation_id = "import_customers", params(ImportQuery),
    request_body(content = String, content_type = "text/csv", description = "List with a header and one row a vehicle."),
    responses((status = 200, description = "Result of the import.", body = ImportAnswer), Refusals),
    security(("token" = ["customers"])),
)]
async fn import(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Customers>,
    given: Given<ImportQuery>,
    ImportList(input): ImportList,
) -> Result<Json<ImportAnswer>, Failure> {
    let (context, dry_run) = (&caller.context, given.query.dry_run);
    let list = csv::read(input.list(), context.time.logical)?;
    let mut refused = list.refused;
    let rows = list.rows.len() + refused.len();
    let (mut stored, mut unchanged) = (0_u32, 0_u32);
    let lanes = lanes(list.rows).into_iter().map(|lane| import_lane(&api.store, lane, dry_run, context.time));
    for (line, outcome) in try_join_all(lanes).await?.into_iter().flatten() {
        match outcome {
            Imported::Stored => stored += 1,
            Imported::Unchanged => unchanged += 1,
            Imported::Refused(why) => {
                refused.push(Refusal { line, field: why.field, reason: why.reason.to_owned() });
            }
        }
    }
    // Lanes finish in any order; staff correct the list from top to bottom.
    refused.sort_by_key(|refusal| refusal.line);
    if !dry_run {
        tracing::info!(by = context.actor, rows, stored, unchanged, refused = refused.len(), "list imported");
    }
    Ok(Json(ImportAnswer {
        dry_run: dry_run.then_some(true),
        rows,
        stored: (!dry_run).then_some(stored),
        would_store: dry_run.then_some(stored),
        unchanged,
        refused_count: refused.len(),
        refused: refused.into_iter().map(ImportRefusal::from).collect(),
    }))
}

impl From<Refusal> for ImportRefusal {
    fn from(Refusal { line, field, reason }: Refusal) -> Self {
        Self { line, field, reason }
    }
}

/// Divides the rows into lanes of similar length. All rows of a customer are in one lane, because concurrent transactions
/// on one item conflict.
fn lanes(rows: Vec<(u64, Row)>) -> Vec<Vec<(u64, Row)>> {
    let mut customers: BTreeMap<CustomerId, Vec<(u64, Row)>> = BTreeMap::new();
    for (line, row) in rows {
        customers.entry(row.customer.id.clone()).or_default().push((line, row));
    }
    let mut lanes = vec![Vec::new(); LANES];
    for rows in customers.into_values() {
        if let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.len()) {
            lane.extend(rows);
        }
    }
    lanes
}

/// Stores the rows of a lane, or only finds out what storing them would lead to.
async fn import_lane(
    store: &Store,
    lane: Vec<(u64, Row)>,
    dry_run: bool,
    time: InvocationTime,
) -> Result<Vec<(u64, Imported)>, Failure> {
    let (lines, rows): (Vec<u64>, Vec<Row>) = lane.into_iter().unzip();
    let mut outcomes = Vec::with_capacity(rows.len());
    let mut preview = ImportPreview::default();
    for step in rows.chunks(STEP) {
        // 503 rather than a timeout: the caller learns that sending the list again is safe.
        if time.stopwatch.elapsed_ms() > LATEST_MS {
            return Err(Failure::unavailable(if dry_run { DRY_RUN_TOO_LONG } else { TOO_LONG }));
        }
        outcomes.extend(if dry_run {
            store.workshop.preview_import(step, &mut preview).await?
        } else {
            store.workshop.import(step).await?
        });
    }
    Ok(lines.into_iter().zip(outcomes).collect())
}
