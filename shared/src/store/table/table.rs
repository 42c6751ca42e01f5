//! The table itself: reads and conditional writes of single items, and transactions.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::{Error, Item, key_of, number, text};

/// Handle to the DynamoDB table. Cheap to clone: clones share the connection pool.
#[derive(Clone, Debug)]
pub(in crate::store) struct Table {
    pub(in crate::store) client: Client,
    pub(in crate::store) name: String,
    /// Writes nothing.
    pub(in crate::store) is_dry_run: bool,
}

impl Table {
    pub(in crate::store) async fn get<T: DeserializeOwned>(
        &self,
        key: &Key,
        doing: &'static str,
    ) -> Result<Option<Record<T>>, Error> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key_of(key))).consistent_read(true);
        let answer = get.send().await.map_err(|error| Error::unavailable(doing, error))?;
        answer.item.map(Record::from_item).transpose()
    }

    pub(in crate::store) async fn put_if_absent<T: Serialize>(
        &self,
        record: Record<T>,
        doing: &'static str,
    ) -> Result<bool, Error> {
        if self.is_dry_run {
            return Ok(true);
        }
        let item: Item = record.into_item()?;
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(Error::unavailable(doing, error)),
        }
    }

    /// Writes an item if it still has version `expected`; `false` when somebody else wrote it.
    pub(in crate::store) async fn put_version<T: Serialize>(
        &self,
        record: Record<T>,
        expected: u64,
        doing: &'static str,
    ) -> Result<bool, Error> {
        if self.is_dry_run {
            return Ok(true);
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(record.at_version(expected.saturating_add(1)).into_item()?))
            .condition_expression("#version = :expected")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":expected", number(expected));
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(Error::unavailable(doing, error)),
        }
    }

    /// `None` when all was written, else why each action was refused.
    pub(in crate::store) async fn write(
        &self,
        actions: Vec<TransactWriteItem>,
        doing: &'static str,
    ) -> Result<Option<Vec<CancellationReason>>, Error> {
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(actions)).send().await else {
            return Ok(None);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons().to_vec();
                let refused = |code: &str| matches!(code, "None" | "ConditionalCheckFailed" | "TransactionConflict");
                if reasons.iter().all(|reason| reason.code().is_none_or(refused)) {
                    Ok(Some(reasons))
                } else {
                    Err(Error::unavailable(doing, error))
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Ok(Some(Vec::new())),
            _ if error.code() == Some("ValidationException") => Err(Error::Rejected { doing, source: error.into() }),
            _ => Err(Error::unavailable(doing, error)),
        }
    }

    /// Every item of a partition whose sort key begins with `prefix`, page by page.
    pub(in crate::store) async fn partition(
        &self,
        pk: &str,
        prefix: &str,
        doing: &'static str,
    ) -> Result<Vec<Item>, Error> {
        self.partition_up_to((pk, prefix), usize::MAX, doing).await
    }

    /// At least the first `enough` of those items, or all: reading ends with the page that has them.
    pub(in crate::store) async fn partition_up_to(
        &self,
        (pk, prefix): (&str, &str),
        enough: usize,
        doing: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let mut query = self.client.query().table_name(&self.name).consistent_read(true);
            query = query.expression_attribute_values(":pk", text(pk)).set_exclusive_start_key(from);
            query = query.set_limit(i32::try_from(enough).ok());
            query = if prefix.is_empty() {
                query.key_condition_expression("pk = :pk")
            } else {
                query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", text(prefix))
            };
            let answer = query.send().await.map_err(|error| Error::unavailable(doing, error))?;
            all.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key;
            if from.is_none() || all.len() >= enough {
                return Ok(all);
            }
        }
    }
}
