//! Users: export and erasure of the personal data of one user.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::billing::decide::erasure::{NotErasable, erasable, erase as erase_order};
use shared::domain::billing::decision::{DecisionContext, Versioned};
use shared::domain::billing::live_orders::LiveOrder;
use shared::domain::billing::operations::OperationContext;
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::{SubscriptionId, UserId};
use shared::domain::values::time::Timestamp;
use shared::store::billing::commit::Commit;
use shared::store::billing::mail_feedback::FeedbackExport;
use shared::store::billing::users::erasure::UserData;
use shared::store::erasure::Erasure;
use shared::store::retry::{Attempt, retry_on_conflict};
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::http::context::RequestContext;
use crate::http::given::{Given, Nothing};
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Routes of users and their data.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(export)).routes(routes!(erase))
}

fn unknown() -> Failure {
    Failure::not_found("user_id", "There is no such user.")
}

fn parse(user: &str) -> Result<UserId, Failure> {
    UserId::parse(user).map_err(|_| unknown())
}

/// All stored data of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserExport {
    /// User, as named by the business's app.
    #[schema(value_type = String, example = "user-42")]
    pub(crate) user_id: UserId,
    /// Logical time of the export.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    pub(crate) exported_at: Timestamp,
    /// Plan and orders; null after an erasure.
    pub(crate) user: Option<ExportedUser>,
    /// Record of the latest erasure: its time, the name of the token and the reason.
    #[schema(value_type = Option<Object>)]
    pub(crate) erased: Option<Erasure>,
    pub(crate) subscriptions: Vec<ExportedSubscription>,
}

/// Plan of a user and the orders that grant it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedUser {
    /// Best plan of the live orders, or FREE.
    #[schema(value_type = String, example = "PRO")]
    pub(crate) plan: PlanId,
    /// Live orders as stored: id, plan and its monthly price in TWD.
    #[schema(value_type = Vec<Object>)]
    pub(crate) live_orders: Vec<LiveOrder>,
    /// Order that was created or changed last.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) latest: SubscriptionId,
}

/// Items of one subscription as they are stored. A list without items is absent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedSubscription {
    /// MerchantTradeNo of the order at ECPay.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    pub(crate) id: SubscriptionId,
    /// Subscription itself, as it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) subscription: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) payments: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) history: Vec<Value>,
    /// Mails about the subscription.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) notices: Vec<Value>,
    /// Bounces and complaints that SES reported about the mails and their addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) mail_feedback: Vec<FeedbackExport>,
    /// Callbacks of ECPay within the last 30 days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) callbacks: Vec<Value>,
    /// Records of the reports that were applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) receipts: Vec<Value>,
    /// Quarantined reports about the subscription.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) quarantined: Vec<Value>,
    /// Items of any other kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) other: Vec<Value>,
}

/// Request to erase a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseUserBody {
    /// Reason, one line. It is kept, so it must name neither the user id nor an address of the user.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer asked for it by mail.")]
    pub(crate) why: Reason,
}

/// Erasure of a user's personal data.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserErased {
    /// User, as named by the business's app.
    #[schema(value_type = String, example = "user-42")]
    pub(crate) user_id: UserId,
    /// Logical time of the erasure.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    pub(crate) erased_at: Timestamp,
    /// Name of the admin token that was used.
    #[schema(example = "support")]
    pub(crate) by: String,
    /// True if the user had been erased before this request.
    pub(crate) already_erased: bool,
}

/// Exports all stored data of a user, item by item.
///
/// An erased user still has an export: the record of the erasure.
#[utoipa::path(
    get, path = "/api/users/{user_id}/export", tag = "users", operation_id = "export_user",
    params(("user_id" = String, Path, description = "User, as named by the business's app.", example = "user-42")),
    responses((status = 200, description = "The stored data.", body = UserExport), Refusals, Missing),
    security(("token" = ["operate"])),
)]
pub(crate) async fn export(
    State(api): State<Arc<ApiState>>,
    Path(user): Path<String>,
    caller: Caller<Operate>,
    _: Given,
) -> Result<Json<UserExport>, Failure> {
    let id = parse(&user)?;
    let person = api.store.billing.user_data(&id).await?;
    if !person.is_known() && person.erased.is_none() {
        return Err(unknown());
    }
    let mut subscriptions = Vec::with_capacity(person.orders.len());
    for order in &person.orders {
        let mut exported = ExportedSubscription::new(order.clone());
        for (key, data) in api.store.billing.export_items(order).await? {
            exported.add(&key, data);
        }
        exported.mail_feedback = api.store.billing.export_feedback(order).await?;
        subscriptions.push(exported);
    }
    tracing::info!(by = caller.context.actor(), orders = subscriptions.len(), "user data exported");
    let user = person.user.map(|user| ExportedUser { plan: user.plan, live_orders: user.live, latest: user.latest });
    let exported_at = caller.context.time.logical;
    Ok(Json(UserExport { user_id: id, exported_at, user, erased: person.erased, subscriptions }))
}

impl ExportedSubscription {
    const fn new(id: SubscriptionId) -> Self {
        Self {
            id,
            subscription: None,
            payments: Vec::new(),
            history: Vec::new(),
            notices: Vec::new(),
            mail_feedback: Vec::new(),
            callbacks: Vec::new(),
            receipts: Vec::new(),
            quarantined: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Adds an item. Sort keys begin with the kind of the item.
    fn add(&mut self, key: &str, data: Value) {
        let list = match key.split('#').next() {
            Some("STATE") => {
                self.subscription = Some(data);
                return;
            }
            Some("PAYMENT") => &mut self.payments,
            Some("HISTORY") => &mut self.history,
            Some("NOTICE") => &mut self.notices,
            Some("WEBHOOK") => &mut self.callbacks,
            Some("RECEIPT") => &mut self.receipts,
            Some("QUARANTINE") => &mut self.quarantined,
            _ => &mut self.other,
        };
        list.push(data);
    }
}

/// Erases the personal data of a user.
///
/// Payment records stay for accounting. Refused while an order is live, may still be paid or waits for ECPay. If the
/// erasure is interrupted, the same request finishes it; a repetition is answered with the first erasure.
#[utoipa::path(
    delete, path = "/api/users/{user_id}", tag = "users", operation_id = "erase_user",
    params(("user_id" = String, Path, description = "User, as named by the business's app.", example = "user-42")),
    request_body = EraseUserBody,
    responses((status = 200, description = "The erasure.", body = UserErased), Refusals, Missing, Conflicts),
    security(("token" = ["operate"])),
)]
pub(crate) async fn erase(
    State(api): State<Arc<ApiState>>,
    Path(user): Path<String>,
    caller: Caller<Operate>,
    given: Given<Nothing, EraseUserBody>,
) -> Result<Json<UserErased>, Failure> {
    let id = parse(&user)?;
    let cause = caller.context.cause(Some(given.body.why.0), None);
    erase_all(&api, &id, &cause, caller.context.time.logical).await.map(Json)
}

/// Orders that an erasure would change; refused as the erasure would be.
pub(crate) async fn preview_erasure(
    api: &ApiState,
    user: &str,
    body: EraseUserBody,
    context: &RequestContext,
) -> Result<Vec<SubscriptionId>, Failure> {
    let id = parse(user)?;
    let person = api.store.billing.user_data(&id).await?;
    if !person.is_known() && person.erased.is_none() {
        return Err(unknown());
    }
    let orders = orders(api, &id, &person, &context.cause(Some(body.why.0), None)).await?;
    Ok(orders.into_iter().map(|order| order.value.id).collect())
}

/// Erases order by order. The items that lead from the user id to the orders are deleted last, so that a repetition finds
/// what an interrupted erasure left.
async fn erase_all(
    api: &ApiState,
    id: &UserId,
    cause: &OperationContext,
    now: Timestamp,
) -> Result<UserErased, Failure> {
    retry_on_conflict("erasing a user", (), |()| async move {
        let person = api.store.billing.user_data(id).await?;
        if !person.is_known() {
            // A repeated request is answered with the first erasure, not with 404.
            let erasure = person.erased.ok_or_else(unknown)?;
            return Ok(Attempt::Done(erased(id, erasure, true)));
        }
        let orders = orders(api, id, &person, cause).await?;
        for order in orders {
            erase_one(api, order, cause, now).await?;
        }
        let erasure = Erasure { at: now, by: cause.by.name().to_owned(), why: cause.why.clone() };
        if api.store.billing.delete_user(id, &person, &erasure).await? {
            tracing::info!(by = cause.by.name(), orders = person.orders.len(), "user erased");
            return Ok(Attempt::Done(erased(id, erasure, false)));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}

fn erased(id: &UserId, erasure: Erasure, already_erased: bool) -> UserErased {
    UserErased { user_id: id.clone(), erased_at: erasure.at, by: erasure.by, already_erased }
}

/// Returns the user's orders if all of them allow the erasure. Checked before the first write, so that a refusal changes
/// nothing.
async fn orders(
    api: &ApiState,
    id: &UserId,
    person: &UserData,
    cause: &OperationContext,
) -> Result<Vec<Versioned<Subscription>>, Failure> {
    let mut orders = Vec::with_capacity(person.orders.len());
    for order in &person.orders {
        if let Some(order) = api.store.billing.subscription(order).await? {
            erasable(&order.value, &api.config.policy).map_err(|why| refused(&why))?;
            orders.push(order);
        }
    }
    let why = cause.why.as_deref().unwrap_or_default().to_ascii_lowercase();
    // The reason is kept after the erasure, so it must not contain the user id or an address.
    let word = |letter: char| letter.is_whitespace() || ",;:()'\"".contains(letter);
    let user = id.as_str().to_ascii_lowercase();
    let is_named = why.split(word).any(|part| part == user || part.trim_end_matches('.') == user)
        || orders.iter().any(|order| why.contains(&order.value.email.as_str().to_ascii_lowercase()));
    if is_named {
        return Err(Failure::invalid("why", "must not identify the customer, because it is kept"));
    }
    Ok(orders)
}

async fn erase_one(
    api: &ApiState,
    order: Versioned<Subscription>,
    cause: &OperationContext,
    now: Timestamp,
) -> Result<(), Failure> {
    let id = &order.value.id.clone();
    retry_on_conflict("erasing a user's order", order, |order| async move {
        erasable(&order.value, &api.config.policy).map_err(|why| refused(&why))?;
        // The order is marked first: from then on no report adds personal data, so what is deleted stays deleted.
        let Some(decision) = erase_order(&order, cause, now) else {
            return Ok(Attempt::Done(api.store.billing.erase_related_items(id).await?));
        };
        let done = decision.after();
        // Also after the commit: the next attempt finds the order marked and erases the related items.
        Ok(Attempt::Conflict(
            match api.store.billing.commit(decision, None, DecisionContext::new(&api.config.policy, now)).await? {
                Commit::Done => done,
                Commit::Conflict | Commit::AlreadyApplied(_) | Commit::LiveOrderExists(_) => {
                    api.store.billing.subscription(id).await?.ok_or_else(unknown)?
                }
            },
        ))
    })
    .await
}

fn refused(why: &NotErasable) -> Failure {
    let code = match why {
        NotErasable::Pending(_) => "not_paid",
        NotErasable::Live(_) => "live_order",
        NotErasable::Unfinished(_) => "order_unfinished",
    };
    Failure::conflict(code, why.to_string())
}
