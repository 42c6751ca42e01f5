//! Link to a checkout page for the customer of an order: to pay with another card, for another plan, or again after the end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::billing::live_orders::LiveOrder;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::subscription::{NewOrder, Subscription};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::Timestamp;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::subscriptions::bodies::OperationQuery;
use crate::billing::subscriptions::create::terms;
use crate::billing::subscriptions::names::OrderCycle;
use crate::billing::subscriptions::offers::offer::{
    OfferRequest, VALID_HOURS, new_order, offer, refuse_erased, refuse_replaced,
};
use crate::billing::subscriptions::show::find;
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Route of payment links.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(payment_link))
}

/// Request for a payment link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentLinkBody {
    /// Plan of the price table; that of the order where it is absent.
    #[schema(min_length = 1, max_length = 20, example = "PRO")]
    plan_id: Option<String>,
    /// Interval between two charges; that of the order where it is absent.
    billing_cycle: Option<OrderCycle>,
    /// Hours from now on for which the link lets the customer pay; 72 where it is absent.
    #[schema(minimum = 1, maximum = 720, default = 72, example = 168)]
    valid_hours: Option<u32>,
    /// Reason, one line, kept in the new order's history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer has a new card.")]
    why: Reason,
}

/// Answer to a request for a payment link.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum PaymentLinkAnswer {
    Made(PaymentLink),
    DryRun(PaymentLinkPreview),
}

/// Link to a checkout page, and the order that it offers.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentLink {
    /// Order that the link offers: the first one of its purchase. `purchase.paid_by` names the one that was paid.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: SubscriptionId,
    offer: Offer,
    /// Address of the checkout page. It is a credential: its holder sees plan and price, and can pay.
    #[schema(example = "https://api.example.com/checkout/3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY")]
    checkout_url: String,
}

/// Effect that a request for a payment link would have.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentLinkPreview {
    /// Always true: nothing was stored.
    #[schema(example = true)]
    dry_run: bool,
    would: Offer,
}

/// Terms of a payment link.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offer {
    #[schema(value_type = String, example = "PRO")]
    plan_id: PlanId,
    #[schema(value_type = OrderCycle)]
    billing_cycle: BillingCycle,
    /// Price of each charge in TWD, from the price table.
    #[schema(value_type = u32, example = 899)]
    price_twd: Twd,
    /// Order that is replaced once the first charge succeeds; null where that of the path is over.
    #[schema(value_type = Option<String>, example = "DK3W9HV6LD2C7FYG8J4S")]
    replaces: Option<SubscriptionId>,
    /// First instant at which the link no longer lets the customer pay.
    #[schema(value_type = String, format = DateTime, example = "2025-04-03T02:00:00Z")]
    pay_until: Timestamp,
}

/// Makes a link with which the customer of an order pays for a new one.
///
/// The new order has the customer, address and language of the one in the path and replaces it once its first charge succeeds,
/// if that one is live; what is unused of its paid period then becomes a refund due, as with `change`. Send the link to the customer: no mail is sent. Each press of the page's button makes an order number of
/// its own, so that the link works until its end, for at most 20 attempts to pay. The offer itself is never submitted to ECPay: it
/// expires without a query when the link ends. Refused with 409 and the code `erased`, `already_replaced`, or `live_order` where
/// the customer has another live order. Repeated under its `Idempotency-Key` the request is answered with a new page for the same
/// offer and end.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/payment-link", tag = "subscriptions", operation_id = "make_payment_link",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = PaymentLinkBody,
    responses(
        (status = 201, description = "The link.", body = PaymentLinkAnswer),
        (status = 200, description = "Of a dry run the terms of the link.", body = PaymentLinkAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
async fn payment_link(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, PaymentLinkBody>,
) -> Result<Response, Failure> {
    let context = &caller.context;
    let source = find(&api, &id).await?.value;
    let PaymentLinkBody { why, .. } = &given.body;
    let request = OfferRequest {
        fingerprint: given.body.fingerprint(&source.id),
        why: Some(why.0.clone()),
        dry_run: given.query.dry_run,
    };
    let until = context.time.logical.plus_hours(i64::from(given.body.hours()));
    let offered = offer(&api, request, draft(&api, &source, &given.body, until), context).await?;
    let offer = Offer::of(&offered.order, context.time.logical);
    let Some(checkout_url) = offered.checkout_url else {
        let preview = PaymentLinkAnswer::DryRun(PaymentLinkPreview { dry_run: true, would: offer });
        return Ok(Json(preview).into_response());
    };
    let link = PaymentLink { subscription_id: offered.order.id, offer, checkout_url };
    Ok((StatusCode::CREATED, Json(PaymentLinkAnswer::Made(link))).into_response())
}

impl PaymentLinkBody {
    /// The whole request as text, one value a line since none of them has two.
    fn fingerprint(&self, order: &SubscriptionId) -> String {
        let Self { plan_id, billing_cycle, why, .. } = self;
        let (plan, hours) = (plan_id.as_deref().unwrap_or_default(), self.hours());
        format!("payment-link\n{order}\n{}\n{plan}\n{billing_cycle:?}\n{hours}", why.0)
    }

    /// Hours for which the link lets the customer pay.
    fn hours(&self) -> u32 {
        self.valid_hours.unwrap_or(VALID_HOURS)
    }
}

impl Offer {
    fn of(order: &Subscription, now: Timestamp) -> Self {
        Self {
            plan_id: order.terms.plan.clone(),
            billing_cycle: order.terms.cycle,
            price_twd: order.terms.price,
            replaces: order.replaces.clone(),
            pay_until: order.offered_until.unwrap_or(now),
        }
    }
}

/// The order that a link offers, if the customer may order it.
async fn draft(
    api: &ApiState,
    source: &Subscription,
    body: &PaymentLinkBody,
    until: Timestamp,
) -> Result<NewOrder, Failure> {
    refuse_erased(source)?;
    refuse_replaced(source)?;
    let plan = body.plan_id.as_deref().unwrap_or(source.terms.plan.as_str());
    let cycle = body.billing_cycle.map_or(source.terms.cycle, BillingCycle::from);
    let replaces = source.counts_for_user().then(|| source.id.clone());
    // Checked again by the commit; here for the dry run, which commits nothing.
    let live = api.store.billing.user(&source.user).await?.map(|user| user.live).unwrap_or_default();
    if let (None, Some(other)) = (&replaces, LiveOrder::best(&live)) {
        let message = format!("The customer has the live order {}; make the link for that one.", other.id);
        return Err(Failure::conflict("live_order", message));
    }
    new_order(api, source, terms(api, plan, cycle)?, replaces, until)
}
