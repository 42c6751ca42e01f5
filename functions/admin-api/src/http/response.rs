//! JSON responses, and the one place that maps failures to HTTP statuses.

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::platform::logging::error_chain;

/// Error of a request, as the caller sees it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    code: &'static str,
    message: String,
    param: Option<String>,
}

/// Shape of an error body. The source documents' endpoints keep their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `{"error": {…}}`, of all endpoints of this project.
    Ours,
    /// `{"detail": …}`, of the ECPay document's endpoints.
    Ecpay,
    /// `{"success": false, …}`, of the reminder document's endpoints.
    Reminders,
}

/// Class of an error, by what resolves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 401: the caller sends a valid token.
    Unauthorized,
    /// 403: the caller uses a token with the scope.
    Forbidden,
    /// 400: the caller corrects the request.
    Invalid,
    /// 404: the caller names something that exists.
    NotFound,
    /// 409: the caller reads the current state first.
    Conflict,
    /// 503: the caller tries again later.
    Unavailable,
    /// 500: a defect of the product or unreadable data; the log has the error.
    Internal,
}

impl Dialect {
    /// Shape of the endpoint at a path.
    pub(crate) fn of(segments: &[&str]) -> Self {
        match segments {
            ["api", "webhooks", ..] => Self::Ecpay,
            ["scheduler", ..] | ["customers", "send-maintenance-reminder"] => Self::Reminders,
            _ => Self::Ours,
        }
    }
}

impl Kind {
    const fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid_request",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl Failure {
    fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), param: None }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(Kind::Unauthorized, "unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "scope", "this token lacks the required scope")
    }

    /// Invalid parameter; `reason` completes the sentence that begins with its name.
    pub(crate) fn invalid(param: &str, reason: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Kind::Invalid, "invalid_parameter", reason) }
    }

    /// Parameter that names nothing stored.
    pub(crate) fn not_found(param: &str, message: &str) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Kind::NotFound, "not_found", message) }
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// The `Idempotency-Key` was stored with another request.
    pub(crate) fn key_reused() -> Self {
        Self::conflict("key_reused", "this Idempotency-Key was used for another request")
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, "unavailable", message)
    }

    /// Every attempt met a version conflict: other requests keep changing the same item.
    pub(crate) fn contended() -> Self {
        Self::unavailable("too many concurrent changes; try again")
    }

    /// Failure of AWS or another service: logged once; the caller gets 503 without details.
    pub(crate) fn upstream(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = error_chain(error), "request failed");
        Self::unavailable("temporarily unavailable; try again")
    }

    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = error_chain(error), "request failed");
        Self::new(Kind::Internal, "internal", "Internal server error")
    }

    /// Response in the endpoint's shape.
    pub(crate) fn answer(&self, dialect: Dialect, request_id: &str) -> Response<Body> {
        let error = json!({
            "type": self.kind.name(), "code": self.code, "message": self.message,
            "param": self.param, "request_id": request_id,
        });
        let body = match dialect {
            Dialect::Ours => json!({ "error": error }),
            Dialect::Ecpay => json!({ "detail": self.message }),
            Dialect::Reminders => json!({ "success": false, "message": self.message, "error": error }),
        };
        let mut response = json_reply(self.kind.status(), &body);
        if self.kind == Kind::Unauthorized {
            // RFC 9110, 11.6.1: a 401 names the authentication scheme.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<shared::store::Error> for Failure {
    fn from(error: shared::store::Error) -> Self {
        // 503 invites the caller to repeat; an unreadable item would fail again, so it is 500.
        if let shared::store::Error::Contended { doing } = error {
            tracing::error!(doing, "request failed after too many version conflicts");
            return Self::contended();
        }
        if error.is_retryable() { Self::upstream(&error) } else { Self::internal(&error) }
    }
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> Response<Body> {
    json_reply(StatusCode::OK, body)
}

/// 200 with a CSV file to save. `no-store`: it holds personal data, which no cache may keep.
pub(crate) fn list(text: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"customer.csv\""));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON body with a status. `no-store`: responses hold personal data, which no cache may keep.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Text(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
