//! A workshop's customers and vehicles: when maintenance is due and whether the owner is reminded.

pub mod import;
pub mod phone;
pub mod plate;
pub mod reminders;
pub mod vehicles;
