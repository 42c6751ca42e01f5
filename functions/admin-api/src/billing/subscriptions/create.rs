//! Creates an order and answers with ECPay's form and the address of the checkout page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::billing::decide::order::create_order;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::operations::{KeyedRequest, OperationContext};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{Locale, NewOrder, Subscription, Terms};
use shared::domain::values::ids::{EmailAddress, SubscriptionId, UserId};
use shared::ecpay::order_form::{order_form, path};
use shared::store::billing::commit::Commit;
use shared::store::retry::{Attempt, retry_on_conflict};
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::checkout;
use crate::billing::keys;
use crate::billing::purchase;
use crate::billing::purchase::{live_order, new_id};
use crate::billing::subscriptions::list;
use crate::billing::subscriptions::names::{OrderCycle, OrderLocale};
use crate::http::context::RequestContext;
use crate::http::given::{Given, Nothing};
use crate::http::idempotency::IdempotencyHeader;
use crate::http::refusals::{Conflicts, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Characters that no new id may have: addresses give them a meaning, and software on the way may decode them once too often.
pub(crate) const RESERVED: [char; 4] = ['/', '?', '#', '%'];

/// Route of new orders.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(create, list::list))
}

/// Order of a subscription.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    /// Customer, as named by the business's app: visible ASCII characters, of a new customer without `/`, `?`, `#` and `%`.
    #[schema(value_type = String, min_length = 1, max_length = 128, example = "user-42")]
    user_id: UserId,
    /// Recipient of the order's mails.
    #[schema(value_type = String, min_length = 1, max_length = 254, example = "mei@customer.example")]
    email: EmailAddress,
    /// Plan of the price table; FREE is not sold.
    #[schema(min_length = 1, max_length = 20, example = "PRO")]
    plan_id: String,
    /// Interval between two charges.
    billing_cycle: OrderCycle,
    /// Language of ECPay's payment page; `zh-TW` if absent.
    locale: Option<OrderLocale>,
    /// Order of the same customer that this one replaces once its first charge succeeds.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 20, example = "DK3W9HV6LD2C7FYG8J4S")]
    replaces: Option<SubscriptionId>,
}

/// A new order and the two ways to pay it: ECPay's form, which can be submitted once, and the checkout page.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrderAnswer {
    /// Id of the subscription.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: SubscriptionId,
    /// MerchantTradeNo at ECPay: the same id.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    merchant_trade_no: SubscriptionId,
    /// Address to which the buyer's browser posts the form.
    #[schema(example = "https://payment-stage.ecpay.com.tw/Cashier/AioCheckOut/V5")]
    action_url: String,
    /// Fields of ECPay's form by name, with the signature `CheckMacValue`.
    form_data: BTreeMap<String, String>,
    /// Address of the checkout page, which lets the buyer pay for an hour and gives each attempt a number of its own.
    #[schema(example = "https://api.example.com/checkout/3FQ8Z1K5M7T2W9X4B6C0D3G5H8J1L4N7P2R6S9VY")]
    checkout_url: String,
}

/// Creates an order.
///
/// The order is stored before the answer and expires one day after its creation if it is not paid. A customer with a live
/// order can order only what `replaces` it. Repeated under its
/// `Idempotency-Key` the request is answered with the same order, or after a decline or expiry with another one of the same
/// purchase, whose form can be submitted; never with the form of an order that failed.
#[utoipa::path(
    post, path = "/api/subscriptions", tag = "subscriptions", operation_id = "create_subscription",
    params(IdempotencyHeader), request_body = OrderBody,
    responses((status = 201, description = "The order.", body = OrderAnswer), Refusals, Conflicts),
    security(("token" = ["operate"])),
)]
async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Operate>,
    given: Given<Nothing, OrderBody>,
) -> Result<(StatusCode, Json<OrderAnswer>), Failure> {
    let context = &caller.context;
    let key = context.keyed(&given.body.fingerprint())?;
    // Read before the order is stored: without keys the form could not be signed and the order would be left behind.
    let keys = api.keys.get(context.time.wall).await.map_err(|error| Failure::upstream(&error))?;
    // The key comes first: repeated, the request may name an order that it has replaced since.
    let order = match made_before(&api, key.as_ref(), context).await? {
        Some(order) => order,
        // Stored before the form is signed, so that every callback finds the order.
        None => store(&api, draft(&api, given.body).await?, context.cause(None, key), context).await?,
    };
    let form = order_form(&order, &api.config.urls, &keys.current);
    let pay_until = context.time.wall.plus_minutes(checkout::PAY_MINUTES);
    let token = checkout::open(&api, &order.id, pay_until).await?;
    let answer = OrderAnswer {
        subscription_id: order.id.clone(),
        merchant_trade_no: order.id,
        action_url: format!("{}{}", api.config.ecpay.endpoint, path::CHECKOUT),
        form_data: form.into_iter().collect(),
        checkout_url: format!("{}/checkout/{token}", api.config.urls.api),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

impl OrderBody {
    /// The whole request as text, one value a line since none of them has two.
    fn fingerprint(&self) -> String {
        let Self { user_id, email, plan_id, billing_cycle, locale, replaces } = self;
        let locale = locale.map(Locale::from).unwrap_or_default();
        let replaces = replaces.as_ref().map_or("", SubscriptionId::as_str);
        format!("create\n{user_id}\n{}\n{plan_id}\n{billing_cycle:?}\n{locale:?}\n{replaces}", email.as_str())
    }
}

/// Checks an order; its id is set later.
async fn draft(api: &ApiState, body: OrderBody) -> Result<NewOrder, Failure> {
    let OrderBody { user_id: user, email, plan_id, billing_cycle, locale, replaces } = body;
    // Earlier users keep their ids.
    if user.as_str().contains(RESERVED) && api.store.billing.user(&user).await?.is_none() {
        return Err(Failure::invalid("user_id", "must not contain / ? # or %"));
    }
    if email.is_erased() {
        return Err(Failure::invalid("email", "is not a deliverable address"));
    }
    let terms = terms(api, &plan_id, BillingCycle::from(billing_cycle))?;
    let replaces = match replaces {
        None => None,
        Some(id) => Some(replaced(api, id, &user).await?),
    };
    let locale = locale.map(Locale::from).unwrap_or_default();
    // A placeholder: `store` sets the id.
    let id = SubscriptionId::parse("DK").map_err(|error| Failure::upstream(&error))?;
    let merchant = api.config.ecpay.merchant.clone();
    Ok(NewOrder { id, user, email, locale, merchant, terms, replaces, purchase: None, offered_until: None })
}

/// Terms of a plan of the price table.
pub(crate) fn terms(api: &ApiState, plan: &str, cycle: BillingCycle) -> Result<Terms, Failure> {
    let found = api.config.prices.find(plan, cycle).ok_or_else(|| {
        let names = api.config.prices.names().collect::<Vec<_>>().join(", ");
        Failure::invalid("plan_id", format!("must be one of {names}"))
    });
    let (plan, price) = found?;
    let monthly_price = api.config.prices.find(plan.as_str(), BillingCycle::Monthly).map(|(_, price)| price);
    Ok(Terms { plan, cycle, price, exec_times: api.config.exec_times.of(cycle), monthly_price })
}

async fn replaced(api: &ApiState, id: SubscriptionId, user: &UserId) -> Result<SubscriptionId, Failure> {
    let unknown = || Failure::invalid("replaces", "is not an order of this user");
    let order = api.store.billing.subscription(&id).await?.ok_or_else(unknown)?.value;
    // The same error as for an unknown id: other users' orders are not disclosed.
    if order.user != *user {
        return Err(unknown());
    }
    if order.superseded_by.is_some() {
        return Err(Failure::conflict("already_replaced", "The order has already been replaced."));
    }
    Ok(id)
}

/// Order that the same request made before under its key, or another one of its purchase if that can no longer be paid.
async fn made_before(
    api: &ApiState,
    key: Option<&KeyedRequest>,
    context: &RequestContext,
) -> Result<Option<Subscription>, Failure> {
    let Some(receipt) = keys::earlier(api, key).await? else { return Ok(None) };
    let unknown = || Failure::defect("the order of a key's receipt is not stored");
    let order = receipt.subscription.ok_or_else(unknown)?;
    let made = api.store.billing.subscription(&order).await?.ok_or_else(unknown)?.value;
    purchase::usable(api, made, context.time.logical).await.map(Some)
}

/// Order number derived from the key. It is taken where the key was used before and its receipt has been deleted since; the
/// order then gets a random number.
fn number_of(request: &KeyedRequest) -> Result<SubscriptionId, Failure> {
    let name: String = request.key.as_str().to_ascii_uppercase().chars().take(18).collect();
    SubscriptionId::issue(&name).map_err(|error| Failure::upstream(&error))
}

/// Stores the order under a new id, with the receipt of its key.
pub(crate) async fn store(
    api: &ApiState,
    draft: NewOrder,
    cause: OperationContext,
    context: &RequestContext,
) -> Result<Subscription, Failure> {
    let (draft, cause) = (&draft, &cause);
    let number = cause.key.as_ref().map(number_of).transpose()?;
    retry_on_conflict("storing an order", number, |number| async move {
        // A concurrent request with the same key may have stored it first.
        if let Some(made) = made_before(api, cause.key.as_ref(), context).await? {
            return Ok(Attempt::Done(made));
        }
        let (by, now) = (cause.by.clone(), context.time.logical);
        let id = number.map_or_else(new_id, Ok)?;
        let decision = create_order(NewOrder { id, ..draft.clone() }, by, now).requested(cause);
        let order = decision.change.next.clone();
        match api.store.billing.commit(decision, None, DecisionContext::new(&api.config.policy, now)).await? {
            Commit::Done => Ok(Attempt::Done(order)),
            Commit::LiveOrderExists(live) => Err(live_order(&live)),
            // The id is taken, or the key was used.
            Commit::Conflict | Commit::AlreadyApplied(_) => Ok(Attempt::Conflict(None)),
        }
    })
    .await
}
