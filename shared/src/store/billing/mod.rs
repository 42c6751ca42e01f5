//! Subscriptions, users, notices, quarantined reports and counters in the table.

pub mod commit;
pub mod counters;
pub mod due;
pub mod notices;
pub mod quarantine;
pub mod quarantine_list;
pub mod reads;
pub mod user_erasure;
pub mod users;

use crate::store::table::dry_run::DryRunOverlay;
use crate::store::table::table::Table;

/// Subscriptions, users, notices, quarantined reports and counters.
#[derive(Clone, Debug)]
pub struct Billing {
    pub(in crate::store) table: Table,
    pub(in crate::store) overlay: Option<DryRunOverlay>,
}
