//! A customer of the workshop erased, with their vehicles and every reminder of those.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::Customer;

use crate::store::table::keys::{self, Key, prefix};
use crate::store::table::record::{Erasure, Record};
use crate::store::table::transaction::is_refused;
use crate::store::workshop::Workshop;
use crate::store::{Error, key_of, text};

const DOING: &str = "erasing a customer";
/// Vehicles that are looked up at once.
const PAGE: usize = 100;
/// How often one vehicle is tried because others are writing it.
const ATTEMPTS: usize = 4;
/// Place of the check that nobody brought the customer back.
const CUSTOMER: usize = 0;

impl Workshop {
    /// Puts the notes that a customer was erased in the place of the customer. From here on nothing is stored under
    /// them. `false` when somebody else wrote the customer first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn forget_customer(&self, known: &Versioned<Customer>, erasure: &Erasure) -> Result<bool, Error> {
        let customer = &known.value;
        let actions = vec![
            self.table.delete_version(&keys::customer(&customer.id), known.version)?,
            self.table.put_always(Record::new(keys::customer_erasure(&customer.id), erasure))?,
            self.table.put_always(Record::new(keys::phone_erasure(&customer.phone), erasure))?,
        ];
        Ok(self.table.write(actions, DOING).await?.is_none())
    }

    /// Deletes the vehicles of a customer who is gone, and the reminders of those; the pointer to each goes last, so
    /// that a repetition finds what is left. Ends where staff brought the customer back meanwhile.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn forget_vehicles(&self, id: &CustomerId) -> Result<(), Error> {
        loop {
            let plates = self.plates_of(id, PAGE).await?;
            if plates.is_empty() {
                return Ok(());
            }
            for plate in plates {
                if !self.forget_vehicle(id, &plate).await? {
                    return Ok(());
                }
            }
        }
    }

    /// `false` when the customer is back.
    async fn forget_vehicle(&self, id: &CustomerId, plate: &Plate) -> Result<bool, Error> {
        let pointer = keys::customer_vehicle(id, plate);
        for _ in 0..ATTEMPTS {
            let known = self.vehicle(plate).await?;
            if known.is_some_and(|known| known.value.customer != *id) {
                self.delete(&pointer).await?;
                return Ok(true);
            }
            let actions = vec![self.table.check_absent(&keys::customer(id))?, self.delete_if_of(plate, id)?];
            match self.table.write(actions, DOING).await? {
                None => {
                    self.forget_reminders(plate).await?;
                    self.delete(&pointer).await?;
                    return Ok(true);
                }
                Some(reasons) if is_refused(&reasons, CUSTOMER) => return Ok(false),
                Some(_) => {}
            }
        }
        Err(Error::Contended { doing: DOING })
    }

    /// Deletes a vehicle unless it is somebody else's.
    fn delete_if_of(&self, plate: &Plate, id: &CustomerId) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.table.name)
            .set_key(Some(key_of(&keys::vehicle(plate))))
            .condition_expression("attribute_not_exists(pk) OR #data.#customer = :customer")
            .expression_attribute_names("#data", "data")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_values(":customer", text(id.as_str()));
        let delete = delete.build().map_err(|error| Error::unavailable(DOING, error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    async fn forget_reminders(&self, plate: &Plate) -> Result<(), Error> {
        let pk = keys::vehicle_partition(plate);
        for item in self.table.partition(&pk, prefix::REMINDER, DOING).await? {
            if let Some(sk) = item.get(keys::SK).and_then(|sk| sk.as_s().ok()) {
                self.delete(&Key { pk: pk.clone(), sk: sk.clone() }).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let delete = self.table.client.delete_item().table_name(&self.table.name).set_key(Some(key_of(key)));
        delete.send().await.map(|_| ()).map_err(|error| Error::unavailable(DOING, error))
    }
}
