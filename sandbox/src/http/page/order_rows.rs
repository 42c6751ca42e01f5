//! Orders as the page shows them: those of ECPay, and those of Duekeeper that no buyer has submitted yet.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::Subscription;

use crate::http::page::clock_forms::local;
use crate::world::{World, table_inspect};

/// Most orders that the page shows.
const MOST: usize = 50;

/// Result of a charge that the page offers.
pub(crate) struct Code {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

/// Declines, the commonest first. The last is a code for which the simulator has no text of its own.
pub(crate) const DECLINES: [Code; 7] = [
    Code { code: "10100251", text: "expired card" },
    Code { code: "10100252", text: "insufficient funds" },
    Code { code: "10100248", text: "refused by the bank" },
    Code { code: "10100254", text: "restricted by the bank" },
    Code { code: "10100255", text: "lost card" },
    Code { code: "10100256", text: "stolen card" },
    Code { code: "10100058", text: "payment failed" },
];

/// Order in a row of the page, and on its own page.
pub(crate) struct OrderRow {
    pub(crate) number: String,
    /// Customer and address; none for an order of another system.
    pub(crate) customer: Option<Customer>,
    /// Amount and period of a charge.
    pub(crate) terms: String,
    /// State at ECPay.
    pub(crate) state: String,
    pub(crate) next_charge: Option<String>,
    pub(crate) retry: Option<String>,
    /// Address of the checkout page, where this page made the order.
    pub(crate) checkout: Option<String>,
    /// Results of the coming charges, as far as they are set.
    pub(crate) outcomes: Vec<String>,
    pub(crate) charges: Vec<ChargeRow>,
    /// Charges so far by schedule, and all of them.
    pub(crate) executions: String,
}

/// Customer of an order, and its state in Duekeeper.
pub(crate) struct Customer {
    pub(crate) user: String,
    pub(crate) email: String,
    pub(crate) plan: String,
    pub(crate) status: &'static str,
}

/// Charge of an order.
pub(crate) struct ChargeRow {
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) amount: String,
    pub(crate) result: String,
}

impl OrderRow {
    /// True for an order that its buyer can pay now.
    pub(crate) fn can_be_paid(&self) -> bool {
        matches!(self.state.as_str(), "not submitted" | "pending")
    }

    /// True for an order that ECPay charges at times.
    pub(crate) fn is_charged(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused")
    }

    /// True for an order that can be charged out of schedule.
    pub(crate) fn can_be_charged(&self) -> bool {
        !self.can_be_paid() && self.state != "not_established"
    }
}

/// Latest orders, the newest first, and the number of older ones.
pub(crate) struct Orders {
    pub(crate) rows: Vec<OrderRow>,
    pub(crate) older: usize,
}

/// Reads the latest orders.
pub(crate) fn latest(world: &World) -> Orders {
    let mut subscriptions: BTreeMap<_, _> =
        table_inspect::subscriptions(world).into_iter().map(|found| (found.id.to_string(), found)).collect();
    let made_here = subscriptions.iter().map(|(number, found)| (number.clone(), found.created_at.utc()));
    let mut made: BTreeMap<String, DateTime<Utc>> = made_here.collect();
    for (number, at) in world.state().ecpay.orders_made() {
        made.entry(number.clone()).or_insert(at);
    }
    let mut made: Vec<_> = made.into_iter().collect();
    made.sort_by_key(|(_, at)| Reverse(*at));
    let older = made.len().saturating_sub(MOST);
    let latest = made.into_iter().take(MOST);
    let rows = latest.filter_map(|(number, _)| row(world, &number, subscriptions.remove(&number).as_ref())).collect();
    Orders { rows, older }
}

/// Reads one order; `None` where neither ECPay nor Duekeeper has it.
pub(crate) fn one(world: &World, number: &str) -> Option<OrderRow> {
    row(world, number, table_inspect::subscription(world, number).as_ref())
}

fn row(world: &World, number: &str, subscription: Option<&Subscription>) -> Option<OrderRow> {
    let view = world.state().ecpay.view(number);
    if view.is_none() && subscription.is_none() {
        return None;
    }
    let view = view.unwrap_or_default();
    let state = text(&view, "state");
    let terms = if state.is_empty() { subscription.map(ordered).unwrap_or_default() } else { terms(&view) };
    let list = |name: &str| view.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let outcomes = list("next_outcomes").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(OrderRow {
        number: number.to_owned(),
        customer: subscription.map(customer),
        terms,
        state: if state.is_empty() { "not submitted".to_owned() } else { state },
        next_charge: time(&view, "next_charge_at"),
        retry: time(&view, "retry_at"),
        checkout: world.desk.checkout(number),
        outcomes,
        charges: list("charges").iter().map(charge).collect(),
        executions: format!("{} of {}", count(&view, "executions"), count(&view, "exec_times")),
    })
}

fn customer(subscription: &Subscription) -> Customer {
    Customer {
        user: subscription.user.to_string(),
        email: subscription.email.as_str().to_owned(),
        plan: subscription.plan.to_string(),
        status: subscription.status.kind().name(),
    }
}

/// Terms of an order that ECPay does not know.
fn ordered(subscription: &Subscription) -> String {
    let period = match subscription.terms.cycle {
        BillingCycle::Monthly => "month",
        BillingCycle::Annual => "year",
    };
    format!("{} a {period}", subscription.terms.price)
}

fn terms(view: &Value) -> String {
    let period = match text(view, "period_type").as_str() {
        "D" => "day",
        "M" => "month",
        _ => "year",
    };
    match count(view, "frequency") {
        1 => format!("NT${} a {period}", count(view, "amount")),
        frequency => format!("NT${} every {frequency} {period}s", count(view, "amount")),
    }
}

fn charge(charge: &Value) -> ChargeRow {
    let message = match text(charge, "rtn_code").as_str() {
        "1" => "paid".to_owned(),
        "10300066" => "open (10300066)".to_owned(),
        code => {
            let known = DECLINES.iter().find(|known| known.code == code);
            format!("{} ({code})", known.map_or("declined", |known| known.text))
        }
    };
    ChargeRow {
        at: time(charge, "at").unwrap_or_default(),
        kind: text(charge, "kind"),
        amount: format!("NT${}", count(charge, "amount")),
        result: message,
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn time(value: &Value, name: &str) -> Option<String> {
    let at = value.get(name)?.as_str()?;
    DateTime::parse_from_rfc3339(at).ok().map(|at| local(at.to_utc()))
}
