//! Leases of exclusive runs. A lease ends at an instant, so that a crashed run blocks later ones only until then.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;

use crate::store::error::Error;
use crate::store::runs::Runs;
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::record::Record;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lease {
    holder: String,
    until: Timestamp,
}

impl Runs {
    /// Takes or extends the lease of a job; `false` while another holder has it at `wall`.
    pub async fn take_lease(&self, job: &str, holder: &str, wall: Timestamp, until: Timestamp) -> Result<bool, Error> {
        let lease = Lease { holder: holder.to_owned(), until };
        let record = Record::new(keys::lease(job), lease).expiring(until.plus_days(1));
        let is_available = Condition::item_absent()
            .or(Condition::text_at_most(["data", "until"], wall.to_string()))
            .or(Condition::text_is(["data", "holder"], holder));
        self.table.put_if(record, &is_available, "taking a lease").await
    }

    /// Releases a lease that the holder still has; does nothing otherwise.
    pub async fn release_lease(&self, job: &str, holder: &str, wall: Timestamp) -> Result<(), Error> {
        self.take_lease(job, holder, wall, wall).await.map(|_| ())
    }
}
