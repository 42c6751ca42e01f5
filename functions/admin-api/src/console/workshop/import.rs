//! Import of a list: its form, the preview of what it would store, and its result.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use shared::platform::logging::error_chain;
use shared::platform::random::random_id;

use crate::auth::caller::Customers;
use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::failure;
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::workshop_import::ImportWords;
use crate::console::workshop::import_preview::{Outcome, Preview};
use crate::console::workshop::sample_list;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::workshop::import::dates::DateOrder;
use crate::workshop::import::file::{self, ImportedTable};
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::{ImportQuery, background, import_list};

/// Path of the import.
const PATH: &str = "/console/import";
/// Characters of the id of an uploaded file.
const ID_CHARACTERS: usize = 26;

/// Form for a file.
#[derive(Template)]
#[template(path = "console/workshop/import.html")]
struct FormHtml {
    frame: Frame,
    w: &'static ImportWords,
    fault: Vec<String>,
    /// Name of the order of dates that was chosen before.
    order: String,
}

/// Preview of an import.
#[derive(Template)]
#[template(path = "console/workshop/import_preview.html")]
struct PreviewHtml {
    frame: Frame,
    w: &'static ImportWords,
    preview: Preview,
    upload: String,
    order: String,
    /// Chosen order of dates in words; none where none was chosen.
    order_text: Option<&'static str>,
    key: String,
}

/// Result of an import, also of one that goes on in the background.
#[derive(Template)]
#[template(path = "console/workshop/import_result.html")]
struct ResultHtml {
    frame: Frame,
    w: &'static ImportWords,
    outcome: Outcome,
    /// Address under which an import that goes on is shown; none for one that is done.
    address: Option<String>,
}

/// Shows the form, the preview of a file that was uploaded, or the sample file.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.caller_with::<Customers>()?;
    if visit.parameter("sample").is_some() {
        return Ok(sample());
    }
    let Some(upload) = visit.parameter("upload") else { return form(&visit, StatusCode::OK, Vec::new()) };
    let Some(bytes) = uploaded(&visit, &upload).await? else { return gone(&visit) };
    match file::read(&bytes) {
        Ok(list) => preview(&visit, &list, upload).await,
        Err(fault) => form(&visit, StatusCode::BAD_REQUEST, reasons(visit.language(), &fault.reason)),
    }
}

/// Takes an uploaded file to its preview, or imports the list that was shown there.
pub(crate) async fn post(visit: Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let order = order_name(&visit);
    if let Some(upload) = visit.field("upload") {
        if !visit.is_confirmed() {
            return Ok(see_other(&preview_address(&upload, &order)));
        }
        let Some(bytes) = uploaded(&visit, &upload).await? else { return gone(&visit) };
        let list = match file::read(&bytes) {
            Ok(list) => list,
            Err(fault) => return form(&visit, StatusCode::BAD_REQUEST, reasons(visit.language(), &fault.reason)),
        };
        let query = ImportQuery { dry_run: false, date_order: DateOrder::of_name(&order) };
        let (_, answer) = match import_list(&visit.api, &caller.context, &list, query).await {
            Ok(imported) => imported,
            Err(failure) => return not_in_time(&visit, failure),
        };
        // The list is stored, as customers or for the background: what is left of the upload ends by itself.
        if let Err(error) = visit.api.store.workshop.delete_upload(&upload).await {
            tracing::warn!(error = error_chain(&error), "an imported list is not deleted yet");
        }
        if let Some(id) = &answer.import_id {
            return Ok(see_other(&address::below(PATH, id)));
        }
        let outcome = Outcome::of(visit.language(), answer, Some(&list));
        return visit.page(&ResultHtml { frame: visit.frame(), w: words(&visit), outcome, address: None });
    }
    let bytes = match visit.file() {
        Ok(bytes) => bytes,
        Err(failure) => {
            return form(&visit, failure.status(), failure::sentences(visit.language(), &failure));
        }
    };
    if bytes.is_empty() {
        return form(&visit, StatusCode::BAD_REQUEST, vec![words(&visit).no_file.to_owned()]);
    }
    if let Err(fault) = file::read(bytes) {
        return form(&visit, StatusCode::BAD_REQUEST, reasons(visit.language(), &fault.reason));
    }
    let id = random_id(ID_CHARACTERS).map_err(|error| Failure::upstream(&error))?;
    let wall = visit.visitor.time.wall;
    visit.api.store.workshop.keep_upload(&id, caller.context.actor(), &STANDARD.encode(bytes), wall).await?;
    Ok(see_other(&preview_address(&id, &order)))
}

/// Shows an import that goes on, or went on, in the background.
pub(crate) async fn progress(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let address = address::below(PATH, &id);
    let given = Given { query: Nothing {}, body: Nothing {} };
    let answer = background::show(State(Arc::clone(&visit.api)), Path(id), caller, given).await?.0;
    let outcome = Outcome::of(visit.language(), answer, None);
    let address = outcome.is_running.then_some(address);
    visit.page(&ResultHtml { frame: visit.frame(), w: words(&visit), outcome, address })
}

fn words(visit: &Visit) -> &'static ImportWords {
    ImportWords::of(visit.language())
}

fn form(visit: &Visit, status: StatusCode, fault: Vec<String>) -> Result<Response, Failure> {
    let order = order_name(visit);
    html::page(status, &FormHtml { frame: visit.frame(), w: words(visit), fault, order })
}

fn gone(visit: &Visit) -> Result<Response, Failure> {
    form(visit, StatusCode::NOT_FOUND, vec![words(visit).gone.to_owned()])
}

/// The form again, where a list was too long to be handled within a request.
fn not_in_time(visit: &Visit, failure: Failure) -> Result<Response, Failure> {
    if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
        return form(visit, failure.status(), vec![words(visit).slow.to_owned()]);
    }
    Err(failure)
}

async fn preview(visit: &Visit, list: &ImportedTable, upload: String) -> Result<Response, Failure> {
    let (caller, order) = (visit.caller_with::<Customers>()?, order_name(visit));
    let query = ImportQuery { dry_run: true, date_order: DateOrder::of_name(&order) };
    let (_, answer) = match import_list(&visit.api, &caller.context, list, query).await {
        Ok(imported) => imported,
        Err(failure) => return not_in_time(visit, failure),
    };
    let w = words(visit);
    let order_text = match DateOrder::of_name(&order) {
        Some(DateOrder::Dmy) => Some(w.order_dmy),
        Some(DateOrder::Mdy) => Some(w.order_mdy),
        None => None,
    };
    let preview = Preview::of(visit.language(), answer, list);
    let (frame, key) = (visit.frame(), Visit::new_key()?);
    visit.page(&PreviewHtml { frame, w, preview, upload, order, order_text, key })
}

/// Name of the order of dates of the request; empty where it has none that is known.
fn order_name(visit: &Visit) -> String {
    let sent = visit.field("date_order").or_else(|| visit.parameter("date_order"));
    sent.filter(|name| DateOrder::of_name(name).is_some()).unwrap_or_default()
}

fn preview_address(upload: &str, order: &str) -> String {
    let id: String = upload.chars().filter(char::is_ascii_alphanumeric).collect();
    address::with(PATH, [("upload", Some(id)), ("date_order", Some(order.to_owned()))])
}

/// File that the visitor uploaded before; none once it is over.
async fn uploaded(visit: &Visit, id: &str) -> Result<Option<Vec<u8>>, Failure> {
    let is_id = id.len() == ID_CHARACTERS && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_id {
        return Ok(None);
    }
    let (by, wall) = (&visit.visitor.token.name, visit.visitor.time.wall);
    let text = visit.api.store.workshop.upload(id, by, wall).await?;
    Ok(text.and_then(|text| STANDARD.decode(text).ok()))
}

/// Reason in the language of the page; where that is Chinese, in both languages that reasons have.
fn reasons(language: Language, reason: &Reason) -> Vec<String> {
    match language {
        Language::Id => vec![reason.indonesian.clone()],
        Language::En | Language::ZhTw => vec![reason.english.clone(), reason.indonesian.clone()],
    }
}

fn sample() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"contoh-daftar.csv\""),
        // lambda_http decodes a text without this header, and drops its byte order mark.
        (CONTENT_ENCODING, "identity"),
    ];
    (headers, Body::from(sample_list::TEXT)).into_response()
}
