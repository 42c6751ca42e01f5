//! Failures as pages: what is wrong, in the visitor's language where the console knows the case, and the way back.

use askama::Template;
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;

use crate::api::ApiState;
use crate::billing::subscriptions::translations::Language;
use crate::console::page::address::FIRST;
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visitor::Visitor;
use crate::console::words::common::FailureWords;
use crate::console::words::operations::OperationRefusals;
use crate::http::request::Sent;
use crate::http::response::Failure;

/// Failure as a page.
#[derive(Template)]
#[template(path = "console/failure.html")]
struct FailureHtml {
    frame: Frame,
    title: &'static str,
    sentences: Vec<String>,
}

/// Page of a failure without a session.
pub(crate) fn page(api: &ApiState, language: Language, failure: &Failure) -> Response {
    respond(Frame::signed_out(api, language, FIRST, &[]), language, failure)
}

/// Page of a failure to a member of staff.
pub(crate) fn page_of(api: &ApiState, visitor: &Visitor, failure: &Failure) -> Response {
    respond(Frame::of(api, visitor, FIRST, &Sent::default()), visitor.language, failure)
}

fn respond(frame: Frame, language: Language, failure: &Failure) -> Response {
    let status = failure.status();
    let (title, sentences) = (title(language, status), sentences(language, failure));
    let page = html::page(status, &FailureHtml { frame, title, sentences });
    let mut response = page.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    html::protect(&mut response);
    response
}

fn title(language: Language, status: StatusCode) -> &'static str {
    let words = FailureWords::of(language);
    match status.as_u16() {
        400 => words.title_invalid,
        401 | 403 => words.title_forbidden,
        404 | 405 => words.title_not_found,
        409 => words.title_conflict,
        503 => words.title_unavailable,
        _ => words.title_internal,
    }
}

/// Sentences about a failure. One that the console has no words for is shown as the API says it.
pub(crate) fn sentences(language: Language, failure: &Failure) -> Vec<String> {
    let code = failure.code();
    let known = FailureWords::of(language).get(code).or_else(|| OperationRefusals::of(language).get(code));
    match known {
        Some(known) => vec![known.to_owned()],
        None => failure.messages(),
    }
}
