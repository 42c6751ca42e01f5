//! Rows of a run's report: an action about an order, a mail, an event, or a reminder.

use serde_json::Value;
use shared::domain::values::time::Timestamp;

use crate::auth::scope::Scope;
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::runs::summary::zone;
use crate::console::words::names::{NoticeStates, StatusNames};
use crate::console::words::rules;
use crate::console::words::runs::{OutcomeWords, RunWords};
use crate::console::words::workshop::{DeliveryWords, ReminderStateWords};

/// Action of a run.
pub(super) struct ShownEntry {
    pub(super) name: String,
    /// Page of what the action is about, where the visitor may see it.
    pub(super) link: Option<String>,
    pub(super) what: String,
    pub(super) detail: String,
}

/// Reminder of a run.
pub(super) struct ShownReminder {
    pub(super) plate: String,
    pub(super) link: Option<String>,
    pub(super) customer: Option<String>,
    pub(super) visit: String,
    pub(super) state: String,
    pub(super) detail: String,
    pub(super) message: Option<String>,
    pub(super) delivery: Option<ShownDelivery>,
}

/// Stage that a message reached.
pub(super) struct ShownDelivery {
    pub(super) stage: String,
    pub(super) at: Option<Moment>,
}

impl ShownEntry {
    pub(super) fn new(visit: &Visit, entry: &Value) -> Self {
        let text = |name: &str| text(entry, name).unwrap_or_default();
        let w = RunWords::of(visit.language());
        let order = text("subscription");
        let link =
            (!order.is_empty() && visit.may(Scope::Read)).then(|| address::below("/console/subscriptions", &order));
        if !text("asks").is_empty() {
            let what = format!("{} {}", w.ecpay, text("asks"));
            return Self { name: order, link, what, detail: outcome(visit, &text("answer")) };
        }
        if !text("notice").is_empty() {
            let what = format!("{} {}", w.mail, text("kind"));
            let state = NoticeStates::of(visit.language()).get(&text("outcome")).map(str::to_owned);
            let detail = state.unwrap_or_else(|| outcome(visit, &text("outcome")));
            return Self { name: text("notice"), link: None, what, detail };
        }
        if !text("event").is_empty() {
            let what = format!("{} {}", w.event, text("type"));
            return Self { name: text("event"), link: None, what, detail: outcome(visit, &text("outcome")) };
        }
        let rule = rules::sentence_of(visit.language(), &text("rule")).map(str::to_owned);
        Self { name: order, link, what: rule.unwrap_or_else(|| text("what")), detail: decided(visit, entry) }
    }
}

/// Status, plan and notices after a decision.
fn decided(visit: &Visit, entry: &Value) -> String {
    let status = |name: &str| {
        let name = text(entry, name)?;
        Some(StatusNames::of(visit.language()).get(&name).map_or(name, str::to_owned))
    };
    let states: Vec<String> = ["from", "to"].into_iter().filter_map(status).collect();
    let notices = entry.get("notices").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let notices: Vec<&str> = notices.collect();
    let parts = [states.join(" → "), text(entry, "plan").unwrap_or_default(), notices.join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

impl ShownReminder {
    /// Shows a stored reminder, or a row of a dry run, which names the customer.
    pub(super) fn new(visit: &Visit, jobs: &[String], row: &Value) -> Self {
        let either = |one: &str, other: &str| text(row, one).or_else(|| text(row, other)).unwrap_or_default();
        let plate = either("plate", "no_pol");
        let link = visit.may(Scope::Customers).then(|| address::with("/console/search", [("q", Some(plate.clone()))]));
        let details = [text(row, "provider"), text(row, "detail"), text(row, "reason"), text(row, "api_response")];
        let delivery = row.get("delivery").filter(|delivery| delivery.is_object()).map(|delivery| ShownDelivery {
            stage: stage(visit, text(delivery, "stage").unwrap_or_default()),
            at: text(delivery, "at").and_then(|at| Timestamp::parse(&at).ok()).map(|at| visit.moment(at, zone(jobs))),
        });
        Self {
            link,
            plate,
            customer: text(row, "customer_nama"),
            visit: either("visit", "next_visit_date"),
            state: reminder_state(visit, row),
            detail: details.into_iter().flatten().collect::<Vec<_>>().join("; "),
            message: text(row, "message"),
            delivery,
        }
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// State of a stored reminder, or the outcome of a row of a dry run.
fn reminder_state(visit: &Visit, row: &Value) -> String {
    let Some(state) = text(row, "state") else { return outcome(visit, &text(row, "status").unwrap_or_default()) };
    ReminderStateWords::of(visit.language()).get(&state).map_or(state, str::to_owned)
}

fn stage(visit: &Visit, name: String) -> String {
    DeliveryWords::of(visit.language()).get(&name).map_or(name, str::to_owned)
}

fn outcome(visit: &Visit, name: &str) -> String {
    OutcomeWords::of(visit.language()).get(name).unwrap_or(name).to_owned()
}
