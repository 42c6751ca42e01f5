//! The token of a request, shown to its owner.

use axum::Json;
use serde::Serialize;
use shared::domain::values::time::Timestamp;
use utoipa::ToSchema;

use crate::auth::TokenKind;
use crate::auth::caller::AnyCaller;
use crate::auth::scope::Scope;
use crate::http::given::Given;
use crate::http::refusals::Refusals;

/// A valid token.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoAmI {
    /// Name of the admin token, or `sub` of the JSON Web Token.
    #[schema(example = "support")]
    name: String,
    kind: TokenKind,
    scopes: Vec<Scope>,
    /// End of the token; null for an admin token without one.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-06-30T00:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// Shows the token of the request: its name, scopes and end.
#[utoipa::path(
    get, path = "/api/whoami", tag = "api", operation_id = "whoami",
    responses((status = 200, description = "The token is valid.", body = WhoAmI), Refusals),
    security(("token" = [])),
)]
pub(crate) async fn whoami(caller: AnyCaller, _: Given) -> Json<WhoAmI> {
    let token = caller.token;
    Json(WhoAmI { name: token.name, kind: token.kind, scopes: token.scopes, expires_at: token.expires_at })
}
