//! Errors as the description shows them.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// Error of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
    /// Every fault of a request that is answered with 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Vec<FaultDetail>>,
}

/// Class, reason and place of an error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Class of the error, by what resolves it.
    #[serde(rename = "type")]
    #[schema(example = "invalid_request")]
    pub(crate) kind: String,
    /// Reason for programs.
    #[schema(example = "invalid_parameter")]
    pub(crate) code: String,
    /// Reason for people: a sentence that stands alone.
    #[schema(example = "days must be a whole number from 1 to 60")]
    pub(crate) message: String,
    /// The first faulty parameter, field or header.
    #[schema(example = "days")]
    pub(crate) param: Option<String>,
    /// Id of the request in the logs.
    #[schema(example = "JKJaXmPLvHcESHA=")]
    pub(crate) request_id: String,
}

/// One fault of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct FaultDetail {
    /// Parameter, field or header.
    #[schema(example = "days")]
    pub(crate) param: String,
    /// Reason for programs.
    #[schema(example = "invalid_parameter")]
    pub(crate) code: String,
    /// Reason for people.
    #[schema(example = "days must be a whole number from 1 to 60")]
    pub(crate) message: String,
}

/// Refusals of every route that needs a token.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers them")]
pub(crate) enum Refusals {
    /// A parameter, field or header cannot be used. Nothing was done.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// There is no token, or it is malformed, unknown, expired or of the wrong kind; `code` says which.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// The token lacks the scope that `message` names.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// A fault of Duekeeper, or unreadable data. The log has the error under `request_id`.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// A service that is needed is unavailable; try again.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// Refusal of a path whose id names nothing stored.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers it")]
pub(crate) enum Missing {
    /// The id names nothing stored, or no job.
    #[response(status = 404)]
    NotFound(ErrorBody),
}

/// Refusal of a change that the state does not allow.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers it")]
pub(crate) enum Conflicts {
    /// The state does not allow it; `code` says why.
    #[response(status = 409)]
    Conflict(ErrorBody),
}
