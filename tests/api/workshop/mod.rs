//! Customers, vehicles and reminders.

mod customers;
mod import;
mod reminders;
mod schedule;
