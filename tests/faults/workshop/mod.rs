//! Messages to owners of vehicles.

mod owner_messages;
mod reminder_year;
