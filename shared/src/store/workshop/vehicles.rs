//! Vehicles: each with its place in the queue of visits, and a pointer under the customer whose it is.

use std::collections::HashMap;

use serde_json::Value;

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Vehicle, VehicleStatus, ZONE};

use crate::store::table::keys::{self, Key, prefix};
use crate::store::table::record::Record;
use crate::store::table::transaction::{WriteOutcome, is_refused};
use crate::store::workshop::Workshop;
use crate::store::{Error, Item};

/// Place of the check of the customer in a transaction about a vehicle.
const CUSTOMER: usize = 0;

/// The item of a vehicle. It waits for its next visit only while its owner is to be reminded.
pub(in crate::store) fn record(vehicle: &Vehicle) -> Record<&Vehicle> {
    let record = Record::new(keys::vehicle(&vehicle.plate), vehicle);
    match vehicle.status {
        VehicleStatus::Active => record.due(keys::VISIT_QUEUE, vehicle.next_visit().start(ZONE)),
        VehicleStatus::Booked | VehicleStatus::Sold | VehicleStatus::Archived => record,
    }
}

/// A vehicle as it was read.
pub(in crate::store) fn versioned(item: Item) -> Result<Versioned<Vehicle>, Error> {
    Record::from_item(item).map(Record::into_versioned)
}

impl Workshop {
    /// A vehicle; `None` when there is none of that plate.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn vehicle(&self, plate: &Plate) -> Result<Option<Versioned<Vehicle>>, Error> {
        let record = self.table.get(&keys::vehicle(plate), "reading a vehicle").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Up to `limit` vehicles of a customer, in the order of their plates.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn vehicles_of(&self, id: &CustomerId, limit: usize) -> Result<Vec<Versioned<Vehicle>>, Error> {
        let plates = self.plates_of(id, limit).await?;
        let keys: Vec<Key> = plates.iter().map(keys::vehicle).collect();
        let mut found: HashMap<Key, Item> = self.table.get_many(&keys, "reading a customer's vehicles").await?;
        let mut vehicles = Vec::with_capacity(found.len());
        for key in keys {
            if let Some(item) = found.remove(&key) {
                vehicles.push(versioned(item)?);
            }
        }
        vehicles.retain(|vehicle| vehicle.value.customer == *id);
        Ok(vehicles)
    }

    /// Stores a vehicle over the one that was read, or as a new one, with its pointer: both or none, and only under a
    /// customer that exists.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_vehicle(
        &self,
        vehicle: &Vehicle,
        known: Option<&Versioned<Vehicle>>,
    ) -> Result<WriteOutcome, Error> {
        if known.is_some_and(|known| known.value == *vehicle) {
            return Ok(WriteOutcome::Unchanged);
        }
        let mut actions = vec![
            self.table.check_present(&keys::customer(&vehicle.customer))?,
            self.table.put_if_version(record(vehicle), known.map(|known| known.version))?,
        ];
        let former = known.map(|known| &known.value.customer);
        if former != Some(&vehicle.customer) {
            actions.push(
                self.table.put_always(Record::new(keys::customer_vehicle(&vehicle.customer, &vehicle.plate), ()))?,
            );
        }
        if let Some(former) = former.filter(|former| **former != vehicle.customer) {
            actions.push(self.table.delete_always(&keys::customer_vehicle(former, &vehicle.plate))?);
        }
        Ok(match self.table.write(actions, "storing a vehicle").await? {
            None => WriteOutcome::Written,
            Some(reasons) if is_refused(&reasons, CUSTOMER) => WriteOutcome::NoSuchCustomer,
            Some(_) => WriteOutcome::Conflict,
        })
    }

    /// Up to `limit` reminders of a vehicle as they are stored, by the day of their visit.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders_as_stored(&self, plate: &Plate, limit: usize) -> Result<Vec<Value>, Error> {
        let pk = keys::vehicle_partition(plate);
        let mut items =
            self.table.partition_up_to((&pk, prefix::REMINDER), limit, "reading a vehicle's reminders").await?;
        items.truncate(limit);
        items.into_iter().map(|item| Record::<Value>::from_item(item).map(|record| record.data)).collect()
    }
}
