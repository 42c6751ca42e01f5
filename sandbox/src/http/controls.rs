//! The controls, for people, scripts and tests: `/sandbox/…`, all JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::Json;
use axum::routing::{get, post, put};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::ses_events;
use crate::http::answers::{Answer, Shared, bad, read};
use crate::http::{LARGEST_BODY, ecpay_controls, stream_controls};
use crate::slack::interactions;
use crate::slack::interactions::Press;
use crate::whatsapp;
use crate::whatsapp::callbacks;
use crate::whatsapp::callbacks::{PersonMessage, Stage};
use crate::world::World;
use crate::world::clock;
use crate::world::credentials;
use crate::world::faults::{Fault, FaultSpec, Service};
use crate::world::mail_feedback::MailFeedback;
use crate::world::mail_refusal::MailRefusal;
use crate::world::state::ComingInstitutions;
use crate::world::whatsapp_refusal::WhatsappRefusal;

pub(crate) fn routes() -> Router<Arc<World>> {
    let many = DefaultBodyLimit::max(LARGEST_BODY);
    Router::new()
        .route("/clock", get(show_clock).post(move_clock))
        .route("/messages", get(messages))
        .nest("/ecpay", ecpay_controls::routes())
        .merge(stream_controls::routes())
        .route("/mms/institutions", put(set_institutions).get(show_institutions).layer(many))
        .route("/faults", put(set_faults).get(show_faults))
        .route("/mail/feedback", put(set_mail_feedback).post(report_mail))
        .route("/mail/refusal", put(set_mail_refusal).delete(end_mail_refusal))
        .route("/whatsapp/refusals", put(set_whatsapp_refusals))
        .route("/whatsapp/{phone}", put(set_recipient_fault))
        .route("/whatsapp/{phone}/messages", post(write))
        .route("/whatsapp/{phone}/statuses", post(report))
        .route("/slack/presses", post(press))
        .route("/dynamodb/write-limit", put(set_write_limit))
        .route("/calls", get(calls).delete(forget_calls))
        .route("/credentials", get(show_credentials))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    units_per_second: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    now: Option<DateTime<Utc>>,
    advance_days: Option<f64>,
}

async fn show_clock(State(world): Shared) -> Json<Value> {
    Json(json!({ "now": world.now() }))
}

async fn move_clock(State(world): Shared, body: Bytes) -> Answer {
    let wanted: Move = read(&body)?;
    let target = match (wanted.now, wanted.advance_days) {
        (Some(now), None) => Some(now),
        (None, Some(days)) => days_from(world.now(), days),
        _ => None,
    };
    let target = target.ok_or_else(|| bad("give either now (RFC 3339) or advance_days (0 to 4000)"))?;
    let ran =
        clock::advance(&world, target).await.map_err(|now| bad(&format!("the clock does not go back: it is {now}")))?;
    Ok(Json(json!({ "now": world.now(), "ran": ran })))
}

fn days_from(now: DateTime<Utc>, days: f64) -> Option<DateTime<Utc>> {
    if !(0.0..=4000.0).contains(&days) {
        return None;
    }
    let span = std::time::Duration::try_from_secs_f64((days * 86_400.0).round()).ok()?;
    now.checked_add_signed(TimeDelta::from_std(span).ok()?)
}

async fn messages(State(world): Shared) -> Json<Value> {
    Json(json!({ "messages": world.state().messages }))
}

/// The institutions are MMS's own: whatever they hold, and however broken they are.
async fn set_institutions(State(world): Shared, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let after_pages = match query.as_deref() {
        None | Some("") => 0,
        Some(query) => query
            .strip_prefix("after_pages=")
            .and_then(|pages| pages.parse().ok())
            .ok_or_else(|| bad("the only parameter is after_pages, a number of pages"))?,
    };
    let institutions: Vec<Value> = serde_json::from_slice(&body)
        .map_err(|error| bad(&format!("the body must be a JSON list of institutions: {error}")))?;
    let count = institutions.len();
    world.change(|state| {
        state.coming_institutions = None;
        if after_pages == 0 {
            state.institutions = institutions;
        } else {
            state.coming_institutions = Some(ComingInstitutions { after_pages, institutions });
        }
    });
    Ok(Json(json!({ "institutions": count })))
}

async fn show_institutions(State(world): Shared) -> Json<Value> {
    Json(json!(world.state().institutions))
}

async fn set_faults(State(world): Shared, body: Bytes) -> Answer {
    let wanted: BTreeMap<Service, FaultSpec> = read(&body)?;
    world.set_faults(wanted).map_err(|reason| bad(&reason))?;
    Ok(show_faults(State(world)).await)
}

/// Sets the error with which SES refuses mails.
async fn set_mail_refusal(State(world): Shared, body: Bytes) -> Answer {
    let refusal: MailRefusal = read(&body)?;
    if !(400..600).contains(&refusal.status) {
        return Err(bad("status must be 400 to 599"));
    }
    world.change(|state| state.mail_refusal = Some(refusal.clone()));
    Ok(Json(json!(refusal)))
}

async fn end_mail_refusal(State(world): Shared) -> Json<Value> {
    world.change(|state| state.mail_refusal = None);
    Json(json!({}))
}

/// Sets the reports of SES that follow mails to these addresses; all others arrive.
async fn set_mail_feedback(State(world): Shared, body: Bytes) -> Answer {
    let feedback: BTreeMap<String, MailFeedback> = read(&body)?;
    world.change(|state| state.mail.feedback = feedback.clone());
    Ok(Json(json!(feedback)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    to: String,
    feedback: MailFeedback,
}

/// SES reports now about the latest mail to an address.
async fn report_mail(State(world): Shared, body: Bytes) -> Answer {
    let Report { to, feedback } = read(&body)?;
    let mail =
        world.state().mail.latest.get(&to).cloned().ok_or_else(|| bad("SES accepted no mail to this address"))?;
    ses_events::publish(&world, &mail, feedback);
    // The function has taken the report when the control answers.
    clock::run_queue(Arc::clone(&world)).await;
    Ok(Json(json!({ "message_id": mail.id })))
}

/// Sets the responses with which the WhatsApp providers refuse messages; a provider that is left out refuses none.
async fn set_whatsapp_refusals(State(world): Shared, body: Bytes) -> Answer {
    let refusals: BTreeMap<Service, WhatsappRefusal> = read(&body)?;
    if !refusals.keys().all(|service| service.knows(Fault::DeviceOff)) {
        return Err(bad("the services are starsender and whatsapp_cloud"));
    }
    if !refusals.values().all(|refusal| (200..600).contains(&refusal.status)) {
        return Err(bad("status must be 200 to 599"));
    }
    world.change(|state| state.whatsapp_refusals = refusals.clone());
    Ok(Json(json!(refusals)))
}

/// Sets the fault of messages to one number; `none` ends it.
async fn set_recipient_fault(State(world): Shared, Path(phone): Path<String>, body: Bytes) -> Answer {
    let wanted: FaultSpec = read(&body)?;
    let number = whatsapp::digits(&phone).ok_or_else(|| bad("the path ends with a phone number"))?;
    world.change(|state| match wanted.fault {
        Fault::None => state.whatsapp.remove(&number),
        _ => state.whatsapp.insert(number.clone(), wanted),
    });
    world.faults_set.notify_waiters();
    Ok(Json(json!({ "phone": number, "fault": wanted.fault, "times": wanted.times })))
}

/// Limits the table's writes by the functions.
async fn set_write_limit(State(world): Shared, body: Bytes) -> Answer {
    let Limit { units_per_second } = read(&body)?;
    world.write_limit.set(units_per_second);
    Ok(Json(json!({ "units_per_second": units_per_second })))
}

/// A person writes to the business.
async fn write(State(world): Shared, Path(phone): Path<String>, body: Bytes) -> Answer {
    let message: PersonMessage = read(&body)?;
    let number = whatsapp::digits(&phone).ok_or_else(|| bad("the path has a phone number"))?;
    let answer = callbacks::write(&world, &number, &message).await;
    // The confirmation is sent by an asynchronous invocation.
    clock::run_queue(Arc::clone(&world)).await;
    Ok(Json(answer))
}

/// The latest message to a person reaches a stage.
async fn report(State(world): Shared, Path(phone): Path<String>, body: Bytes) -> Answer {
    let stage: Stage = read(&body)?;
    let number = whatsapp::digits(&phone).ok_or_else(|| bad("the path has a phone number"))?;
    callbacks::report(&world, &number, &stage).await.map(Json).ok_or_else(|| bad("there is no message to that number"))
}

/// A member of the channel presses a button in Slack.
async fn press(State(world): Shared, body: Bytes) -> Answer {
    let wanted: Press = read(&body)?;
    let answer = interactions::press(&world, &wanted).await;
    let answer = answer.ok_or_else(|| bad("no message in Slack has a button beside that text"))?;
    // The answer in Slack is given by an asynchronous invocation.
    clock::run_queue(Arc::clone(&world)).await;
    Ok(Json(answer))
}

async fn show_faults(State(world): Shared) -> Json<Value> {
    Json(json!(world.state().faults))
}

async fn calls(State(world): Shared, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let mut caller = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "function" || caller.is_some() || world.template.role_of(&value).is_none() {
            return Err(bad("the only parameter is function, the logical name of one of the template's functions"));
        }
        caller = Some(value);
    }
    Ok(Json(world.counted(caller.as_deref())))
}

async fn forget_calls(State(world): Shared) -> Json<Value> {
    world.forget_calls();
    Json(json!({}))
}

async fn show_credentials(State(world): Shared) -> Json<Value> {
    Json(credentials::shown(&world.state()))
}
