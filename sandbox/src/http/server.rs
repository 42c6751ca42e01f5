//! The sandbox's public port: the API through API Gateway's event format, ECPay, MMS, the WhatsApp gateways, Slack, the
//! business's app, and the controls.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use lambda_http::Body as LambdaBody;
use tokio::net::TcpListener;

use crate::aws::lambda_events;
use crate::ecpay::http as ecpay_http;
use crate::http::{LARGEST_BODY, controls};
use crate::whatsapp::cloud_api;
use crate::whatsapp::starsender;
use crate::world::World;
use crate::{app, mms, slack};

pub(crate) fn serve(world: Arc<World>, listener: TcpListener) {
    let router = Router::new()
        .nest("/sandbox", controls::routes())
        .nest("/ecpay", ecpay_http::routes())
        .nest("/mms", mms::routes())
        .nest("/app", app::routes())
        .nest("/starsender", starsender::routes())
        .nest("/whatsapp-cloud", cloud_api::routes())
        // Slack's paths are absolute: a webhook has its whole URL in a secret.
        .merge(slack::routes())
        .route("/shop/{*page}", post(shop).get(shop))
        .fallback(api)
        .layer(middleware::from_fn_with_state(Arc::clone(&world), note))
        .with_state(world);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// Time stands still while requests arrive.
async fn note(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    world.timer.note_request();
    next.run(request).await
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
    let route = world.template.route(parts.method.as_str(), parts.uri.path());
    let Some(function) = route.map(|route| &route.function).or(world.template.default_function.as_ref()) else {
        return (StatusCode::NOT_FOUND, [("content-type", "application/json")], r#"{"message":"Not Found"}"#)
            .into_response();
    };
    let event = lambda_events::api_gateway(&parts, &body, route, world.now());
    let Some(answer) = lambda_events::answer(&world, function, &event.to_string()).await else {
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
