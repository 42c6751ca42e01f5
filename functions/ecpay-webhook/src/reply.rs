//! Replies to ECPay. Anything but HTTP 200 with exactly `1|OK` makes ECPay send the callback again: every 5 to 15 minutes,
//! four times that day (ECPay documentation, p=2878 and p=29983).

use lambda_http::{Body, Response};
use shared::ecpay::callback_form;

/// 200 `1|OK`: the callback and its effects are stored. ECPay wants these four bytes, without quotes or a newline.
pub(crate) fn ok() -> Response<Body> {
    text(200, "1|OK".to_owned())
}

/// 400: not a form that ECPay signed, or a first charge's form at the address of recurring charges.
pub(crate) fn refused(error: &callback_form::Error) -> Response<Body> {
    text(400, format!("0|{error}"))
}

/// 503: could not be verified or stored now; ECPay's next attempt may succeed.
pub(crate) fn try_again(cause: &str) -> Response<Body> {
    tracing::error!(error = cause, "callback not stored");
    text(503, "0|try again".to_owned())
}

/// 404 for any path but the two callback routes.
pub(crate) fn not_found() -> Response<Body> {
    text(404, "0|not found".to_owned())
}

fn text(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = lambda_http::http::StatusCode::from_u16(status).unwrap_or_default();
    // The content type that ECPay's guide recommends (ECPay-API-Skill, guide 21).
    let text = lambda_http::http::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(lambda_http::http::header::CONTENT_TYPE, text);
    response
}
