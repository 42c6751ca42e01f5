//! Receipts of requests under an `Idempotency-Key`: written with the effect of the request, in one transaction.

use crate::domain::billing::operations::{KEY_RECEIPT_DAYS, KeyReceipt};
use crate::domain::values::ids::OperationKey;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::record::Record;

/// A receipt as it is stored. DynamoDB may delete it [`KEY_RECEIPT_DAYS`] days after the logical time of its effect.
pub(in crate::store) fn record(receipt: &KeyReceipt) -> Record<&KeyReceipt> {
    let expires_at: Timestamp = receipt.at.plus_days(KEY_RECEIPT_DAYS);
    Record::new(keys::key_receipt(&receipt.keyed.key), receipt).expiring(expires_at)
}

impl Billing {
    /// Reads the receipt of a key consistently; `None` where no request used it in the last [`KEY_RECEIPT_DAYS`] days.
    pub async fn key_receipt(&self, key: &OperationKey) -> Result<Option<KeyReceipt>, Error> {
        let record = self.table.get(&keys::key_receipt(key), "reading the receipt of a key").await?;
        Ok(record.map(|record| record.data))
    }

    /// Stores the receipt of a request that changes nothing; `false` where the key was used in between.
    pub async fn note_key(&self, receipt: &KeyReceipt) -> Result<bool, Error> {
        self.table.put_if_absent(record(receipt), "storing the receipt of a key").await
    }
}
