//! Users: export and erasure of the personal data of one user.

use std::collections::BTreeMap;

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::decide::erasure::{NotErasable, erasable, erase as erase_order};
use shared::domain::billing::decision::Versioned;
use shared::domain::billing::operations::OperationContext;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::UserId;
use shared::domain::values::time::Timestamp;
use shared::store::billing::commit::Commit;
use shared::store::billing::user_erasure::UserData;
use shared::store::erasure::Erasure;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Routes below `/api/users`.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    match (method, rest) {
        ("GET", [user, "export"]) => export(api, &parse(user)?, context).await,
        ("DELETE", [user]) => erase(api, &parse(user)?, input, context).await,
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

fn unknown() -> Failure {
    Failure::not_found("user_id", "no such user")
}

fn parse(user: &str) -> Result<UserId, Failure> {
    UserId::parse(&decoded(user)).map_err(|_| unknown())
}

/// `GET /api/users/{user_id}/export`: returns all stored data of a user, item by item.
async fn export(api: &AdminApi, id: &UserId, context: &RequestContext) -> Result<Response<Body>, Failure> {
    let person = api.store.billing.user_data(id).await?;
    // An erased user still has an export: the note of the erasure.
    if !person.is_known() && person.erased.is_none() {
        return Err(unknown());
    }
    let mut subscriptions = Vec::with_capacity(person.orders.len());
    for order in &person.orders {
        let mut shown: BTreeMap<&str, Value> = BTreeMap::from([("id", json!(order))]);
        for (key, data) in api.store.billing.export_items(order).await? {
            // Sort keys begin with the kind of the item.
            let list = match key.split('#').next() {
                Some("STATE") => {
                    shown.insert("subscription", data);
                    continue;
                }
                Some("PAYMENT") => "payments",
                Some("HISTORY") => "history",
                Some("NOTICE") => "notices",
                Some("WEBHOOK") => "callbacks",
                Some("RECEIPT") => "receipts",
                Some("QUARANTINE") => "quarantined",
                _ => "other",
            };
            if let Value::Array(list) = shown.entry(list).or_insert_with(|| json!([])) {
                list.push(data);
            }
        }
        subscriptions.push(shown);
    }
    tracing::info!(by = context.actor, orders = subscriptions.len(), "user data exported");
    let user = person.user.map(|user| json!({ "plan": user.plan, "live_orders": user.live, "latest": user.latest }));
    Ok(response::ok(&json!({
        "user_id": id, "exported_at": context.time.logical, "user": user, "erased": person.erased, "subscriptions": subscriptions,
    })))
}

/// `DELETE /api/users/{user_id}`: erases the personal data of a user. Each step may be repeated, and the items that lead
/// from the user id to the orders are deleted last: if interrupted, the same request finishes the erasure.
async fn erase(
    api: &AdminApi,
    id: &UserId,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["why", "admin_token"])?;
    let cause = input.cause(context)?;
    if cause.why.is_none() {
        return Err(Failure::invalid("why", "is missing"));
    }
    let cause = &cause;
    retry_on_conflict("erasing a user", (), |()| async move {
        let person = api.store.billing.user_data(id).await?;
        if !person.is_known() {
            // A repeated request is answered with the first erasure, not with 404.
            let erasure = person.erased.ok_or_else(unknown)?;
            return Ok(Attempt::Done(response::ok(&erased(id, &erasure, true))));
        }
        let orders = orders(api, id, &person, cause).await?;
        for order in orders {
            erase_one(api, order, cause, context.time.logical).await?;
        }
        let erasure = Erasure { at: context.time.logical, by: cause.by.clone(), why: cause.why.clone() };
        if api.store.billing.delete_user(id, &person, &erasure).await? {
            tracing::info!(by = cause.by, orders = person.orders.len(), "user erased");
            return Ok(Attempt::Done(response::ok(&erased(id, &erasure, false))));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}

fn erased(id: &UserId, erasure: &Erasure, already: bool) -> Value {
    json!({ "user_id": id, "erased_at": erasure.at, "by": erasure.by, "already_erased": already })
}

/// Returns the user's orders if all of them allow the erasure. Checked before the first write, so that a refusal changes
/// nothing.
async fn orders(
    api: &AdminApi,
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
    api: &AdminApi,
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
        Ok(Attempt::Conflict(match api.store.billing.commit(decision, None, &api.config.policy).await? {
            Commit::Done => done,
            Commit::Conflict | Commit::AlreadyApplied(_) | Commit::LiveOrderExists(_) => {
                api.store.billing.subscription(id).await?.ok_or_else(unknown)?
            }
        }))
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
