//! Answers to a browser: pages with their headers, and the way back to a page after a form.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use crate::world::World;
use crate::world::desk::Outcome;

/// Sources that the pages may use: no script, and styles of the one file.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Headers of every answer.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Effect of a form that did something.
pub(crate) struct Effect {
    /// Sentence about the whole.
    pub(crate) title: String,
    /// Events in their order, a line each.
    pub(crate) lines: Vec<String>,
}

/// Effect of a form, or the sentence that says why it has none.
pub(crate) type Done = Result<Effect, String>;

#[derive(Template)]
#[template(path = "page/notice.html")]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
}

impl Effect {
    /// Effect of which the sentence says everything.
    pub(crate) fn of(title: String) -> Self {
        Self { title, lines: Vec::new() }
    }
}

/// Answer with a page.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, HEADERS, Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Page with one sentence.
pub(crate) fn notice(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, &Notice { title, text })
}

/// Keeps the outcome of a form and leads the browser to the page that shows it, so that reloading repeats nothing.
pub(crate) fn back(world: &World, to: &str, done: Done) -> Response {
    let outcome = match done {
        Ok(Effect { title, lines }) => Outcome { title, lines, is_refusal: false },
        Err(title) => Outcome { title, lines: Vec::new(), is_refusal: true },
    };
    world.desk.note(outcome);
    see_other(to)
}

/// Answer that leads the browser to another page.
pub(crate) fn see_other(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    (StatusCode::SEE_OTHER, HEADERS, [(LOCATION, to)]).into_response()
}
