//! Requests to the product as API Gateway hands them to its functions, from the public port and from the sandbox's own page.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use lambda_http::Body as LambdaBody;

use crate::aws::lambda_events;
use crate::world::World;

/// Answer of the function that serves the route.
pub(crate) async fn answer(world: &World, parts: &Parts, body: &[u8]) -> Response {
    let route = world.template.route(parts.method.as_str(), parts.uri.path());
    let Some(function) = route.map(|route| &route.function).or(world.template.default_function.as_ref()) else {
        return (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"message":"Not Found"}"#)
            .into_response();
    };
    let event = lambda_events::api_gateway(parts, body, route, world.now());
    let Some(answer) = lambda_events::answer(world, function, &event.to_string()).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (parts, body) = answer.into_parts();
    let body = match body {
        LambdaBody::Text(text) => Body::from(text),
        LambdaBody::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    Response::from_parts(parts, body)
}
