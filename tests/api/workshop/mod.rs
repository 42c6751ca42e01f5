//! Customers, vehicles and reminders.

mod customers;
mod export;
mod import;
mod lists;
mod refusals;
mod reminders;
mod schedule;
mod workbooks;
