//! Routes of the page, and the check that its forms are posted from its own origin.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, StatusCode};

use crate::http::page::{clock_forms, fault_forms, html, order_forms, samples, show, sign_in};
use crate::world::World;

/// Style sheet of the page.
const STYLE: &str = include_str!("../../../assets/page.css");

/// Routes below `/sandbox`, none of them one of the controls.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(show::overview))
        .route("/style.css", get(style))
        .route("/sign-in/{role}", get(sign_in::sign_in))
        .route("/move", post(clock_forms::move_clock))
        .route("/orders", post(order_forms::create))
        .route("/orders/{order}", get(show::order))
        .route("/orders/{order}/pay", post(order_forms::pay))
        .route("/orders/{order}/charge", post(order_forms::charge))
        .route("/orders/{order}/fail", post(order_forms::fail_next))
        .route("/orders/{order}/edit", post(order_forms::edit))
        .route("/set-faults", post(fault_forms::set))
        .route("/end-faults", post(fault_forms::end))
        .route("/samples/workshop", post(samples::workshop))
        .route("/samples/institutions", post(samples::institutions))
        .layer(middleware::from_fn(own_forms_only))
}

/// Refuses a form that a page of another origin posts. Clients that are no browsers send no such header.
async fn own_forms_only(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").map(|site| site.as_bytes());
    if *request.method() == Method::POST && !matches!(site, None | Some(b"same-origin" | b"none")) {
        return html::notice(StatusCode::FORBIDDEN, "Not done", "A page of another site posted this form.");
    }
    next.run(request).await
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE).into_response()
}
