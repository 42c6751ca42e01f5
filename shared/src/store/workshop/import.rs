//! Rows of a list stored: read by the hundred, compared, and only what differs is written, in transactions of many rows.
//! Where one of those is refused its rows are stored one by one.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::domain::billing::decision::Versioned;
use crate::domain::workshop::import::{KnownForRow, Refused, Row};
use crate::domain::workshop::vehicles::{Customer, Vehicle};

use crate::store::Error;
use crate::store::table::keys::{self, Key};
use crate::store::table::record::Record;
use crate::store::table::table::Table;
use crate::store::workshop::Workshop;
use crate::store::workshop::vehicles;

const DOING: &str = "importing customers";
/// Rows looked up at once: a customer and a vehicle of each are as many keys as one read takes.
const BATCH: usize = crate::store::table::batch_get::MOST_KEYS / 2;
/// Actions that one transaction takes.
const MOST_ACTIONS: usize = 100;
/// How often a row is tried by itself.
const ATTEMPTS: usize = 4;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// Something of it was new, and is stored.
    Stored,
    /// All of it was known.
    Unchanged,
    /// None of it is stored.
    Refused(Refused),
}

/// What is there of what some rows name, and what those before have made of it.
#[derive(Default)]
struct Known {
    customers: HashMap<Key, Versioned<Customer>>,
    vehicles: HashMap<Key, Versioned<Vehicle>>,
    erasures: HashSet<Key>,
}

/// Items that a row changes, with the versions that were read.
#[derive(Default)]
struct RowWrite {
    customer: Option<(Customer, Option<Versioned<Customer>>)>,
    vehicle: Option<(Vehicle, Option<u64>)>,
}

/// A transaction in the making: rows by their place, and the items that it touches.
#[derive(Default)]
struct Chunk {
    rows: Vec<usize>,
    actions: Vec<TransactWriteItem>,
    touched: HashSet<Key>,
}

impl Workshop {
    /// Stores rows in their order; gives what became of each. Two calls at once must not name the same customer, or
    /// they are in each other's way.
    ///
    /// # Errors
    /// [`Error`]; what was stored till then stays, and the same rows again store the rest.
    pub async fn import(&self, rows: &[Row]) -> Result<Vec<Imported>, Error> {
        let mut all = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            all.extend(self.import_batch(batch).await?);
        }
        Ok(all)
    }

    async fn import_batch(&self, rows: &[Row]) -> Result<Vec<Imported>, Error> {
        let (mut outcomes, chunks) = self.plan(rows).await?;
        for chunk in chunks {
            if self.table.write(chunk.actions, DOING).await?.is_none() {
                continue;
            }
            for place in chunk.rows {
                if let (Some(row), Some(outcome)) = (rows.get(place), outcomes.get_mut(place)) {
                    *outcome = self.import_one(row).await?;
                }
            }
        }
        Ok(outcomes)
    }

    async fn import_one(&self, row: &Row) -> Result<Imported, Error> {
        for _ in 0..ATTEMPTS {
            let (outcomes, chunks) = self.plan(std::slice::from_ref(row)).await?;
            let mut refused = false;
            for chunk in chunks {
                refused = refused || self.table.write(chunk.actions, DOING).await?.is_some();
            }
            if let Some(outcome) = outcomes.first().filter(|_| !refused) {
                return Ok(*outcome);
            }
        }
        Ok(Imported::Refused(Refused { field: "customer_id", reason: "others are changing it, import it again" }))
    }

    /// What the rows come to if nobody else writes, and the transactions that make it so.
    async fn plan(&self, rows: &[Row]) -> Result<(Vec<Imported>, Vec<Chunk>), Error> {
        let mut known = self.known(rows).await?;
        let (mut outcomes, mut chunks) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut chunk = Chunk::default();
        for (place, row) in rows.iter().enumerate() {
            let change = match known.decide(row) {
                Ok(change) => change,
                Err(refused) => {
                    outcomes.push(Imported::Refused(refused));
                    continue;
                }
            };
            if change.is_nothing() {
                outcomes.push(Imported::Unchanged);
                continue;
            }
            outcomes.push(Imported::Stored);
            if !chunk.has_room_for(&change) {
                chunks.push(std::mem::take(&mut chunk));
            }
            chunk.add(&self.table, place, &change)?;
            known.apply(change);
        }
        if !chunk.rows.is_empty() {
            chunks.push(chunk);
        }
        Ok((outcomes, chunks))
    }

    async fn known(&self, rows: &[Row]) -> Result<Known, Error> {
        let customers: HashSet<Key> = rows.iter().map(|row| keys::customer(&row.customer.id)).collect();
        let vehicles = rows.iter().filter_map(|row| row.vehicle.as_ref()).map(|vehicle| keys::vehicle(&vehicle.plate));
        let wanted: HashSet<Key> = vehicles.chain(customers.iter().cloned()).collect();
        let mut known = Known::default();
        for (key, item) in self.table.get_many(&Vec::from_iter(wanted), DOING).await? {
            if customers.contains(&key) {
                let record: Record<Customer> = Record::from_item(item)?;
                let version = record.version.unwrap_or(0);
                known.customers.insert(key, Versioned { version, value: record.data });
            } else {
                known.vehicles.insert(key, vehicles::versioned(item)?);
            }
        }
        let notes: HashSet<Key> = rows.iter().flat_map(|row| known.notes_about(row)).collect();
        known.erasures = self.table.get_many(&Vec::from_iter(notes), DOING).await?.into_keys().collect();
        Ok(known)
    }
}

impl Known {
    /// Where it would be noted that the person of a row was erased. Nobody asks of a number that is theirs anyway.
    fn notes_about(&self, row: &Row) -> Vec<Key> {
        let customer = &row.customer;
        match self.customers.get(&keys::customer(&customer.id)) {
            None => vec![keys::customer_erasure(&customer.id), keys::phone_erasure(&customer.phone)],
            Some(known) if known.value.phone != customer.phone => vec![keys::phone_erasure(&customer.phone)],
            Some(_) => Vec::new(),
        }
    }

    fn decide(&self, row: &Row) -> Result<RowWrite, Refused> {
        let customer = self.customers.get(&keys::customer(&row.customer.id));
        let vehicle = row.vehicle.as_ref().and_then(|wanted| self.vehicles.get(&keys::vehicle(&wanted.plate)));
        let change = row.decide(KnownForRow {
            customer: customer.map(|known| &known.value),
            vehicle: vehicle.map(|known| &known.value),
            is_customer_erased: self.erasures.contains(&keys::customer_erasure(&row.customer.id)),
            is_phone_erased: self.erasures.contains(&keys::phone_erasure(&row.customer.phone)),
        })?;
        Ok(RowWrite {
            customer: change.customer.map(|wanted| (wanted, customer.cloned())),
            vehicle: change.vehicle.map(|wanted| (wanted, vehicle.map(|known| known.version))),
        })
    }

    /// What is known once the change is stored.
    fn apply(&mut self, change: RowWrite) {
        if let Some((value, before)) = change.customer {
            let version = before.map_or(1, |before| before.version.saturating_add(1));
            self.customers.insert(keys::customer(&value.id), Versioned { value, version });
        }
    }
}

impl RowWrite {
    const fn is_nothing(&self) -> bool {
        self.customer.is_none() && self.vehicle.is_none()
    }

    /// Actions at the most: a customer and both notes, a vehicle, its pointer and the check of its customer.
    const MOST_ACTIONS: usize = 6;
}

impl Chunk {
    fn has_room_for(&self, change: &RowWrite) -> bool {
        // A transaction takes one action for each item.
        let again =
            change.customer.as_ref().is_some_and(|(value, _)| self.touched.contains(&keys::customer(&value.id)));
        !again && self.actions.len() + RowWrite::MOST_ACTIONS <= MOST_ACTIONS
    }

    fn add(&mut self, table: &Table, place: usize, change: &RowWrite) -> Result<(), Error> {
        self.rows.push(place);
        if let Some((customer, before)) = &change.customer {
            let key = keys::customer(&customer.id);
            self.touched.insert(key.clone());
            let version = before.as_ref().map(|before| before.version);
            self.actions.push(table.put_if_version(Record::new(key, customer), version)?);
            if before.is_none() {
                self.check_absent(table, keys::customer_erasure(&customer.id))?;
            }
            if before.as_ref().is_none_or(|before| before.value.phone != customer.phone) {
                self.check_absent(table, keys::phone_erasure(&customer.phone))?;
            }
        }
        if let Some((vehicle, version)) = &change.vehicle {
            self.actions.push(table.put_if_version(vehicles::record(vehicle), *version)?);
            if version.is_none() {
                let pointer = keys::customer_vehicle(&vehicle.customer, &vehicle.plate);
                self.actions.push(table.put_always(Record::new(pointer, ()))?);
            }
            let customer = keys::customer(&vehicle.customer);
            if self.touched.insert(customer.clone()) {
                self.actions.push(table.check_present(&customer)?);
            }
        }
        Ok(())
    }

    fn check_absent(&mut self, table: &Table, key: Key) -> Result<(), Error> {
        if self.touched.insert(key.clone()) {
            self.actions.push(table.check_absent(&key)?);
        }
        Ok(())
    }
}
