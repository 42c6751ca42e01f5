//! Answers as JSON, and the meaning of each failure in HTTP: assigned here and nowhere else.

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::platform::logging::error_chain;

/// Why a request was not served.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    code: &'static str,
    message: String,
    param: Option<String>,
}

/// The shape in which an endpoint tells failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `{"error": {…}}`.
    Ours,
    /// `{"detail": …}`, of the ECPay document's endpoints.
    Ecpay,
    /// `{"success": false, …}`, of the reminder document's endpoints.
    Reminders,
}

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The caller: send a token.
    Unauthorized,
    /// The caller: ask for a token that may do this.
    Forbidden,
    /// The caller: send something else.
    Invalid,
    /// The caller: name something that exists.
    NotFound,
    /// The caller: look at the state first.
    Conflict,
    /// Nobody: try again later.
    Unavailable,
    /// We.
    Internal,
}

impl Dialect {
    /// That of a path.
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
        Self::new(Kind::Forbidden, "scope", "this token may not do that")
    }

    /// A parameter that cannot be used, and why.
    pub(crate) fn invalid(param: &str, reason: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Kind::Invalid, "invalid_parameter", reason) }
    }

    /// A parameter that names nothing.
    pub(crate) fn not_found(param: &str, message: &str) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Kind::NotFound, "not_found", message) }
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// The caller's key stands for another request.
    pub(crate) fn key_reused() -> Self {
        Self::conflict("key_reused", "this Idempotency-Key was used for another request")
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, "unavailable", message)
    }

    /// Something failed behind us: told once in the log, not to the caller.
    pub(crate) fn upstream(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = error_chain(error), "request failed");
        Self::unavailable("try again")
    }

    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = error_chain(error), "request failed");
        Self::new(Kind::Internal, "internal", "Internal server error")
    }

    /// The failure as the endpoint tells it.
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
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<shared::store::Error> for Failure {
    fn from(error: shared::store::Error) -> Self {
        if error.is_retryable() { Self::upstream(&error) } else { Self::internal(&error) }
    }
}

/// 200 with a body.
pub(crate) fn ok(body: &Value) -> Response<Body> {
    json_reply(StatusCode::OK, body)
}

/// A list for a spreadsheet, to be saved. Nothing of it may be kept by anybody on the way.
pub(crate) fn list(text: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"customer.csv\""));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A body with a status. Nothing of it may be kept by anybody on the way.
pub(crate) fn json_reply(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Text(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
