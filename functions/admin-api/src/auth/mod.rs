//! Authorization by bearer token: admin tokens of staff and tools, and JSON Web Tokens of the business's apps. The
//! `admin_token` field of a form or query, which the ECPay document describes, still works and is answered with a
//! `Deprecation` header.

pub(crate) mod callback_keys;
pub(crate) mod caller;
pub(crate) mod hs256;
pub(crate) mod jwt;
pub(crate) mod scope;
pub(crate) mod slack_signature;
pub(crate) mod tokens;
pub(crate) mod whoami;

use lambda_http::http::HeaderValue;
use lambda_http::{Body, Response};
use serde::Serialize;
use shared::domain::values::time::Timestamp;
use utoipa::ToSchema;

use crate::auth::scope::Scope;
use crate::http::request::Input;
use crate::http::response::Failure;

/// A valid token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Name of the admin token, or `sub` of the JSON Web Token; stored with what the request changes.
    pub(crate) name: String,
    /// Scope of `Idempotency-Key`: two callers may send the same key. For an admin token its SHA-256 in hex.
    pub(crate) key_scope: String,
    pub(crate) kind: TokenKind,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Kind of a token, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// Opaque, listed in the secret by its hash.
    AdminToken,
    JsonWebToken,
}

impl Token {
    /// Refuses a token without the scope. Scopes of staff are for admin tokens alone.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.contains(&scope) {
            Ok(())
        } else if self.kind == TokenKind::JsonWebToken && !scope.is_of_apps() {
            Err(Failure::unauthorized("wrong_kind", "This route takes an admin token, not a JSON Web Token."))
        } else {
            Err(Failure::forbidden(scope.name()))
        }
    }
}

/// Adds the `Deprecation` header (RFC 9745; the date is 2026-01-01) if the token was sent in a field.
pub(crate) fn deprecate(response: &mut Response<Body>, input: &Input) {
    if input.is_token_in_field {
        // A Unix time after "@", as RFC 9745 writes dates.
        response.headers_mut().insert("deprecation", HeaderValue::from_static("@1767225600"));
    }
}
