//! Import of rows: known items are read in batches, only differences are written, in transactions of many rows. The
//! rows of a refused transaction are stored one by one.

use std::collections::{HashMap, HashSet};

use futures::future::try_join_all;

use crate::domain::billing::decision::Versioned;
use crate::domain::workshop::import::{KnownForRow, Refused, RefusedReason, Row};
use crate::domain::workshop::vehicles::{Customer, Vehicle};

use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::batch_get::MAX_KEYS;
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::transaction::{MAX_ACTIONS, Transaction};
use crate::store::workshop::Workshop;
use crate::store::workshop::search::LinkChange;
use crate::store::workshop::vehicles;

const DOING: &str = "importing customers";
/// Rows in one batch: their customers and vehicles are as many keys as one read takes.
const BATCH: usize = MAX_KEYS / 2;

/// Outcome of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// At least one item was new or changed and is stored.
    Stored,
    /// All items were stored like this already.
    Unchanged,
    /// The row was refused as a whole; none of it is stored.
    Refused(Refused),
}

/// Customers as a dry run of an import would have stored them so far.
#[derive(Default)]
pub struct ImportPreview {
    customers: HashMap<Key, Versioned<Customer>>,
}

/// Stored items that the rows of a batch refer to, with the changes of the rows before.
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

/// A transaction of many rows.
#[derive(Default)]
struct Chunk {
    /// Places of the rows in the batch.
    rows: Vec<usize>,
    transaction: Transaction,
    /// Items of the transaction: DynamoDB takes one action for each item.
    touched: HashSet<Key>,
}

impl Workshop {
    /// Stores rows in their order and returns the outcome of each. Concurrent calls with the same customers are
    /// correct, but conflict with each other.
    ///
    /// # Errors
    /// Where DynamoDB fails; rows stored before stay, and a repetition stores the rest.
    pub async fn import(&self, rows: &[Row]) -> Result<Vec<Imported>, Error> {
        let mut all = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            all.extend(self.import_batch(batch).await?);
        }
        Ok(all)
    }

    /// Returns the outcomes that [`Workshop::import`] would have for the rows, and writes nothing. `before` holds what the
    /// rows of the same list before these would have stored.
    ///
    /// # Errors
    /// Where DynamoDB fails.
    pub async fn preview_import(&self, rows: &[Row], before: &mut ImportPreview) -> Result<Vec<Imported>, Error> {
        let mut all = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            let mut known = self.known(batch).await?;
            known.customers.extend(before.customers.drain());
            all.extend(batch.iter().map(|row| known.preview(row)));
            before.customers = known.customers;
        }
        Ok(all)
    }

    async fn import_batch(&self, rows: &[Row]) -> Result<Vec<Imported>, Error> {
        let (mut outcomes, chunks) = self.plan(rows).await?;
        let stored = chunks.into_iter().map(|Chunk { rows, transaction, .. }| async move {
            Ok::<_, Error>(self.table.transact(transaction, DOING).await?.map(|_| rows))
        });
        // Beside one another, as one after the other would take longer than the request may. One that depends on another may be
        // refused.
        for refused in try_join_all(stored).await?.into_iter().flatten() {
            for place in refused {
                if let (Some(row), Some(outcome)) = (rows.get(place), outcomes.get_mut(place)) {
                    *outcome = self.import_one(row).await?;
                }
            }
        }
        Ok(outcomes)
    }

    async fn import_one(&self, row: &Row) -> Result<Imported, Error> {
        let imported = retry_on_conflict(DOING, (), |()| async move {
            let (outcomes, chunks) = self.plan(std::slice::from_ref(row)).await?;
            for chunk in chunks {
                if self.table.transact(chunk.transaction, DOING).await?.is_some() {
                    return Ok(Attempt::Conflict(()));
                }
            }
            Ok(outcomes.first().map_or(Attempt::Conflict(()), |outcome| Attempt::Done(*outcome)))
        });
        match imported.await {
            Err(Error::Contended { .. }) => {
                Ok(Imported::Refused(Refused { field: "customer_id", reason: RefusedReason::Conflict }))
            }
            imported => imported,
        }
    }

    /// Returns the outcomes of the rows in the absence of conflicts, and the transactions that produce them.
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
            chunk.add(place, &change)?;
            known.apply(change);
        }
        if !chunk.rows.is_empty() {
            chunks.push(chunk);
        }
        Ok((outcomes, chunks))
    }

    /// Reads customers and vehicles, then the records of erasures that those make relevant.
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
        let erasures: HashSet<Key> = rows.iter().flat_map(|row| known.erasure_keys(row)).collect();
        known.erasures = self.table.get_many(&Vec::from_iter(erasures), DOING).await?.into_keys().collect();
        Ok(known)
    }
}

impl Known {
    /// Keys under which an erasure of the row's customer would be recorded. A number that the customer has already is
    /// not looked up.
    fn erasure_keys(&self, row: &Row) -> Vec<Key> {
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

    /// Outcome of a row in the absence of conflicts; the rows after it see its change.
    fn preview(&mut self, row: &Row) -> Imported {
        match self.decide(row) {
            Err(refused) => Imported::Refused(refused),
            Ok(change) if change.is_nothing() => Imported::Unchanged,
            Ok(change) => {
                self.apply(change);
                Imported::Stored
            }
        }
    }

    /// Applies a change, so that later rows of the batch see it.
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

    /// Actions of the row apart from its links: customer, two erasure checks, vehicle, its pointer and the check of its
    /// customer.
    const MAX_ITEMS: usize = 6;

    /// Links by which the customer is found, as they change.
    fn links(&self) -> LinkChange {
        let change = |(after, before): &(Customer, Option<Versioned<Customer>>)| {
            LinkChange::between(before.as_ref().map(|before| &before.value), Some(after))
        };
        self.customer.as_ref().map(change).unwrap_or_default()
    }
}

impl Chunk {
    fn has_room_for(&self, change: &RowWrite) -> bool {
        let is_touched =
            change.customer.as_ref().is_some_and(|(value, _)| self.touched.contains(&keys::customer(&value.id)));
        let actions = RowWrite::MAX_ITEMS + change.links().action_count();
        !is_touched && self.transaction.action_count() + actions <= MAX_ACTIONS
    }

    fn add(&mut self, place: usize, change: &RowWrite) -> Result<(), Error> {
        self.rows.push(place);
        if let Some((customer, before)) = &change.customer {
            let key = keys::customer(&customer.id);
            self.touched.insert(key.clone());
            let version = before.as_ref().map(|before| before.version);
            self.transaction.put_if_version(Record::new(key, customer), version)?;
            change.links().add_to(&mut self.transaction)?;
            if before.is_none() {
                self.check(keys::customer_erasure(&customer.id), Condition::item_absent());
            }
            if before.as_ref().is_none_or(|before| before.value.phone != customer.phone) {
                self.check(keys::phone_erasure(&customer.phone), Condition::item_absent());
            }
        }
        if let Some((vehicle, version)) = &change.vehicle {
            self.transaction.put_if_version(vehicles::record(vehicle), *version)?;
            if version.is_none() {
                let pointer = keys::customer_vehicle(&vehicle.customer, &vehicle.plate);
                self.transaction.put(Record::new(pointer, ()))?;
            }
            self.check(keys::customer(&vehicle.customer), Condition::item_exists());
        }
        Ok(())
    }

    /// Adds a condition on an item that the transaction does not touch yet.
    fn check(&mut self, key: Key, condition: Condition) {
        if self.touched.insert(key.clone()) {
            self.transaction.check(key, condition);
        }
    }
}
