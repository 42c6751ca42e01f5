//! Buttons of the customer page. Each leads back to the page or on to a checkout page; pressed twice, it has one effect.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use serde::Deserialize;
use shared::domain::billing::decide::retry::{CustomerRetryRefusal, RetryRefusal, customer_retry_refusal};
use shared::domain::billing::decision::Actor;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::subscription::Subscription;
use shared::platform::clock::InvocationTime;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::billing::portal::LanguageQuery;
use crate::billing::portal::opened::open;
use crate::billing::portal::view::{may_pay, reference};
use crate::billing::portal::wording::Said;
use crate::billing::retry;
use crate::billing::retry::RetryOutcome;
use crate::billing::subscriptions::offers::open_offer::{TOO_MANY_OFFERS, open_offer};
use crate::billing::subscriptions::operate::{NO_CANCEL, OperationRequest, Requested, operate};
use crate::http::context::RequestContext;
use crate::http::idempotency::SentKey;
use crate::http::page::see_other;
use crate::http::reason::Reason;
use crate::http::response::Failure;

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
    const ALL: [Self; 4] = [Self::Pay, Self::Retry, Self::Cancel, Self::UndoCancel];

    /// The name in the button's address.
    const fn name(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::UndoCancel => "undo-cancel",
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
        LanguageQuery,
    ),
    responses((status = 303, description = "The page to go on with; where the order is not the customer's, the customer page.")),
    security(()),
)]
pub(crate) async fn act(
    State(api): State<Arc<ApiState>>,
    Path(ButtonPath { token, order, button }): Path<ButtonPath>,
    Extension(time): Extension<InvocationTime>,
    query: LanguageQuery,
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
    let button = Button::ALL.into_iter().find(|known| known.name() == button).ok_or(Said::Changed)?;
    let order = opened.orders.iter().map(|order| &order.value).find(|order| reference(order) == reference_of);
    let order = order.ok_or(Said::Changed)?;
    match button {
        Button::Pay => pay(api, order, time).await.map(Target::Checkout),
        Button::Retry => charge_again(api, order, time).await.map(Target::Page),
        Button::Cancel => apply(api, order, Operation::Cancel, time).await,
        Button::UndoCancel => apply(api, order, Operation::UndoCancel, time).await,
    }
}

/// A request of the customer.
fn context(time: InvocationTime) -> RequestContext {
    RequestContext { by: Actor::Buyer, key_scope: "customer page".to_owned(), sent_key: SentKey::default(), time }
}

/// Opens a checkout page for an offer that replaces the order.
async fn pay(api: &ApiState, order: &Subscription, time: InvocationTime) -> Result<String, Said> {
    if !may_pay(order, time.logical) {
        return Err(Said::Changed);
    }
    if api.config.prices.find(order.terms.plan.as_str(), order.terms.cycle).is_none() {
        return Err(Said::NotSold);
    }
    open_offer(api, order, &context(time)).await.map_err(|failure| said(&failure))
}

/// Requests a retry, if a query shows that it is needed.
async fn charge_again(api: &ApiState, order: &Subscription, time: InvocationTime) -> Result<Option<Said>, Said> {
    match customer_retry_refusal(order, time.logical) {
        None | Some(CustomerRetryRefusal::Retry(RetryRefusal::LastFailureAllowed)) => {}
        // The page says so as long as it is true.
        Some(
            CustomerRetryRefusal::Retry(RetryRefusal::AlreadyRequested)
            | CustomerRetryRefusal::RequestedToday
            | CustomerRetryRefusal::ResultOpen,
        ) => return Ok(None),
        Some(
            CustomerRetryRefusal::Retry(RetryRefusal::NothingOwed | RetryRefusal::OrderOver)
            | CustomerRetryRefusal::NeedsNewCard,
        ) => return Ok(Some(Said::Changed)),
    }
    match retry::request(api, order, Some(WHY.to_owned()), &context(time)).await.map_err(|failure| said(&failure))? {
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
    match operate(api, request, &context(time)).await {
        Ok(_) => Ok(Target::Page(None)),
        // The second press of a double click: there is no request to cancel any more.
        Err(failure) if failure.code() == NO_CANCEL => Ok(Target::Page(None)),
        Err(failure) => Err(said(&failure)),
    }
}

/// Sentence of the page about a failure, which was logged where it arose.
fn said(failure: &Failure) -> Said {
    match failure.code() {
        TOO_MANY_OFFERS => Said::NotSold,
        _ if failure.is_refusal() => Said::Changed,
        _ => Said::Unavailable,
    }
}
