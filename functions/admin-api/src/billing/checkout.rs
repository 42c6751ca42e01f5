//! Checkout page: shows a purchase, gives the buyer a new order number for each attempt to pay it, and says when it is paid. It
//! has an unguessable address and shows no data of the buyer.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use lambda_http::http::StatusCode;
use sha2::{Digest, Sha256};
use shared::domain::billing::payments::unused_part::UnusedPart;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::subscription::{Subscription, Terms};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::{Timestamp, Zone};
use shared::ecpay::order_form::{order_form, path};
use shared::mail::customer_page::business_page;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::logging::error_chain;
use shared::platform::random;
use shared::store::billing::pages::Checkout;

use crate::api::ApiState;
use crate::billing::purchase;
use crate::billing::purchase::NextForm;
use crate::http::assets::BUYER_STYLE;
use crate::http::page;
use crate::http::page::Sources;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Minutes for which the page of a new order lets the buyer pay.
pub(crate) const PAY_MINUTES: i64 = 60;
/// Days after that for which a page says that its purchase was paid.
const PAGE_DAYS: i64 = 30;
/// Submits the form at once; without scripts the buyer presses the button. The Content-Security-Policy allows no script
/// but the one with this hash.
const SCRIPT: &str = "document.forms[0].submit()";

/// Page as HTML.
#[derive(Template)]
#[template(path = "buyer/checkout.html")]
struct CheckoutHtml<'a> {
    style: &'a str,
    page: CheckoutPage<'a>,
}

/// Content of a page.
enum CheckoutPage<'a> {
    /// Plan and price with a button, whose form posts to the page's own address; `replaces` is the unused part of the present
    /// plan if the buyer pays today.
    Offer { plan: &'a PlanId, price: Twd, cycle: BillingCycle, replaces: Option<UnusedPart> },
    /// Form that leads to ECPay, submitted at once.
    Submit { action: &'a str, fields: &'a [(String, String)] },
    /// Sentence in both languages, with a link to the business's own page.
    Text { zh: &'a str, en: &'a str, back: Option<&'a str> },
}

/// Sentence in both languages.
#[derive(Clone, Copy)]
struct Text {
    zh: &'static str,
    en: &'static str,
}

/// A page as its token opens it.
enum Page {
    /// The buyer can pay this order's purchase.
    Open(Box<Subscription>),
    Paid,
    Expired,
}

/// Routes of the page.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show, pay))
}

/// Creates the page of an order, which lets the buyer pay until that instant, and returns its token. Only the token's hash is
/// stored.
pub(crate) async fn open(api: &ApiState, order: &SubscriptionId, pay_until: Timestamp) -> Result<String, Failure> {
    // The address is the only credential of the page, so it must be unguessable.
    let token = random::random_id(40).map_err(|error| Failure::upstream(&error))?;
    let page = Checkout { subscription: order.clone(), pay_until, expires_at: pay_until.plus_days(PAGE_DAYS) };
    api.store.billing.put_checkout(&sha256_hex(&token), &page).await?;
    Ok(token)
}

/// Shows the purchase to its buyer, with a button to pay it.
///
/// An HTML page. Its address is the only credential. Reading it any number of times changes nothing; parameters are ignored.
/// For one hour, or as long as a payment link was made for, it lets the buyer pay, and for 30 days more it says that the purchase
/// was paid.
#[utoipa::path(
    get, path = "/checkout/{token}", tag = "checkout", operation_id = "show_checkout",
    params(("token" = String, Path, description = "Token of the page, from `checkout_url` of the order.", example = "nYk3v2d0cGx4b3ZhYmNkZWZnaGlqa2xtbm9wcXJzdHU")),
    responses(
        (status = 200, description = "The purchase, or that it is paid.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such page, or it has expired.", body = String, content_type = "text/html"),
        (status = 503, description = "Unavailable for the moment.", body = String, content_type = "text/html"),
    ),
    security(()),
)]
async fn show(
    State(api): State<Arc<ApiState>>,
    Path(token): Path<String>,
    Extension(time): Extension<InvocationTime>,
) -> Response {
    match page(&api, &token, time).await {
        Ok(Page::Open(order)) => {
            let Terms { plan, price, cycle, .. } = &order.terms;
            let today = time.wall.day(Zone::Taipei);
            let replaces = match purchase::unused_part(&api, order.replaces.as_ref(), today).await {
                Ok(unused) => unused,
                Err(error) => return failed(&error_chain(&error)),
            };
            answer(StatusCode::OK, CheckoutPage::Offer { plan, price: *price, cycle: *cycle, replaces }, "'self'")
        }
        Ok(Page::Paid) => paid(&api),
        Ok(Page::Expired) => expired(),
        Err(cause) => failed(&cause),
    }
}

/// Leads the buyer to ECPay.
///
/// The button of the page: answers with ECPay's form for an order number that was not submitted before, and submits it. Fields
/// and parameters are ignored.
#[utoipa::path(
    post, path = "/checkout/{token}", tag = "checkout", operation_id = "pay_checkout",
    params(("token" = String, Path, description = "Token of the page, from `checkout_url` of the order.", example = "nYk3v2d0cGx4b3ZhYmNkZWZnaGlqa2xtbm9wcXJzdHU")),
    responses(
        (status = 200, description = "ECPay's form, or that the purchase is paid.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such page, or it has expired.", body = String, content_type = "text/html"),
        (
            status = 409, description = "The buyer has a live order, or there were too many attempts.",
            body = String, content_type = "text/html",
        ),
        (status = 503, description = "Unavailable for the moment.", body = String, content_type = "text/html"),
    ),
    security(()),
)]
async fn pay(
    State(api): State<Arc<ApiState>>,
    Path(token): Path<String>,
    Extension(time): Extension<InvocationTime>,
) -> Response {
    let order = match page(&api, &token, time).await {
        Ok(Page::Open(order)) => order,
        Ok(Page::Paid) => return paid(&api),
        Ok(Page::Expired) => return expired(),
        Err(cause) => return failed(&cause),
    };
    match purchase::is_replaced_open(&api, &order, time.logical).await {
        Ok(false) => {}
        Ok(true) => {
            let en = "A charge of your present subscription is in progress. Please try again later.";
            let text = Text { zh: "您目前的訂閱有一筆扣款正在處理中，請稍後再試。", en };
            return leading_back(&api, StatusCode::CONFLICT, text);
        }
        Err(error) => return failed(&error_chain(&error)),
    }
    // Read before an attempt is stored: without keys its form could not be signed.
    let keys = match api.keys.get(time.wall).await {
        Ok(keys) => keys,
        Err(error) => return failed(&error_chain(&error)),
    };
    match purchase::next_form(&api, &order, time.logical).await {
        Ok(NextForm::Of(order)) => {
            let form = order_form(&order, &api.config.urls, &keys.current);
            let endpoint = &api.config.ecpay.endpoint;
            let action = format!("{endpoint}{}", path::CHECKOUT);
            answer(StatusCode::OK, CheckoutPage::Submit { action: &action, fields: &form }, origin(endpoint))
        }
        Ok(NextForm::Paid(_)) => paid(&api),
        Ok(NextForm::LiveOrder(_)) => {
            let en = "You already have an active plan; there is nothing to pay.";
            leading_back(&api, StatusCode::CONFLICT, Text { zh: "您已有使用中的方案，無需再次付款。", en })
        }
        Ok(NextForm::TooManyAttempts) => {
            let en = "Too many attempts to pay. Please subscribe again.";
            leading_back(&api, StatusCode::CONFLICT, Text { zh: "付款嘗試次數過多，請重新訂閱。", en })
        }
        // Logged where it arose.
        Err(_) => unavailable(),
    }
}

async fn page(api: &ApiState, token: &str, time: InvocationTime) -> Result<Page, String> {
    // Looked up by hash: a copy of the table opens no page.
    let found = api.store.billing.checkout(&sha256_hex(token), time.wall).await.map_err(|error| error_chain(&error))?;
    let Some(checkout) = found else { return Ok(Page::Expired) };
    let order = api.store.billing.subscription(&checkout.subscription).await.map_err(|error| error_chain(&error))?;
    let Some(order) = order.map(|order| order.value) else { return Ok(Page::Expired) };
    let purchase = api.store.billing.purchase(&order).await.map_err(|error| error_chain(&error))?;
    Ok(if purchase.paid.is_some() || purchase::is_paid(&order) {
        Page::Paid
    } else if time.wall >= checkout.pay_until || order.erased.is_some() {
        Page::Expired
    } else {
        Page::Open(Box::new(order))
    })
}

fn paid(api: &ApiState) -> Response {
    let text = Text { zh: "已收到您的付款，謝謝。", en: "Your payment has been received. Thank you." };
    leading_back(api, StatusCode::OK, text)
}

fn expired() -> Response {
    let text =
        Text { zh: "此連結已失效，請重新訂閱。", en: "This page has expired. Please subscribe again." };
    answer(StatusCode::NOT_FOUND, text.page(None), "'none'")
}

fn failed(cause: &str) -> Response {
    tracing::error!(error = cause, "checkout page failed");
    unavailable()
}

fn unavailable() -> Response {
    let text = Text { zh: "請稍後再試。", en: "Please try again in a moment." };
    answer(StatusCode::SERVICE_UNAVAILABLE, text.page(None), "'none'")
}

fn leading_back(api: &ApiState, status: StatusCode, text: Text) -> Response {
    let back = business_page(&api.config.urls);
    answer(status, text.page(Some(&back)), "'none'")
}

impl Text {
    const fn page(self, back: Option<&str>) -> CheckoutPage<'_> {
        CheckoutPage::Text { zh: self.zh, en: self.en, back }
    }
}

/// The origin of an address. A path in `form-action` would have to match exactly (CSP Level 3, path-part match).
fn origin(endpoint: &str) -> &str {
    endpoint.match_indices('/').nth(2).and_then(|(end, _)| endpoint.get(..end)).unwrap_or(endpoint)
}

/// The page, with a policy that lets its form lead there only.
fn answer(status: StatusCode, page: CheckoutPage<'_>, form_target: &str) -> Response {
    let Ok(body) = (CheckoutHtml { style: BUYER_STYLE.digest(), page }).render() else {
        return Failure::defect("the checkout page could not be made").into_response();
    };
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
    page::page(status, body, &Sources { script: Some(&format!("sha256-{hash}")), form_target })
}
