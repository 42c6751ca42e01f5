//! Page of a customer: data, vehicles, messages and what staff may do.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use futures::future::try_join_all;
use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::message_kind::ReminderKind;
use shared::domain::workshop::opt_out::{OptOut, WishOrigin};
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Customer, Vehicle, ZONE};

use crate::auth::caller::Customers;
use crate::console::page::address;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::{FieldNames, MessageKinds, WorkshopWords};
use crate::console::workshop::customer_fields::{of_customer, of_vehicle, salutation_text};
use crate::console::workshop::delivered_reminder::DeliveredReminder;
use crate::console::workshop::forms::Fact;
use crate::console::workshop::vehicle_row::{Seen, VehicleRow, customer_address, day_of_visit};
use crate::http::response::Failure;
use crate::workshop::customer_fields::MOST_LISTED;
use crate::workshop::errors::{stored_id, unknown_customer};
use crate::workshop::reminder_answers::with_deliveries;

/// Vehicles of a page, each about 2 KB.
const PAGE: usize = 20;
/// Messages of a page, the latest ones.
const MOST_MESSAGES: usize = 40;
/// Reminders that are read of a vehicle.
const MOST_REMINDERS: usize = 100;

/// Page of a customer.
#[derive(Template)]
#[template(path = "console/workshop/customer.html")]
struct CustomerHtml {
    frame: Frame,
    w: &'static WorkshopWords,
    n: &'static FieldNames,
    name: String,
    address: String,
    facts: Vec<Fact>,
    opt_out: OptOutShown,
    rows: Vec<VehicleRow>,
    visit_day: Field,
    why: Field,
    /// Address of further vehicles.
    next: Option<String>,
    messages: Vec<MessageShown>,
    edit: Vec<Field>,
    add_vehicle: Vec<Field>,
    key: String,
}

/// Page of a customer who was erased.
#[derive(Template)]
#[template(path = "console/workshop/customer_erased.html")]
struct ErasedHtml {
    frame: Frame,
    w: &'static WorkshopWords,
    at: Moment,
    by: String,
    why: String,
}

/// Wish about reminders with who recorded it and when.
struct OptOutShown {
    is_open: bool,
    at: Option<Moment>,
    by: String,
    why: String,
}

/// Message about a visit.
struct MessageShown {
    at: Moment,
    plate: String,
    visit: LocalDate,
    kind: &'static str,
    state: &'static str,
    detail: String,
    delivery: String,
    /// Persons who allowed further messages, with their reasons.
    allowed: Vec<String>,
}

/// Shows a customer, or the note of an erasure.
pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Customers>()?;
    let id = &stored_id(&id)?;
    let workshop = &visit.api.store.workshop;
    let hasher = visit.api.phone_hasher(&caller.context).await?;
    let (known, plates) = futures::try_join!(workshop.customer(id), workshop.plates_of(id, MOST_LISTED))?;
    let Some(customer) = known.map(|known| known.value) else { return erased(&visit, id).await };
    let skipped = visit.parameter("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
    let next = plates.len() > skipped.saturating_add(PAGE);
    let shown: Vec<Plate> = plates.into_iter().skip(skipped).take(PAGE).collect();
    let reminders = shown.iter().map(|plate| workshop.reminders_as_stored(plate, MOST_REMINDERS));
    let (vehicles, opt_out, reminders) = futures::try_join!(
        workshop.vehicles_with(&shown),
        workshop.opt_out(&customer.phone, &hasher),
        try_join_all(reminders)
    )?;
    let stored = reminders.into_iter().flatten().collect();
    let delivered = with_deliveries(&visit.api, stored).await?;
    // A reminder that cannot be read is in the export.
    let delivered = delivered.into_iter().filter_map(|reminder| serde_json::from_value(reminder).ok());
    let delivered: Vec<DeliveredReminder> = delivered.collect();
    let vehicles = vehicles.into_iter().map(|vehicle| vehicle.value).filter(|vehicle| vehicle.customer == *id);
    let rows = vehicles.map(|vehicle| row(&visit, &vehicle, &customer, opt_out.is_open(), &delivered)).collect();
    let page = customer_address(id.as_str());
    visit.page(&CustomerHtml {
        frame: visit.frame(),
        w: WorkshopWords::of(visit.language()),
        n: FieldNames::of(visit.language()),
        name: customer.name.to_string(),
        facts: facts(&visit, &customer),
        opt_out: OptOutShown::of(&visit, opt_out.value.as_ref()),
        rows,
        visit_day: day_of_visit(&visit),
        why: Field::why(visit.language()),
        next: next.then(|| address::with(&page, [("skip", Some(skipped.saturating_add(PAGE).to_string()))])),
        messages: messages(&visit, delivered),
        edit: of_customer(&visit, Some(&customer)),
        add_vehicle: of_vehicle(&visit, id.as_str()),
        address: page,
        key: Visit::new_key()?,
    })
}

async fn erased(visit: &Visit, id: &CustomerId) -> Result<Response, Failure> {
    let note = visit.api.store.workshop.customer_erasure(id).await?.ok_or_else(unknown_customer)?;
    visit.page(&ErasedHtml {
        frame: visit.frame(),
        w: WorkshopWords::of(visit.language()),
        at: visit.moment(note.at, ZONE),
        by: note.by,
        why: note.why.unwrap_or_default(),
    })
}

/// Data of a customer.
pub(crate) fn facts(visit: &Visit, customer: &Customer) -> Vec<Fact> {
    let n = FieldNames::of(visit.language());
    let email = customer.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default();
    let facts = [
        (n.name, customer.name.to_string()),
        (n.phone, customer.phone.national()),
        (n.salutation, salutation_text(visit, customer.salutation).to_owned()),
        (n.email, email),
        (n.customer_id, customer.id.to_string()),
        (n.time_zone, customer.zone.name().to_owned()),
    ];
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(label, value)| Fact { label, value }).collect()
}

fn row(
    visit: &Visit,
    vehicle: &Vehicle,
    customer: &Customer,
    is_opted_out: bool,
    delivered: &[DeliveredReminder],
) -> VehicleRow {
    let is_of_visit = |one: &&DeliveredReminder| {
        let reminder = &one.reminder;
        reminder.kind == ReminderKind::Reminder
            && reminder.plate == vehicle.plate
            && reminder.visit == vehicle.next_visit()
    };
    let latest = delivered.iter().filter(is_of_visit).max_by_key(|one| one.reminder.claimed_at);
    let (reminder, delivery) = (latest.map(|one| &one.reminder), latest.and_then(|one| one.delivery.as_ref()));
    VehicleRow::of(visit, &Seen { vehicle, owner: Some(customer), is_opted_out, reminder, delivery })
}

fn messages(visit: &Visit, mut delivered: Vec<DeliveredReminder>) -> Vec<MessageShown> {
    delivered.sort_by_key(|one| std::cmp::Reverse(one.reminder.claimed_at));
    delivered.into_iter().take(MOST_MESSAGES).map(|one| MessageShown::of(visit, one)).collect()
}

impl MessageShown {
    fn of(visit: &Visit, delivered: DeliveredReminder) -> Self {
        let (language, kinds) = (visit.language(), MessageKinds::of(visit.language()));
        let (state, delivery) = (delivered.state(language), delivered.stage(language));
        let reminder = delivered.reminder;
        Self {
            at: visit.moment(reminder.claimed_at, ZONE),
            plate: reminder.plate.to_string(),
            visit: reminder.visit,
            kind: match reminder.kind {
                ReminderKind::Reminder => kinds.reminder,
                ReminderKind::FollowUp => kinds.follow_up,
            },
            state,
            detail: reminder.detail.unwrap_or_default(),
            delivery,
            allowed: reminder.before.iter().map(|before| format!("{}: {}", before.allowed_by, before.why)).collect(),
        }
    }
}

impl OptOutShown {
    fn of(visit: &Visit, opt_out: Option<&OptOut>) -> Self {
        let Some(opt_out) = opt_out else {
            return Self { is_open: false, at: None, by: String::new(), why: String::new() };
        };
        let (by, why) = match &opt_out.latest.origin {
            WishOrigin::Staff { by, why } => (by.clone(), why.clone().unwrap_or_default()),
            WishOrigin::Reply { .. } => (WorkshopWords::of(visit.language()).by_reply.to_owned(), String::new()),
        };
        Self { is_open: opt_out.is_open(), at: Some(visit.moment(opt_out.latest.at, ZONE)), by, why }
    }
}
