//! Run history and the leases of exclusive runs in the table.

pub mod lease;
pub mod run_history;
