//! Import of rows: known items are read in batches, only differences are written, in transactions of many rows. The
//! rows of a refused transaction are stored one by one.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::domain::billing::decision::Versioned;
use crate::domain::workshop::import::{KnownForRow, Refused, RefusedReason, Row, RowField};
use crate::domain::workshop::opt_out::OptOut;
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::vehicles::{Customer, Vehicle};
use crate::platform::logging::error_chain;
use crate::platform::phone_keys::PhoneHasher;

use crate::store::error::Error;
use crate::store::retry::{Attempt, patiently, retry_on_conflict};
use crate::store::table::batch_get::MAX_KEYS;
use crate::store::table::expression::Condition;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::transaction::{MAX_ACTIONS, Transaction};
use crate::store::table::{Item, keys};
use crate::store::workshop::opt_outs::NumberOptOut;
use crate::store::workshop::search::LinkChange;
use crate::store::workshop::{Workshop, opt_outs, vehicles};

const DOING: &str = "importing customers";
/// Transactions of a batch that are stored beside one another.
const CONCURRENT: usize = 4;
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
struct Known<'a> {
    hasher: &'a PhoneHasher,
    customers: HashMap<Key, Versioned<Customer>>,
    vehicles: HashMap<Key, Versioned<Vehicle>>,
    erasures: HashSet<Key>,
    opt_outs: HashMap<Key, Item>,
}

/// Items that a row changes, with the versions that were read.
#[derive(Default)]
struct RowWrite {
    customer: Option<(Customer, Option<Versioned<Customer>>)>,
    vehicle: Option<(Vehicle, Option<u64>)>,
    /// Keys under which an erasure of the customer must not be recorded.
    erasures: Vec<Key>,
    /// Opt-out of the customer's former number, for the number of the row.
    opt_out: Option<(NumberOptOut, OptOut)>,
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
    pub async fn import(&self, rows: &[Row], hasher: &PhoneHasher) -> Result<Vec<Imported>, Error> {
        let mut all = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            match self.import_batch(batch, hasher).await {
                Ok(outcomes) => all.extend(outcomes),
                // The item of one row must not keep the others from being stored.
                Err(error) if error.is_about_one_item() => {
                    for row in batch {
                        all.push(self.import_readable(row, hasher).await?);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Returns the outcomes that [`Workshop::import`] would have for the rows, and writes nothing. `before` holds what the
    /// rows of the same list before these would have stored.
    ///
    /// # Errors
    /// Where DynamoDB fails.
    pub async fn preview_import(
        &self,
        rows: &[Row],
        before: &mut ImportPreview,
        hasher: &PhoneHasher,
    ) -> Result<Vec<Imported>, Error> {
        let mut all = Vec::with_capacity(rows.len());
        for batch in rows.chunks(BATCH) {
            let mut known = self.known(batch, hasher).await?;
            known.customers.extend(before.customers.drain());
            for row in batch {
                all.push(known.preview(row)?);
            }
            before.customers = known.customers;
        }
        Ok(all)
    }

    async fn import_batch(&self, rows: &[Row], hasher: &PhoneHasher) -> Result<Vec<Imported>, Error> {
        let (mut outcomes, chunks) = self.plan(rows, hasher).await?;
        let stored = chunks.into_iter().map(|Chunk { rows, transaction, .. }| async move {
            let refused = patiently(|| self.table.transact(transaction.clone(), DOING)).await?;
            Ok::<_, Error>(refused.map(|_| rows))
        });
        // Some beside one another, as one after the other would take longer than the request may. One that depends on another
        // may be refused.
        let stored: Vec<Option<Vec<usize>>> = stream::iter(stored).buffer_unordered(CONCURRENT).try_collect().await?;
        for refused in stored.into_iter().flatten() {
            for place in refused {
                if let (Some(row), Some(outcome)) = (rows.get(place), outcomes.get_mut(place)) {
                    *outcome = self.import_one(row, hasher).await?;
                }
            }
        }
        Ok(outcomes)
    }

    /// Stores a row; it is refused where what it refers to cannot be read.
    async fn import_readable(&self, row: &Row, hasher: &PhoneHasher) -> Result<Imported, Error> {
        match self.import_one(row, hasher).await {
            Err(error) if error.is_about_one_item() => {
                tracing::error!(error = error_chain(&error), "a row of an import cannot be stored");
                Ok(Imported::Refused(Refused { field: RowField::CustomerId, reason: RefusedReason::Unreadable }))
            }
            imported => imported,
        }
    }

    async fn import_one(&self, row: &Row, hasher: &PhoneHasher) -> Result<Imported, Error> {
        let imported = retry_on_conflict(DOING, (), |()| async move {
            let (outcomes, chunks) = self.plan(std::slice::from_ref(row), hasher).await?;
            for chunk in chunks {
                if self.table.transact(chunk.transaction, DOING).await?.is_some() {
                    return Ok(Attempt::Conflict(()));
                }
            }
            Ok(outcomes.first().map_or(Attempt::Conflict(()), |outcome| Attempt::Done(*outcome)))
        });
        match imported.await {
            Err(Error::Contended { .. }) => {
                Ok(Imported::Refused(Refused { field: RowField::CustomerId, reason: RefusedReason::Conflict }))
            }
            imported => imported,
        }
    }

    /// Returns the outcomes of the rows in the absence of conflicts, and the transactions that produce them.
    async fn plan(&self, rows: &[Row], hasher: &PhoneHasher) -> Result<(Vec<Imported>, Vec<Chunk>), Error> {
        let mut known = self.known(rows, hasher).await?;
        let (mut outcomes, mut chunks) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut chunk = Chunk::default();
        for (place, row) in rows.iter().enumerate() {
            let change = match known.decide(row)? {
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

    /// Reads customers and vehicles, then the records of erasures and opt-outs that those make relevant.
    async fn known<'a>(&self, rows: &[Row], hasher: &'a PhoneHasher) -> Result<Known<'a>, Error> {
        let customers: HashSet<Key> = rows.iter().map(|row| keys::customer(&row.customer.id)).collect();
        let vehicles = rows.iter().filter_map(|row| row.vehicle.as_ref()).map(|vehicle| keys::vehicle(&vehicle.plate));
        let wanted: HashSet<Key> = vehicles.chain(customers.iter().cloned()).collect();
        let mut known = Known::new(hasher);
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
        let opt_outs: HashSet<Key> = rows.iter().flat_map(|row| known.opt_out_keys(row)).collect();
        let keys: Vec<Key> = erasures.iter().chain(&opt_outs).cloned().collect();
        let (erasures, opt_outs) =
            self.table.get_many(&keys, DOING).await?.into_iter().partition(|(key, _)| erasures.contains(key));
        known.erasures = HashMap::into_keys(erasures).collect();
        known.opt_outs = opt_outs;
        Ok(known)
    }
}

impl<'a> Known<'a> {
    fn new(hasher: &'a PhoneHasher) -> Self {
        Self {
            hasher,
            customers: HashMap::new(),
            vehicles: HashMap::new(),
            erasures: HashSet::new(),
            opt_outs: HashMap::new(),
        }
    }

    fn customer(&self, row: &Row) -> Option<&Versioned<Customer>> {
        self.customers.get(&keys::customer(&row.customer.id))
    }

    /// The number that the row's customer has now, where the row has another.
    fn former_phone(&self, row: &Row) -> Option<&Phone> {
        self.customer(row).map(|known| &known.value.phone).filter(|phone| **phone != row.customer.phone)
    }

    /// Keys under which an erasure of the row's customer would be recorded. A number that the customer has already is
    /// not looked up.
    fn erasure_keys(&self, row: &Row) -> Vec<Key> {
        let customer = &row.customer;
        let of_phone = || self.phone_erasures(&customer.phone);
        match self.customer(row) {
            None => std::iter::once(keys::customer_erasure(&customer.id)).chain(of_phone()).collect(),
            Some(known) if known.value.phone != customer.phone => of_phone(),
            Some(_) => Vec::new(),
        }
    }

    fn phone_erasures(&self, phone: &Phone) -> Vec<Key> {
        self.hasher.erasures(phone).iter().map(|hash| keys::phone_erasure(hash)).collect()
    }

    /// Keys of the opt-outs of both numbers, where the row changes the number of a customer.
    fn opt_out_keys(&self, row: &Row) -> Vec<Key> {
        let phones = self.former_phone(row).into_iter().flat_map(|former| [former, &row.customer.phone]);
        phones.flat_map(|phone| opt_outs::keys_of(phone, self.hasher)).collect()
    }

    fn opt_out(&self, phone: &Phone) -> Result<NumberOptOut, Error> {
        let keys = opt_outs::keys_of(phone, self.hasher);
        let mut found = keys
            .iter()
            .filter_map(|key| self.opt_outs.get_key_value(key))
            .map(|(key, item)| (key.clone(), item.clone()))
            .collect();
        NumberOptOut::from_items(keys, &mut found)
    }

    /// The opt-out of the customer's former number for the number of the row. One that the new number has or had stays.
    fn carried_opt_out(&self, row: &Row) -> Result<Option<(NumberOptOut, OptOut)>, Error> {
        let Some(former) = self.former_phone(row) else { return Ok(None) };
        let known = self.opt_out(&row.customer.phone)?;
        let carried = self.opt_out(former)?.carried_to(&row.customer.phone, &known);
        Ok(carried.map(|opt_out| (known, opt_out)))
    }

    /// # Errors
    /// Where a stored opt-out cannot be read; what the row is refused for is an outcome.
    fn decide(&self, row: &Row) -> Result<Result<RowWrite, Refused>, Error> {
        let customer = self.customer(row);
        let vehicle = row.vehicle.as_ref().and_then(|wanted| self.vehicles.get(&keys::vehicle(&wanted.plate)));
        let is_phone_erased = self.phone_erasures(&row.customer.phone).iter().any(|key| self.erasures.contains(key));
        let change = row.decide(KnownForRow {
            customer: customer.map(|known| &known.value),
            vehicle: vehicle.map(|known| &known.value),
            is_customer_erased: self.erasures.contains(&keys::customer_erasure(&row.customer.id)),
            is_phone_erased,
        });
        let change = match change {
            Ok(change) => change,
            Err(refused) => return Ok(Err(refused)),
        };
        let opt_out = if change.customer.is_some() { self.carried_opt_out(row)? } else { None };
        Ok(Ok(RowWrite {
            erasures: if change.customer.is_some() { self.erasure_keys(row) } else { Vec::new() },
            opt_out,
            customer: change.customer.map(|wanted| (wanted, customer.cloned())),
            vehicle: change.vehicle.map(|wanted| (wanted, vehicle.map(|known| known.version))),
        }))
    }

    /// Outcome of a row in the absence of conflicts; the rows after it see its change.
    fn preview(&mut self, row: &Row) -> Result<Imported, Error> {
        Ok(match self.decide(row)? {
            Err(refused) => Imported::Refused(refused),
            Ok(change) if change.is_nothing() => Imported::Unchanged,
            Ok(change) => {
                self.apply(change);
                Imported::Stored
            }
        })
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

    /// Most actions of the row: customer, links, checks of erasures, opt-out, vehicle, its pointer and the check of its customer.
    fn action_count(&self) -> usize {
        let opt_out = self.opt_out.as_ref().map_or(0, |(known, _)| known.keys().len());
        1 + self.links().action_count() + self.erasures.len() + opt_out + 3
    }

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
        let customer = change.customer.as_ref().map(|(customer, _)| keys::customer(&customer.id));
        let opt_out = change.opt_out.iter().flat_map(|(known, _)| known.keys());
        let is_touched = customer.iter().chain(opt_out).any(|key| self.touched.contains(key));
        !is_touched && self.transaction.action_count() + change.action_count() <= MAX_ACTIONS
    }

    fn add(&mut self, place: usize, change: &RowWrite) -> Result<(), Error> {
        self.rows.push(place);
        if let Some((customer, before)) = &change.customer {
            let key = keys::customer(&customer.id);
            self.touched.insert(key.clone());
            let version = before.as_ref().map(|before| before.version);
            self.transaction.put_if_version(Record::new(key, customer), version)?;
            change.links().add_to(&mut self.transaction)?;
        }
        for key in &change.erasures {
            self.check(key.clone(), Condition::item_absent());
        }
        if let Some((known, next)) = &change.opt_out {
            known.write(next, &mut self.transaction)?;
            self.touched.extend(known.keys().iter().cloned());
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
