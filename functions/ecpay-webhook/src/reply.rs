//! What ECPay is answered. Anything but 200 with exactly `1|OK` makes it send the callback again.

use lambda_http::{Body, Response};
use shared::ecpay::callback_form;

/// Received, and everything that follows from it stored.
pub(crate) fn ok() -> Response<Body> {
    text(200, "1|OK".to_owned())
}

/// Not a form that ECPay signed.
pub(crate) fn refused(error: &callback_form::Error) -> Response<Body> {
    text(400, format!("0|{error}"))
}

/// Could not be stored or verified now.
pub(crate) fn try_again(cause: &str) -> Response<Body> {
    tracing::error!(error = cause, "callback not stored");
    text(503, "0|try again".to_owned())
}

/// No such address.
pub(crate) fn not_found() -> Response<Body> {
    text(404, "0|not found".to_owned())
}

fn text(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = lambda_http::http::StatusCode::from_u16(status).unwrap_or_default();
    let text = lambda_http::http::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(lambda_http::http::header::CONTENT_TYPE, text);
    response
}
