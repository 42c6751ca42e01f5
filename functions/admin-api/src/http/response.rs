//! JSON responses, and the one place that maps failures to HTTP statuses.

use axum::response::IntoResponse;
use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::{Value, json};
use shared::platform::logging::error_chain;

/// Code where a function that is to be invoked has no instance left.
pub(crate) const BUSY: &str = "busy";

/// Error of a request, as the caller sees it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    code: &'static str,
    message: String,
    param: Option<String>,
    faults: Vec<Fault>,
    challenge: Option<String>,
}

/// One fault of a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fault {
    /// Name of the parameter, field or header.
    param: String,
    code: &'static str,
    /// Sentence that names the parameter and the rule, and repeats no value.
    message: String,
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
    /// 405: the caller uses a method of the `Allow` header.
    WrongMethod,
    /// 409: the caller reads the current state first.
    Conflict,
    /// 503: the caller tries again later.
    Unavailable,
    /// 500: a defect of the product or unreadable data; the log has the error.
    Internal,
}

impl Dialect {
    /// Shape of the endpoint at a path.
    pub(crate) fn of(path: &str) -> Self {
        match path.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
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
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
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
            Self::WrongMethod => "wrong_method",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl Failure {
    fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), param: None, faults: Vec::new(), challenge: None }
    }

    /// 401. `code` says what is wrong with the token: `missing`, `malformed`, `unknown`, `expired` or `wrong_kind`.
    pub(crate) fn unauthorized(code: &'static str, message: &str) -> Self {
        // RFC 6750, 3: a request without a token is answered with the scheme alone.
        let challenge = match code {
            "missing" => "Bearer".to_owned(),
            _ => format!("Bearer error=\"invalid_token\", error_description=\"{message}\""),
        };
        Self { challenge: Some(challenge), ..Self::new(Kind::Unauthorized, code, message) }
    }

    /// 403: the token is valid and lacks the scope.
    pub(crate) fn forbidden(scope: &str) -> Self {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let message = format!("The token lacks the scope {scope}.");
        Self { challenge: Some(challenge), ..Self::new(Kind::Forbidden, "scope", message) }
    }

    /// 403: a callback that its provider did not send.
    pub(crate) fn not_signed(message: &str) -> Self {
        Self::new(Kind::Forbidden, "signature", message)
    }

    /// Invalid parameter; `reason` completes the sentence that begins with its name.
    pub(crate) fn invalid(param: &str, reason: impl AsRef<str>) -> Self {
        Self::faults(vec![Fault::new(param, reason.as_ref())])
    }

    /// Parameter whose type refuses the value; `sentence` is the type's own.
    pub(crate) fn invalid_value(param: &str, sentence: &dyn std::error::Error) -> Self {
        Self::faults(vec![Fault::of_value(param, &sentence.to_string())])
    }

    /// 400 with every fault that was found.
    pub(crate) fn faults(faults: Vec<Fault>) -> Self {
        let message: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        let (message, param) = (message.join("; "), faults.first().map(|fault| fault.param.clone()));
        Self { param, faults, ..Self::new(Kind::Invalid, "invalid_parameter", message) }
    }

    /// Code in the body.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// True where the request cannot succeed as it is, false where it may if it is repeated.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self.kind, Kind::Unavailable | Kind::Internal) && self.code != BUSY
    }

    /// Faults of the request, none for another failure.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Faults of the request: the parameter of each, and the sentence about it.
    pub(crate) fn faults_by_param(&self) -> impl Iterator<Item = (&str, &str)> {
        self.faults.iter().map(|fault| (fault.param.as_str(), fault.message.as_str()))
    }

    /// Parameter that names nothing stored.
    pub(crate) fn not_found(param: &str, message: &str) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Kind::NotFound, "not_found", message) }
    }

    pub(crate) fn no_route() -> Self {
        Self::not_found("route", "There is no such route.")
    }

    /// 405; the router adds the methods of the path.
    pub(crate) fn wrong_method() -> Self {
        Self::new(Kind::WrongMethod, "wrong_method", "This route does not take the request's method.")
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// The `Idempotency-Key` was stored with another request.
    pub(crate) fn key_reused() -> Self {
        Self::conflict("key_reused", "this Idempotency-Key was used for another request")
    }

    /// 404: no such page of the console.
    pub(crate) fn no_page() -> Self {
        Self::new(Kind::NotFound, "no_route", "There is no such page.")
    }

    /// 403: a form of the console that no page of it has sent.
    pub(crate) fn foreign_origin() -> Self {
        Self::new(Kind::Forbidden, "origin", "The form was not sent by a page of this site.")
    }

    /// True if the caller can correct what was sent.
    pub(crate) fn is_about_input(&self) -> bool {
        matches!(self.kind, Kind::Invalid | Kind::Conflict)
    }

    /// True if a form is shown again with what was typed: it can be corrected, or sent once more under its key.
    pub(crate) fn keeps_form(&self) -> bool {
        self.is_about_input() || self.kind == Kind::Unavailable
    }

    /// Status of the response.
    pub(crate) const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Sentences about all faults.
    pub(crate) fn messages(&self) -> Vec<String> {
        if self.faults.is_empty() {
            return vec![self.message.clone()];
        }
        self.faults.iter().map(|fault| fault.message.clone()).collect()
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

    /// Defect of this function, which no caller can cause.
    pub(crate) fn defect(what: &str) -> Self {
        tracing::error!(error = what, "request failed");
        Self::new(Kind::Internal, "internal", "Internal server error")
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
        let mut body = match dialect {
            Dialect::Ours => json!({ "error": error }),
            Dialect::Ecpay => json!({ "detail": self.message }),
            Dialect::Reminders => json!({ "success": false, "message": self.message, "error": error }),
        };
        if let (false, Some(fields)) = (self.faults.is_empty(), body.as_object_mut()) {
            fields.insert("errors".to_owned(), json!(self.faults));
        }
        let mut response = json_reply(self.kind.status(), &body);
        // RFC 9110, 11.6.1: a 401 names the authentication scheme.
        if let Some(challenge) = self.challenge.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl Fault {
    /// The fault as one of a row of a list.
    pub(crate) fn in_line(self, line: u64) -> Self {
        Self { message: format!("line {line}: {}", self.message), ..self }
    }

    /// `reason` completes the sentence that begins with the name.
    pub(crate) fn new(param: &str, reason: &str) -> Self {
        Self { param: param.to_owned(), code: "invalid_parameter", message: format!("{param} {reason}") }
    }

    /// `sentence` is that of a value's type, and has a subject of its own.
    pub(crate) fn of_value(param: &str, sentence: &str) -> Self {
        Self { param: param.to_owned(), code: "invalid_parameter", message: format!("{param}: {sentence}") }
    }
}

impl IntoResponse for Failure {
    /// Status alone: the shape of the body depends on the route, and is given to it at the edge.
    fn into_response(self) -> axum::response::Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
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

/// JSON body with a status.
fn json_reply(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::Text(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
