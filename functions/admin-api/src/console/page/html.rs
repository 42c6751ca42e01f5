//! Answers with pages of the console.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use lambda_http::http::{HeaderValue, StatusCode, header};

use crate::http::response::Failure;

/// Policy of pages: style sheet, script and pictures of the same origin, and forms that lead nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Answers with a page.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    let html = page.render().map_err(|_| Failure::defect("a page of the console could not be made"))?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// Adds the headers that every answer of the console has; one that is stricter stays.
pub(crate) fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}
