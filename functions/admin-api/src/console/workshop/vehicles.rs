//! Vehicles by the day of their next visit.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::response::Response;
use lambda_http::http::StatusCode;
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::deliveries::Delivery;
use shared::domain::workshop::vehicles::{VehicleStatus, ZONE};

use crate::auth::caller::Customers;
use crate::console::page::address;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;
use crate::console::words::workshop::{FieldNames, VehicleStateWords, WorkshopWords};
use crate::console::workshop::forms;
use crate::console::workshop::vehicle_row::{Seen, VehicleRow, day_of_visit};
use crate::http::cursor;
use crate::http::dates::Day;
use crate::http::response::Failure;
use crate::workshop::lists::{VehicleListQuery, VehicleSelection};

/// Days that are shown unless the visitor chooses others.
const DAYS: i64 = 14;
/// Vehicles of a page, each about 2 KB.
const PAGE: usize = 25;

/// Page of the vehicles.
#[derive(Template)]
#[template(path = "console/workshop/vehicles.html")]
struct VehiclesHtml {
    frame: Frame,
    w: &'static WorkshopWords,
    n: &'static FieldNames,
    fault: Vec<String>,
    filter: [Field; 3],
    days: Vec<DayShown>,
    visit_day: Field,
    why: Field,
    /// Address of the next page; none on the last one.
    next: Option<String>,
    /// Address of this page, to which the forms lead back.
    back: String,
    key: String,
}

/// Vehicles of a day.
struct DayShown {
    day: LocalDate,
    /// Distance from today in words.
    distance: String,
    rows: Vec<PlacedRow>,
}

/// Vehicle with its place on the page.
struct PlacedRow {
    place: usize,
    row: VehicleRow,
}

/// Shows the vehicles whose next visit is within the days of the filter.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.caller_with::<Customers>()?;
    let today = visit.now().day(ZONE);
    let given = visit.query::<VehicleListQuery>().and_then(|given| {
        let mut query = given.query;
        query.due_from = query.due_from.or(Some(Day(today)));
        query.due_to = query.due_to.or_else(|| query.due_from.map(|Day(from)| Day(from.plus_days(DAYS - 1))));
        VehicleSelection::of(query)
    });
    let selection = match given {
        Ok(selection) => selection,
        Err(failure) if forms::is_about_form(&failure) => {
            return page(&visit, failure.status(), forms::sentences(&visit, &failure), None, Vec::new());
        }
        Err(failure) => return Err(failure),
    };
    let workshop = &visit.api.store.workshop;
    let limit = selection.limit.unwrap_or(PAGE).min(PAGE);
    let listed = workshop.listed_vehicles(&selection.filter, selection.after.as_ref(), limit);
    let hasher = async { visit.api.phone_hasher(&visit.caller().context).await };
    let ((vehicles, next), hasher) = futures::try_join!(async { listed.await.map_err(Failure::from) }, hasher)?;
    let (owners, reminders) =
        futures::try_join!(workshop.owners_of(&vehicles), workshop.reminders_of_next_visits(&vehicles))?;
    let phones: BTreeSet<_> = owners.values().map(|owner| owner.phone.clone()).collect();
    let ids: Vec<&str> = reminders.values().filter_map(|reminder| reminder.message_id.as_deref()).collect();
    let (opted_out, deliveries) = futures::try_join!(workshop.opted_out(phones, &hasher), workshop.deliveries(&ids))?;
    let rows = vehicles.iter().map(|vehicle| {
        let (owner, reminder) = (owners.get(&vehicle.customer), reminders.get(&vehicle.plate));
        VehicleRow::of(
            &visit,
            &Seen {
                vehicle,
                owner,
                is_opted_out: owner.is_some_and(|owner| opted_out.contains(&owner.phone)),
                reminder,
                delivery: reminder.and_then(|reminder| delivery_of(&deliveries, reminder.message_id.as_deref())),
            },
        )
    });
    page(&visit, StatusCode::OK, Vec::new(), next.as_ref().map(cursor::encode_list), rows.collect())
}

/// Stage of a message that has an id.
pub(crate) fn delivery_of<'a>(deliveries: &'a HashMap<String, Delivery>, id: Option<&str>) -> Option<&'a Delivery> {
    deliveries.get(id?)
}

fn page(
    visit: &Visit,
    status: StatusCode,
    fault: Vec<String>,
    next: Option<String>,
    rows: Vec<VehicleRow>,
) -> Result<Response, Failure> {
    let (language, today) = (visit.language(), visit.now().day(ZONE));
    let w = WorkshopWords::of(language);
    let chosen = visit.parameter("state").unwrap_or_default();
    let labels = VehicleStateWords::of(language);
    let state = |status: VehicleStatus| Choice::new(status.name(), labels.get(status.name()).unwrap_or(status.name()));
    let states = Choice::none(CommonWords::of(language).all, VehicleStatus::ALL.map(state));
    let from = visit.parameter("due_from").unwrap_or_else(|| today.to_string());
    let to = visit.parameter("due_to").unwrap_or_else(|| default_end(&from, today).to_string());
    let page = |after: Option<&str>| {
        let values = [("due_from", from.as_str()), ("due_to", &to), ("state", &chosen), ("after", after.unwrap_or(""))];
        address::with("/console/vehicles", values.map(|(name, value)| (name, Some(value.to_owned()))))
    };
    let html = VehiclesHtml {
        frame: visit.frame(),
        w,
        n: FieldNames::of(language),
        fault,
        days: by_day(rows, w, today),
        visit_day: day_of_visit(visit),
        why: Field::why(language),
        next: next.map(|next| page(Some(&next))),
        back: page(visit.parameter("after").as_deref()),
        key: Visit::new_key()?,
        filter: [
            Field::day("due_from", w.from).with(from),
            Field::day("due_to", w.to).with(to),
            Field::choice("state", CommonWords::of(language).state, states).with(chosen),
        ],
    };
    html::page(status, &html)
}

fn default_end(from: &str, today: LocalDate) -> LocalDate {
    LocalDate::parse(from).unwrap_or(today).plus_days(DAYS - 1)
}

fn by_day(rows: Vec<VehicleRow>, w: &WorkshopWords, today: LocalDate) -> Vec<DayShown> {
    let mut days: Vec<DayShown> = Vec::new();
    for (place, row) in rows.into_iter().enumerate() {
        let day = row.next_visit;
        let placed = PlacedRow { place, row };
        match days.last_mut().filter(|last| last.day == day) {
            Some(last) => last.rows.push(placed),
            None => days.push(DayShown { day, distance: distance(today.days_until(day), w), rows: vec![placed] }),
        }
    }
    days
}

/// Distance of a day from today in words.
fn distance(days: i64, w: &WorkshopWords) -> String {
    match days {
        0 => w.today.to_owned(),
        1 => w.tomorrow.to_owned(),
        2.. => format!("{days} {}", w.days_ahead),
        _ => format!("{} {}", -days, w.days_over),
    }
}
