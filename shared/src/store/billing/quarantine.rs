//! Verified reports that are quarantined instead of applied, so that nothing that ECPay signed is lost.

use crate::domain::billing::notices::Notice;
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::{Timestamp, Zone};

use crate::store::billing::Billing;
use crate::store::billing::notices::queued;
use crate::store::billing::quarantine_types::{QuarantinePointer, Quarantined, Resolution, ResolvedAs};
use crate::store::billing::webhook_log;
use crate::store::billing::webhook_log::{WEBHOOK_LOG_DAYS, WebhookLog};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::{Condition, Update};
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{keys, number, text};

/// Maximum reports about unknown orders that are kept a day: ECPay's test environment shares one merchant among
/// strangers.
pub const UNKNOWN_ORDERS_A_DAY: u32 = 200;

/// Items that are stored together with a quarantined report.
#[derive(Default)]
pub struct RelatedWrites<'a> {
    /// Order that the report is about; gets a pointer to it. A report without an order counts against
    /// [`UNKNOWN_ORDERS_A_DAY`] and expires with the callback logs.
    pub order: Option<&'a SubscriptionId>,
    /// Log of the callback; stored only with a known order.
    pub log: Option<&'a WebhookLog>,
    /// Notice to staff.
    pub notice: Option<&'a Notice>,
}

impl Billing {
    /// Quarantines a report; `false` where it was quarantined before or the day's limit is reached.
    pub async fn quarantine_report(&self, report: &Quarantined, related: RelatedWrites<'_>) -> Result<bool, Error> {
        let at = report.received_at;
        let mut record = Record::new(keys::quarantine(&report.id), report).due(keys::QUARANTINE_QUEUE, at);
        let mut transaction = Transaction::default();
        if related.order.is_none() {
            record = record.expiring(at.plus_days(WEBHOOK_LOG_DAYS));
            transaction.update(count_unknown_order(at));
        }
        transaction.put_if_absent(record)?;
        if let Some(id) = related.order {
            transaction.put(pointer(id, report))?;
        }
        if let Some((id, log)) = related.order.zip(related.log) {
            // Without a condition: two reports of an order may be quarantined for one reason in one second.
            transaction.put(webhook_log::record(id, log))?;
        }
        if let Some(notice) = related.notice {
            transaction.put_if_absent(queued(notice))?;
        }
        self.transact_if_allowed(&transaction, "quarantining a report").await
    }

    /// Resolves a report about `order`; `false` where it is resolved already. `Applied` takes precedence over `Repeat`,
    /// because two concurrent replays may finish in either order.
    pub async fn resolve_quarantined(
        &self,
        report: &Quarantined,
        order: &SubscriptionId,
        resolution: &Resolution,
    ) -> Result<bool, Error> {
        const DOING: &str = "resolving a quarantined report";
        let resolved = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(resolution);
        let resolved = resolved.map_err(|error| Error::unavailable(DOING, error))?;
        let condition = if resolution.outcome == ResolvedAs::Applied {
            is_open().or(Condition::text_is(["data", "resolved", "outcome"], ResolvedAs::Repeat.name()))
        } else {
            is_open()
        };
        let update = Update::of(keys::quarantine(&report.id))
            .set(keys::QUEUE, text(keys::QUARANTINE_RESOLVED_QUEUE))
            .set(["data", "resolved"], resolved)
            .remove(keys::EXPIRES_AT)
            .when(condition);
        let mut transaction = Transaction::default();
        transaction.update(update);
        transaction.put(pointer(order, report))?;
        self.transact_if_allowed(&transaction, DOING).await
    }

    /// Stores the reason for which a report is still quarantined. If its order is known by now, the order gets a
    /// pointer to it and the report no longer expires. `false` where it is resolved already.
    pub async fn update_quarantine_reason(
        &self,
        report: &Quarantined,
        order: Option<&SubscriptionId>,
        reason: &QuarantineReason,
    ) -> Result<bool, Error> {
        let mut update = Update::of(keys::quarantine(&report.id))
            .set(["data", "reason"], text(reason.as_str()))
            .set(["data", "detail"], text(reason.to_string()))
            .when(is_open());
        let mut transaction = Transaction::default();
        if let Some(id) = order {
            transaction.put(pointer(id, report))?;
            update = update.remove(keys::EXPIRES_AT);
        }
        transaction.update(update);
        self.transact_if_allowed(&transaction, "updating the reason of a quarantined report").await
    }

    /// Stores a transaction; `false` where a condition does not hold.
    async fn transact_if_allowed(&self, transaction: &Transaction, doing: &'static str) -> Result<bool, Error> {
        retry_on_conflict(doing, (), |()| async move {
            Ok(match self.table.transact(transaction.clone(), doing).await? {
                None => Attempt::Done(true),
                Some(refusal) if refusal.is_by_condition() => Attempt::Done(false),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }
}

/// Counts one more report of the day about an unknown order, up to [`UNKNOWN_ORDERS_A_DAY`].
fn count_unknown_order(at: Timestamp) -> Update {
    let day = at.day(Zone::Taipei).to_string();
    Update::of(keys::quarantine_count(&day))
        .set(keys::EXPIRES_AT, number(at.plus_days(WEBHOOK_LOG_DAYS).unix()))
        .add("count", 1)
        .when(Condition::absent("count").or(Condition::number_below("count", UNKNOWN_ORDERS_A_DAY)))
}

/// True for a report that exists and is not resolved.
fn is_open() -> Condition {
    Condition::item_exists().and(Condition::absent(["data", "resolved"]))
}

fn pointer(order: &SubscriptionId, report: &Quarantined) -> Record<QuarantinePointer> {
    let pointer = QuarantinePointer { id: report.id.clone(), received_at: report.received_at };
    Record::new(keys::quarantine_pointer(order, report.received_at, &report.id), pointer)
}
