//! Routes of a vehicle workshop: customers, vehicles, import, export, reminders and their schedule.

pub(crate) mod csv;
pub(crate) mod customers;
pub(crate) mod errors;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod reminders;
pub(crate) mod vehicles;
