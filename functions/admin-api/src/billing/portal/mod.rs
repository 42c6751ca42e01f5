//! Customer page: the customer sees the subscriptions and repairs them without a login. Its address is unguessable, and it shows
//! nothing beyond plan, amounts, days and the last four digits of the card.

mod actions;
mod link;
mod opened;
mod view;
mod wording;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::response::Response;
use lambda_http::http::StatusCode;
use lambda_http::http::request::Parts;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::Locale;
use shared::mail::customer_page::customer_page;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::billing::portal::opened::{Opened, open};
use crate::billing::portal::view::OrderView;
use crate::billing::portal::wording::{Said, Words};
use crate::http::assets::BUYER_DIGEST;
use crate::http::page::{Sources, page};
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Routes of the page and of the request for its address.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(link::portal_link)).routes(routes!(show)).routes(routes!(actions::act))
}

/// Query of the page. Other parameters are ignored, because mail programs add some of their own.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PortalQuery {
    /// Language of the page, `zh-TW` or `en`; that of the order for any other value.
    #[param(example = "en")]
    lang: Option<String>,
    /// Outcome of the button that was pressed, which the page then says. Any other value is ignored.
    #[param(example = "changed")]
    said: Option<String>,
}

/// Page as HTML.
#[derive(Template)]
#[template(path = "buyer/portal.html")]
struct PortalHtml<'a> {
    style: &'a str,
    words: Words,
    business: &'a str,
    content: Content<'a>,
}

/// Content of the page.
enum Content<'a> {
    Customer(CustomerContent<'a>),
    /// Sentence with a link to the business's own page.
    Text {
        text: &'a str,
        back: Option<&'a str>,
    },
}

/// Subscriptions of one customer.
struct CustomerContent<'a> {
    /// Last part of the page's address.
    token: &'a str,
    /// Language as the addresses of the buttons name it.
    language: &'a str,
    /// Best plan of all orders.
    plan: &'a PlanId,
    said: Option<&'a str>,
    orders: Vec<OrderView>,
    back: &'a str,
}

/// Shows a customer their subscriptions, with buttons to repair them.
///
/// An HTML page in the order's language. Its address is the only credential: each mail to a customer holds one of its own, valid
/// for 30 days, and `POST /api/users/{user_id}/portal-link` makes others. Reading it changes nothing. After the customer's erasure
/// it has expired.
#[utoipa::path(
    get, path = "/portal/{token}", tag = "portal", operation_id = "show_portal",
    params(
        ("token" = String, Path, description = "Token of the page, from `url` of the link.", example = "3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY"),
        PortalQuery,
    ),
    responses(
        (status = 200, description = "The subscriptions.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such page, or it has expired.", body = String, content_type = "text/html"),
        (status = 503, description = "Unavailable for the moment.", body = String, content_type = "text/html"),
    ),
    security(()),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(token): Path<String>,
    Extension(time): Extension<InvocationTime>,
    query: PortalQuery,
) -> Response {
    let opened = match open(&api, &token, time).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return expired(&api, &query),
        Err(cause) => return failed(&api, &query, &cause),
    };
    let words = Words::of(query.locale().unwrap_or(opened.order.locale));
    match shown(&api, words, &opened, time).await {
        Ok(orders) => {
            // A page that is loaded again says nothing that is no longer true.
            let is_owed = orders.iter().any(|order| order.is_owed);
            let said = query.said.as_deref().and_then(Said::parse).filter(|said| *said != Said::Paid || !is_owed);
            let back = opened.back.clone().unwrap_or_else(|| customer_page(&api.config.urls, None));
            let content = CustomerContent {
                token: &token,
                language: words.locale().name(),
                plan: &opened.plan,
                said: said.map(|said| said.text(words)),
                orders,
                back: &back,
            };
            html(&api, StatusCode::OK, words, Content::Customer(content))
        }
        Err(cause) => failed(&api, &query, &cause),
    }
}

async fn shown(api: &ApiState, words: Words, opened: &Opened, time: InvocationTime) -> Result<Vec<OrderView>, String> {
    let orders = opened.orders(api).await.map_err(|error| error_chain(&error))?;
    Ok(orders.iter().map(|order| OrderView::of(api, words, order, time.logical)).collect())
}

impl<S: Sync> FromRequestParts<S> for PortalQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let input = Input::of(parts)?;
        Ok(Self { lang: input.parameter("lang"), said: input.parameter("said") })
    }
}

impl PortalQuery {
    fn locale(&self) -> Option<Locale> {
        let wanted = self.lang.as_deref()?;
        Locale::ALL.into_iter().find(|locale| locale.name() == wanted)
    }
}

fn expired(api: &ApiState, query: &PortalQuery) -> Response {
    let words = Words::of(query.locale().unwrap_or_default());
    let back = customer_page(&api.config.urls, None);
    let text = words.pick("此連結已失效。", "This link has expired.");
    html(api, StatusCode::NOT_FOUND, words, Content::Text { text, back: Some(&back) })
}

fn failed(api: &ApiState, query: &PortalQuery, cause: &str) -> Response {
    tracing::error!(error = cause, "customer page failed");
    let words = Words::of(query.locale().unwrap_or_default());
    let text = Said::Unavailable.text(words);
    html(api, StatusCode::SERVICE_UNAVAILABLE, words, Content::Text { text, back: None })
}

fn html(api: &ApiState, status: StatusCode, words: Words, content: Content<'_>) -> Response {
    use axum::response::IntoResponse;
    let business = api.config.templates.business();
    match (PortalHtml { style: &BUYER_DIGEST, words, business, content }).render() {
        Ok(html) => page(status, html, &Sources { script: None, form_target: "'self'" }),
        Err(_) => Failure::defect("the customer page could not be made").into_response(),
    }
}
