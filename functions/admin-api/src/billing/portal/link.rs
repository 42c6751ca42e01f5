//! Link to the customer page, for the business's app and for support.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use shared::domain::values::ids::UserId;
use shared::domain::values::time::Timestamp;
use shared::mail::customer_page::{PAGE_DAYS, TOKEN_LENGTH, customer_page};
use shared::platform::hash::sha256_hex;
use shared::platform::random;
use shared::store::billing::pages::CustomerPage;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::http::given::{Given, Nothing};
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;

/// Request for a link. Its fields may be absent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortalLinkBody {
    /// Days for which the link is valid; 30 where it is absent.
    #[schema(minimum = 1, maximum = 90, default = 30, example = 7)]
    pub(crate) valid_days: Option<u32>,
    /// Address to which the page leads back, of the same scheme, host and port as `FRONTEND_URL`; `FRONTEND_URL/billing` where it
    /// is absent. It is kept until the link ends, also after an erasure, so it must name no person.
    #[schema(max_length = 1000, example = "https://shop.example.com/account")]
    pub(crate) return_url: Option<String>,
}

/// Link to a customer page.
#[derive(Serialize, ToSchema)]
pub(crate) struct PortalLink {
    /// Address of the page. It is a credential: its holder can act as the customer.
    #[schema(example = "https://api.example.com/portal/3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY")]
    pub(crate) url: String,
    /// First instant at which the link is no longer valid.
    #[schema(value_type = String, format = DateTime, example = "2025-04-30T02:00:00Z")]
    pub(crate) expires_at: Timestamp,
}

/// Makes a link to the customer page of a user.
///
/// On it the customer sees plan, next charge and payments, pays with another card, has a failed charge made again, cancels and
/// undoes that, without a login. Lead there customers whom the app knows by their login, or send the link to the customer. Each
/// request makes a link of its own; earlier ones stay valid.
#[utoipa::path(
    post, path = "/api/users/{user_id}/portal-link", tag = "portal", operation_id = "make_portal_link",
    params(("user_id" = String, Path, description = "User, as named by the business's app.", example = "user-42")),
    request_body = PortalLinkBody,
    responses((status = 201, description = "The link.", body = PortalLink), Refusals, Missing),
    security(("token" = ["operate"])),
)]
pub(crate) async fn portal_link(
    State(api): State<Arc<ApiState>>,
    Path(user): Path<String>,
    caller: Caller<Operate>,
    given: Given<Nothing, PortalLinkBody>,
) -> Result<(StatusCode, Json<PortalLink>), Failure> {
    let unknown = || Failure::not_found("user_id", "There is no such user.");
    let PortalLinkBody { valid_days, return_url } = given.body;
    let return_url = return_url.map(|address| checked(address, &api.config.urls.frontend)).transpose()?;
    let user = UserId::parse(&user).map_err(|_| unknown())?;
    let user = api.store.billing.user(&user).await?.ok_or_else(unknown)?;
    let token = random::random_id(TOKEN_LENGTH).map_err(|error| Failure::upstream(&error))?;
    let expires_at = caller.context.time.wall.plus_days(valid_days.map_or(PAGE_DAYS, i64::from));
    let subscription = user.shown().clone();
    tracing::info!(subscription = %subscription, by = caller.context.actor(), "link to the customer page made");
    let page = CustomerPage { subscription, recipient: None, return_url, expires_at };
    api.store.billing.put_customer_page(&sha256_hex(&token), &page).await?;
    Ok((StatusCode::CREATED, Json(PortalLink { url: customer_page(&api.config.urls, &token), expires_at })))
}

/// An address of the business's own pages: a link of ours leads to no other site.
fn checked(address: String, frontend: &str) -> Result<String, Failure> {
    let origin = |address: &str| {
        let address: Uri = address.parse().ok()?;
        Some((address.scheme()?.clone(), address.authority()?.as_str().to_ascii_lowercase()))
    };
    if origin(&address).is_some_and(|wanted| origin(frontend) == Some(wanted)) {
        Ok(address)
    } else {
        Err(Failure::invalid("return_url", "must be an address with the scheme, host and port of FRONTEND_URL"))
    }
}
