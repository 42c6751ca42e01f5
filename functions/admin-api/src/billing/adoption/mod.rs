//! Orders that already run at ECPay are taken over, one by a request or many by a list. `subscription-maintenance` queries ECPay
//! and stores them.

pub(crate) mod list;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::domain::billing::decide::adopt::report::{AdoptedOrder, AdoptionOutcome, OrderToAdopt, PlannedAction};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::Locale;
use shared::domain::values::ids::{EmailAddress, SubscriptionId, UserId};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::subscriptions::create::{RESERVED, terms};
use crate::billing::subscriptions::names::{OrderCycle, OrderLocale};
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Last part of a path below `/api/subscriptions`, under which no order could be read.
const PATH: &str = "adopt";

/// Routes of adoptions.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(adopt)).routes(routes!(list::adopt_list)).routes(routes!(list::show))
}

/// Query of an adoption.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptQuery {
    /// Answers what would be held; nothing is written. ECPay is queried all the same. Default: false.
    #[serde(default)]
    dry_run: bool,
}

/// Order at ECPay, and the customer and plan that it is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptBody {
    /// MerchantTradeNo of the order, in the letter case in which it was issued.
    #[schema(value_type = String, min_length = 1, max_length = 20, example = "shop00001742A")]
    pub(crate) merchant_trade_no: SubscriptionId,
    /// Customer, as named by the business's app: visible ASCII characters, of a new customer without `/`, `?`, `#` and `%`.
    #[schema(value_type = String, min_length = 1, max_length = 128, example = "user-42")]
    pub(crate) user_id: UserId,
    /// Recipient of the order's mails.
    #[schema(value_type = String, min_length = 1, max_length = 254, example = "mei@customer.example")]
    pub(crate) email: EmailAddress,
    /// Plan of the price table that the order pays for. The price is ECPay's.
    #[schema(min_length = 1, max_length = 20, example = "PRO")]
    pub(crate) plan_id: String,
    /// Interval between two charges; refused where ECPay has another one.
    pub(crate) billing_cycle: OrderCycle,
    /// Language of the customer; `zh-TW` if absent.
    pub(crate) locale: Option<OrderLocale>,
}

/// Result of an adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "adopted")]
pub(crate) enum AdoptionResult {
    /// The order is held from now on.
    Adopted,
    /// Of a dry run: it would be held.
    WouldAdopt,
    /// The order was held before; nothing was changed.
    AlreadyHeld,
}

/// Order as it is, or would be, held.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdoptionAnswer {
    /// Result of the request.
    outcome: AdoptionResult,
    /// Id of the subscription: the MerchantTradeNo.
    #[schema(value_type = String, example = "shop00001742A")]
    subscription_id: SubscriptionId,
    #[serde(flatten)]
    order: AdoptedAnswer,
}

/// State of an order as ECPay's list of charges shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdoptedAnswer {
    /// State, as in the answer about a subscription.
    #[schema(example = "active")]
    status: String,
    /// Plan that the customer has by this order: the ordered one, or FREE.
    #[schema(example = "PRO")]
    plan: String,
    /// Amount of the charges to come in TWD.
    #[schema(value_type = u32, example = 899)]
    amount_twd: Twd,
    /// Number of charges ordered.
    #[schema(example = 99)]
    exec_times: u32,
    /// Charges that succeeded.
    #[schema(example = 14)]
    succeeded: u32,
    /// Charges that failed; the latest 24 are kept.
    #[schema(example = 1)]
    failed: usize,
    /// Time of the first charge (UTC).
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T02:05:00Z")]
    first_charge_at: Timestamp,
    /// Time of the latest charge that succeeded (UTC).
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-02-15T02:05:00Z")]
    last_charge_at: Option<Timestamp>,
    /// Day of the next charge (Asia/Taipei), which may be overdue; null where ECPay makes no more.
    #[schema(value_type = Option<String>, format = Date, example = "2025-03-15")]
    next_charge_on: Option<LocalDate>,
    /// Next action of the schedule; null where it waits for ECPay only, or the order is over.
    next_action: Option<AdoptedAction>,
}

/// Next action of the schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdoptedAction {
    /// Task that carries it out.
    #[schema(example = "reconcile")]
    task: &'static str,
    /// Due time (UTC).
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T16:00:00Z")]
    at: Timestamp,
}

impl From<AdoptedOrder> for AdoptedAnswer {
    fn from(order: AdoptedOrder) -> Self {
        let AdoptedOrder { status, plan, amount_twd, exec_times, succeeded, failed, .. } = order;
        let action = |PlannedAction { task, at }| AdoptedAction { task: task.as_str(), at };
        Self {
            status,
            plan: plan.to_string(),
            amount_twd,
            exec_times,
            succeeded,
            failed,
            first_charge_at: order.first_charge_at,
            last_charge_at: order.last_charge_at,
            next_charge_on: order.next_charge_on,
            next_action: order.next_action.map(action),
        }
    }
}

impl AdoptBody {
    /// The order, checked as far as that needs no other system.
    pub(crate) fn order(self, api: &ApiState) -> Result<OrderToAdopt, Failure> {
        let Self { merchant_trade_no, user_id, email, plan_id, billing_cycle, locale } = self;
        if SubscriptionId::is_misspelt(merchant_trade_no.as_str()) {
            let reason = "has the form of a number of Duekeeper's own, with other letters than it issues";
            return Err(Failure::invalid("merchant_trade_no", reason));
        }
        if merchant_trade_no.as_str() == PATH {
            return Err(Failure::invalid(
                "merchant_trade_no",
                "is a word that addresses of this API have in its place",
            ));
        }
        if user_id.as_str().contains(RESERVED) {
            return Err(Failure::invalid("user_id", "must not contain / ? # or %"));
        }
        if email.is_erased() {
            return Err(Failure::invalid("email", "is not a deliverable address"));
        }
        let terms = terms(api, &plan_id, BillingCycle::from(billing_cycle))?;
        Ok(OrderToAdopt {
            merchant_trade_no,
            user_id,
            email,
            plan: terms.plan,
            monthly_price: terms.monthly_price,
            cycle: terms.cycle,
            locale: locale.map(Locale::from).unwrap_or_default(),
        })
    }
}

/// Takes over an order that ECPay already charges.
///
/// ECPay is queried: its list of charges becomes the order's history, its amount the price, and state and next charge follow from
/// them. No mail is sent, and no retry is requested for a charge that failed before. An unpaid order keeps its plan for three
/// days at least while its grace period runs; where that is over, or where no charge was made for a week, it is on FREE at once. An order that is on FREE for an unpaid charge is
/// cancelled at ECPay as any other: `next_action` says when.
/// Quarantined reports about the order are replayed. The customer may have other live orders. Repeated, the request changes
/// nothing.
#[utoipa::path(
    post, path = "/api/subscriptions/adopt", tag = "subscriptions", operation_id = "adopt_subscription", params(AdoptQuery),
    request_body = AdoptBody,
    responses(
        (status = 200, description = "A dry run, or the order was held before.", body = AdoptionAnswer),
        (status = 201, description = "The order is held from now on.", body = AdoptionAnswer),
        Refusals,
    ),
    security(("token" = ["operate"])),
)]
async fn adopt(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<AdoptQuery, AdoptBody>,
) -> Result<(StatusCode, Json<AdoptionAnswer>), Failure> {
    let order = given.body.order(&api)?;
    let by = caller.context.actor();
    let event = json!({ "adopt": { "order": order, "by": by, "dry_run": given.query.dry_run } });
    let answer = api.maintenance.invoke(&event).await?;
    let answer =
        answer.ok_or_else(|| Failure::unavailable("There is no response from ECPay yet; send the request again."))?;
    let (status, outcome, adopted) = match serde_json::from_value(answer).map_err(|error| Failure::upstream(&error))? {
        AdoptionOutcome::Adopted(order) => (StatusCode::CREATED, AdoptionResult::Adopted, order),
        AdoptionOutcome::WouldAdopt(order) => (StatusCode::OK, AdoptionResult::WouldAdopt, order),
        AdoptionOutcome::AlreadyHeld(order) => (StatusCode::OK, AdoptionResult::AlreadyHeld, order),
        AdoptionOutcome::Refused { field, reason } => return Err(Failure::invalid(&field, reason)),
        AdoptionOutcome::Unavailable { reason } => return Err(Failure::unavailable(reason)),
    };
    let subscription_id = order.merchant_trade_no;
    Ok((status, Json(AdoptionAnswer { outcome, subscription_id, order: adopted.into() })))
}
