//! Transactions: up to 100 actions that are stored together or not at all (TransactWriteItems).

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    self, CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::Serialize;

use crate::store::error::Error;
use crate::store::table::expression::{Condition, Expression, Update};
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::{Item, Table, key_item};

/// Actions that DynamoDB takes in one transaction.
pub(in crate::store) const MAX_ACTIONS: usize = 100;

/// Error code in a cancellation reason for a condition that does not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Actions that are stored together or not at all, in the order in which they were added. Each method returns the place
/// of its action, by which a [`Refusal`] is read.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Transaction {
    actions: Vec<Action>,
}

#[derive(Clone, Debug)]
enum Action {
    Put { item: Item, condition: Option<Condition>, returns_existing: bool },
    Update { update: Update, returns_existing: bool },
    Delete { key: Key, condition: Option<Condition> },
    Check { key: Key, condition: Condition },
}

/// A transaction of which nothing was stored, because a condition did not hold or another write had the same item.
#[derive(Debug)]
pub(in crate::store) struct Refusal {
    /// One reason for each action; empty where DynamoDB names none.
    reasons: Vec<CancellationReason>,
}

impl Transaction {
    /// Number of actions, at most [`MAX_ACTIONS`].
    pub(in crate::store) const fn action_count(&self) -> usize {
        self.actions.len()
    }

    /// Writes an item over whatever is stored.
    pub(in crate::store) fn put<T: Serialize>(&mut self, record: Record<T>) -> Result<usize, Error> {
        self.put_item(record, None, false)
    }

    /// Writes a new item; refused where one of that key exists.
    pub(in crate::store) fn put_if_absent<T: Serialize>(&mut self, record: Record<T>) -> Result<usize, Error> {
        self.put_item(record, Some(Condition::item_absent()), false)
    }

    /// Writes a new item. Where one of that key exists, the refusal contains it.
    pub(in crate::store) fn put_if_absent_or_return<T: Serialize>(
        &mut self,
        record: Record<T>,
    ) -> Result<usize, Error> {
        self.put_item(record, Some(Condition::item_absent()), true)
    }

    /// Writes an item over the one that was read with version `expected`, or as a new one with version 1.
    pub(in crate::store) fn put_if_version<T: Serialize>(
        &mut self,
        record: Record<T>,
        expected: Option<u64>,
    ) -> Result<usize, Error> {
        let version = expected.map_or(1, |expected| expected.saturating_add(1));
        let condition = expected.map_or_else(Condition::item_absent, Condition::version_is);
        self.put_item(record.at_version(version), Some(condition), false)
    }

    fn put_item<T: Serialize>(
        &mut self,
        record: Record<T>,
        condition: Option<Condition>,
        returns_existing: bool,
    ) -> Result<usize, Error> {
        Ok(self.push(Action::Put { item: record.into_item()?, condition, returns_existing }))
    }

    pub(in crate::store) fn update(&mut self, update: Update) -> usize {
        self.push(Action::Update { update, returns_existing: false })
    }

    /// An update of which the refusal contains the item as it is stored.
    pub(in crate::store) fn update_or_return(&mut self, update: Update) -> usize {
        self.push(Action::Update { update, returns_existing: true })
    }

    /// Deletes an item; no condition, so an item that does not exist refuses nothing.
    pub(in crate::store) fn delete(&mut self, key: Key) -> usize {
        self.push(Action::Delete { key, condition: None })
    }

    pub(in crate::store) fn delete_if(&mut self, key: Key, condition: Condition) -> usize {
        self.push(Action::Delete { key, condition: Some(condition) })
    }

    /// Adds a condition on an item that the transaction does not write.
    pub(in crate::store) fn check(&mut self, key: Key, condition: Condition) -> usize {
        self.push(Action::Check { key, condition })
    }

    fn push(&mut self, action: Action) -> usize {
        self.actions.push(action);
        self.actions.len() - 1
    }
}

impl Refusal {
    /// True if the condition of the action at that place does not hold.
    pub(in crate::store) fn is_at(&self, place: usize) -> bool {
        self.reasons.get(place).is_some_and(is_condition)
    }

    /// True if that is the only action whose condition does not hold.
    pub(in crate::store) fn is_only_at(&self, place: usize) -> bool {
        self.is_at(place) && self.reasons.iter().filter(|reason| is_condition(reason)).count() == 1
    }

    /// True if any condition does not hold; otherwise another write had one of the items at that moment.
    pub(in crate::store) fn is_by_condition(&self) -> bool {
        self.reasons.iter().any(is_condition)
    }

    /// The stored item at a place whose action returns it.
    pub(in crate::store) fn existing(&self, place: usize) -> Option<&Item> {
        self.reasons.get(place)?.item()
    }
}

fn is_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some(CONDITION_FAILED)
}

impl Table {
    /// Stores a transaction; `None` when all of it was stored.
    pub(in crate::store) async fn transact(
        &self,
        transaction: Transaction,
        doing: &'static str,
    ) -> Result<Option<Refusal>, Error> {
        if self.is_dry_run {
            return Ok(None);
        }
        let actions = transaction.actions.into_iter().map(|action| self.request(action));
        let actions = actions.collect::<Result<Vec<_>, _>>().map_err(|error| Error::unavailable(doing, error))?;
        let sent = self.client.transact_write_items().set_transact_items(Some(actions)).send();
        let Err(error) = Box::pin(sent).await else {
            return Ok(None);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons().to_vec();
                let is_refusal = |code: &str| matches!(code, "None" | CONDITION_FAILED | "TransactionConflict");
                if reasons.iter().all(|reason| reason.code().is_none_or(is_refusal)) {
                    Ok(Some(Refusal { reasons }))
                } else {
                    Err(Error::unavailable(doing, error))
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Ok(Some(Refusal { reasons: Vec::new() }))
            }
            _ if error.code() == Some("ValidationException") => Err(Error::Rejected { doing, source: error.into() }),
            _ => Err(Error::unavailable(doing, error)),
        }
    }

    fn request(&self, action: Action) -> Result<TransactWriteItem, BuildError> {
        let request = TransactWriteItem::builder();
        let returning = |returns: bool| returns.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match action {
            Action::Put { item, condition, returns_existing } => {
                let expression = Expression::of(condition.as_ref());
                let put = Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(item))
                    .set_condition_expression(expression.condition)
                    .set_expression_attribute_names(expression.names)
                    .set_expression_attribute_values(expression.values)
                    .set_return_values_on_condition_check_failure(returning(returns_existing));
                request.put(put.build()?)
            }
            Action::Update { update, returns_existing } => {
                let expression = update.expression();
                let returns_existing = returns_existing && expression.condition.is_some();
                let update = types::Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_item(&update.key)))
                    .set_update_expression(expression.update)
                    .set_condition_expression(expression.condition)
                    .set_expression_attribute_names(expression.names)
                    .set_expression_attribute_values(expression.values)
                    .set_return_values_on_condition_check_failure(returning(returns_existing));
                request.update(update.build()?)
            }
            Action::Delete { key, condition } => {
                let expression = Expression::of(condition.as_ref());
                let delete = Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_item(&key)))
                    .set_condition_expression(expression.condition)
                    .set_expression_attribute_names(expression.names)
                    .set_expression_attribute_values(expression.values);
                request.delete(delete.build()?)
            }
            Action::Check { key, condition } => {
                let expression = Expression::of(Some(&condition));
                let check = ConditionCheck::builder()
                    .table_name(&self.name)
                    .set_key(Some(key_item(&key)))
                    .set_condition_expression(expression.condition)
                    .set_expression_attribute_names(expression.names)
                    .set_expression_attribute_values(expression.values);
                request.condition_check(check.build()?)
            }
        }
        .build())
    }
}
