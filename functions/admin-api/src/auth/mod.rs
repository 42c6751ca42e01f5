//! Authorization by bearer token. The `admin_token` field of a form or query, which the ECPay document describes, still
//! works and is answered with a `Deprecation` header.

pub(crate) mod hs256;
pub(crate) mod jwt;
pub(crate) mod tokens;

use lambda_http::http::HeaderValue;
use lambda_http::{Body, Response};
use shared::platform::clock::InvocationTime;

use crate::auth::jwt::{Area, JwtKey};
use crate::auth::tokens::AdminTokens;
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response::Failure;

pub(crate) use crate::auth::tokens::Scope;

/// Form or query field in which callers of the older system send their token.
const FIELD: &str = "admin_token";

impl AdminTokens {
    /// Authorizes a request of staff by its admin token. If an `Authorization` header is present, the field is ignored.
    pub(crate) async fn authorize(
        &self,
        input: &Input,
        scope: Scope,
        time: InvocationTime,
    ) -> Result<RequestContext, Failure> {
        let presented = input.bearer.as_deref().or_else(|| in_field(input)).ok_or_else(Failure::unauthorized)?;
        let found = self.find(presented, time.wall).await.map_err(|error| Failure::upstream(&error))?;
        let token = found.ok_or_else(Failure::unauthorized)?;
        // 401 for an unknown or expired token, 403 for one without the scope.
        if !token.may(scope) {
            return Err(Failure::forbidden());
        }
        // Only now: a caller without a valid token learns nothing about how the body was parsed.
        input.validated()?;
        Ok(RequestContext { actor: token.name, key_scope: token.sha256, time })
    }
}

impl JwtKey {
    /// Authorizes a request of an app by its JSON Web Token.
    pub(crate) async fn authorize(
        &self,
        input: &Input,
        area: Area,
        time: InvocationTime,
    ) -> Result<RequestContext, Failure> {
        let actor = self.verify(input, area, time.wall).await?;
        Ok(RequestContext { key_scope: format!("jwt:{actor}"), actor, time })
    }
}

fn in_field(input: &Input) -> Option<&str> {
    input.text(FIELD).or_else(|| input.query(FIELD)).filter(|token| !token.is_empty())
}

/// Adds the `Deprecation` header (RFC 9745; the date is 2026-01-01) if the token was sent in a field.
pub(crate) fn deprecate(mut response: Response<Body>, input: &Input) -> Response<Body> {
    if input.bearer.is_none() && in_field(input).is_some() {
        // A Unix time after "@", as RFC 9745 writes dates.
        response.headers_mut().insert("deprecation", HeaderValue::from_static("@1767225600"));
    }
    response
}
