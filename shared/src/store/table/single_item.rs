//! Reads and writes of single items.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::error::Error;
use crate::store::table::expression::{Condition, Expression, Update};
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::{Item, Table, key_item};

impl Table {
    /// Reads an item consistently.
    pub(in crate::store) async fn get<T: DeserializeOwned>(
        &self,
        key: &Key,
        doing: &'static str,
    ) -> Result<Option<Record<T>>, Error> {
        self.get_item(key, doing).await?.map(Record::from_item).transpose()
    }

    /// Reads an item consistently, in the form in which it is stored.
    pub(in crate::store) async fn get_item(&self, key: &Key, doing: &'static str) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key_item(key))).consistent_read(true);
        let answer = Box::pin(get.send()).await.map_err(|error| Error::unavailable(doing, error))?;
        Ok(answer.item)
    }

    /// Writes an item over whatever is stored.
    pub(in crate::store) async fn put<T: Serialize>(
        &self,
        record: Record<T>,
        doing: &'static str,
    ) -> Result<(), Error> {
        if self.is_dry_run {
            return Ok(());
        }
        self.put_item(record.into_item()?, None, doing).await.map(|_| ())
    }

    /// Writes a new item; `false` when one of that key exists.
    pub(in crate::store) async fn put_if_absent<T: Serialize>(
        &self,
        record: Record<T>,
        doing: &'static str,
    ) -> Result<bool, Error> {
        self.put_if(record, &Condition::item_absent(), doing).await
    }

    /// Writes an item over the one that was read with version `expected`; `false` when it has changed since.
    pub(in crate::store) async fn put_if_version<T: Serialize>(
        &self,
        record: Record<T>,
        expected: u64,
        doing: &'static str,
    ) -> Result<bool, Error> {
        let record = record.at_version(expected.saturating_add(1));
        self.put_if(record, &Condition::version_is(expected), doing).await
    }

    /// Writes an item; `false` when the condition does not hold.
    pub(in crate::store) async fn put_if<T: Serialize>(
        &self,
        record: Record<T>,
        condition: &Condition,
        doing: &'static str,
    ) -> Result<bool, Error> {
        if self.is_dry_run {
            return Ok(true);
        }
        self.put_item(record.into_item()?, Some(condition), doing).await
    }

    async fn put_item(&self, item: Item, condition: Option<&Condition>, doing: &'static str) -> Result<bool, Error> {
        let expression = Expression::of(condition);
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values);
        is_written(Box::pin(put.send()).await, doing)
    }

    /// Changes attributes of an item; `false` when the update's condition does not hold.
    pub(in crate::store) async fn update(&self, update: Update, doing: &'static str) -> Result<bool, Error> {
        if self.is_dry_run {
            return Ok(true);
        }
        let expression = update.expression();
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&update.key)))
            .set_update_expression(expression.update)
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values);
        is_written(Box::pin(request.send()).await, doing)
    }

    /// Deletes an item; succeeds where there is none.
    pub(in crate::store) async fn delete(&self, key: &Key, doing: &'static str) -> Result<(), Error> {
        self.delete_item(key, None, doing).await.map(|_| ())
    }

    /// Deletes an item; `false` when the condition does not hold.
    pub(in crate::store) async fn delete_if(
        &self,
        key: &Key,
        condition: &Condition,
        doing: &'static str,
    ) -> Result<bool, Error> {
        self.delete_item(key, Some(condition), doing).await
    }

    async fn delete_item(&self, key: &Key, condition: Option<&Condition>, doing: &'static str) -> Result<bool, Error> {
        if self.is_dry_run {
            return Ok(true);
        }
        let expression = Expression::of(condition);
        let delete = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .set_condition_expression(expression.condition)
            .set_expression_attribute_names(expression.names)
            .set_expression_attribute_values(expression.values);
        is_written(Box::pin(delete.send()).await, doing)
    }
}

/// True when the write was stored, `false` when its condition did not hold.
fn is_written<T, E>(answer: Result<T, SdkError<E>>, doing: &'static str) -> Result<bool, Error>
where
    SdkError<E>: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(CONDITION_FAILED) => Ok(false),
        Err(error) => Err(Error::unavailable(doing, error)),
    }
}

/// DynamoDB's error code for a condition of a single write that does not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
