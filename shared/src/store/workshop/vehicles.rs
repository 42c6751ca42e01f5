//! Vehicles, each with its place in the queue of visits and a pointer in its customer's partition.

use std::collections::HashMap;

use serde_json::Value;

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Vehicle, VehicleStatus, ZONE};

use crate::store::error::Error;
use crate::store::table::Item;
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::{Workshop, WriteOutcome};

/// The item of a vehicle, in the list of its status. Only an active vehicle is in the queue of visits.
pub(in crate::store) fn record(vehicle: &Vehicle) -> Record<&Vehicle> {
    let record = Record::new(keys::vehicle(&vehicle.plate), vehicle);
    let record = record.listed(&list(vehicle.status), vehicle.next_visit());
    match vehicle.status {
        VehicleStatus::Active => record.due(keys::VISIT_QUEUE, vehicle.next_visit().start(ZONE)),
        VehicleStatus::Booked | VehicleStatus::Sold | VehicleStatus::Archived => record,
    }
}

/// List of the vehicles of a status, by the day of their next visit.
pub(in crate::store) fn list(status: VehicleStatus) -> String {
    format!("vehicles#{}", status.name())
}

/// Reads the item of a vehicle.
pub(in crate::store) fn versioned(item: Item) -> Result<Versioned<Vehicle>, Error> {
    Record::from_item(item).map(Record::into_versioned)
}

impl Workshop {
    /// Returns a vehicle.
    pub async fn vehicle(&self, plate: &Plate) -> Result<Option<Versioned<Vehicle>>, Error> {
        let record = self.table.get(&keys::vehicle(plate), "reading a vehicle").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Returns up to `limit` vehicles of a customer in the order of their plates.
    pub async fn vehicles_of(&self, id: &CustomerId, limit: usize) -> Result<Vec<Versioned<Vehicle>>, Error> {
        let mut vehicles = self.vehicles_with(&self.plates_of(id, limit).await?).await?;
        // A pointer may remain for a moment after a vehicle has moved to another customer.
        vehicles.retain(|vehicle| vehicle.value.customer == *id);
        Ok(vehicles)
    }

    /// Returns the vehicles that have these plates, in their order.
    pub async fn vehicles_with(&self, plates: &[Plate]) -> Result<Vec<Versioned<Vehicle>>, Error> {
        let keys: Vec<Key> = plates.iter().map(keys::vehicle).collect();
        let mut found: HashMap<Key, Item> = self.table.get_many(&keys, "reading a customer's vehicles").await?;
        keys.iter().filter_map(|key| found.remove(key)).map(versioned).collect()
    }

    /// Stores a vehicle over the one that was read, or as a new one, together with its pointer; only under a customer
    /// that exists.
    pub async fn put_vehicle(
        &self,
        vehicle: &Vehicle,
        known: Option<&Versioned<Vehicle>>,
    ) -> Result<WriteOutcome, Error> {
        if known.is_some_and(|known| known.value == *vehicle) {
            return Ok(WriteOutcome::Unchanged);
        }
        let mut transaction = Transaction::default();
        let customer = transaction.check(keys::customer(&vehicle.customer), Condition::item_exists());
        transaction.put_if_version(record(vehicle), known.map(|known| known.version))?;
        let former = known.map(|known| &known.value.customer);
        if former != Some(&vehicle.customer) {
            transaction.put(Record::new(keys::customer_vehicle(&vehicle.customer, &vehicle.plate), ()))?;
            if let Some(former) = former {
                transaction.delete(keys::customer_vehicle(former, &vehicle.plate));
            }
        }
        Ok(match self.table.transact(transaction, "storing a vehicle").await? {
            None => WriteOutcome::Written,
            Some(refusal) if refusal.is_at(customer) => WriteOutcome::NoSuchCustomer,
            Some(_) => WriteOutcome::Conflict,
        })
    }

    /// Moves a vehicle that cannot be read to the queue of unreadable items, so that no later run reads it as due.
    pub async fn move_to_unreadable(&self, unreadable: &Error) -> Result<(), Error> {
        self.table.move_to_unreadable(keys::VISIT_QUEUE, unreadable).await
    }

    /// Returns up to `limit` reminders of a vehicle as they are stored, by visit date.
    pub async fn reminders_as_stored(&self, plate: &Plate, limit: usize) -> Result<Vec<Value>, Error> {
        let query = Query::partition(keys::vehicle_partition(plate)).prefix(prefix::REMINDER).consistent().limit(limit);
        let items = self.table.query_pages(query, limit, "reading a vehicle's reminders").await?;
        let data = |item| Record::<Value>::from_item(item).map(|record| record.data);
        items.into_iter().take(limit).map(data).collect()
    }
}
