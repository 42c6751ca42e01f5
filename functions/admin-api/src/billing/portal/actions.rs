//! Buttons of the customer page. Each leads back to the page or on to a checkout page; pressed twice, it has one effect.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use serde::Deserialize;
use shared::domain::billing::decide::retry::{RetryRefusal, customer_retry_refusal};
use shared::domain::billing::operations::Operation;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::time::Zone;
use shared::platform::clock::InvocationTime;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::billing::portal::PortalQuery;
use crate::billing::portal::opened::open;
use crate::billing::portal::view::reference;
use crate::billing::portal::wording::Said;
use crate::billing::retry;
use crate::billing::retry::RetryOutcome;
use crate::billing::subscriptions::operate::{OperationRequest, Requested, operate};
use crate::billing::subscriptions::payment_link;
use crate::billing::subscriptions::show::find;
use crate::http::context::RequestContext;
use crate::http::idempotency::SentKey;
use crate::http::page::see_other;
use crate::http::reason::Reason;
use crate::http::response::Failure;

/// Hours for which the checkout page behind the button lets the customer pay.
const VALID_HOURS: i64 = 72;
/// Name of the customer in logs.
const CUSTOMER: &str = "customer";
/// Reason in the history of an order.
const WHY: &str = "requested on the customer page";

/// Button of the page.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(rename_all = "kebab-case")]
#[schema(example = "pay")]
pub(crate) enum Button {
    /// Pay with another card: leads to the checkout page of a new order, which replaces this one.
    Pay,
    /// Charge the same card again, at most once a day (Asia/Taipei).
    Retry,
    Cancel,
    UndoCancel,
}

impl Button {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "pay" => Some(Self::Pay),
            "retry" => Some(Self::Retry),
            "cancel" => Some(Self::Cancel),
            "undo-cancel" => Some(Self::UndoCancel),
            _ => None,
        }
    }
}

/// Path of a button.
#[derive(Deserialize)]
pub(crate) struct ButtonPath {
    token: String,
    order: String,
    button: String,
}

/// Place to which a button leads.
enum Target {
    /// The page again, which says this.
    Page(Option<Said>),
    /// The checkout page with this token.
    Checkout(String),
}

/// Presses a button of the customer page.
///
/// Leads back to the page, which shows the outcome, or on to the checkout page of a new order. Body and further parameters are
/// ignored: there is nothing to choose.
#[utoipa::path(
    post, path = "/portal/{token}/{order}/{button}", tag = "portal", operation_id = "press_portal_button",
    params(
        ("token" = String, Path, description = "Token of the page.", example = "3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY"),
        ("order" = String, Path, description = "Reference of the order, from the page.", example = "0123456789abcdef0123456789abcdef"),
        ("button" = inline(Button), Path, description = "The button."),
        PortalQuery,
    ),
    responses((status = 303, description = "The page to go on with; where the order is not the customer's, the customer page.")),
    security(()),
)]
pub(crate) async fn act(
    State(api): State<Arc<ApiState>>,
    Path(ButtonPath { token, order, button }): Path<ButtonPath>,
    Extension(time): Extension<InvocationTime>,
    query: PortalQuery,
) -> Response {
    let target = match pressed(&api, &token, &order, &button, time).await {
        Ok(target) => target,
        Err(said) => Target::Page(Some(said)),
    };
    match target {
        Target::Checkout(checkout) => see_other(&format!("../../../checkout/{checkout}")),
        Target::Page(said) => {
            let language = query.locale().map(|locale| ("lang", locale.name()));
            let said = said.map(|said| ("said", said.name()));
            let parameters: Vec<_> =
                language.into_iter().chain(said).map(|(name, value)| format!("{name}={value}")).collect();
            // A token of any other form leads to no page.
            let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
            let question = if parameters.is_empty() { "" } else { "?" };
            see_other(&format!("../../{token}{question}{}", parameters.join("&")))
        }
    }
}

async fn pressed(
    api: &ApiState,
    token: &str,
    reference_of: &str,
    button: &str,
    time: InvocationTime,
) -> Result<Target, Said> {
    let opened = open(api, token, time).await.map_err(|cause| {
        tracing::error!(error = cause, "customer page failed");
        Said::Unavailable
    })?;
    // Without a page, the page says that it has expired.
    let Some(opened) = opened else { return Ok(Target::Page(None)) };
    let order = opened.ids().iter().find(|id| reference(id) == reference_of).ok_or(Said::Changed)?;
    let order = find(api, order.as_str()).await.map_err(said)?.value;
    match Button::parse(button).ok_or(Said::Changed)? {
        Button::Pay => pay(api, &order, time).await.map(Target::Checkout),
        Button::Retry => charge_again(api, &order, time).await.map(Target::Page),
        Button::Cancel => apply(api, &order, Operation::Cancel, time).await,
        Button::UndoCancel => apply(api, &order, Operation::UndoCancel, time).await,
    }
}

/// A request of the customer, under a key where one is given.
fn context(time: InvocationTime, key: Option<String>) -> RequestContext {
    let (actor, key_scope) = (CUSTOMER.to_owned(), CUSTOMER.to_owned());
    RequestContext { is_customer: true, actor, key_scope, sent_key: SentKey::own(key), time }
}

/// Makes an offer that replaces the order, or finds that of the same day, and opens a checkout page for it.
async fn pay(api: &ApiState, order: &Subscription, time: InvocationTime) -> Result<String, Said> {
    let is_sold = api.config.prices.find(order.terms.plan.as_str(), order.terms.cycle).is_some();
    if !is_sold {
        return Err(Said::NotSold);
    }
    let today = time.logical.day(Zone::Taipei);
    let context = context(time, Some(format!("pay-{}-{today}", order.id)));
    let until = time.logical.plus_hours(VALID_HOURS);
    payment_link::open_offer(api, order, until, &context).await.map_err(said)
}

/// Requests a retry, if a query shows that it is needed.
async fn charge_again(api: &ApiState, order: &Subscription, time: InvocationTime) -> Result<Option<Said>, Said> {
    match customer_retry_refusal(order, time.logical) {
        None | Some(RetryRefusal::LastFailureAllowed) => {}
        // The page says so as long as it is true.
        Some(RetryRefusal::AlreadyRequested | RetryRefusal::RequestedToday) => return Ok(None),
        Some(RetryRefusal::NothingOwed | RetryRefusal::OrderOver | RetryRefusal::NeedsNewCard) => {
            return Ok(Some(Said::Changed));
        }
    }
    match retry::request(api, order, Some(WHY.to_owned()), &context(time, None)).await.map_err(said)? {
        RetryOutcome::Asked | RetryOutcome::AlreadyAsked => Ok(None),
        RetryOutcome::Paid => Ok(Some(Said::Paid)),
    }
}

async fn apply(
    api: &ApiState,
    order: &Subscription,
    operation: Operation,
    time: InvocationTime,
) -> Result<Target, Said> {
    let request = OperationRequest {
        id: order.id.to_string(),
        requested: Requested::Operation(operation),
        why: Reason(WHY.to_owned()),
        dry_run: false,
    };
    operate(api, request, &context(time, None)).await.map(drop).map_err(said)?;
    Ok(Target::Page(None))
}

/// What the page says of a failure, which was logged where it arose.
fn said(failure: Failure) -> Said {
    if failure.is_refusal() { Said::Changed } else { Said::Unavailable }
}
