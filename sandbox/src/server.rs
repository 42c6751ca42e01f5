//! The sandbox's public port: the API through API Gateway's event format, ECPay, and the controls.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use http::StatusCode;
use lambda_http::Body as LambdaBody;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::world::World;
use crate::{controls, ecpay_http, events};

/// API Gateway takes 10 MB.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

pub(crate) fn serve(world: Arc<World>, listener: TcpListener) {
    let router = Router::new()
        .nest("/sandbox", controls::routes())
        .nest("/ecpay", ecpay_http::routes())
        .route("/shop/{*page}", post(shop).get(shop))
        .fallback(api)
        .with_state(world);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// The business's own pages, where ECPay sends the buyer back to.
async fn shop() -> Html<&'static str> {
    Html("<!doctype html><meta charset=\"utf-8\"><p>The shop's own page.</p>")
}

/// A request as API Gateway hands it to a function.
async fn api(State(world): State<Arc<World>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(route) = world.template.route(parts.method.as_str(), parts.uri.path()) else {
        return (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"message":"Not Found"}"#)
            .into_response();
    };
    let event = event(&world, &parts, &body, &format!("{} {}", route.method, route.path));
    let Some(answer) = events::answer(&world, &route.function, &event.to_string()).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (parts, body) = answer.into_parts();
    let body = match body {
        LambdaBody::Text(text) => axum::body::Body::from(text),
        LambdaBody::Binary(bytes) => axum::body::Body::from(bytes),
        _ => axum::body::Body::empty(),
    };
    Response::from_parts(parts, body)
}

/// The event of API Gateway's payload format 2.0; forms come base64-encoded, as AWS sends them.
fn event(world: &World, parts: &http::request::Parts, body: &Bytes, route_key: &str) -> Value {
    let now = world.now();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut headers: Map<String, Value> = Map::new();
    for name in parts.headers.keys() {
        let values: Vec<_> = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        headers.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    let is_text = header("content-type").starts_with("application/json") || header("content-type").starts_with("text/");
    let text = std::str::from_utf8(body).ok().filter(|_| is_text);
    let encoded = text.map_or_else(|| base64::engine::general_purpose::STANDARD.encode(body), str::to_owned);
    let query = parts.uri.query().unwrap_or_default();
    let parameters: Map<String, Value> =
        form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), json!(v))).collect();
    let request_id = format!("sandbox-{}", now.timestamp_micros());
    json!({
        "version": "2.0", "routeKey": route_key, "rawPath": parts.uri.path(), "rawQueryString": query,
        "headers": headers, "queryStringParameters": parameters,
        "requestContext": {
            "accountId": "000000000000", "apiId": "sandbox", "domainName": header("host"), "domainPrefix": "sandbox",
            "http": {
                "method": parts.method.as_str(), "path": parts.uri.path(), "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": header("user-agent"),
            },
            "requestId": request_id, "routeKey": route_key, "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(), "timeEpoch": now.timestamp_millis(),
        },
        "body": if body.is_empty() { Value::Null } else { Value::String(encoded) },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
    })
}
