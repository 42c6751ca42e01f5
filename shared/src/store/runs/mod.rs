//! Run history and the leases of exclusive runs in the table.

pub mod lease;
pub mod run_history;

use crate::store::table::table::Table;

/// Run history, leases of exclusive runs and the circuit breaker of ECPay.
#[derive(Clone, Debug)]
pub struct Runs {
    pub(in crate::store) table: Table,
}
