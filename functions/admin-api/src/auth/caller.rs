//! Caller of a route, as an argument of its handler: a scope that is named there is checked before the handler runs.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use lambda_http::http::request::Parts;
use shared::domain::billing::decision::Actor;
use shared::platform::clock::InvocationTime;

use crate::api::ApiState;
use crate::auth::Token;
use crate::auth::scope::Scope;
use crate::http::context::RequestContext;
use crate::http::request::{Bearer, Input, time};
use crate::http::response::Failure;

/// Scope as a type.
pub(crate) trait Needs {
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($name:ident),*) => {$(
        /// The scope as a type.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl Needs for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

scopes!(Read, Operate, Customers, Reminders, Institutions);

/// Caller whose token has the scope `S`.
pub(crate) struct Caller<S> {
    pub(crate) context: RequestContext,
    scope: PhantomData<S>,
}

/// Caller with any valid token; the handler asks for the scope.
pub(crate) struct AnyCaller {
    pub(crate) token: Token,
    pub(crate) context: RequestContext,
}

impl FromRequestParts<Arc<ApiState>> for AnyCaller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<ApiState>) -> Result<Self, Failure> {
        let (input, time) = (Input::of(parts)?, time(parts)?);
        let token = authenticate(api, &input, time).await?;
        let (by, key_scope) = (Actor::Staff(token.name.clone()), token.key_scope.clone());
        let context = RequestContext { by, key_scope, sent_key: input.key.clone(), time };
        Ok(Self { token, context })
    }
}

impl<S: Needs + Send> FromRequestParts<Arc<ApiState>> for Caller<S> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<ApiState>) -> Result<Self, Failure> {
        AnyCaller::from_request_parts(parts, api).await?.with()
    }
}

impl AnyCaller {
    /// The caller with the scope `S`; refused where the token lacks it.
    pub(crate) fn with<S: Needs>(self) -> Result<Caller<S>, Failure> {
        self.token.require(S::SCOPE)?;
        Ok(Caller { context: self.context, scope: PhantomData })
    }
}

/// Verifies the request's token. Its form decides which kind it is: a JSON Web Token has three parts with dots between.
async fn authenticate(api: &ApiState, input: &Input, time: InvocationTime) -> Result<Token, Failure> {
    let token = match &input.bearer {
        Bearer::Token(token) => token,
        Bearer::None => {
            return Err(Failure::unauthorized("missing", "A token is needed: Authorization: Bearer TOKEN."));
        }
        Bearer::Malformed => {
            return Err(Failure::unauthorized(
                "malformed",
                "The Authorization header is not of the form Bearer TOKEN.",
            ));
        }
    };
    if token.split('.').count() == 3 {
        // The older system knew admin tokens alone, and an address ends up in logs.
        if input.is_token_in_field {
            return Err(Failure::unauthorized(
                "wrong_kind",
                "A JSON Web Token is taken from the Authorization header alone.",
            ));
        }
        api.jwt.verify(token, time.wall).await
    } else {
        api.tokens.verify(token, time.wall).await
    }
}
