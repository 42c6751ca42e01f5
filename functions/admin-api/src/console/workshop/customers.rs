//! Search of customers, and new customers.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use lambda_http::http::StatusCode;
use serde::Deserialize;
use shared::domain::values::ids::CustomerId;
use utoipa::IntoParams;

use crate::auth::caller::Customers;
use crate::console::page::address;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::{FieldNames, WorkshopWords};
use crate::console::workshop::customer_fields::of_new_customer;
use crate::console::workshop::forms;
use crate::console::workshop::vehicle_row::customer_address;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::http::search_query::SearchQuery;
use crate::workshop::customer_fields::{CustomerBody, PhoneAsWritten};
use crate::workshop::customers;
use crate::workshop::lists::{self, CustomerList, CustomerSummary};

/// Page of the search.
#[derive(Template)]
#[template(path = "console/workshop/customers.html")]
struct CustomersHtml {
    frame: Frame,
    w: &'static WorkshopWords,
    n: &'static FieldNames,
    /// Faults of the search.
    fault: Vec<String>,
    search: Field,
    /// Customers that were found; none without a search.
    found: Option<Vec<FoundShown>>,
    has_more: bool,
    add: Vec<Field>,
    /// Faults of the form for a new customer.
    add_fault: Vec<String>,
    /// Customer who has the number already.
    other: Option<String>,
    key: String,
}

/// Customer who was found.
struct FoundShown {
    address: String,
    name: String,
    phone: String,
    id: String,
    is_opted_out: bool,
    plates: String,
}

/// Fields of the form for a new customer beside those of the API's body.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct NewCustomerQuery {
    /// Id that the workshop gives; where it is absent one follows from the number.
    customer_id: Option<String>,
}

/// Reasons for which a new customer is not stored.
struct Refused {
    failure: Option<Failure>,
    sentences: Vec<String>,
    other: Option<CustomerId>,
}

/// Shows the search, and what it found.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    if visit.parameter("q").is_none() {
        return html::page(StatusCode::OK, &html_of(&visit)?);
    }
    let search = match visit.query::<SearchQuery>() {
        Ok(given) => lists::customers(State(Arc::clone(&visit.api)), caller, given).await,
        Err(failure) => Err(failure),
    };
    match search {
        Ok(found) => {
            let CustomerList { customers, more } = found.0;
            let found = customers.into_iter().map(FoundShown::from).collect();
            html::page(StatusCode::OK, &CustomersHtml { found: Some(found), has_more: more, ..html_of(&visit)? })
        }
        Err(failure) if forms::is_about_form(&failure) => {
            let fault = forms::sentences(&visit, &failure);
            html::page(failure.status(), &CustomersHtml { fault, ..html_of(&visit)? })
        }
        Err(failure) => Err(failure),
    }
}

/// Stores a new customer, and leads to the customer's page.
pub(crate) async fn add(visit: Visit) -> Result<Response, Failure> {
    visit.caller_with::<Customers>()?;
    match stored(&visit).await {
        Ok(id) => Ok(see_other(&address::saying(&customer_address(id.as_str()), "saved"))),
        Err(Refused { failure: Some(failure), .. }) if !forms::is_about_form(&failure) => Err(failure),
        Err(Refused { failure, sentences, other }) => {
            let status = failure.as_ref().map_or(StatusCode::CONFLICT, Failure::status);
            let mut add_fault = sentences;
            add_fault.extend(failure.iter().flat_map(|failure| forms::sentences(&visit, failure)));
            let mut html = html_of(&visit)?;
            html.add = html.add.into_iter().map(|field| field.typed(&visit)).collect();
            let other = other.map(|id| customer_address(id.as_str()));
            html::page(status, &CustomersHtml { add_fault, other, ..html })
        }
    }
}

/// Stores the customer of the form unless the id or the number is another customer's.
async fn stored(visit: &Visit) -> Result<CustomerId, Refused> {
    let w = WorkshopWords::of(visit.language());
    let caller = visit.caller_with::<Customers>()?;
    let given = visit.posted::<NewCustomerQuery, CustomerBody>()?;
    let workshop = &visit.api.store.workshop;
    let PhoneAsWritten(phone) = given.body.phone.clone();
    let id = match given.query.customer_id {
        Some(id) => CustomerId::parse(&id).map_err(|error| Failure::invalid_value("customer_id", &error))?,
        None => {
            let known = workshop.customers_with_phones(BTreeSet::from([phone.clone()])).await.map_err(Failure::from)?;
            if let Some(other) = known.into_values().flatten().next() {
                return Err(Refused { failure: None, sentences: vec![w.phone_exists.to_owned()], other: Some(other) });
            }
            let hasher = visit.api.phone_hasher(&caller.context).await?;
            hasher.customer_id(&phone).ok_or_else(|| Failure::defect("no id follows from a phone number"))?
        }
    };
    if workshop.customer(&id).await.map_err(Failure::from)?.is_some() {
        return Err(Refused { failure: None, sentences: vec![w.customer_exists.to_owned()], other: Some(id) });
    }
    let given = Given { query: Nothing {}, body: given.body };
    customers::put(State(Arc::clone(&visit.api)), Path(id.to_string()), caller, given).await.map(drop)?;
    Ok(id)
}

fn html_of(visit: &Visit) -> Result<CustomersHtml, Failure> {
    let w = WorkshopWords::of(visit.language());
    Ok(CustomersHtml {
        frame: visit.frame(),
        w,
        n: FieldNames::of(visit.language()),
        fault: Vec::new(),
        search: Field::new("q", w.customers_hint, FieldKind::Line { of: "search", longest: 254 })
            .required()
            .asked(visit),
        found: None,
        has_more: false,
        add: of_new_customer(visit),
        add_fault: Vec::new(),
        other: None,
        key: Visit::new_key()?,
    })
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure: Some(failure), sentences: Vec::new(), other: None }
    }
}

impl From<CustomerSummary> for FoundShown {
    fn from(found: CustomerSummary) -> Self {
        Self {
            address: customer_address(found.customer_id.as_str()),
            name: found.name.to_string(),
            phone: found.phone.national(),
            id: found.customer_id.to_string(),
            is_opted_out: found.opted_out,
            plates: found.vehicles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }
    }
}
