//! Customers, vehicles and reminders of a workshop in the table.

pub mod background_import;
mod customer_erasure;
mod customers;
mod deliveries;
pub mod import;
pub mod opt_outs;
pub mod reminders;
pub mod search;
pub mod send_again;
mod uploads;
pub(in crate::store) mod vehicles;

use crate::store::table::Table;

/// Customers, vehicles and reminders of a workshop.
#[derive(Clone, Debug)]
pub struct Workshop {
    pub(in crate::store) table: Table,
}

/// Outcome of writing a customer or a vehicle over the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The new state is stored.
    Written,
    /// Already in the requested state; nothing was written.
    Unchanged,
    /// Another write came first: read and decide again.
    Conflict,
    /// The vehicle's customer does not exist.
    NoSuchCustomer,
}
