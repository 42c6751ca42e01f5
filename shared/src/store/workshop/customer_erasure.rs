//! Erasure of a customer, with their vehicles and all reminders of those.

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::Customer;
use crate::platform::phone_keys::PhoneHasher;

use crate::store::erasure::Erasure;
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::text_in;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::Workshop;
use crate::store::workshop::search::LinkChange;

const DOING: &str = "erasing a customer";
/// Vehicles in one page.
const PAGE: usize = 100;

impl Workshop {
    /// Replaces a customer by the records of the erasure, under their id and under a hash of their phone for each key. From then
    /// on an import stores nothing under either. Opt-outs of the number and of those that the customer had before remain, without
    /// the numbers. Returns `false` where another write to the customer or an opt-out came first.
    pub async fn delete_customer(
        &self,
        known: &Versioned<Customer>,
        erasure: &Erasure,
        hasher: &PhoneHasher,
    ) -> Result<bool, Error> {
        let customer = &known.value;
        let opt_outs = self.opt_outs_of_person(&customer.phone, hasher).await?;
        let mut transaction = Transaction::default();
        transaction.delete_if(keys::customer(&customer.id), Condition::version_is(known.version));
        transaction.put(Record::new(keys::customer_erasure(&customer.id), erasure))?;
        for hash in hasher.erasures(&customer.phone) {
            transaction.put(Record::new(keys::phone_erasure(&hash), erasure))?;
        }
        for opt_out in opt_outs {
            if let Some(value) = &opt_out.value {
                opt_out.write(&value.anonymous(), &mut transaction)?;
            }
        }
        LinkChange::between(Some(customer), None).add_to(&mut transaction)?;
        Ok(self.table.transact(transaction, DOING).await?.is_none())
    }

    /// Deletes the vehicles of a deleted customer and their reminders. The pointer to each vehicle goes last, so that a
    /// repetition finds what is left. Ends where staff have restored the customer in between.
    pub async fn delete_customer_vehicles(&self, id: &CustomerId) -> Result<(), Error> {
        loop {
            let plates = self.plates_of(id, PAGE).await?;
            if plates.is_empty() {
                return Ok(());
            }
            for plate in plates {
                if !self.delete_customer_vehicle(id, &plate).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Returns `false` where the customer was restored.
    async fn delete_customer_vehicle(&self, id: &CustomerId, plate: &Plate) -> Result<bool, Error> {
        let pointer = &keys::customer_vehicle(id, plate);
        retry_on_conflict(DOING, (), |()| async move {
            let known = self.vehicle(plate).await?;
            if known.is_some_and(|known| known.value.customer != *id) {
                // The vehicle was sold to another customer: only the pointer is left.
                self.table.delete(pointer, DOING).await?;
                return Ok(Attempt::Done(true));
            }
            let mut transaction = Transaction::default();
            let customer = transaction.check(keys::customer(id), Condition::item_absent());
            let is_theirs = Condition::item_absent().or(Condition::text_is(["data", "customer"], id.as_str()));
            transaction.delete_if(keys::vehicle(plate), is_theirs);
            match self.table.transact(transaction, DOING).await? {
                None => {
                    self.delete_reminders(plate).await?;
                    self.table.delete(pointer, DOING).await?;
                    Ok(Attempt::Done(true))
                }
                Some(refusal) if refusal.is_at(customer) => Ok(Attempt::Done(false)),
                Some(_) => Ok(Attempt::Conflict(())),
            }
        })
        .await
    }

    async fn delete_reminders(&self, plate: &Plate) -> Result<(), Error> {
        let pk = keys::vehicle_partition(plate);
        let query = Query::partition(&pk).prefix(prefix::REMINDER).consistent();
        for item in self.table.query_pages(query, usize::MAX, DOING).await? {
            if let Some(sk) = text_in(&item, keys::SK) {
                self.table.delete(&Key { pk: pk.clone(), sk: sk.to_owned() }, DOING).await?;
            }
        }
        Ok(())
    }
}
