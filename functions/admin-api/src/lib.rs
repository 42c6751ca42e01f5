//! HTTP API of staff, support tools and the business's own apps: orders, operations, customers and vehicles, institutions,
//! runs and statistics.
//!
//! Never calls ECPay: it invokes `subscription-maintenance`, which sends every request to ECPay.

#![allow(unused_qualifications, reason = "utoipa's macros qualify the types that they are given")]

use std::sync::Arc;

use aws_types::SdkConfig;
use axum::Router;
use lambda_http::http::header::{ALLOW, CACHE_CONTROL};
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderValue, Method};
use lambda_http::request::RequestContext as EventContext;
use lambda_http::{Body, Request, RequestExt, Response, Service};
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, Point, StatusClass};
use shared::platform::secrets;

mod api;
mod auth;
mod aws;
mod billing;
mod config;
mod console;
mod description;
mod http;
mod institutions;
mod routes;
mod runs;
mod search;
mod workshop;

pub use config::Config;

use api::ApiState;
use http::path;
use http::request::Input;
use http::response::{Dialect, Failure};

/// Method of a request that no route of API Gateway matches, but for HEAD. No handler takes it, so that the router answers 404
/// or, where the path has another method, 405.
const UNROUTED: &[u8] = b"UNROUTED";

/// One Lambda instance of the function.
pub struct AdminApi {
    router: Router,
}

impl AdminApi {
    /// Builds the clients and reads the secrets, so that an instance without usable secrets does not start.
    ///
    /// # Errors
    /// [`secrets::Error`] if a secret cannot be read or is malformed.
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, secrets::Error> {
        let state = ApiState::start(aws, config, wall).await?;
        Ok(Self { router: routes::router(Arc::new(state)) })
    }
}

/// Description of the HTTP API as OpenAPI 3.1 in JSON, also of the callbacks' routes.
#[must_use]
pub fn openapi() -> serde_json::Value {
    serde_json::json!(routes::description())
}

/// Routes of the console, which are no part of the HTTP API, in the form `METHOD /path`.
#[must_use]
pub fn console_routes() -> Vec<String> {
    console::route_names()
}

/// Answers one request and emits its metrics.
pub async fn handle(api: &AdminApi, request: Request, time: InvocationTime) -> Response<Body> {
    let response = answer(api, request, time).await;
    let mut batch = Batch::default();
    // Not by route: CloudWatch has its price for each metric, and the access log tells the route.
    batch.count(Point::Requests(StatusClass::of(response.status().as_u16())), 1);
    batch.measure(Point::RequestLatency, time.stopwatch.elapsed_ms());
    batch.emit(time.wall);
    response
}

async fn answer(api: &AdminApi, request: Request, time: InvocationTime) -> Response<Body> {
    let request_id = request_id(&request);
    let input = Arc::new(Input::read(&request).await);
    let routed = path::path(&request);
    let path = routed.clone().unwrap_or_else(|| path::encoded(request.raw_http_path()));
    let dialect = Dialect::of(&path);
    let (mut parts, _) = request.into_parts();
    let Ok(uri) = path.parse() else { return Failure::no_route().answer(dialect, &request_id) };
    parts.uri = uri;
    // No route of API Gateway has the method HEAD; the router answers it like GET.
    if routed.is_none() && parts.method != Method::HEAD {
        parts.method = Method::from_bytes(UNROUTED).unwrap_or_default();
    }
    let is_head = parts.method == Method::HEAD;
    parts.extensions.insert(time);
    parts.extensions.insert(Arc::clone(&input));
    let mut response = routed_answer(api.router.clone(), parts).await;
    let mut answer = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => {
            let mut answer = failure.answer(dialect, &request_id);
            // With 405 the router says which methods the path has.
            answer.headers_mut().extend(response.headers_mut().remove(ALLOW).map(|methods| (ALLOW, methods)));
            if is_head { answer.map(|_| Body::Empty) } else { answer }
        }
        None => in_lambda_form(response).await,
    };
    // Answers hold personal data, which no cache may keep.
    answer.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    auth::deprecate(&mut answer, &input);
    answer
}

async fn routed_answer(mut router: Router, parts: Parts) -> axum::response::Response {
    // The input holds the body already.
    match router.call(axum::extract::Request::from_parts(parts, axum::body::Body::empty())).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A router's response as Lambda takes it.
async fn in_lambda_form(response: axum::response::Response) -> Response<Body> {
    let (parts, body) = response.into_parts();
    // Handlers answer with whole bodies, which cannot fail to be read.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match String::from_utf8(bytes.into()) {
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    };
    Response::from_parts(parts, body)
}

/// API Gateway's request id, which its access log has too.
fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(EventContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
