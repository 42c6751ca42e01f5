//! Checkout page: submits an order to ECPay. It has an unguessable address, is valid for an hour and shows no data of the
//! buyer.

use base64::Engine;
use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use sha2::{Digest, Sha256};
use shared::domain::billing::subscription::Status;
use shared::domain::values::ids::SubscriptionId;
use shared::ecpay::order_form::{order_form, path};
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::logging::error_chain;
use shared::platform::random;
use shared::store::billing::checkout::Checkout;

use crate::api::AdminApi;
use crate::http::response::Failure;

/// Minutes for which a page is valid.
const PAGE_MINUTES: i64 = 60;
/// Submits the form at once; without scripts the buyer presses the button. The Content-Security-Policy allows no script
/// but the one with this hash.
const SCRIPT: &str = "document.forms[0].submit()";

/// Creates the page of an order and returns its token. Only the token's hash is stored.
pub(crate) async fn open(api: &AdminApi, order: &SubscriptionId, time: InvocationTime) -> Result<String, Failure> {
    // The address is the only credential of the page, so it must be unguessable.
    let token = random::random_id(40).map_err(|error| Failure::upstream(&error))?;
    let page = Checkout { subscription: order.clone(), expires_at: time.wall.plus_minutes(PAGE_MINUTES) };
    api.store.billing.put_checkout(&sha256_hex(&token), &page).await?;
    Ok(token)
}

/// Shows the page of a token as long as its order waits for the first charge.
pub(crate) async fn page(api: &AdminApi, token: &str, time: InvocationTime) -> Response<Body> {
    match form_of(api, token, time).await {
        Ok(Some(form)) => {
            html(StatusCode::OK, &submit_page(&api.config.ecpay.endpoint, &form), &api.config.ecpay.endpoint)
        }
        Ok(None) => html(
            StatusCode::NOT_FOUND,
            &plain_page("此連結已失效，請重新訂閱。 This page has expired. Please subscribe again."),
            "",
        ),
        Err(cause) => {
            tracing::error!(error = cause, "checkout page failed");
            html(StatusCode::SERVICE_UNAVAILABLE, &plain_page("請稍後再試。 Please try again in a moment."), "")
        }
    }
}

async fn form_of(api: &AdminApi, token: &str, time: InvocationTime) -> Result<Option<Vec<(String, String)>>, String> {
    // Looked up by hash: a copy of the table opens no page.
    let found = api.store.billing.checkout(&sha256_hex(token), time.wall).await.map_err(|error| error_chain(&error))?;
    let Some(id) = found else { return Ok(None) };
    let order = api.store.billing.subscription(&id).await.map_err(|error| error_chain(&error))?;
    // A paid order must not be submitted a second time.
    let Some(order) = order.filter(|order| order.value.status == Status::Pending) else { return Ok(None) };
    let keys = api.keys.get(time.wall).await.map_err(|error| error_chain(&error))?;
    Ok(Some(order_form(&order.value, &api.config.urls, &keys.current)))
}

fn submit_page(endpoint: &str, form: &[(String, String)]) -> String {
    let action = escape(&format!("{endpoint}{}", path::CHECKOUT));
    let fields: String = form
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value)))
        .collect();
    frame(&format!(
        "<form method=\"post\" action=\"{action}\" accept-charset=\"utf-8\">{fields}\
         <p>前往綠界付款 - Continue to ECPay</p><button type=\"submit\">付款 Pay</button></form><script>{SCRIPT}</script>"
    ))
}

fn plain_page(text: &str) -> String {
    frame(&format!("<p>{}</p>", escape(text)))
}

fn frame(content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"zh-Hant\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>付款 Payment</title></head><body>{content}</body></html>"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

fn html(status: StatusCode, body: &str, endpoint: &str) -> Response<Body> {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
    // Only the origin: a path in `form-action` would have to match exactly (CSP Level 3, path-part match).
    let origin = endpoint.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let target = if origin.is_empty() { "'none'" } else { &origin };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{hash}'; form-action {target}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(Body::Text(body.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address holds the token; ECPay must not receive it as the referrer.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
