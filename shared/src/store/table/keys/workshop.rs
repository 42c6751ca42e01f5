//! Keys of the workshop: customers, vehicles, reminders, opt-outs.

use sha2::{Digest, Sha256};

use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::LocalDate;
use crate::domain::workshop::plate::Plate;
use crate::store::table::keys::{Key, STATE, prefix};

/// Partition of a customer and the links to their vehicles.
#[must_use]
pub fn customer_partition(id: &CustomerId) -> String {
    format!("{}{id}", prefix::CUSTOMER)
}

/// Key of a customer of the workshop.
#[must_use]
pub fn customer(id: &CustomerId) -> Key {
    Key::new(customer_partition(id), STATE)
}

/// Key of the erasure of a customer, by the SHA-256 of their id. The hashed text begins with `customer `: the space,
/// which no user id contains, keeps it apart from the erasures of users.
#[must_use]
pub fn customer_erasure(id: &CustomerId) -> Key {
    Key::new(format!("ERASED#{}", hex::encode(Sha256::digest(format!("customer {id}")))), STATE)
}

/// Key of the erasure of a customer, by a keyed hash of their phone number.
#[must_use]
pub fn phone_erasure(hash: &str) -> Key {
    Key::new(format!("ERASED#{hash}"), STATE)
}

/// Key of the opt-out of a phone number, by a keyed hash of it.
#[must_use]
pub fn opt_out(hash: &str) -> Key {
    Key::new(format!("OPTOUT#{hash}"), STATE)
}

/// Key of the state of a WhatsApp message, by a hash of the provider's id.
#[must_use]
pub fn whatsapp_message(hash: &str) -> Key {
    Key::new(format!("MESSAGE#{hash}"), STATE)
}

/// Key of the link from a customer to one of their vehicles.
#[must_use]
pub fn customer_vehicle(id: &CustomerId, plate: &Plate) -> Key {
    Key::new(customer_partition(id), format!("{}{plate}", prefix::VEHICLE))
}

/// Partition of a vehicle and its reminders.
#[must_use]
pub fn vehicle_partition(plate: &Plate) -> String {
    format!("VEHICLE#{plate}")
}

/// Key of a vehicle.
#[must_use]
pub fn vehicle(plate: &Plate) -> Key {
    Key::new(vehicle_partition(plate), STATE)
}

/// Key of the reminder of a visit; `day` is given where one is sent each day.
#[must_use]
pub fn reminder(plate: &Plate, visit: LocalDate, day: Option<LocalDate>) -> Key {
    let day = day.map(|day| format!("#{day}")).unwrap_or_default();
    Key::new(vehicle_partition(plate), format!("{}{visit}{day}", prefix::REMINDER))
}

/// Queue of the reminders of which a run recorded the outcome, by time of the outcome.
#[must_use]
pub fn run_reminders_queue(run: &str) -> String {
    format!("reminders#{run}")
}

/// Key of the count of the reminders of a day.
#[must_use]
pub fn reminder_count(day: LocalDate) -> Key {
    Key::new("COUNT#reminders", day.to_string())
}

fn import_partition(id: &str) -> String {
    format!("{}{id}", prefix::IMPORT)
}

/// Key of an import that goes on in the background.
#[must_use]
pub fn import(id: &str) -> Key {
    Key::new(import_partition(id), STATE)
}

/// Key of some rows of an import, counted from 0.
#[must_use]
pub fn import_rows(id: &str, place: usize) -> Key {
    Key::new(import_partition(id), format!("ROWS#{place:04}"))
}

/// Key of a part of an import's answer, counted from 0.
#[must_use]
pub fn import_answer(id: &str, place: usize) -> Key {
    Key::new(import_partition(id), format!("ANSWER#{place:04}"))
}
