//! The actions that transactions about customers and vehicles are made of.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{CancellationReason, ConditionCheck, Delete, Put, TransactWriteItem};
use serde::Serialize;

use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::table::Table;
use crate::store::{Error, key_of, number};

const ABSENT: &str = "attribute_not_exists(pk)";
const PRESENT: &str = "attribute_exists(pk)";

/// What came of writing something that others may write too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is stored.
    Written,
    /// It was so already: nothing was written.
    Unchanged,
    /// Somebody else wrote first: read and decide again.
    Conflict,
    /// The customer that it belongs to does not exist.
    NoSuchCustomer,
}

/// Whether the action at `place` of a transaction was refused for its condition.
pub(in crate::store) fn is_refused(reasons: &[CancellationReason], place: usize) -> bool {
    reasons.get(place).is_some_and(|reason| reason.code() == Some("ConditionalCheckFailed"))
}

fn build_error(error: BuildError) -> Error {
    Error::unavailable("making a transaction", error)
}

impl Table {
    /// Puts an item as the write after `expected`, or as the first where there is none.
    pub(in crate::store) fn put_if_version<T: Serialize>(
        &self,
        record: Record<T>,
        expected: Option<u64>,
    ) -> Result<TransactWriteItem, Error> {
        let next = expected.map_or(1, |expected| expected.saturating_add(1));
        let put = Put::builder().table_name(&self.name).set_item(Some(record.at_version(next).into_item()?));
        let put = match expected {
            Some(expected) => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", number(expected)),
            None => put.condition_expression(ABSENT),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(build_error)?).build())
    }

    /// Puts an item whatever is there.
    pub(in crate::store) fn put_always<T: Serialize>(&self, record: Record<T>) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(&self.name).set_item(Some(record.into_item()?)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(build_error)?).build())
    }

    /// Deletes an item, whether it is there or not.
    pub(in crate::store) fn delete_always(&self, key: &Key) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder().table_name(&self.name).set_key(Some(key_of(key))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(build_error)?).build())
    }

    /// Deletes an item of that version.
    pub(in crate::store) fn delete_version(&self, key: &Key, version: u64) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key_of(key)))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(version));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(build_error)?).build())
    }

    /// Refuses the transaction unless the item is there.
    pub(in crate::store) fn check_present(&self, key: &Key) -> Result<TransactWriteItem, Error> {
        self.check(key, PRESENT)
    }

    /// Refuses the transaction if the item is there.
    pub(in crate::store) fn check_absent(&self, key: &Key) -> Result<TransactWriteItem, Error> {
        self.check(key, ABSENT)
    }

    /// Refuses the transaction unless the item has that version.
    pub(in crate::store) fn check_version(&self, key: &Key, version: u64) -> Result<TransactWriteItem, Error> {
        let check = ConditionCheck::builder()
            .table_name(&self.name)
            .set_key(Some(key_of(key)))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(version));
        let check = check.build().map_err(build_error)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn check(&self, key: &Key, condition: &str) -> Result<TransactWriteItem, Error> {
        let check = ConditionCheck::builder().table_name(&self.name).set_key(Some(key_of(key)));
        let check = check.condition_expression(condition).build().map_err(build_error)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}
