//! The workshop's customers, and the notes of those who were erased.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::Customer;

use crate::store::Error;
use crate::store::table::keys::{self, prefix};
use crate::store::table::record::{Erasure, Record};
use crate::store::table::transaction::WriteOutcome;
use crate::store::workshop::Workshop;

impl Workshop {
    /// A customer; `None` when there is none of that id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn customer(&self, id: &CustomerId) -> Result<Option<Versioned<Customer>>, Error> {
        let record = self.table.get(&keys::customer(id), "reading a customer").await?;
        Ok(record.map(Record::into_versioned))
    }

    /// Stores a customer over the one that was read, or as a new one. Whoever was erased is brought back by this: the
    /// notes of their id and their phone go.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_customer(
        &self,
        customer: &Customer,
        known: Option<&Versioned<Customer>>,
    ) -> Result<WriteOutcome, Error> {
        if known.is_some_and(|known| known.value == *customer) {
            return Ok(WriteOutcome::Unchanged);
        }
        let record = Record::new(keys::customer(&customer.id), customer);
        let actions = vec![
            self.table.put_if_version(record, known.map(|known| known.version))?,
            self.table.delete_always(&keys::customer_erasure(&customer.id))?,
            self.table.delete_always(&keys::phone_erasure(&customer.phone))?,
        ];
        let refused = self.table.write(actions, "storing a customer").await?;
        Ok(if refused.is_none() { WriteOutcome::Written } else { WriteOutcome::Conflict })
    }

    /// The note that the customer of an id was erased.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn customer_erasure(&self, id: &CustomerId) -> Result<Option<Erasure>, Error> {
        let record = self.table.get::<Erasure>(&keys::customer_erasure(id), "reading an erasure").await?;
        Ok(record.map(|record| record.data))
    }

    /// Up to `limit` plates of a customer's vehicles, in the order of the alphabet.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn plates_of(&self, id: &CustomerId, limit: usize) -> Result<Vec<Plate>, Error> {
        let pk = keys::customer_partition(id);
        let mut items =
            self.table.partition_up_to((&pk, prefix::VEHICLE), limit, "reading a customer's vehicles").await?;
        items.truncate(limit);
        let plate = |key: &AttributeValue| Plate::parse(key.as_s().ok()?.strip_prefix(prefix::VEHICLE)?).ok();
        Ok(items.iter().filter_map(|item| plate(item.get(keys::SK)?)).collect())
    }
}
