//! Customer page: the customer sees the subscriptions and repairs them without a login. Its address is unguessable, and it shows
//! nothing beyond plan, amounts, days and the last four digits of the card.

mod actions;
pub(crate) mod link;
mod opened;
mod view;
mod wording;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use futures::future::try_join_all;
use lambda_http::http::StatusCode;
use lambda_http::http::request::Parts;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::Locale;
use shared::mail::customer_page::business_page;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::billing::portal::opened::{Opened, open, payments};
use crate::billing::portal::view::OrderView;
use crate::billing::portal::wording::{Said, Words};
use crate::http::assets::BUYER_STYLE;
use crate::http::page::{Sources, page};
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Routes of the page and of the request for its address.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(link::portal_link)).routes(routes!(show)).routes(routes!(actions::act))
}

/// Language of the page. Other parameters are ignored, because mail programs add some of their own.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LanguageQuery {
    /// Language of the page, `zh-TW` or `en`; that of the order for any other value.
    #[param(example = "en")]
    lang: Option<String>,
}

/// Outcome of a button.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutcomeQuery {
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
    /// Sentence in both languages, with a link to the business's own page.
    Text {
        zh: &'a str,
        en: &'a str,
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
        LanguageQuery, OutcomeQuery,
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
    language: LanguageQuery,
    OutcomeQuery { said }: OutcomeQuery,
) -> Response {
    let opened = match open(&api, &token, time).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return expired(&api),
        Err(cause) => return failed(&api, &cause),
    };
    let words = Words::of(language.locale().unwrap_or(opened.locale));
    let orders = match shown(&api, words, &opened, time).await {
        Ok(orders) => orders,
        Err(error) => return failed(&api, &error_chain(&error)),
    };
    // A page that is loaded again says nothing that is no longer true.
    let is_owed = orders.iter().any(|order| order.is_owed);
    let said = said.as_deref().and_then(Said::parse).filter(|said| *said != Said::Paid || !is_owed);
    let back = opened.back.clone().unwrap_or_else(|| business_page(&api.config.urls));
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

async fn shown(
    api: &ApiState,
    words: Words,
    opened: &Opened,
    time: InvocationTime,
) -> Result<Vec<OrderView>, store::Error> {
    let payments = try_join_all(opened.orders.iter().map(|order| payments(api, &order.value))).await?;
    let orders = opened.orders.iter().zip(payments);
    Ok(orders.map(|(order, payments)| OrderView::of(api, words, order, &payments, time.logical)).collect())
}

impl<S: Sync> FromRequestParts<S> for LanguageQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self { lang: Input::of(parts)?.parameter("lang") })
    }
}

impl<S: Sync> FromRequestParts<S> for OutcomeQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self { said: Input::of(parts)?.parameter("said") })
    }
}

impl LanguageQuery {
    fn locale(&self) -> Option<Locale> {
        let wanted = self.lang.as_deref()?;
        Locale::ALL.into_iter().find(|locale| locale.name() == wanted)
    }
}

fn expired(api: &ApiState) -> Response {
    let back = business_page(&api.config.urls);
    let content = Content::Text { zh: "此連結已失效。", en: "This link has expired.", back: Some(&back) };
    html(api, StatusCode::NOT_FOUND, Words::of(Locale::default()), content)
}

fn failed(api: &ApiState, cause: &str) -> Response {
    tracing::error!(error = cause, "customer page failed");
    let [zh, en] = Locale::ALL.map(|locale| Said::Unavailable.text(Words::of(locale)));
    html(api, StatusCode::SERVICE_UNAVAILABLE, Words::of(Locale::default()), Content::Text { zh, en, back: None })
}

fn html(api: &ApiState, status: StatusCode, words: Words, content: Content<'_>) -> Response {
    let business = api.config.templates.business();
    match (PortalHtml { style: BUYER_STYLE.digest(), words, business, content }).render() {
        Ok(html) => page(status, html, &Sources { script: None, form_target: "'self'" }),
        Err(_) => Failure::defect("the customer page could not be made").into_response(),
    }
}
