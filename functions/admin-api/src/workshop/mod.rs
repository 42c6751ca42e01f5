//! Routes of a vehicle workshop: customers, vehicles, import, export, reminders and their schedule.

pub(crate) mod customer_fields;
pub(crate) mod customers;
pub(crate) mod erasure;
pub(crate) mod errors;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod lists;
pub(crate) mod opt_outs;
pub(crate) mod reminder_answers;
pub(crate) mod reminders;
pub(crate) mod samples;
pub(crate) mod send_again;
pub(crate) mod vehicle_fields;
pub(crate) mod vehicles;
pub(crate) mod whatsapp;
