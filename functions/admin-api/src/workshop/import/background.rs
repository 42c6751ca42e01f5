//! Imports that go on in the background after their request was answered.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::json;
use shared::domain::workshop::latest_visits::ListedRow;
use shared::platform::random;
use shared::store::workshop::background_import::NewImport;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::workshop::import::answer;
use crate::workshop::import::answer::{ImportAnswer, ImportStatus};

/// Saves the rows that are left, and has `maintenance-reminder` store them.
pub(crate) async fn go_on(
    api: &ApiState,
    context: &RequestContext,
    answer: ImportAnswer,
    left: Vec<ListedRow>,
) -> Result<ImportAnswer, Failure> {
    let id = random::random_id(12).map_err(|error| Failure::upstream(&error))?;
    let text = serde_json::to_string(&answer).map_err(|error| Failure::upstream(&error))?;
    let new = NewImport { id: &id, by: context.actor(), started_at: context.time.wall };
    api.store.workshop.save_import(new, &left, &text).await?;
    api.reminders.start(&json!({ "task": "import", "import_id": id })).await?;
    let (status, remaining) = (Some(ImportStatus::Running), Some(left.len()));
    Ok(ImportAnswer { import_id: Some(id), status, remaining, ..answer })
}

/// Shows an import that went on in the background.
///
/// It is kept for seven days.
#[utoipa::path(
    get, path = "/customers/imports/{id}", tag = "workshop", operation_id = "show_import",
    params(("id" = String, Path, description = "Id of the import.", example = "9hJ2kQ7bXw3c")),
    responses((status = 200, description = "The import as it stands.", body = ImportAnswer), Refusals, Missing),
    security(("token" = ["customers"])),
)]
pub(crate) async fn show(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    _: Caller<Customers>,
    _: Given,
) -> Result<Json<ImportAnswer>, Failure> {
    let is_id = id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let progress = if is_id { api.store.workshop.import_progress(&id).await? } else { None };
    let progress = progress.ok_or_else(|| Failure::not_found("import_id", "There is no such import."))?;
    let mut shown: ImportAnswer =
        serde_json::from_str(&progress.answer).map_err(|_| Failure::defect("a saved import cannot be read"))?;
    let outcome = progress.outcome;
    shown.stored = shown.stored.map(|stored| stored.saturating_add(outcome.stored));
    shown.unchanged = shown.unchanged.saturating_add(outcome.unchanged);
    shown.refused.extend(outcome.refused.iter().map(|row| answer::refused(row.line, row.refused).into()));
    shown.refused.sort_by_key(|note| note.line);
    shown.refused_count = shown.refused.len();
    shown.status = Some(if progress.remaining == 0 { ImportStatus::Done } else { ImportStatus::Running });
    (shown.import_id, shown.remaining) = (Some(id), Some(progress.remaining));
    Ok(Json(shown))
}
