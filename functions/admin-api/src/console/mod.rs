//! The console: pages for staff under `/console`. They call the functions of the JSON routes, with the scopes of the token with
//! which the session began.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use lambda_http::http::request::Parts;

use crate::api::ApiState;
use crate::http::response::Failure;

pub(crate) mod access;
pub(crate) mod billing;
pub(crate) mod institutions;
pub(crate) mod page;
pub(crate) mod route;
pub(crate) mod runs;
pub(crate) mod words;
pub(crate) mod workshop;

use access::{guard, sign_in};
use page::failure;
use route::Page;

/// Pages without a session.
fn open_pages() -> Vec<Page> {
    vec![Page::get(sign_in::PATH, sign_in::show), Page::post(sign_in::PATH, sign_in::sign_in)]
}

/// Pages for members of staff with a session.
fn guarded_pages() -> Vec<Page> {
    let mut pages = vec![Page::post("/console/logout", sign_in::sign_out)];
    pages.extend(billing::pages());
    pages.extend(runs::pages());
    pages.extend(workshop::pages());
    pages.extend(institutions::pages());
    pages
}

/// Routes of the console, in the form `METHOD /path`.
pub(crate) fn route_names() -> Vec<String> {
    let all = open_pages().into_iter().chain(guarded_pages());
    all.map(|page| format!("{} {}", page.method, page.path)).collect()
}

/// Router of the console.
pub(crate) fn router(api: &Arc<ApiState>) -> Router<Arc<ApiState>> {
    let guarded = routes(guarded_pages()).layer(from_fn_with_state(Arc::clone(api), guard::inner));
    routes(open_pages()).merge(guarded).layer(from_fn_with_state(Arc::clone(api), guard::outer))
}

fn routes(pages: Vec<Page>) -> Router<Arc<ApiState>> {
    pages.into_iter().fold(Router::new(), |router, page| router.route(page.path, page.handler))
}

/// True for a path of the console.
pub(crate) fn has(path: &str) -> bool {
    path.strip_prefix("/console").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Page that says that there is none.
pub(crate) fn no_page(api: &ApiState, parts: &Parts) -> Response {
    failure::page(api, guard::of_browser(parts), &Failure::no_page())
}
