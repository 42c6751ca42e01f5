//! ECPay's pages and server APIs over HTTP, before the pure simulator.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};

use crate::ecpay::checkout::cashier;
use crate::ecpay::checkout::cashier::Submission;
use crate::ecpay::form::value;
use crate::ecpay::{Ecpay, form_body};
use crate::world::World;
use crate::world::clock;
use crate::world::faults::lost_response;
use crate::world::faults::{Fault, Service};

/// Only this function calls the server APIs.
const CALLER: &str = "SubscriptionMaintenance";

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/Cashier/AioCheckOut/V5", post(checkout))
        .route("/Cashier/CreditCardPeriodAction", post(period_action))
        .route("/Cashier/QueryCreditCardPeriodInfo", post(query_period))
        .route("/Cashier/QueryTradeInfo/V5", post(query_trade))
}

/// The buyer's step. Once it is paid or declined, our callback is answered before the buyer's page is.
async fn checkout(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Html<String> {
    world.count("Buyer", "ecpay", "AioCheckOut");
    let Some(submission) = Submission::read(&body) else { return checked_out(&world, &body).await };
    if submission.is_to_choose(&headers) {
        return submission.choice();
    }
    let number = value(&submission.form, "MerchantTradeNo").to_owned();
    if let Some(rtn_code) = submission.rtn_code {
        world.change(|state| state.ecpay.set_next_outcomes(&number, vec![rtn_code]));
    }
    checked_out(&world, &form_body(&submission.form)).await
}

/// Makes the order and charges it.
async fn checked_out(world: &Arc<World>, body: &[u8]) -> Html<String> {
    let result = world.change(|state| {
        let now = state.now;
        state.ecpay.checkout(body, now)
    });
    clock::deliver(world).await;
    cashier::result(&result)
}

async fn period_action(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body);
    let operation = if text.contains("Action=Cancel") { "Cancel" } else { "ReAuth" };
    let (answer, fault) = call(&world, operation, |ecpay, now| ecpay.period_action(&body, now)).await;
    if fault == Fault::AnswerLost { lost_response() } else { answer }
}

async fn query_period(State(world): State<Arc<World>>, body: Bytes) -> Response {
    call(&world, "QueryCreditCardPeriodInfo", |ecpay, now| ecpay.query_period(&body, now)).await.0
}

async fn query_trade(State(world): State<Arc<World>>, body: Bytes) -> Response {
    call(&world, "QueryTradeInfo", |ecpay, now| ecpay.query_trade(&body, now)).await.0
}

/// One server call and the fault that it met; every answer is text/html, as ECPay's are.
async fn call(
    world: &World,
    operation: &str,
    act: impl FnOnce(&mut Ecpay, DateTime<Utc>) -> String,
) -> (Response, Fault) {
    world.count(CALLER, "ecpay", operation);
    let is_blocked = world.change(|state| {
        let now = state.now;
        state.ecpay.traffic.is_blocked_call(operation, now)
    });
    let fault = world.meet_fault(|state| state.next_fault(Service::Ecpay)).await;
    match fault {
        Fault::Down => return (StatusCode::SERVICE_UNAVAILABLE.into_response(), fault),
        Fault::Refuse => return (StatusCode::FORBIDDEN.into_response(), fault),
        _ if is_blocked => return (StatusCode::FORBIDDEN.into_response(), fault),
        _ => {}
    }
    let latency = Duration::from_millis(world.state().ecpay.traffic.latency_ms);
    world.timer.sleep(latency).await;
    let answer = world.change(|state| {
        let now = state.now;
        act(&mut state.ecpay, now)
    });
    (Html(answer).into_response(), fault)
}
