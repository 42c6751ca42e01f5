//! Previews of mails, as they would be sent now.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use lambda_http::http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::billing::subscription::Locale;
use shared::mail::customer_page::MASKED_TOKEN;
use shared::mail::render::Mail;
use shared::mail::sample::sample_fields;
use shared::mail::templates::LOGO_LINK;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::subscriptions::names::OrderLocale;
use crate::billing::subscriptions::show::find;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Route of previews.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(preview))
}

/// Query of a preview.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PreviewQuery {
    /// Language; that of the order, or `zh-TW`, where it is absent. Mails to staff are in English.
    #[param(inline)]
    pub(crate) locale: Option<OrderLocale>,
    /// Part of the mail: `html`, `text`, or `json` with subject and both. `json` where it is absent.
    #[serde(default)]
    #[param(inline)]
    pub(crate) format: PreviewFormat,
    /// Order whose plan and price are shown in place of invented ones.
    #[param(max_length = 20, example = "DK20250131SAMPLE0001")]
    pub(crate) subscription_id: Option<String>,
}

/// Part of a mail that a preview shows.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PreviewFormat {
    Html,
    Text,
    #[default]
    Json,
}

/// A mail with invented values, or with those of an order.
#[derive(Serialize, ToSchema)]
pub(crate) struct MailPreview {
    #[schema(example = "receipt")]
    pub(crate) kind: &'static str,
    #[schema(example = "付款收據 - Payment Receipt")]
    pub(crate) subject: String,
    #[schema(example = "…")]
    pub(crate) text: String,
    /// Null for a mail to staff.
    #[schema(example = "<!doctype html>…")]
    pub(crate) html: Option<String>,
}

/// Shows a mail as it would be sent now, with the business's own templates where it has some.
///
/// Dates and reasons are invented. As the texts of an order can be personal data, the scope is that of its messages.
#[utoipa::path(
    get, path = "/api/mail-templates/{kind}/preview", tag = "notices", operation_id = "preview_mail",
    params(
        ("kind" = String, Path, description = "Kind of the mail, as notices name it.", example = "receipt"),
        PreviewQuery,
    ),
    responses(
        (
            status = 200, description = "The mail, or a part of it.",
            content((MailPreview = "application/json"), (String = "text/html"), (String = "text/plain")),
        ),
        Refusals, Missing,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn preview(
    State(api): State<Arc<ApiState>>,
    Path(kind): Path<String>,
    caller: Caller<Operate>,
    given: Given<PreviewQuery>,
) -> Result<Response, Failure> {
    let missing = || Failure::not_found("kind", "There is no mail of this kind.");
    let kind = NoticeKind::of_name(&kind).ok_or_else(missing)?;
    let PreviewQuery { locale, format, subscription_id } = given.query;
    let order = match &subscription_id {
        Some(id) => Some(find(&api, id).await?.value),
        None => None,
    };
    let locale = locale.map(Locale::from).or(order.as_ref().map(|order| order.locale)).unwrap_or_default();
    let mut fields = sample_fields(locale);
    if let Some(order) = &order {
        fields.extend(Notice::about(order, kind, "preview", caller.context.time.logical).fields);
        fields.insert("locale".to_owned(), locale.name().to_owned());
    }
    let templates = &api.config.templates;
    let Mail { subject, text, html } =
        templates.render(kind, &fields, Some(MASKED_TOKEN)).map_err(|error| Failure::defect(&error.to_string()))?;
    // A browser has no attachment to which the address could refer.
    let html = html.map(|html| match templates.logo() {
        Some(logo) => html.replace(LOGO_LINK, &data_url(logo)),
        None => html,
    });
    match format {
        PreviewFormat::Json => Ok(axum::Json(MailPreview { kind: kind.name(), subject, text, html }).into_response()),
        PreviewFormat::Text => Ok(shown("text/plain; charset=utf-8", text)),
        PreviewFormat::Html => {
            let html =
                html.ok_or_else(|| Failure::invalid("format", "must be text or json: mails to staff have no HTML"))?;
            Ok(shown("text/html; charset=utf-8", html))
        }
    }
}

fn data_url(logo: &[u8]) -> String {
    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(logo))
}

/// A part of a mail, which may contain no more than a mail program shows.
fn shown(content_type: &'static str, body: String) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
