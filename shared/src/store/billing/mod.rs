//! Subscriptions, users, notices, events, quarantined reports and counters in the table.

pub mod adoption;
pub mod commit;
pub mod counters;
pub mod due;
pub mod events;
pub mod find;
pub mod key_receipts;
pub mod mail_feedback;
pub mod notices;
pub mod pages;
pub mod purchases;
pub mod quarantine;
pub mod reads;
pub mod users;
pub mod webhook_log;

use crate::store::table::Table;
use crate::store::table::dry_run::DryRunOverlay;

/// Subscriptions, users, notices, quarantined reports and counters.
#[derive(Clone, Debug)]
pub struct Billing {
    pub(in crate::store) table: Table,
    /// Decisions of a dry run; none where writes are sent.
    pub(in crate::store) overlay: Option<DryRunOverlay>,
}
