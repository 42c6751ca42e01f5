//! Routes of all areas, and their description.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::http::request::Parts;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use crate::api::ApiState;
use crate::auth::whoami;
use crate::billing::{
    adoption, callbacks, checkout, events, mail_templates, notices, payments, portal, quarantine, replay,
    subscriptions, users,
};
use crate::console;
use crate::description::Common;
use crate::http::assets;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::institutions::{expiring, presses};
use crate::runs::requests;
use crate::search;
use crate::workshop::{customers, import, lists, opt_outs, reminders, send_again, vehicles, whatsapp};

/// Routes of all areas.
fn all() -> Routes {
    Routes::new()
        .routes(routes!(openapi_json))
        .routes(routes!(whoami::whoami))
        .merge(search::routes())
        .merge(subscriptions::routes())
        .merge(adoption::routes())
        .merge(payments::routes())
        .merge(users::routes())
        .merge(checkout::routes())
        .merge(portal::routes())
        .merge(assets::routes())
        .merge(notices::routes())
        .merge(events::routes())
        .merge(mail_templates::routes())
        .merge(quarantine::routes())
        .merge(replay::routes())
        .merge(callbacks::routes())
        .merge(lists::routes())
        .merge(customers::routes())
        .merge(import::routes())
        .merge(vehicles::routes())
        .merge(opt_outs::routes())
        .merge(whatsapp::routes())
        .merge(send_again::routes())
        .merge(reminders::routes())
        .merge(expiring::routes())
        .merge(presses::routes())
        .merge(requests::routes())
}

/// Description of all routes.
pub(crate) fn description() -> Description {
    let mut description = all().description(Common::openapi());
    without_unused_schemas(&mut description);
    description
}

/// Removes schemas that stand where they are used, too, and to which nothing refers.
fn without_unused_schemas(description: &mut Description) {
    // Until none is removed, because one that is unused may refer to others.
    loop {
        let text = description.to_json().unwrap_or_default();
        let Some(components) = &mut description.components else { return };
        let before = components.schemas.len();
        components.schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
        if components.schemas.len() == before {
            return;
        }
    }
}

/// Describes the API.
///
/// OpenAPI 3.1; the same document as docs/openapi.json of this version.
#[utoipa::path(
    get, path = "/openapi.json", tag = "api", operation_id = "openapi",
    responses((status = 200, description = "This document.", body = Object)),
    security(()),
)]
async fn openapi_json() -> impl IntoResponse {
    // Made once: anyone may ask for it.
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| description().to_json().unwrap_or_default());
    ([(CONTENT_TYPE, "application/json")], document.as_str())
}

/// Router of one instance.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    let console = console::router(&state);
    all().router().merge(console).fallback(no_route).method_not_allowed_fallback(wrong_method).with_state(state)
}

/// Pages for staff say it as a page.
async fn no_route(State(api): State<Arc<ApiState>>, parts: Parts) -> Response {
    if console::has(parts.uri.path()) { console::no_page(&api, &parts) } else { Failure::no_route().into_response() }
}

async fn wrong_method(State(api): State<Arc<ApiState>>, parts: Parts) -> Response {
    if console::has(parts.uri.path()) {
        console::no_page(&api, &parts)
    } else {
        Failure::wrong_method().into_response()
    }
}
