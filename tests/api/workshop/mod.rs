//! Customers, vehicles and reminders.

mod customers;
mod export;
mod import;
mod lists;
mod reminders;
mod schedule;
mod workbooks;
