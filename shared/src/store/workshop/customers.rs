//! Customers of the workshop, and the records of erased ones.

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::opt_out::OptOut;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::Customer;
use crate::platform::phone_keys::PhoneHasher;

use crate::store::erasure::Erasure;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::text_in;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::opt_outs::NumberOptOut;
use crate::store::workshop::search::LinkChange;
use crate::store::workshop::{Workshop, WriteOutcome};

impl Workshop {
    /// Returns a customer.
    pub async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        let record = self.table.get(&keys::customer(id), "reading a customer").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Stores a customer over the one that was read, or as a new one, and a change of the number's opt-out with it. Restores an
    /// erased customer: the records of the erasure of their id and their phone are deleted.
    pub async fn put_customer(
        &self,
        customer: &Customer,
        known: Option<&Versioned<Customer>>,
        opt_out: Option<(&NumberOptOut, &OptOut)>,
        hasher: &PhoneHasher,
    ) -> Result<WriteOutcome, Error> {
        if opt_out.is_none() && known.is_some_and(|known| known.value == *customer) {
            return Ok(WriteOutcome::Unchanged);
        }
        let record = Record::new(keys::customer(&customer.id), customer);
        let mut transaction = Transaction::default();
        transaction.put_if_version(record, known.map(|known| known.version))?;
        let change = LinkChange::between(known.map(|known| &known.value), Some(customer));
        change.add_to(&mut transaction)?;
        transaction.delete(keys::customer_erasure(&customer.id));
        for hash in hasher.erasures(&customer.phone) {
            transaction.delete(keys::phone_erasure(&hash));
        }
        if let Some((known, next)) = opt_out {
            known.write(next, &mut transaction)?;
        }
        let refused = self.table.transact(transaction, "storing a customer").await?;
        Ok(if refused.is_none() { WriteOutcome::Written } else { WriteOutcome::Conflict })
    }

    /// Returns the record of the erasure of a customer, by id.
    pub async fn customer_erasure(&self, id: &CustomerId) -> Result<Option<Erasure>, Error> {
        let record = self.table.get::<Erasure>(&keys::customer_erasure(id), "reading an erasure").await?;
        Ok(record.map(|record| record.data))
    }

    /// Returns up to `limit` plates of a customer's vehicles in alphabetical order.
    pub async fn plates_of(&self, id: &CustomerId, limit: usize) -> Result<Vec<Plate>, Error> {
        let query = Query::partition(keys::customer_partition(id)).prefix(prefix::VEHICLE).consistent().limit(limit);
        let items = self.table.query_pages(query, limit, "reading a customer's vehicles").await?;
        let plates = items.iter().take(limit).filter_map(|item| text_in(item, keys::SK)?.strip_prefix(prefix::VEHICLE));
        Ok(plates.filter_map(|plate| Plate::try_from(plate.to_owned()).ok()).collect())
    }
}
