//! Query and body of a request as the types of its route.

use axum::extract::FromRequestParts;
use lambda_http::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use crate::http::fields::Fields;
use crate::http::request::Input;
use crate::http::response::Failure;

/// Query and body of a request that acts or answers data: read after authorization, with all their faults at once.
pub(crate) struct Given<Q = Nothing, B = Nothing> {
    pub(crate) query: Q,
    pub(crate) body: B,
}

/// Query or body without any field.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<S, Q, B> FromRequestParts<S> for Given<Q, B>
where
    S: Sync,
    Q: IntoParams + DeserializeOwned,
    B: ToSchema + DeserializeOwned,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let input = Input::of(parts)?;
        let mut faults = Vec::new();
        let query = Fields::of_query::<Q>().read(input.sent_query(), &mut faults);
        let body = match input.sent_body() {
            Ok(sent) => Fields::of_body::<B>().read(sent, &mut faults),
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        match (query, body) {
            (Some(query), Some(body)) => Ok(Self { query, body }),
            _ => Err(Failure::faults(faults)),
        }
    }
}
