//! Customers, vehicles and reminders.

mod callbacks;
mod console;
mod continuations;
mod customers;
mod follow_ups;
mod grouping;
mod intervals;
mod lists;
mod opt_outs;
mod refusals;
mod reminders;
mod salutations;
mod schedule;
mod send_again;
