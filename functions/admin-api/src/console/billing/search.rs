//! Search: who is this?

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::console::billing::rows::OrderRow;
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::workshop::FieldNames;
use crate::console::workshop::vehicle_row::customer_address;
use crate::http::response::Failure;
use crate::search::{SearchAnswer, search};
use crate::workshop::lists::CustomerSummary;

/// What was found.
#[derive(Template)]
#[template(path = "console/billing/search.html")]
struct SearchHtml {
    frame: Frame,
    w: &'static BillingWords,
    n: &'static FieldNames,
    orders: Vec<OrderRow>,
    customers: Vec<CustomerRow>,
    is_more: bool,
}

/// Customer of the workshop in a row.
struct CustomerRow {
    name: String,
    phone: String,
    plates: String,
    page: String,
}

/// Shows what was found.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let given = if visit.parameter("q").is_some() { visit.query() } else { Err(Failure::invalid("q", "is missing")) };
    let found = match search(State(Arc::clone(&visit.api)), visit.caller(), given).await {
        Ok(Json(found)) => found,
        // A text that is nothing to search for finds nothing, and the page says what can be.
        Err(failure) if failure.is_about_input() => SearchAnswer { subscriptions: None, customers: None, more: false },
        Err(failure) => return Err(failure),
    };
    let row = |customer: &CustomerSummary| CustomerRow {
        name: customer.name.to_string(),
        phone: format!("+{}", customer.phone.as_str()),
        plates: customer.vehicles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        page: customer_address(customer.customer_id.as_str()),
    };
    visit.page(&SearchHtml {
        frame: visit.frame(),
        w: BillingWords::of(visit.language()),
        n: FieldNames::of(visit.language()),
        orders: OrderRow::all(&visit, &found.subscriptions.unwrap_or_default()),
        customers: found.customers.unwrap_or_default().iter().map(row).collect(),
        is_more: found.more,
    })
}
