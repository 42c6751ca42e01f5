//! Sign-in with an admin token, and sign-out.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::logging::error_chain;
use shared::store::billing::counters::Counts;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::console::access::cookies::Cookies;
use crate::console::access::session;
use crate::console::page::address;
use crate::console::page::address::FIRST;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::language;
use crate::console::words::common::CommonWords;
use crate::http::fields::Fields;
use crate::http::page::see_other;
use crate::http::request::{Input, time};
use crate::http::response::Failure;

/// Path of the sign-in.
pub(crate) const PATH: &str = "/console/login";
/// Parameter that says that a form was posted without a session.
const ENDED: &str = "ended";
/// Parameter with the address of the page that is shown after the sign-in.
const NEXT: &str = "next";

/// Fields of the form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    /// Admin token.
    #[schema(max_length = 500, example = "invented")]
    token: String,
    /// Page that is shown then.
    #[schema(max_length = 10000)]
    #[serde(default)]
    next: Option<String>,
}

/// Sign-in as a page.
#[derive(Template)]
#[template(path = "console/login.html")]
struct SignInHtml {
    frame: Frame,
    token: Field,
    /// Sentence about what is wrong.
    fault: Option<&'static str>,
    /// Page that is shown after the sign-in.
    next: String,
    /// True where the page was reached by a link of another site, to which browsers do not send the session's cookie.
    is_from_elsewhere: bool,
}

/// Address of the sign-in that leads on to a page of the console.
pub(crate) fn leading_to(page: &str) -> String {
    if page == FIRST {
        return PATH.to_owned();
    }
    address::with(PATH, [(NEXT, Some(page.to_owned()))])
}

/// Address of the sign-in after a form that was posted without a session.
pub(crate) fn after_ended_session(page: &str) -> String {
    address::with(PATH, [(ENDED, Some("yes".to_owned())), (NEXT, Some(page.to_owned()))])
}

/// Shows the sign-in.
pub(crate) async fn show(State(api): State<Arc<ApiState>>, parts: Parts) -> Result<Response, Failure> {
    let input = Input::of(&parts)?;
    let words = CommonWords::of(language::of_request(&parts));
    let fault = input.parameter(ENDED).map(|_| words.sign_in_ended);
    answer(&api, &parts, StatusCode::OK, fault, input.parameter(NEXT))
}

/// Begins a session.
pub(crate) async fn sign_in(State(api): State<Arc<ApiState>>, parts: Parts) -> Result<Response, Failure> {
    let time = time(&parts)?;
    let words = CommonWords::of(language::of_request(&parts));
    let mut faults = Vec::new();
    let sent = Input::of(&parts)?.sent_body();
    let body = sent.ok().and_then(|sent| Fields::of_body::<SignInBody>().read::<SignInBody>(sent, &mut faults));
    let Some(SignInBody { token, next }) = body else {
        return answer(&api, &parts, StatusCode::BAD_REQUEST, Some(words.sign_in_incomplete), None);
    };
    if api.attempts.is_closed(time.wall) {
        return answer(&api, &parts, StatusCode::TOO_MANY_REQUESTS, Some(words.sign_in_too_often), next);
    }
    let token = match api.tokens.verify(token.trim(), time.wall).await {
        Ok(known) => known,
        Err(failure) if failure.is_refusal() => {
            refused(&api, time).await;
            let fault = match failure.code() {
                "expired" => words.sign_in_expired,
                _ if token.split('.').count() == 3 => words.sign_in_wrong_kind,
                _ => words.sign_in_unknown,
            };
            return answer(&api, &parts, StatusCode::UNAUTHORIZED, Some(fault), next);
        }
        Err(failure) => return Err(failure),
    };
    let cookie = session::begin(&api, &token, time.wall).await?;
    let mut response = see_other(next.as_deref().filter(|next| address::is_own(next)).unwrap_or(FIRST));
    Cookies::of(&api).set_session(&mut response, &cookie);
    Ok(response)
}

/// Ends the session.
pub(crate) async fn sign_out(State(api): State<Arc<ApiState>>, parts: Parts) -> Result<Response, Failure> {
    let cookies = Cookies::of(&api);
    if let Some(cookie) = cookies.session(&parts) {
        api.store.sessions.end(&sha256_hex(cookie)).await?;
    }
    let mut response = see_other(PATH);
    cookies.delete_session(&mut response);
    Ok(response)
}

/// Counts a refused attempt, for this instance and for all.
async fn refused(api: &ApiState, time: InvocationTime) {
    api.attempts.note(time.wall);
    tracing::warn!("a sign-in to the console was refused");
    let mut counts = Counts::default();
    counts.count_refused_sign_in();
    if let Err(error) = api.store.billing.count(&counts, time.logical, "console").await {
        tracing::warn!(error = error_chain(&error), "a refused sign-in was not counted");
    }
}

fn answer(
    api: &ApiState,
    parts: &Parts,
    status: StatusCode,
    fault: Option<&'static str>,
    next: Option<String>,
) -> Result<Response, Failure> {
    let next = next.filter(|next| address::is_own(next)).unwrap_or_default();
    let frame = Frame::signed_out(api, language::of_request(parts), PATH, &[(NEXT, &next)]);
    let token = FieldKind::Line { of: "password", longest: 500 };
    let token = Field::new("token", CommonWords::of(language::of_request(parts)).sign_in_token, token).required();
    let page = SignInHtml { frame, token, fault, next, is_from_elsewhere: is_from_elsewhere(&parts.headers) };
    html::page(status, &page).map(IntoResponse::into_response)
}

fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_leads_on_to_the_page_that_was_asked_for() {
        assert_eq!(leading_to("/console/search?q=a b"), "/console/login?next=%2Fconsole%2Fsearch%3Fq%3Da%20b");
        assert_eq!(leading_to("/console"), "/console/login");
    }
}
