//! Forms of orders: new ones by the product's API, the buyer's and the bank's part, and the edits of ECPay's console.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Asia::Taipei;
use http::Method;
use serde_json::{Value, json};

use crate::ecpay::{ChargeNow, ConsoleEdit, ConsoleState};
use crate::http::answers::Shared;
use crate::http::ecpay_actions;
use crate::http::ecpay_actions::NotPaid;
use crate::http::page::call::Call;
use crate::http::page::form::Form;
use crate::http::page::html::{Done, Effect};
use crate::http::page::{call, html, order_rows};
use crate::world::World;
use crate::world::credentials::ADMIN_TOKEN;

/// Longest result code of ECPay in digits.
const LONGEST_CODE: usize = 10;
/// Most coming charges that a form lets fail.
const MOST_FAILURES: usize = 12;
/// Real time for which a form waits for mails and events.
const LONGEST_DELIVERY: Duration = Duration::from_secs(2);
/// Time of day of a charge whose order has none yet, in Taipei.
const MORNING: NaiveTime = match NaiveTime::from_hms_opt(10, 0, 0) {
    Some(morning) => morning,
    None => NaiveTime::MIN,
};

/// Creates an order through the product's API.
pub(crate) async fn create(State(world): Shared, body: Bytes) -> Response {
    let done = created(&world, &Form::read(&body)).await;
    settle(&world).await;
    html::back(&world, "/sandbox", done)
}

async fn created(world: &World, form: &Form) -> Done {
    let [user, email, plan, cycle, locale] = ["user", "email", "plan", "cycle", "locale"].map(|name| form.text(name));
    let mut body = json!({ "user_id": user, "email": email, "plan_id": plan, "billing_cycle": cycle });
    if let Some(fields) = body.as_object_mut().filter(|_| !locale.is_empty()) {
        fields.insert("locale".to_owned(), json!(locale));
    }
    let call = Call { method: Method::POST, path: "/api/subscriptions", token: ADMIN_TOKEN, body };
    let made = call::json(world, call).await?;
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = text("subscription_id");
    world.desk.keep_checkout(number, text("checkout_url"));
    Ok(Effect::of(format!("Order {number} waits for its buyer.")))
}

/// The buyer pays, with the result that the form names.
pub(crate) async fn pay(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let done = paid(&world, &order, &form).await;
    settle(&world).await;
    html::back(&world, &page_of(&world, &order, &form), done)
}

async fn paid(world: &Arc<World>, order: &str, form: &Form) -> Done {
    let code = code(form, "code")?;
    let lines = ecpay_actions::pay(world, order, code).await.map_err(|refusal| match refusal {
        NotPaid::NoOrder => format!("There is no order {order}."),
        NotPaid::Refused(reason) => refused(&reason),
    })?;
    let state = order_rows::one(world, order).map(|row| row.state).unwrap_or_default();
    Ok(Effect { title: format!("The buyer of {order} has submitted it: {state}."), lines })
}

/// ECPay charges an order now.
pub(crate) async fn charge(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let done = charged(&world, &order, &form).await;
    settle(&world).await;
    html::back(&world, &page_of(&world, &order, &form), done)
}

async fn charged(world: &Arc<World>, order: &str, form: &Form) -> Done {
    let rtn_code = code(form, "code")?.unwrap_or_else(|| "1".to_owned());
    let charge = ChargeNow { rtn_code, callback: true, simulate: false, amount: None };
    let lines = ecpay_actions::charge(world, order, charge).await.map_err(|reason| refused(&reason))?;
    Ok(Effect { title: format!("ECPay has charged {order}."), lines })
}

/// Lets the coming charges of an order fail.
pub(crate) async fn fail_next(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let done = failing(&world, &order, &form);
    html::back(&world, &page_of(&world, &order, &form), done)
}

fn failing(world: &World, order: &str, form: &Form) -> Done {
    let code = code(form, "code")?.ok_or("Choose how the charge fails.")?;
    let times = form.value::<usize>("times", "a number")?.unwrap_or(1);
    if !(1..=MOST_FAILURES).contains(&times) {
        return Err(format!("times: 1 to {MOST_FAILURES} charges can fail."));
    }
    if world.state().ecpay.view(order).is_none() {
        return Err(format!("ECPay has no order {order}."));
    }
    let outcomes = vec![code.clone(); times];
    let set = |ecpay: &mut crate::ecpay::Ecpay, _: DateTime<Utc>| ecpay.set_next_outcomes(order, outcomes);
    ecpay_actions::edit(world, order, ConsoleEdit::default(), set)?;
    let charges = if times == 1 { "next charge".to_owned() } else { format!("next {times} charges") };
    Ok(Effect::of(format!("The {charges} of {order} will fail with {code}.")))
}

/// Edits an order as staff do in ECPay's console.
pub(crate) async fn edit(State(world): Shared, Path(order): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let done = edited(&world, &order, &form);
    html::back(&world, &page_of(&world, &order, &form), done)
}

fn edited(world: &World, order: &str, form: &Form) -> Done {
    let state = match form.text("state") {
        "" => None,
        "running" => Some(ConsoleState::Running),
        "paused" => Some(ConsoleState::Paused),
        "stopped" => Some(ConsoleState::Stopped),
        other => return Err(format!("state: \u{201c}{other}\u{201d} is none of running, paused and stopped.")),
    };
    let day = form.value::<NaiveDate>("day", "a day (yyyy-mm-dd)")?;
    let edit = ConsoleEdit {
        amount: form.value("amount", "an amount in whole TWD")?,
        next_charge_at: day.and_then(|day| on_day(world, order, day)),
        exec_times: form.value("exec_times", "a number of charges")?,
        state,
    };
    if edit == ConsoleEdit::default() {
        return Err("Fill in what the console is to change.".to_owned());
    }
    ecpay_actions::edit(world, order, edit, |_, _| {}).map_err(|reason| refused(&reason))?;
    Ok(Effect::of(format!("Order {order} is edited in ECPay's console.")))
}

/// That day at the time of day of the order's next charge, in Taipei.
fn on_day(world: &World, order: &str, day: NaiveDate) -> Option<DateTime<Utc>> {
    let view = world.state().ecpay.view(order)?;
    let next = view.get("next_charge_at").and_then(Value::as_str);
    let next = next.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let time = next.map_or(MORNING, |at| at.with_timezone(&Taipei).time());
    day.and_time(time).and_local_timezone(Taipei).earliest().map(|at| at.to_utc())
}

/// Result code in a field; `None` for an empty one.
fn code(form: &Form, name: &str) -> Result<Option<String>, String> {
    match form.text(name) {
        "" => Ok(None),
        code if code.len() <= LONGEST_CODE && code.bytes().all(|digit| digit.is_ascii_digit()) => {
            Ok(Some(code.to_owned()))
        }
        other => Err(format!("{name}: \u{201c}{other}\u{201d} is no result code of ECPay.")),
    }
}

/// Waits until the stream has delivered what the form had stored, so that the page shows the mails and events. A fault may hold
/// them up, and is ended on the page.
async fn settle(world: &World) {
    let _held_up = tokio::time::timeout(LONGEST_DELIVERY, world.stream_handled()).await;
}

fn refused(reason: &str) -> String {
    format!("ECPay does not do this: {reason}.")
}

/// Page on which the form is: the order's own where the form says so and there is one.
fn page_of(world: &World, order: &str, form: &Form) -> String {
    let is_own = form.text("page") == "order" && order_rows::one(world, order).is_some();
    if is_own { format!("/sandbox/orders/{order}") } else { "/sandbox".to_owned() }
}
