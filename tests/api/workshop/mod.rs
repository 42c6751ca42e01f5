//! Customers, vehicles and reminders.

mod background_import;
mod callbacks;
mod customers;
mod export;
mod follow_ups;
mod grouping;
mod import;
mod intervals;
mod lists;
mod opt_outs;
mod refusals;
mod reminders;
mod salutations;
mod schedule;
mod send_again;
mod workbooks;
