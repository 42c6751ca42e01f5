//! Vehicles by their owners, for one message to each. An owner is a phone number: two customers with one number are one person.

use std::collections::BTreeMap;

use shared::domain::values::time::Timestamp;
use shared::domain::workshop::phone::Phone;

use crate::due::Ready;

/// Owners in the order in which their vehicles were found.
#[derive(Default)]
pub(crate) struct Owners {
    owners: Vec<Owner>,
    places: BTreeMap<Phone, usize>,
}

/// An owner with the vehicles that are due.
struct Owner {
    vehicles: Vec<Ready>,
    /// Latest attempt at one of them that failed (UTC).
    failed_at: Option<Timestamp>,
}

impl Owners {
    /// Adds a vehicle to those of its owner.
    pub(crate) fn add(&mut self, ready: Ready, failed_at: Option<Timestamp>) {
        let phone = ready.customer.phone.clone();
        let place = *self.places.entry(phone).or_insert(self.owners.len());
        match self.owners.get_mut(place) {
            Some(owner) => {
                // A vehicle whose visit was moved while the pages were read is on two of them.
                owner.vehicles.retain(|known| known.due.vehicle.plate != ready.due.vehicle.plate);
                owner.vehicles.push(ready);
                owner.failed_at = owner.failed_at.max(failed_at);
            }
            None => self.owners.push(Owner { vehicles: vec![ready], failed_at }),
        }
    }

    /// The vehicles of each owner. Owners whose message failed before come last, the one that was tried longest ago first, so
    /// that they cannot keep others from theirs.
    pub(crate) fn in_order(mut self) -> impl Iterator<Item = Vec<Ready>> {
        self.owners.sort_by_key(|owner| owner.failed_at);
        self.owners.into_iter().map(|owner| owner.vehicles)
    }
}
