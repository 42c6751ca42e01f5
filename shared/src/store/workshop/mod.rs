//! Customers, vehicles and reminders in the table.

mod customer_erasure;
mod customers;
pub mod import;
pub mod reminders;
pub(in crate::store) mod vehicles;
