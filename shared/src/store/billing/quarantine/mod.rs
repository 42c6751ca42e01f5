//! Verified reports that are quarantined instead of applied, so that nothing that ECPay signed is lost.
pub mod list;
pub mod types;

use crate::domain::billing::notices::Notice;
use crate::domain::billing::payments::quarantine_reason::QuarantineReason;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::{Timestamp, Zone};

use crate::store::billing::Billing;
use crate::store::billing::notices::queued;
use crate::store::billing::quarantine::types::{QuarantinePointer, Quarantined, Resolution, ResolvedAs};
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
/// Maximum open reports that are kept of one order. A buyer holds forms that ECPay signed and can send them in many forms.
pub const OPEN_OF_AN_ORDER: u32 = 20;

/// Items that are stored together with a quarantined report.
#[derive(Default)]
pub struct RelatedWrites<'a> {
    /// Order that the report is about; gets a pointer to it. A report without an order counts against
    /// [`UNKNOWN_ORDERS_A_DAY`] and expires with the callback logs.
    pub order: Option<&'a SubscriptionId>,
    /// Log of the callback; stored only with a known order.
    pub log: Option<&'a WebhookLog>,
    /// Notice to staff; left out where it was enqueued before.
    pub notice: Option<&'a Notice>,
}

/// Result of quarantining a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineOutcome {
    /// Stored now.
    Stored,
    /// Stored by an earlier report of the same identity.
    KnownBefore,
    /// Not stored, because [`UNKNOWN_ORDERS_A_DAY`] or [`OPEN_OF_AN_ORDER`] is reached.
    LimitReached,
}

/// The transaction of a quarantined report, with the places of its conditions.
struct QuarantineWrite {
    transaction: Transaction,
    limit: usize,
    report: usize,
    notice: Option<usize>,
}

impl QuarantineWrite {
    fn of(report: &Quarantined, related: &RelatedWrites<'_>, notice: Option<&Notice>) -> Result<Self, Error> {
        let at = report.received_at;
        let mut record = Record::new(keys::quarantine(&report.id), report).due(keys::QUARANTINE_QUEUE, at);
        let mut transaction = Transaction::default();
        let limit = match related.order {
            Some(id) => transaction.update(count_open(id)),
            None => {
                record = record.expiring(at.plus_days(WEBHOOK_LOG_DAYS));
                transaction.update(count_unknown_order(at))
            }
        };
        let place = transaction.put_if_absent(record)?;
        if let Some(id) = related.order {
            transaction.put(pointer(id, report))?;
        }
        if let Some((id, log)) = related.order.zip(related.log) {
            // Without a condition: two reports of an order may be quarantined for one reason in one second.
            transaction.put(webhook_log::record(id, log))?;
        }
        let notice = notice.map(|notice| transaction.put_if_absent(queued(notice))).transpose()?;
        Ok(Self { transaction, limit, report: place, notice })
    }
}

impl Billing {
    /// Quarantines a report once.
    pub async fn quarantine_report(
        &self,
        report: &Quarantined,
        related: RelatedWrites<'_>,
    ) -> Result<QuarantineOutcome, Error> {
        const DOING: &str = "quarantining a report";
        let related = &related;
        retry_on_conflict(DOING, related.notice, |notice| async move {
            let write = QuarantineWrite::of(report, related, notice)?;
            let Some(refusal) = self.table.transact(write.transaction, DOING).await? else {
                return Ok(Attempt::Done(QuarantineOutcome::Stored));
            };
            Ok(if refusal.is_at(write.report) {
                Attempt::Done(QuarantineOutcome::KnownBefore)
            } else if refusal.is_at(write.limit) {
                Attempt::Done(QuarantineOutcome::LimitReached)
            } else if write.notice.is_some_and(|place| refusal.is_at(place)) {
                // Staff were notified of another report for the same reason.
                Attempt::Conflict(None)
            } else {
                Attempt::Conflict(notice)
            })
        })
        .await
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
        let update = |condition: Condition| {
            Update::of(keys::quarantine(&report.id))
                .set(keys::QUEUE, text(keys::QUARANTINE_RESOLVED_QUEUE))
                .set(["data", "resolved"], resolved.clone())
                .remove(keys::EXPIRES_AT)
                .when(condition)
        };
        let mut transaction = Transaction::default();
        transaction.update(update(is_open()));
        transaction.put(pointer(order, report))?;
        // A report that was stored before its order was known makes this one too low, so that the order may keep more.
        transaction.update(Update::of(keys::open_quarantine_count(order)).add("open", -1));
        if self.transact_if_allowed(&transaction, DOING).await? {
            return Ok(true);
        }
        if resolution.outcome != ResolvedAs::Applied {
            return Ok(false);
        }
        let mut transaction = Transaction::default();
        let is_repeat = Condition::text_is(["data", "resolved", "outcome"], ResolvedAs::Repeat.name());
        transaction.update(update(is_repeat));
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

/// Counts one more open report of an order, up to [`OPEN_OF_AN_ORDER`].
fn count_open(order: &SubscriptionId) -> Update {
    let is_below = Condition::absent("open").or(Condition::number_below("open", OPEN_OF_AN_ORDER));
    Update::of(keys::open_quarantine_count(order)).add("open", 1).when(is_below)
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
