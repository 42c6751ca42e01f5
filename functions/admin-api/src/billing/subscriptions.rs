//! Subscriptions: create an order, show one with its payments and history.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde_json::{Map, Value, json};
use shared::domain::billing::decide::order::create_order;
use shared::domain::billing::decision::{Actor, HistoryEntry, Versioned};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{Locale, NewOrder, Status, Subscription, Terms};
use shared::domain::values::ids::{EmailAddress, OperationKey, SubscriptionId, UserId};
use shared::ecpay::order_form::{order_form, path};
use shared::store::billing::commit::Commit;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::AdminApi;
use crate::billing::checkout;
use crate::billing::explanation::explain;
use crate::billing::notices;
use crate::billing::purchase;
use crate::billing::purchase::{live_order, new_id};
use crate::billing::translations::{Language, why};
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Characters that no new id may have: addresses give them a meaning, and software on the way may decode them once too often.
const RESERVED: [char; 4] = ['/', '?', '#', '%'];
/// History entries of one response.
const HISTORY_PAGE: usize = 100;

/// Creates an order. It is stored before the form is signed, so that every callback finds it.
pub(crate) async fn create(api: &AdminApi, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["user_id", "email", "plan_id", "billing_cycle", "locale", "replaces", "admin_token"])?;
    let key = input.key(context)?;
    let draft = draft(api, input).await?;
    // Read before the order is stored: without keys the form could not be signed and the order would be left behind.
    let keys = api.keys.get(context.time.wall).await.map_err(|error| Failure::upstream(&error))?;
    let order = match key {
        Some(key) => store_keyed(api, draft, &key, context).await?,
        None => store_new(api, draft, context).await?,
    };
    let form = order_form(&order, &api.config.urls, &keys.current);
    let token = checkout::open(api, &order.id, context.time).await?;
    let form_data: Map<String, Value> = form.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let body = json!({
        "subscription_id": order.id,
        "merchant_trade_no": order.id,
        "action_url": format!("{}{}", api.config.ecpay.endpoint, path::CHECKOUT),
        "form_data": form_data,
        "checkout_url": format!("{}/checkout/{token}", api.config.urls.api),
    });
    Ok(response::json_reply(StatusCode::CREATED, &body))
}

/// Parses and checks an order; its id is set later.
async fn draft(api: &AdminApi, input: &Input) -> Result<NewOrder, Failure> {
    let user = input.required("user_id")?;
    let user = UserId::parse(user).map_err(|error| Failure::invalid("user_id", error.to_string()))?;
    // Earlier users keep their ids.
    if user.as_str().contains(RESERVED) && api.store.billing.user(&user).await?.is_none() {
        return Err(Failure::invalid("user_id", "must not contain / ? # or %"));
    }
    let email =
        EmailAddress::parse(input.required("email")?).map_err(|error| Failure::invalid("email", error.to_string()))?;
    if email.is_erased() {
        return Err(Failure::invalid("email", "is not a deliverable address"));
    }
    let cycle = match input.required("billing_cycle")? {
        "monthly" => BillingCycle::Monthly,
        "annual" => BillingCycle::Annual,
        _ => return Err(Failure::invalid("billing_cycle", "must be monthly or annual")),
    };
    let plan = input.required("plan_id")?;
    let found = api.config.prices.find(plan, cycle).ok_or_else(|| {
        let names = api.config.prices.names().collect::<Vec<_>>().join(", ");
        Failure::invalid("plan_id", format!("must be one of {names}"))
    });
    let (plan, price) = found?;
    let locale = match input.text("locale") {
        None | Some("zh-TW") => Locale::ZhTw,
        Some("en") => Locale::En,
        Some(_) => return Err(Failure::invalid("locale", "must be zh-TW or en")),
    };
    let replaces = match input.text("replaces") {
        None => None,
        Some(text) => Some(replaced(api, text, &user).await?),
    };
    let monthly_price = api.config.prices.find(plan.as_str(), BillingCycle::Monthly).map(|(_, price)| price);
    let terms = Terms { plan, cycle, price, exec_times: api.config.exec_times.of(cycle), monthly_price };
    // A placeholder: `store_new` and `store_keyed` set the id.
    let id = SubscriptionId::parse("DK").map_err(|error| Failure::upstream(&error))?;
    let merchant = api.config.ecpay.merchant.clone();
    Ok(NewOrder { id, user, email, locale, merchant, terms, replaces, purchase: None })
}

async fn replaced(api: &AdminApi, text: &str, user: &UserId) -> Result<SubscriptionId, Failure> {
    let unknown = || Failure::invalid("replaces", "is not an order of this user");
    let id = SubscriptionId::parse(text).map_err(|_| unknown())?;
    let order = api.store.billing.subscription(&id).await?.ok_or_else(unknown)?.value;
    // The same error as for an unknown id: other users' orders are not disclosed.
    if order.user != *user {
        return Err(unknown());
    }
    if order.superseded_by.is_some() {
        return Err(Failure::conflict("already_replaced", "the order has already been replaced"));
    }
    Ok(id)
}

/// Stores the order under a new random id.
async fn store_new(api: &AdminApi, draft: NewOrder, context: &RequestContext) -> Result<Subscription, Failure> {
    let draft = &draft;
    retry_on_conflict("storing an order", (), |()| async move {
        let id = new_id()?;
        let decision =
            create_order(NewOrder { id, ..draft.clone() }, Actor::Staff(context.actor.clone()), context.time.logical);
        let order = decision.change.next.clone();
        match api.store.billing.commit(decision, None, &api.config.policy).await? {
            Commit::Done => Ok(Attempt::Done(order)),
            Commit::LiveOrderExists(live) => Err(live_order(&live)),
            // The id is taken: try another one.
            Commit::Conflict | Commit::AlreadyApplied(_) => Ok(Attempt::Conflict(())),
        }
    })
    .await
}

/// Stores the order under an id derived from the idempotency key, so that a repeated request finds it.
async fn store_keyed(
    api: &AdminApi,
    draft: NewOrder,
    key: &OperationKey,
    context: &RequestContext,
) -> Result<Subscription, Failure> {
    let name: String = key.as_str().to_ascii_uppercase().chars().take(18).collect();
    let id = SubscriptionId::parse(&format!("DK{name}")).map_err(|error| Failure::upstream(&error))?;
    let draft = NewOrder { id: id.clone(), ..draft };
    let same = |order: &Subscription| {
        let made = (&order.user, &order.email, order.locale, &order.terms, &order.replaces);
        made == (&draft.user, &draft.email, draft.locale, &draft.terms, &draft.replaces)
    };
    // Read first: the order of an earlier request may be live by now, and `create_order` would then refuse a second one.
    if let Some(made) = api.store.billing.subscription(&id).await? {
        return if same(&made.value) {
            purchase::usable(api, made.value, context.time.logical).await
        } else {
            Err(Failure::key_reused())
        };
    }
    let decision = create_order(draft.clone(), Actor::Staff(context.actor.clone()), context.time.logical);
    let order = decision.change.next.clone();
    match api.store.billing.commit(decision, None, &api.config.policy).await? {
        Commit::Done => Ok(order),
        Commit::LiveOrderExists(live) => Err(live_order(&live)),
        // A concurrent request with the same key stored the order first.
        Commit::Conflict | Commit::AlreadyApplied(_) => match api.store.billing.subscription(&id).await? {
            Some(made) if same(&made.value) => Ok(made.value),
            Some(_) => Err(Failure::key_reused()),
            None => Err(Failure::contended()),
        },
    }
}

/// `GET /api/subscriptions/{id}?after=`: shows a subscription with payments, notices, explanation and one page of history.
pub(crate) async fn show(api: &AdminApi, id: &str, input: &Input) -> Result<Response<Body>, Failure> {
    let order = find(api, id).await?.value;
    // `seq` is stable while the history grows, so a page never repeats or skips an entry.
    let after = match input.query("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Failure::invalid("after", "must be the seq of a history entry"))?,
    };
    let history = api.store.billing.history(&order.id, after, HISTORY_PAGE).await?;
    // A full page may be the last one; the next one is then empty.
    let full = history.len() == HISTORY_PAGE;
    let next_after = if full { history.last().map(|(seq, _)| *seq) } else { None };
    let payments = api.store.billing.payments(&order.id).await?;
    let mails = api.store.billing.notices(&order.id).await?;
    let next = NextAction::of(&order, &api.config.policy);
    let purchase = api.store.billing.purchase(&order).await?;
    let period = order.paid_period();
    let body = json!({
        "id": order.id,
        "user_id": order.user,
        "plan_id": order.plan,
        "ordered_plan_id": order.terms.plan,
        "status": order.status.name(),
        "billing_cycle": order.terms.cycle,
        "amount_twd": order.amount(),
        "price_twd": order.terms.price,
        "current_period_start": period.map(|period| period.from),
        "current_period_end": period.map(|period| period.to),
        "grace_period_ends_at": order.status.grace_ends_at(),
        "downgraded_at": order.downgrade.map(|downgrade| downgrade.at),
        "downgrade_reason": order.downgrade.map(|downgrade| downgrade.reason.name()),
        "replaces": order.replaces,
        "superseded_by": order.superseded_by,
        "purchase": json!({ "first": order.purchase.as_ref().unwrap_or(&order.id), "paid_by": purchase.paid }),
        "paused_until": order.paused.map(|pause| pause.until),
        "cancel_requested_at": order.cancel_requested,
        "last_query": order.last_query.map(|query| json!({ "at": query.at, "state": query.state })),
        "erased_at": order.erased,
        "task_failure": order.task_failure.as_ref().map(|failure| json!({
            "task": failure.task, "since": failure.since, "attempts": failure.attempts, "again_at": failure.again_at,
            "needs_attention": failure.needs_attention(), "reason": failure.reason,
        })),
        "retry": order.retry.map(|ask| json!({ "requested_at": ask.requested_at, "state": ask.state })),
        "next_action": next.map(|action| json!({ "kind": action.kind.as_str(), "at": action.at, "why": why(Language::En, action.why) })),
        "explanation": explain(&order, next.as_ref()),
        "payments": payments.iter().map(payment).collect::<Vec<_>>(),
        "notices": mails.iter().map(|n| json!({ "id": notices::route_id(n), "kind": n.kind.name(), "state": n.state.name(), "at": n.created_at })).collect::<Vec<_>>(),
        "history": history.iter().map(|(seq, stored)| entry(*seq, stored)).collect::<Vec<_>>(),
        "history_next": next_after,
    });
    Ok(response::ok(&body))
}

/// Reads a subscription by the id in a path; 404 if it is malformed or unknown.
pub(crate) async fn find(api: &AdminApi, id: &str) -> Result<Versioned<Subscription>, Failure> {
    let missing = || Failure::not_found("id", "no such subscription");
    let id = SubscriptionId::parse(id).map_err(|_| missing())?;
    api.store.billing.subscription(&id).await?.ok_or_else(missing)
}

fn payment(payment: &Payment) -> Value {
    let number = match payment.outcome {
        PaymentOutcome::Succeeded { number } => Some(number),
        PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => None,
    };
    let mut shown = json!({
        "id": payment.id, "outcome": payment.outcome.as_str(), "rtn_code": payment.rtn_code, "rtn_msg": payment.rtn_msg,
        "amount_twd": payment.amount, "process_date": payment.processed_at, "refund_due": payment.refund_due,
        "refunded_twd": payment.refunded,
    });
    if let Some(fields) = shown.as_object_mut() {
        fields.extend(number.map(|number| ("number".to_owned(), json!(number))));
        fields.extend(payment.gwsr.as_ref().map(|gwsr| ("gwsr".to_owned(), json!(gwsr))));
    }
    shown
}

fn entry(seq: u64, entry: &HistoryEntry) -> Value {
    let by = match &entry.by {
        Actor::Ecpay => "ecpay".to_owned(),
        Actor::Schedule => "schedule".to_owned(),
        Actor::Buyer => "buyer".to_owned(),
        Actor::Staff(name) => format!("staff:{name}"),
    };
    json!({
        "seq": seq, "at": entry.at, "what": entry.rule.sentence(), "rule": entry.rule,
        "from": entry.from.map(Status::name), "to": entry.to.name(), "by": by, "why": entry.why,
    })
}
