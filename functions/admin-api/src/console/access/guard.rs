//! What stands before every page of the console: the origin of what is posted, the session, and the headers of the answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderName, Method};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;

use crate::api::ApiState;
use crate::billing::subscriptions::translations::Language;
use crate::console::access::cookies::{self, Cookies};
use crate::console::access::session::OpenSession;
use crate::console::access::{origin, session, sign_in};
use crate::console::page::address;
use crate::console::page::failure;
use crate::console::page::html;
use crate::console::page::language;
use crate::console::page::visit::FRAGMENT;
use crate::console::page::visitor::Visitor;
use crate::http::page::see_other;
use crate::http::request::{Input, time};
use crate::http::response::Failure;

/// Refuses what other sites post, and finds out the language. In front of the sign-in, too.
pub(crate) async fn outer(State(api): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let chosen = Input::of(&parts).ok().and_then(|input| input.parameter(language::PARAMETER));
    let chosen = chosen.as_deref().and_then(language::of_tag);
    let language = chosen.unwrap_or_else(|| of_browser(&parts));
    parts.extensions.insert(language);
    let mut response = if parts.method == Method::POST && !origin::is_own(&parts, &api.config.urls.api) {
        failure::page(&api, language, &Failure::foreign_origin())
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure::page(&api, language, &failure);
    }
    html::protect(&mut response);
    if let Some(chosen) = chosen {
        Cookies::of(&api).set_language(&mut response, language::tag(chosen));
    }
    response
}

/// Lets members of staff with a session pass; all others are led to the sign-in.
pub(crate) async fn inner(State(api): State<Arc<ApiState>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // What a page asks for by itself does not keep its visitor signed in.
    let is_fragment = parts.headers.contains_key(FRAGMENT);
    let (OpenSession { digest, token, is_to_be_noted }, time) = match opened(&api, &parts).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return to_sign_in(&parts),
        Err(failure) => return failure::page(&api, language::of_request(&parts), &failure),
    };
    let visitor = Visitor { token, time, language: language::of_request(&parts) };
    parts.extensions.insert(visitor.clone());
    let noted = async {
        // Beside the page, which does not wait for it. A failure shortens the session and nothing else.
        if is_to_be_noted
            && !is_fragment
            && let Err(error) = api.store.sessions.seen(&digest, time.wall).await
        {
            tracing::warn!(error = error_chain(&error), "the time of a page was not noted");
        }
    };
    let (mut response, ()) = futures::join!(next.run(Request::from_parts(parts, body)), noted);
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure::page_of(&api, &visitor, &failure);
    }
    response
}

async fn opened(api: &ApiState, parts: &Parts) -> Result<Option<(OpenSession, InvocationTime)>, Failure> {
    let time = time(parts)?;
    let Some(cookie) = Cookies::of(api).session(parts) else { return Ok(None) };
    Ok(session::open(api, cookie, time.wall).await?.map(|session| (session, time)))
}

/// A page that was asked for is shown after the sign-in. What was posted is not done, and the sign-in says so.
fn to_sign_in(parts: &Parts) -> Response {
    if parts.headers.contains_key(FRAGMENT) {
        // htmx leads the whole page there ("Response headers").
        return ([(HeaderName::from_static("hx-redirect"), sign_in::PATH)], "").into_response();
    }
    if parts.method != Method::GET {
        let page = address::page_of_form(&address::path_of(parts));
        return see_other(&sign_in::after_ended_session(&page));
    }
    see_other(&sign_in::leading_to(&address::whole_of(parts)))
}

/// The language that the browser keeps or prefers.
pub(crate) fn of_browser(parts: &Parts) -> Language {
    cookies::language(parts).and_then(language::of_tag).unwrap_or_else(|| language::preferred(parts))
}
