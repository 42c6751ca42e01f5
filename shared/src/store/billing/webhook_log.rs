//! The log of processed callbacks, kept for 30 days.

use serde::{Deserialize, Serialize};

use crate::domain::billing::payments::callback_kind::CallbackKind;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;

use crate::store::table::keys;
use crate::store::table::record::Record;

/// Days for which callback logs are kept.
pub const WEBHOOK_LOG_DAYS: i64 = 30;

/// One processed callback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookLog {
    /// Callback that was received: ReturnURL or PeriodReturnURL.
    pub kind: CallbackKind,
    /// Event id, or the reason for the quarantine.
    pub event: String,
    /// False where the report was quarantined.
    pub applied: bool,
    /// Time of receipt (UTC).
    pub received_at: Timestamp,
    /// Milliseconds from receipt to the transaction that stores this log.
    pub processing_time_ms: f64,
}

/// The log as an item of its order, in the queue by which it is deleted.
pub(in crate::store) fn record<'a>(order: &SubscriptionId, log: &'a WebhookLog) -> Record<&'a WebhookLog> {
    let expiry = log.received_at.plus_days(WEBHOOK_LOG_DAYS);
    let record = Record::new(keys::webhook_log(order, log.received_at, &log.event), log);
    record.due(keys::WEBHOOK_LOG_QUEUE, expiry).expiring(expiry)
}
