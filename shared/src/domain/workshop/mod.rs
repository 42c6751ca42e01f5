//! Customers and vehicles of a workshop: due dates of maintenance, and reminders to the owners.

pub mod deliveries;
pub mod import;
pub mod latest_visits;
pub mod message_kind;
pub mod opt_out;
pub mod phone;
mod phone_notation;
pub mod plate;
pub mod provider_health;
pub mod reminders;
pub mod replies;
pub mod salutation;
pub mod send_again;
pub mod vehicles;
pub mod visit_interval;
