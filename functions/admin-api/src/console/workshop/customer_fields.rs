//! Fields of the forms for customers and their vehicles.

use shared::domain::values::time::Zone;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::{Customer, ZONE};

use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::visit::Visit;
use crate::console::words::workshop::{FieldNames, SalutationWords, WorkshopWords};

/// Names of the time zones that a customer may have.
const ZONES: [Zone; 3] = [Zone::Jakarta, Zone::Makassar, Zone::Jayapura];

/// Fields of a customer; empty for a new one.
pub(crate) fn of_customer(visit: &Visit, customer: Option<&Customer>) -> Vec<Field> {
    let n = FieldNames::of(visit.language());
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let phone = FieldKind::Line { of: "tel", longest: 500 };
    let salutation = customer.map(|customer| customer.salutation).unwrap_or_default();
    let zone = customer.map_or(ZONE, |customer| customer.zone);
    vec![
        Field::text("name", n.name, 100).with(text(customer.map(|customer| customer.name.as_str()))).required(),
        Field::new("phone", n.phone, phone)
            .with(customer.map(|customer| customer.phone.national()).unwrap_or_default())
            .required(),
        Field::choice("salutation", n.salutation, salutations(visit)).with(name_of(salutation)),
        Field::email("email", n.email)
            .with(text(customer.and_then(|customer| customer.email.as_ref()).map(|email| email.as_str()))),
        Field::choice("time_zone", n.time_zone, zones()).with(zone.name()),
    ]
}

/// Fields of a new customer.
pub(crate) fn of_new_customer(visit: &Visit) -> Vec<Field> {
    let (w, n) = (WorkshopWords::of(visit.language()), FieldNames::of(visit.language()));
    let mut fields = of_customer(visit, None);
    fields.push(Field::text("customer_id", n.customer_id, 64).hinted(w.customer_id_hint));
    fields
}

/// Fields of a new vehicle of a customer.
pub(crate) fn of_vehicle(visit: &Visit, id: &str) -> Vec<Field> {
    let (w, n) = (WorkshopWords::of(visit.language()), FieldNames::of(visit.language()));
    vec![
        Field::hidden("customer_id", id),
        Field::text("plate", n.plate, 40).required(),
        Field::day("last_visit_date", n.last_visit_date).required(),
        Field::day("next_visit_date", n.next_visit_date).hinted(w.next_visit_hint),
        Field::new("interval_months", n.interval_months, FieldKind::Number { least: 1, most: 60 }),
        Field::new("move", w.move_vehicle, FieldKind::Check),
    ]
}

const fn name_of(salutation: Salutation) -> &'static str {
    match salutation {
        Salutation::Bapak => "bapak",
        Salutation::Ibu => "ibu",
        Salutation::None => "none",
    }
}

/// Salutation in the language of the page.
pub(crate) fn salutation_text(visit: &Visit, salutation: Salutation) -> &'static str {
    let words = SalutationWords::of(visit.language());
    words.get(name_of(salutation)).unwrap_or(name_of(salutation))
}

fn salutations(visit: &Visit) -> Vec<Choice> {
    let choice = |salutation| Choice::new(name_of(salutation), salutation_text(visit, salutation));
    Salutation::ALL.into_iter().map(choice).collect()
}

fn zones() -> Vec<Choice> {
    ZONES.into_iter().map(|zone| Choice::new(zone.name(), zone.name())).collect()
}
