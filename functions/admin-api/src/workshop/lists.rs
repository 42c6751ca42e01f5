//! Customers by a value, and vehicles by the day of their next visit.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::lookup::Lookup;
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{PersonName, VehicleStatus, words};
use shared::domain::workshop::visit_interval::VisitInterval;
use shared::store::table::listing::ListPosition;
use shared::store::workshop::search::{CustomerSearch, FoundCustomer, ListedVehicle, VehicleFilter};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::cursor::ListCursor;
use crate::http::dates::Day;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::http::search_query::SearchQuery;
use crate::workshop::customer_fields::SalutationField;
use crate::workshop::vehicle_fields::VehicleState;

/// Default number of vehicles in one response.
const PAGE: usize = 50;
/// Most customers in one response.
const MOST_CUSTOMERS: usize = 50;
/// Digits that a phone number has at least.
const PHONE_DIGITS: usize = 7;

/// Routes of the lists.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(customers)).routes(routes!(vehicles))
}

/// Customers that were found.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomerList {
    /// At most 50 customers, by their ids.
    pub(crate) customers: Vec<CustomerSummary>,
    /// True if more was found than is shown.
    #[schema(example = false)]
    pub(crate) more: bool,
}

/// A customer of the workshop in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct CustomerSummary {
    /// Id given by the workshop.
    #[schema(value_type = String, example = "C-1")]
    pub(crate) customer_id: CustomerId,
    #[schema(value_type = String, example = "Budi Santoso")]
    pub(crate) name: PersonName,
    /// Word before the name in messages.
    pub(crate) salutation: SalutationField,
    /// Mobile number in international form without a plus.
    #[schema(value_type = String, example = "628551234567")]
    pub(crate) phone: Phone,
    /// Mail address; null if none is stored.
    #[schema(value_type = Option<String>, example = "budi@customer.example")]
    pub(crate) email: Option<EmailAddress>,
    /// True if the number is opted out of reminders.
    #[schema(example = false)]
    pub(crate) opted_out: bool,
    /// Plates of the customer's vehicles, at most 20.
    #[schema(value_type = Vec<String>, example = json!(["B 1234 ABC"]))]
    pub(crate) vehicles: Vec<Plate>,
}

/// Query of the list of vehicles.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VehicleListQuery {
    /// First day of the next visit, Asia/Jakarta.
    #[param(value_type = Option<String>, format = Date, example = "2025-12-15")]
    pub(crate) due_from: Option<Day>,
    /// Last day of the next visit, Asia/Jakarta.
    #[param(value_type = Option<String>, format = Date, example = "2025-12-21")]
    pub(crate) due_to: Option<Day>,
    /// Status of the vehicles; any where it is absent.
    #[param(inline)]
    pub(crate) state: Option<VehicleState>,
    /// Vehicles in one response; 50 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: Option<usize>,
    /// `next` of the page before: only later ones of the list follow.
    #[param(value_type = Option<String>, max_length = 500)]
    pub(crate) after: Option<ListCursor>,
}

/// Part of the list of vehicles that a query asks for.
pub(crate) struct VehicleSelection {
    pub(crate) filter: VehicleFilter,
    pub(crate) after: Option<ListPosition>,
    pub(crate) limit: Option<usize>,
}

impl VehicleSelection {
    /// Reads a query; refused where its last day is before its first.
    pub(crate) fn of(query: VehicleListQuery) -> Result<Self, Failure> {
        let VehicleListQuery { due_from, due_to, state, limit, after } = query;
        if due_from.zip(due_to).is_some_and(|(from, to)| to < from) {
            return Err(Failure::invalid("due_to", "must not be before due_from"));
        }
        let filter = VehicleFilter {
            due_from: due_from.map(|day| day.0),
            due_to: due_to.map(|day| day.0),
            status: state.map(VehicleStatus::from),
        };
        Ok(Self { filter, after: after.map(|ListCursor(position)| position), limit })
    }
}

/// Vehicles of one page, the earliest next visit first.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleList {
    pub(crate) vehicles: Vec<VehicleSummary>,
    /// `after` of the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// A vehicle in a list, with its owner.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleSummary {
    /// Number plate in normalised form.
    #[schema(value_type = String, example = "B 1234 ABC")]
    pub(crate) plate: Plate,
    pub(crate) status: VehicleState,
    /// Date of the latest visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-08-18")]
    pub(crate) last_visit_date: LocalDate,
    /// Date of the next visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-12-18")]
    pub(crate) next_visit_date: LocalDate,
    /// Months from a visit to the next one.
    #[schema(value_type = u32, example = 4)]
    pub(crate) interval_months: VisitInterval,
    /// Owner.
    #[schema(value_type = String, example = "C-1")]
    pub(crate) customer_id: CustomerId,
    /// Name of the owner; null if the owner cannot be read.
    #[schema(value_type = Option<String>, example = "Budi Santoso")]
    pub(crate) customer_name: Option<PersonName>,
    /// Mobile number of the owner; null if the owner cannot be read.
    #[schema(value_type = Option<String>, example = "628551234567")]
    pub(crate) phone: Option<Phone>,
}

/// Finds customers of the workshop.
///
/// `q` is an id, a phone number, a mail address, a plate, or the beginnings of words of a name, all of which must occur.
#[utoipa::path(
    get, path = "/customers", tag = "workshop", operation_id = "find_customers", params(SearchQuery),
    responses((status = 200, description = "What was found.", body = CustomerList), Refusals),
    security(("token" = ["customers"])),
)]
pub(crate) async fn customers(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Customers>,
    given: Given<SearchQuery>,
) -> Result<Json<CustomerList>, Failure> {
    let search = customer_search(&given.query.text()?);
    let (customers, more) = found_customers(&api, &caller.context, &search, MOST_CUSTOMERS).await?;
    Ok(Json(CustomerList { customers, more }))
}

/// Readings of a text as a value of a customer of the workshop.
pub(crate) fn customer_search(q: &str) -> CustomerSearch {
    // Only a text that may be a number is given to the library, whose first call is slow.
    let may_be_phone = q.chars().filter(char::is_ascii_digit).count() >= PHONE_DIGITS;
    let lookups = [
        EmailAddress::parse(q).ok().map(|address| Lookup::customer_email(&address)),
        may_be_phone.then(|| Phone::parse(q).ok()).flatten().map(|phone| Lookup::phone(&phone)),
    ];
    let may_be_name = q.contains(char::is_alphabetic) && !q.contains('@');
    CustomerSearch {
        id: CustomerId::parse(q).ok(),
        lookups: lookups.into_iter().flatten().collect(),
        plate: Plate::parse(q).ok(),
        words: if may_be_name { words(q) } else { BTreeSet::new() },
    }
}

/// Reads at most `limit` customers, and whether there are more.
pub(crate) async fn found_customers(
    api: &ApiState,
    context: &RequestContext,
    search: &CustomerSearch,
    limit: usize,
) -> Result<(Vec<CustomerSummary>, bool), Failure> {
    let (found, more) = api.store.workshop.search(search, limit).await?;
    let phones = found.iter().map(|found| found.customer.phone.clone()).collect();
    let opted_out = api.store.workshop.opted_out(phones, &api.phone_hasher(context).await?).await?;
    let summary = |FoundCustomer { customer, plates }| CustomerSummary {
        opted_out: opted_out.contains(&customer.phone),
        customer_id: customer.id,
        name: customer.name,
        salutation: customer.salutation.into(),
        phone: customer.phone,
        email: customer.email,
        vehicles: plates,
    };
    Ok((found.into_iter().map(summary).collect(), more))
}

/// Lists vehicles by the day of their next visit.
///
/// Both days are included. A change of the last moments may be missing.
#[utoipa::path(
    get, path = "/vehicles", tag = "workshop", operation_id = "list_vehicles", params(VehicleListQuery),
    responses((status = 200, description = "One page of the list.", body = VehicleList), Refusals),
    security(("token" = ["customers"])),
)]
async fn vehicles(
    State(api): State<Arc<ApiState>>,
    _: Caller<Customers>,
    given: Given<VehicleListQuery>,
) -> Result<Json<VehicleList>, Failure> {
    let VehicleSelection { filter, after, limit } = VehicleSelection::of(given.query)?;
    let (page, next) = api.store.workshop.vehicles(&filter, after.as_ref(), limit.unwrap_or(PAGE)).await?;
    let summary = |ListedVehicle { vehicle, owner }| {
        let (customer_name, phone) = owner.map(|owner| (owner.name, owner.phone)).unzip();
        VehicleSummary {
            status: vehicle.status.into(),
            last_visit_date: vehicle.last_visit,
            next_visit_date: vehicle.next_visit(),
            interval_months: vehicle.interval,
            customer_id: vehicle.customer,
            plate: vehicle.plate,
            customer_name,
            phone,
        }
    };
    Ok(Json(VehicleList {
        vehicles: page.into_iter().map(summary).collect(),
        next: next.as_ref().map(cursor::encode_list),
    }))
}
