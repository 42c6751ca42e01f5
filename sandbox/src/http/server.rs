//! The sandbox's public port: the API through API Gateway's event format, ECPay, MMS, the WhatsApp gateways, Slack, the
//! business's app, the controls, and their page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;

use crate::ecpay::http as ecpay_http;
use crate::http::page::routes as page_routes;
use crate::http::{LARGEST_BODY, controls, gateway};
use crate::whatsapp::cloud_api;
use crate::whatsapp::starsender;
use crate::world::World;
use crate::{app, mms, slack};

pub(crate) fn serve(world: Arc<World>, listener: TcpListener) {
    let router = Router::new()
        .nest("/sandbox", controls::routes().merge(page_routes::routes()))
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

async fn api(State(world): State<Arc<World>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, LARGEST_BODY).await {
        Ok(body) => gateway::answer(&world, &parts, &body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}
