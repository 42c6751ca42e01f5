//! ECPay's circuit breaker, shared by all functions: after HTTP 403 from ECPay no function calls it for a while.

use crate::domain::values::time::Timestamp;

use crate::store::error::Error;
use crate::store::runs::Runs;
use crate::store::table::keys;
use crate::store::table::record::Record;

impl Runs {
    /// Returns the end of the block at `wall`; `None` where ECPay may be called.
    pub async fn ecpay_blocked_until(&self, wall: Timestamp) -> Result<Option<Timestamp>, Error> {
        let record = self.table.get::<Timestamp>(&keys::breaker(), "reading the circuit breaker").await?;
        Ok(record.map(|record| record.data).filter(|until| wall < *until))
    }

    /// Opens the circuit breaker until then, also in a dry run: ECPay's limit counts the queries of a dry run too.
    pub async fn block_ecpay(&self, until: Timestamp) -> Result<(), Error> {
        let record = Record::new(keys::breaker(), until).expiring(until.plus_days(1));
        self.table.in_dry_run_too().put(record, "opening the circuit breaker").await
    }
}
