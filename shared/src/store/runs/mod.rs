//! Run history, the leases of exclusive runs, ECPay's circuit breaker and pace in the table.

pub mod circuit_breaker;
pub mod ecpay_pace;
pub mod lease;
pub mod run_history;
pub mod stored_run;

use crate::store::table::Table;

/// Run history, leases of exclusive runs and the circuit breaker of ECPay.
#[derive(Clone, Debug)]
pub struct Runs {
    pub(in crate::store) table: Table,
}
