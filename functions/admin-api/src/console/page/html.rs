//! Answers with pages of the console.

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderValue, StatusCode, header};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::http::path::encoded;
use crate::http::request::Input;
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

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value as a segment of a path.
pub(crate) fn segment(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Path of the page that has the form of a posted path, for example that of a subscription for one of its operations.
pub(crate) fn page_of_form(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [console, area @ ("subscriptions" | "users" | "customers"), id, _] => format!("/{console}/{area}/{id}"),
        [console, area, ..] => format!("/{console}/{area}"),
        _ => path.to_owned(),
    }
}

/// Path and query of a request, as an address of the same site.
pub(crate) fn whole_address(parts: &Parts) -> String {
    let query = Input::of(parts).map(|input| input.sent_query().values).unwrap_or_default();
    let pairs =
        query.iter().filter_map(|(name, value)| Some(format!("{}={}", segment(name), segment(value.as_str()?))));
    let query: Vec<String> = pairs.collect();
    let question = if query.is_empty() { "" } else { "?" };
    format!("{}{question}{}", address(parts), query.join("&"))
}

/// Path of a request, as an address of the same site. The router's path has ids percent-encoded byte by byte (see
/// [`crate::http::path`]), which is no address to show.
pub(crate) fn address(parts: &Parts) -> String {
    let path = parts.uri.path();
    percent_decode_str(path).decode_utf8().map_or_else(|_| path.to_owned(), |path| encoded(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_belongs_to_the_page_that_shows_it() {
        for (form, page) in [
            ("/console/subscriptions/DK1/note", "/console/subscriptions/DK1"),
            ("/console/users/a%2Fb/erase", "/console/users/a%2Fb"),
            ("/console/customers/C-1/edit", "/console/customers/C-1"),
            ("/console/vehicles/B%201/visit", "/console/vehicles"),
            ("/console/messages/x/resend", "/console/messages"),
            ("/console/runs/retry", "/console/runs"),
            ("/console/import", "/console/import"),
        ] {
            assert_eq!(page_of_form(form), page);
        }
    }
}
