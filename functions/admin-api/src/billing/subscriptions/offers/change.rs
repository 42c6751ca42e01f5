//! Change of plan or interval: an offer that takes the place of the order, and what is unused of the order's paid period.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::billing::payments::unused_part::UnusedPart;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::subscription::{NewOrder, Status, Subscription};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::purchase::unused_part;
use crate::billing::subscriptions::bodies::OperationQuery;
use crate::billing::subscriptions::create::terms;
use crate::billing::subscriptions::names::OrderCycle;
use crate::billing::subscriptions::offers::offer::{
    OfferRequest, Offered, VALID_HOURS, new_order, offer, refuse_erased, refuse_replaced,
};
use crate::billing::subscriptions::show::find;
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Route of plan changes.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(change))
}

/// Request to change plan or interval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    /// Plan of the price table.
    #[schema(min_length = 1, max_length = 20, example = "PRO")]
    plan_id: String,
    /// Interval between two charges.
    billing_cycle: OrderCycle,
    /// Hours from now on for which the customer can pay; 72 where it is absent.
    #[schema(minimum = 1, maximum = 720, default = 72, example = 168)]
    valid_hours: Option<u32>,
    /// Reason, one line, kept in the new order's history.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500, example = "The customer needs more seats.")]
    why: Option<Reason>,
}

/// Answer to a request for a change.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ChangeAnswer {
    Made(PlanChange),
    DryRun(ChangePreview),
}

/// Change that the customer can pay for.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanChange {
    /// Order that is offered: the first one of its purchase. `purchase.paid_by` names the one that was paid.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: SubscriptionId,
    #[serde(flatten)]
    terms: ChangeTerms,
    /// Address of the checkout page. It is a credential: its holder sees plan and price, and can pay.
    #[schema(example = "https://api.example.com/checkout/3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY")]
    checkout_url: String,
}

/// Change that a request would offer.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangePreview {
    /// Always true: nothing was stored.
    #[schema(example = true)]
    dry_run: bool,
    #[serde(flatten)]
    terms: ChangeTerms,
}

/// Terms of a change, as they are if the customer pays today.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeTerms {
    #[schema(value_type = String, example = "PRO")]
    plan_id: PlanId,
    #[schema(value_type = OrderCycle)]
    billing_cycle: BillingCycle,
    /// Price of the new plan in TWD, from the price table: ECPay charges the whole period at once.
    #[schema(value_type = u32, example = 8999)]
    new_amount_twd: Twd,
    /// Unused part of the present order's paid period in whole TWD, if the customer pays today: with the payment it becomes a refund
    /// due.
    #[schema(value_type = u32, example = 464)]
    credit_twd: Twd,
    /// Days of that period from today on.
    #[schema(example = 16)]
    unused_days: u32,
    /// Today (Asia/Taipei): the new plan starts with its payment.
    #[schema(value_type = String, format = Date, example = "2025-03-31")]
    starts_on: LocalDate,
    /// First instant at which the customer can no longer pay.
    #[schema(value_type = String, format = DateTime, example = "2025-04-03T02:00:00Z")]
    pay_until: Timestamp,
    /// Order that is replaced once the first charge succeeds.
    #[schema(value_type = String, example = "DK3W9HV6LD2C7FYG8J4S")]
    replaces: SubscriptionId,
}

/// Offers another plan or interval to the customer of an order.
///
/// As a payment link does, it makes a new order that takes the place of the one in the path once its first charge succeeds. Send
/// `checkout_url` to the customer: no mail is sent. ECPay charges the whole new period at once, and the new plan starts on that
/// day. The part of the old order's paid period that is unused from the day of the first charge on becomes a refund due: the amount
/// paid, less what was refunded, times unused days by days of the period, rounded half up. It stands at the old order's payment,
/// staff get a mail, and `refund` records it; `credit_twd` says how much it is today. Refused with 409 and the code `same_plan`
/// where nothing would change, and `not_paid`, `order_over`, `already_replaced` or `erased` where the order is not live. FREE is
/// not sold: the way is `cancel`. Repeated under its `Idempotency-Key` the request is answered with a new page for the same offer
/// and the credit of the new day, until it is paid; then with `already_replaced`.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/change", tag = "subscriptions", operation_id = "change_plan",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = ChangeBody,
    responses(
        (status = 201, description = "The change, which waits for its payment.", body = ChangeAnswer),
        (status = 200, description = "Of a dry run the terms of the change.", body = ChangeAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
async fn change(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, ChangeBody>,
) -> Result<Response, Failure> {
    let context = &caller.context;
    let source = find(&api, &id).await?.value;
    // Also of a repetition: what it answered is done.
    refuse_replaced(&source)?;
    let request = OfferRequest {
        fingerprint: given.body.fingerprint(&source.id),
        why: given.body.why.as_ref().map(|why| why.0.clone()),
        dry_run: given.query.dry_run,
    };
    let until = context.time.logical.plus_hours(i64::from(given.body.hours()));
    let draft = async { draft(&api, &source, &given.body, until) };
    let Offered { order, checkout_url } = offer(&api, request, draft, context).await?;
    let today = context.time.logical.day(Zone::Taipei);
    let unused = unused_part(&api, Some(&source.id), today).await?;
    let UnusedPart { amount, days, .. } = unused.unwrap_or_default();
    let terms = ChangeTerms {
        plan_id: order.terms.plan,
        billing_cycle: order.terms.cycle,
        new_amount_twd: order.terms.price,
        credit_twd: amount,
        unused_days: days,
        starts_on: today,
        pay_until: order.offered_until.unwrap_or(until),
        replaces: source.id,
    };
    let Some(checkout_url) = checkout_url else {
        return Ok(Json(ChangeAnswer::DryRun(ChangePreview { dry_run: true, terms })).into_response());
    };
    let change = PlanChange { subscription_id: order.id, terms, checkout_url };
    Ok((StatusCode::CREATED, Json(ChangeAnswer::Made(change))).into_response())
}

impl ChangeBody {
    /// The whole request as text, one value a line since none of them has two.
    fn fingerprint(&self, order: &SubscriptionId) -> String {
        let Self { plan_id, billing_cycle, why, .. } = self;
        let (why, hours) = (why.as_ref().map_or("", |why| why.0.as_str()), self.hours());
        format!("change\n{order}\n{why}\n{plan_id}\n{billing_cycle:?}\n{hours}")
    }

    /// Hours for which the customer can pay.
    fn hours(&self) -> u32 {
        self.valid_hours.unwrap_or(VALID_HOURS)
    }
}

/// The order that takes the place of a live one.
fn draft(api: &ApiState, source: &Subscription, body: &ChangeBody, until: Timestamp) -> Result<NewOrder, Failure> {
    if body.plan_id == PlanId::free().as_str() {
        let way = format!("FREE is not sold: POST /api/subscriptions/{}/cancel ends the order", source.id);
        return Err(Failure::invalid("plan_id", way));
    }
    let terms = terms(api, &body.plan_id, BillingCycle::from(body.billing_cycle))?;
    refuse_erased(source)?;
    match source.status {
        Status::Pending => return Err(Failure::conflict("not_paid", "The order is not paid yet.")),
        Status::Failed => {
            let message = "The order was never paid: it failed or expired. A payment link offers it again.";
            return Err(Failure::conflict("order_over", message));
        }
        Status::Active | Status::PastDue { .. } | Status::Cancelled | Status::Completed
            if !source.counts_for_user() =>
        {
            let message = "The order is over, and so is its paid period. A payment link offers a new one.";
            return Err(Failure::conflict("order_over", message));
        }
        Status::Active | Status::PastDue { .. } | Status::Cancelled | Status::Completed => {}
    }
    if (&terms.plan, terms.cycle) == (&source.terms.plan, source.terms.cycle) {
        let message = "The order has this plan and billing cycle; a payment link offers them with another card.";
        return Err(Failure::conflict("same_plan", message));
    }
    new_order(api, source, terms, Some(source.id.clone()), until)
}
