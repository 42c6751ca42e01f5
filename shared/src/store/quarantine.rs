//! Verified reports that were set aside instead of applied: nothing that ECPay signed is lost.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use serde::Serialize;

use crate::domain::ids::SubscriptionId;
use crate::domain::notification::Notice;
use crate::domain::time::{Timestamp, Zone};

use super::commit::WEBHOOK_LOG_DAYS;
use super::due::Cursor;
use super::notices::queued;
use super::records::{Quarantined, Record, WebhookLog};
use super::{Error, Item, Store, key_of, keys, number, text};

/// Reports about unknown orders that are kept a day: on stage strangers share the merchant.
pub const UNKNOWN_ORDERS_A_DAY: u32 = 200;
/// The longest list that is given at once.
const PAGE: i32 = 100;

/// How often it is tried again because others write the day's count.
const ATTEMPTS: usize = 8;

/// What is written beside a report that is set aside.
#[derive(Default)]
pub struct Beside<'a> {
    /// The log of the callback, where the order is known.
    pub log: Option<(&'a SubscriptionId, &'a WebhookLog)>,
    /// What staff are told at once.
    pub notice: Option<&'a Notice>,
    /// Whether it counts against [`UNKNOWN_ORDERS_A_DAY`], and is kept for as long as a callback log only.
    pub capped: bool,
}

impl Store {
    /// Sets a report aside; `false` when it was already, or the day's cap is reached.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_aside(&self, report: &Quarantined, beside: Beside<'_>) -> Result<bool, Error> {
        if self.is_rehearsing() {
            return Ok(true);
        }
        let at = report.received_at;
        let mut record = Record::new(keys::quarantine(&report.id), report).due(keys::QUARANTINE_QUEUE, at);
        let mut actions = Vec::new();
        if beside.capped {
            record = record.expiring(at.plus_days(WEBHOOK_LOG_DAYS));
            actions.push(self.cap(at)?);
        }
        actions.push(self.new_item(record)?);
        if let Some((id, log)) = beside.log {
            let expiry = at.plus_days(WEBHOOK_LOG_DAYS);
            let record = Record::new(keys::webhook_log(id, at, &log.event), log);
            // Without a condition: two reports of an order may be set aside for one reason in one second.
            let put = self.put_item(record.due(keys::WEBHOOK_LOG_QUEUE, expiry).expiring(expiry))?;
            actions.push(put_action(put)?);
        }
        if let Some(notice) = beside.notice {
            actions.push(self.new_item(queued(notice))?);
        }
        for _ in 0..ATTEMPTS {
            let write = self.client.transact_write_items().set_transact_items(Some(actions.clone()));
            let Err(error) = write.send().await else { return Ok(true) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(Error::unavailable("setting a report aside", error));
            };
            let refused =
                |code: &str| cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code));
            if refused("ConditionalCheckFailed") {
                return Ok(false);
            }
            if !refused("TransactionConflict") {
                return Err(Error::unavailable("setting a report aside", error));
            }
        }
        Err(Error::Contended { doing: "setting a report aside" })
    }

    /// Reports set aside from `from` up to but not including `to`, newest first, at most a page.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn quarantined(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Quarantined>, Error> {
        Ok(self.quarantine_page((from, to), None).await?.0)
    }

    /// All reports set aside from `from` up to but not including `to`, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn all_quarantined(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Quarantined>, Error> {
        let (mut all, mut cursor) = self.quarantine_page((from, to), None).await?;
        while cursor.is_some() {
            let (page, next) = self.quarantine_page((from, to), cursor).await?;
            all.extend(page);
            cursor = next;
        }
        Ok(all)
    }

    async fn quarantine_page(
        &self,
        (from, to): (Timestamp, Timestamp),
        after: Cursor,
    ) -> Result<(Vec<Quarantined>, Cursor), Error> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#queue = :queue AND #due_at BETWEEN :from AND :to")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_names("#due_at", keys::DUE_AT)
            .expression_attribute_values(":queue", text(keys::QUARANTINE_QUEUE))
            .expression_attribute_values(":from", text(from.to_string()))
            .expression_attribute_values(":to", text(to.plus_seconds(-1).to_string()))
            .scan_index_forward(false)
            .set_exclusive_start_key(after)
            .limit(PAGE);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading the quarantine", error))?;
        let items = answer.items.unwrap_or_default().into_iter();
        let page =
            items.map(|item: Item| Record::from_item(item).map(|record| record.data)).collect::<Result<_, _>>()?;
        Ok((page, answer.last_evaluated_key))
    }

    fn cap(&self, at: Timestamp) -> Result<TransactWriteItem, Error> {
        let day = at.day(Zone::Taipei).to_string();
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key_of(&keys::quarantine_count(&day))))
            .update_expression("SET #expires = :expires ADD #count :one")
            .condition_expression("attribute_not_exists(#count) OR #count < :cap")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cap", number(UNKNOWN_ORDERS_A_DAY))
            .expression_attribute_values(":expires", number(at.plus_days(WEBHOOK_LOG_DAYS).unix()))
            .build();
        let update = update.map_err(|error| Error::unavailable("setting a report aside", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn new_item<T: Serialize>(&self, record: Record<T>) -> Result<TransactWriteItem, Error> {
        put_action(self.put_item(record)?.condition_expression("attribute_not_exists(pk)"))
    }

    fn put_item<T: Serialize>(&self, record: Record<T>) -> Result<PutBuilder, Error> {
        Ok(Put::builder().table_name(&self.table).set_item(Some(record.into_item()?)))
    }
}

fn put_action(put: PutBuilder) -> Result<TransactWriteItem, Error> {
    let put = put.build().map_err(|error| Error::unavailable("setting a report aside", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}
