//! Verified reports that were set aside instead of applied: nothing that ECPay signed is lost.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use serde::Serialize;

use crate::domain::billing::notices::Notice;
use crate::domain::billing::quarantine_reason::QuarantineReason;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::{Timestamp, Zone};

use crate::store::billing::Billing;
use crate::store::billing::commit::WEBHOOK_LOG_DAYS;
use crate::store::billing::notices::queued;
use crate::store::table::keys;
use crate::store::table::record::{QuarantinePointer, Quarantined, Record, Resolution, ResolvedAs, WebhookLog};
use crate::store::{Error, key_of, number, text};

/// Reports about unknown orders that are kept a day: on stage strangers share the merchant.
pub const UNKNOWN_ORDERS_A_DAY: u32 = 200;

/// How often it is tried again because others write the same items.
const ATTEMPTS: usize = 8;

/// What is written beside a report that is set aside.
#[derive(Default)]
pub struct RelatedWrites<'a> {
    /// The order it is about, which then leads to it. A report without one counts against [`UNKNOWN_ORDERS_A_DAY`],
    /// and is kept for as long as a callback log only.
    pub order: Option<&'a SubscriptionId>,
    /// The log of the callback, kept where the order is known.
    pub log: Option<&'a WebhookLog>,
    /// What staff are told at once.
    pub notice: Option<&'a Notice>,
}

impl Billing {
    /// Sets a report aside; `false` when it was already, or the day's cap is reached.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_aside(&self, report: &Quarantined, beside: RelatedWrites<'_>) -> Result<bool, Error> {
        if self.table.is_dry_run {
            return Ok(true);
        }
        let at = report.received_at;
        let mut record = Record::new(keys::quarantine(&report.id), report).due(keys::QUARANTINE_QUEUE, at);
        let mut actions = Vec::new();
        if beside.order.is_none() {
            record = record.expiring(at.plus_days(WEBHOOK_LOG_DAYS));
            actions.push(self.cap(at)?);
        }
        actions.push(self.new_item(record)?);
        if let Some(id) = beside.order {
            actions.push(self.pointer(id, report)?);
        }
        if let Some((id, log)) = beside.order.zip(beside.log) {
            let expiry = at.plus_days(WEBHOOK_LOG_DAYS);
            let record = Record::new(keys::webhook_log(id, at, &log.event), log);
            // Without a condition: two reports of an order may be set aside for one reason in one second.
            let put = self.put_item(record.due(keys::WEBHOOK_LOG_QUEUE, expiry).expiring(expiry))?;
            actions.push(put_action(put)?);
        }
        if let Some(notice) = beside.notice {
            actions.push(self.new_item(queued(notice))?);
        }
        self.write_together(actions, "setting a report aside").await
    }

    /// Takes a report about `order` out of the open ones; `false` when somebody else did. That it was applied is told
    /// over that it was found applied: of two replays at once the second may be done first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resolve_quarantined(
        &self,
        report: &Quarantined,
        order: &SubscriptionId,
        resolution: &Resolution,
    ) -> Result<bool, Error> {
        const DOING: &str = "resolving a report that was set aside";
        let resolved = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(resolution);
        let mut update = self
            .change_open(report)
            .update_expression("SET #queue = :queue, #data.#resolved = :resolution REMOVE #expires")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":queue", text(keys::QUARANTINE_RESOLVED_QUEUE))
            .expression_attribute_values(":resolution", resolved.map_err(|error| Error::unavailable(DOING, error))?);
        if resolution.outcome == ResolvedAs::Applied {
            update = update
                .condition_expression(format!("{OPEN} OR #data.#resolved.#outcome = :repeat"))
                .expression_attribute_names("#outcome", "outcome")
                .expression_attribute_values(":repeat", text(ResolvedAs::Repeat.name()));
        }
        let actions = vec![update_action(update)?, self.pointer(order, report)?];
        self.write_together(actions, DOING).await
    }

    /// Writes why a report is set aside now, and leads to it from `order` if that is known by now: it is then kept
    /// like any other of an order of ours. `false` when somebody resolved it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn update_quarantine_reason(
        &self,
        report: &Quarantined,
        order: Option<&SubscriptionId>,
        reason: &QuarantineReason,
    ) -> Result<bool, Error> {
        const RESTATE: &str = "SET #data.#reason = :reason, #data.#detail = :detail";
        let mut update = self
            .change_open(report)
            .update_expression(RESTATE)
            .expression_attribute_names("#reason", "reason")
            .expression_attribute_names("#detail", "detail")
            .expression_attribute_values(":reason", text(reason.as_str()))
            .expression_attribute_values(":detail", text(reason.to_string()));
        let mut actions = Vec::new();
        if let Some(id) = order {
            actions.push(self.pointer(id, report)?);
            update = update
                .update_expression(format!("{RESTATE} REMOVE #expires"))
                .expression_attribute_names("#expires", keys::EXPIRES_AT);
        }
        actions.push(update_action(update)?);
        self.write_together(actions, "restating a report that was set aside").await
    }

    /// Writes all or nothing; `false` when a condition does not hold.
    async fn write_together(&self, actions: Vec<TransactWriteItem>, doing: &'static str) -> Result<bool, Error> {
        for _ in 0..ATTEMPTS {
            let write = self.table.client.transact_write_items().set_transact_items(Some(actions.clone()));
            let Err(error) = write.send().await else { return Ok(true) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(Error::unavailable(doing, error));
            };
            let refused =
                |code: &str| cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code));
            if refused("ConditionalCheckFailed") {
                return Ok(false);
            }
            if !refused("TransactionConflict") {
                return Err(Error::unavailable(doing, error));
            }
        }
        Err(Error::Contended { doing })
    }

    fn cap(&self, at: Timestamp) -> Result<TransactWriteItem, Error> {
        let day = at.day(Zone::Taipei).to_string();
        let update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(key_of(&keys::quarantine_count(&day))))
            .update_expression("SET #expires = :expires ADD #count :one")
            .condition_expression("attribute_not_exists(#count) OR #count < :cap")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cap", number(UNKNOWN_ORDERS_A_DAY))
            .expression_attribute_values(":expires", number(at.plus_days(WEBHOOK_LOG_DAYS).unix()));
        update_action(update)
    }

    /// A change of a report on the condition that it is there and open.
    fn change_open(&self, report: &Quarantined) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(key_of(&keys::quarantine(&report.id))))
            .condition_expression(OPEN)
            .expression_attribute_names("#data", "data")
            .expression_attribute_names("#resolved", "resolved")
    }

    fn pointer(&self, id: &SubscriptionId, report: &Quarantined) -> Result<TransactWriteItem, Error> {
        let key = keys::quarantine_pointer(id, report.received_at, &report.id);
        // Without a condition: it says the same whenever it is written.
        let pointer = QuarantinePointer { id: report.id.clone(), received_at: report.received_at };
        put_action(self.put_item(Record::new(key, pointer))?)
    }

    fn new_item<T: Serialize>(&self, record: Record<T>) -> Result<TransactWriteItem, Error> {
        put_action(self.put_item(record)?.condition_expression("attribute_not_exists(pk)"))
    }

    fn put_item<T: Serialize>(&self, record: Record<T>) -> Result<PutBuilder, Error> {
        Ok(Put::builder().table_name(&self.table.name).set_item(Some(record.into_item()?)))
    }
}

/// Whether a report is there and open.
const OPEN: &str = "attribute_exists(pk) AND attribute_not_exists(#data.#resolved)";

fn put_action(put: PutBuilder) -> Result<TransactWriteItem, Error> {
    let put = put.build().map_err(|error| Error::unavailable("preparing a write", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn update_action(update: UpdateBuilder) -> Result<TransactWriteItem, Error> {
    let update = update.build().map_err(|error| Error::unavailable("preparing a write", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
