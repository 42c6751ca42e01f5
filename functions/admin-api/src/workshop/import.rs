//! Import of a list of customers and vehicles: valid rows are stored, every refused row is reported.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use lambda_http::{Body, Response};
use serde_json::json;
use shared::domain::values::ids::CustomerId;
use shared::domain::workshop::import::Row;
use shared::platform::clock::InvocationTime;
use shared::store::Store;
use shared::store::workshop::import::Imported;

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::workshop::csv;
use crate::workshop::csv::Refusal;

/// Lanes: parts of a list that are stored concurrently.
const LANES: usize = 8;
/// Rows stored between two checks of the time.
const STEP: usize = 100;
/// Milliseconds after which no further rows are stored: the function must answer within its timeout of 29 seconds.
const LATEST_MS: f64 = 24_000.0;

/// `POST /customers/import`: imports a list. Stored rows stay stored if the import is interrupted; sending the list again
/// stores the rest.
pub(crate) async fn import(api: &AdminApi, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    let list = csv::read(input.list(), context.time.logical)?;
    let mut refused = list.refused;
    let rows = list.rows.len() + refused.len();
    let (mut stored, mut unchanged) = (0_u32, 0_u32);
    let lanes = lanes(list.rows).into_iter().map(|lane| import_lane(&api.store, lane, context.time));
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
    tracing::info!(by = context.actor, rows, stored, unchanged, refused = refused.len(), "list imported");
    let shown = |refusal: &Refusal| json!({ "line": refusal.line, "field": refusal.field, "reason": refusal.reason });
    Ok(response::ok(&json!({
        "rows": rows, "stored": stored, "unchanged": unchanged,
        "refused": refused.iter().map(shown).collect::<Vec<_>>(), "refused_count": refused.len(),
    })))
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

async fn import_lane(
    store: &Store,
    lane: Vec<(u64, Row)>,
    time: InvocationTime,
) -> Result<Vec<(u64, Imported)>, Failure> {
    let (lines, rows): (Vec<u64>, Vec<Row>) = lane.into_iter().unzip();
    let mut outcomes = Vec::with_capacity(rows.len());
    for step in rows.chunks(STEP) {
        // 503 rather than a timeout: the caller learns that sending the list again is safe.
        if time.stopwatch.elapsed_ms() > LATEST_MS {
            return Err(Failure::unavailable("took too long: send the list again; rows already stored are skipped"));
        }
        outcomes.extend(store.workshop.import(step).await?);
    }
    Ok(lines.into_iter().zip(outcomes).collect())
}
