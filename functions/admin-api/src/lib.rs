//! HTTP API of staff, support tools and the business's own apps: orders, operations, customers and vehicles, institutions,
//! runs and statistics.
//!
//! Never calls ECPay: it invokes `subscription-maintenance`, which sends every request to ECPay.

use lambda_http::request::RequestContext as EventContext;
use lambda_http::{Body, Request, RequestExt, Response};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, Point, Route, StatusClass};

mod api;
mod auth;
mod aws;
mod billing;
mod config;
mod http;
mod institutions;
mod routes;
mod runs;
mod workshop;

pub use api::AdminApi;
pub use config::Config;

use billing::{checkout, stats};
use http::path::route_key;
use http::request::Input;
use http::response::{Dialect, Failure};
use routes::dispatch;

/// Answers one request and emits its metrics.
pub async fn handle(api: &AdminApi, request: Request, time: InvocationTime) -> Response<Body> {
    // Metrics are counted by route key and not by path: a path holds ids, each would be a metric of its own.
    let route = Route::of_key(route_key(&request).as_deref());
    let response = answer(api, request, time).await;
    let mut batch = Batch::default();
    batch.count(Point::Requests(route, StatusClass::of(response.status().as_u16())), 1);
    batch.measure(Point::RequestLatency, time.stopwatch.elapsed_ms());
    batch.emit(time.wall);
    response
}

async fn answer(api: &AdminApi, request: Request, time: InvocationTime) -> Response<Body> {
    let request_id = request_id(&request);
    let routed = http::path::path(&request);
    // Without a route the path decides only the shape of the error.
    let path = routed.clone().unwrap_or_else(|| request.uri().path().to_owned());
    let method = request.method().as_str().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let dialect = Dialect::of(&segments);
    let input = Input::read(&request).await;
    // Monitors and buyers have no token: these routes are answered before `dispatch` asks for one.
    let answer = match (method.as_str(), segments.as_slice()) {
        _ if routed.is_none() => Err(Failure::not_found("route", "no such route")),
        ("GET", ["api", "webhooks", "health"]) => Ok(stats::health(api, time).await),
        ("GET", ["checkout", token]) => return checkout::show(api, token, time).await,
        ("POST", ["checkout", token]) => return checkout::pay(api, token, time).await,
        _ => dispatch(api, &method, &segments, &input, time).await,
    };
    match answer {
        Ok(response) => auth::deprecate(response, &input),
        Err(failure) => auth::deprecate(failure.answer(dialect, &request_id), &input),
    }
}

/// API Gateway's request id, which its access log has too.
fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(EventContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
