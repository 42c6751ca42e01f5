//! Leases of jobs that run once at a time. A lease ends at an instant, so that nobody waits for somebody who crashed.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

use crate::store::runs::Runs;
use crate::store::table::keys;
use crate::store::table::record::Record;
use crate::store::{Error, text};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lease {
    holder: String,
    until: Timestamp,
}

impl Runs {
    /// Takes the lease of a job until then; `false` while somebody else holds it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn take_lease(&self, job: &str, holder: &str, wall: Timestamp, until: Timestamp) -> Result<bool, Error> {
        let lease = Lease { holder: holder.to_owned(), until };
        let record = Record::new(keys::lease(job), lease).expiring(until.plus_days(1));
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(record.into_item()?))
            .condition_expression("attribute_not_exists(pk) OR #data.#until <= :wall OR #data.#holder = :holder")
            .expression_attribute_names("#data", "data")
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#holder", "holder")
            .expression_attribute_values(":wall", text(wall.to_string()))
            .expression_attribute_values(":holder", text(holder));
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(Error::unavailable("taking a lease", error)),
        }
    }

    /// Gives a lease back, if it is still the holder's.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn give_lease(&self, job: &str, holder: &str, wall: Timestamp) -> Result<(), Error> {
        self.take_lease(job, holder, wall, wall).await.map(|_| ())
    }
}
