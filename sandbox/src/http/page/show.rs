//! The pages themselves: overview, and one for each order.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::SecondsFormat;
use http::StatusCode;
use serde_json::Value;

use crate::http::answers::Shared;
use crate::http::page::fault_forms::ServiceRow;
use crate::http::page::order_rows::{DECLINES, OrderRow, Orders};
use crate::http::page::sent::{Piece, SentRow};
use crate::http::page::{clock_forms, fault_forms, html, order_rows, sent};
use crate::world::World;
use crate::world::credentials::ROLES;
use crate::world::desk::Outcome;

#[derive(Template)]
#[template(path = "page/overview.html")]
struct Overview {
    outcome: Option<Outcome>,
    taipei: String,
    utc: String,
    plans: Vec<String>,
    /// Customer whom the form for a new order proposes.
    user: String,
    orders: Orders,
    services: Vec<ServiceRow>,
    sent: Vec<SentRow>,
}

#[derive(Template)]
#[template(path = "page/order.html")]
struct OrderPage {
    outcome: Option<Outcome>,
    order: OrderRow,
}

/// Shows everything at a glance.
pub(crate) async fn overview(State(world): Shared) -> Response {
    let now = world.now();
    let orders = order_rows::latest(&world);
    let page = Overview {
        outcome: world.desk.latest(),
        taipei: clock_forms::local(now),
        utc: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        plans: plans(&world),
        user: format!("user-{}", orders.rows.len().saturating_add(orders.older).saturating_add(1)),
        orders,
        services: fault_forms::rows(&world),
        sent: sent::rows(&world),
    };
    html::page(StatusCode::OK, &page)
}

/// Shows an order with all forms for it.
pub(crate) async fn order(State(world): Shared, Path(number): Path<String>) -> Response {
    match order_rows::one(&world, &number) {
        Some(order) => html::page(StatusCode::OK, &OrderPage { outcome: world.desk.latest(), order }),
        None => html::notice(StatusCode::NOT_FOUND, "No such order", "Neither ECPay nor Duekeeper has this order."),
    }
}

/// Plans of the price table.
fn plans(world: &World) -> Vec<String> {
    let prices = world.variable("AdminApi", "PLAN_PRICES").unwrap_or_default();
    let prices: BTreeMap<String, Value> = serde_json::from_str(&prices).unwrap_or_default();
    prices.into_keys().collect()
}
