//! Customers, vehicles and reminders in the table.

mod customer_erasure;
mod customers;
pub mod import;
pub mod reminders;
pub(in crate::store) mod vehicles;

use crate::store::table::table::Table;

/// Customers, vehicles and reminders.
#[derive(Clone, Debug)]
pub struct Workshop {
    pub(in crate::store) table: Table,
}
