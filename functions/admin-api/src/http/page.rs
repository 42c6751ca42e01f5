//! Responses to a browser: pages for buyers and customers, whose address is their only credential.

use axum::body::Body;
use axum::response::Response;
use lambda_http::http::{HeaderValue, StatusCode, header};

/// Sources that a page may use beyond our style sheet.
pub(crate) struct Sources<'a> {
    /// Hash of the page's one script, as in a Content-Security-Policy; none for a page without.
    pub(crate) script: Option<&'a str>,
    /// Place to which the page's forms may lead.
    pub(crate) form_target: &'a str,
}

/// Response with a page.
pub(crate) fn page(status: StatusCode, html: String, sources: &Sources<'_>) -> Response {
    let script = sources.script.map_or_else(String::new, |hash| format!("script-src '{hash}'; "));
    let form_target = sources.form_target;
    let policy = format!(
        "default-src 'none'; {script}style-src 'self'; form-action {form_target}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = bare(status, Body::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Response that leads the browser to another page, so that reloading it does not repeat the request. The address is relative:
/// `form-action 'self'` covers no other name of the same API.
pub(crate) fn see_other(relative: &str) -> Response {
    let mut response = bare(StatusCode::SEE_OTHER, Body::empty());
    if let Ok(address) = HeaderValue::from_str(relative) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    response
}

/// Response that no cache keeps and whose address no other server learns.
fn bare(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    response
}
