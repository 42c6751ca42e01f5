//! Controls of ECPay: `/sandbox/ecpay/…`. ECPay has none of them; some do what staff do in its console.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::{get, post, put};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::ecpay::{CallbackUrls, ChargeNow, ConsoleEdit, ConsoleState, Ecpay, ExistingOrder};
use crate::http::answers::{Answer, Shared, bad, fail, read, read_or_default};
use crate::http::ecpay_actions;
use crate::http::ecpay_actions::NotPaid;
use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/orders", post(bring_in))
        .route("/orders/{order}", get(show_order).put(set_conduct))
        .route("/orders/{order}/charge", post(charge))
        .route("/orders/{order}/pay", post(pay))
        .route("/latency", put(set_latency))
        .route("/pace", get(show_pace).put(set_pace).delete(forget_pace))
}

/// Treatment of an order by ECPay from now on; fields that are absent stay unchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conduct {
    /// Results of the coming charges and retries, in order; later ones succeed.
    next_outcomes: Option<Vec<String>>,
    /// True holds back scheduled charges and retries.
    paused: Option<bool>,
    /// True posts the callbacks, false loses them.
    callbacks: Option<bool>,
    /// True answers queries properly, false with an HTML page.
    answers: Option<bool>,
    amount: Option<u32>,
    next_charge_at: Option<DateTime<Utc>>,
    exec_times: Option<u32>,
    state: Option<ConsoleState>,
    /// Fields laid over the answers to queries; null ends that.
    #[serde(default, deserialize_with = "given")]
    query: Option<Option<Map<String, Value>>>,
    /// Fields laid over the next callback; null ends that.
    #[serde(default, deserialize_with = "given")]
    callback: Option<Option<Map<String, Value>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Charge {
    rtn_code: String,
    callback: bool,
    simulate: bool,
    amount: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Pay {
    rtn_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    /// Calls in any one second above which ECPay answers 403; null for no limit.
    limit: Option<usize>,
}

impl Default for Charge {
    fn default() -> Self {
        Self { rtn_code: "1".to_owned(), callback: true, simulate: false, amount: None }
    }
}

/// A field that is present, be it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl Conduct {
    fn edit(&self) -> ConsoleEdit {
        ConsoleEdit {
            amount: self.amount,
            next_charge_at: self.next_charge_at,
            exec_times: self.exec_times,
            state: self.state,
        }
    }

    /// Sets what is no edit of the console, and what need not exist yet.
    fn apply(self, ecpay: &mut Ecpay, order: &str, now: DateTime<Utc>) {
        if let Some(outcomes) = self.next_outcomes {
            ecpay.set_next_outcomes(order, outcomes);
        }
        if let Some(paused) = self.paused {
            ecpay.set_paused(order, paused, now);
        }
        if let Some(posted) = self.callbacks {
            ecpay.set_callbacks(order, posted);
        }
        if let Some(proper) = self.answers {
            ecpay.set_answers(order, proper);
        }
        if let Some(fields) = self.query {
            ecpay.set_query_answer(order, fields.unwrap_or_default());
        }
        if let Some(fields) = self.callback {
            ecpay.set_next_callback(order, fields.unwrap_or_default());
        }
    }
}

/// Brings in an order that another system made. Its callbacks come to Duekeeper from now on, as where the old callback address
/// was pointed here.
async fn bring_in(State(world): Shared, body: Bytes) -> Answer {
    let existing: ExistingOrder = read(&body)?;
    let number: Value = read::<Value>(&body)?.get("merchant_trade_no").cloned().unwrap_or_default();
    let [first, later] = ["auth", "billing"].map(|name| format!("{}/api/webhooks/ecpay-{name}", world.base_url));
    let brought_in = world.change(|state| {
        let now = state.now;
        state.ecpay.bring_in(existing, CallbackUrls { first, later }, now)
    });
    brought_in.map_err(|reason| fail(StatusCode::CONFLICT, &reason))?;
    let view = number.as_str().and_then(|number| world.state().ecpay.view(number));
    view.map(Json).ok_or_else(|| fail(StatusCode::NOT_FOUND, "no such order at ECPay"))
}

async fn show_order(State(world): Shared, Path(order): Path<String>) -> Answer {
    let view = world.state().ecpay.view(&order);
    view.map(Json).ok_or_else(|| fail(StatusCode::NOT_FOUND, "no such order at ECPay"))
}

async fn set_conduct(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Answer {
    let mut answer: Value = read(&body)?;
    let wanted: Conduct = read(&body)?;
    if let Some(fields) = wanted.callback.as_ref().and_then(Option::as_ref) {
        check_callback(fields).map_err(bad)?;
    }
    let edit = wanted.edit();
    let edited = ecpay_actions::edit(&world, &order, edit, |ecpay, now| wanted.apply(ecpay, &order, now));
    edited.map_err(|reason| fail(StatusCode::CONFLICT, &reason))?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("merchant_trade_no".to_owned(), json!(order));
    }
    Ok(Json(answer))
}

/// ECPay signs each callback, so its CheckMacValue is always right; values of a form are texts.
fn check_callback(fields: &Map<String, Value>) -> Result<(), &'static str> {
    if fields.keys().any(|name| name.eq_ignore_ascii_case("CheckMacValue")) {
        return Err("callback: CheckMacValue is made by ECPay");
    }
    if fields.values().any(|value| value.is_boolean() || value.is_array() || value.is_object()) {
        return Err("callback: a value is a text, a number, or null to leave the field out");
    }
    Ok(())
}

async fn charge(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Answer {
    let wanted: Charge = read_or_default(&body)?;
    let charge = ChargeNow {
        rtn_code: wanted.rtn_code,
        callback: wanted.callback,
        simulate: wanted.simulate,
        amount: wanted.amount,
    };
    let callbacks = ecpay_actions::charge(&world, &order, charge).await;
    let callbacks = callbacks.map_err(|reason| fail(StatusCode::CONFLICT, &reason))?;
    Ok(shown(&world, &order, &callbacks))
}

/// The buyer pays.
async fn pay(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Answer {
    let wanted: Pay = read_or_default(&body)?;
    let callbacks = ecpay_actions::pay(&world, &order, wanted.rtn_code).await.map_err(|refusal| {
        let status = match &refusal {
            NotPaid::NoOrder => StatusCode::NOT_FOUND,
            NotPaid::Refused(_) => StatusCode::CONFLICT,
        };
        fail(status, &refusal.reason())
    })?;
    Ok(shown(&world, &order, &callbacks))
}

/// The order as it is once the callbacks were posted.
fn shown(world: &World, order: &str, callbacks: &[String]) -> Json<Value> {
    let view = world.state().ecpay.view(order);
    Json(json!({ "order": view, "callbacks": callbacks }))
}

async fn set_latency(State(world): Shared, body: Bytes) -> Answer {
    let wanted: Latency = read(&body)?;
    world.change(|state| state.ecpay.traffic.latency_ms = wanted.ms);
    Ok(Json(json!({ "ms": wanted.ms })))
}

async fn show_pace(State(world): Shared) -> Json<Value> {
    Json(world.state().ecpay.traffic.view())
}

async fn set_pace(State(world): Shared, body: Bytes) -> Answer {
    let wanted: Pace = read(&body)?;
    world.change(|state| state.ecpay.traffic.set_limit(wanted.limit));
    Ok(show_pace(State(world)).await)
}

async fn forget_pace(State(world): Shared) -> Json<Value> {
    world.change(|state| state.ecpay.traffic.forget());
    show_pace(State(world)).await
}
