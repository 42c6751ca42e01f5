//! Errors of the older system's routes, as the description shows them.

use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::http::refusals::FaultDetail;

/// Error of a route of the older system.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailBody {
    /// Reason for people.
    #[schema(example = "hours must be a whole number from 1 to 168")]
    pub(crate) detail: String,
    /// Every fault of a request that is answered with 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<Vec<FaultDetail>>,
}

/// Refusals of every route of the older system that needs a token.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described: `Failure` answers them")]
pub(crate) enum DetailRefusals {
    /// A parameter, field or header cannot be used. Nothing was done.
    #[response(status = 400)]
    Invalid(DetailBody),
    /// There is no token, or it is malformed, unknown, expired or of the wrong kind.
    #[response(status = 401)]
    Unauthorized(DetailBody),
    /// The token lacks the scope that `detail` names.
    #[response(status = 403)]
    Forbidden(DetailBody),
    /// A fault of Duekeeper, or unreadable data. The log has the error.
    #[response(status = 500)]
    Internal(DetailBody),
    /// A service that is needed is unavailable; try again.
    #[response(status = 503)]
    Unavailable(DetailBody),
}
