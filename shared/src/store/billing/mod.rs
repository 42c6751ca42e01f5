//! Subscriptions, users, notices, quarantined reports and counters in the table.

pub mod commit;
pub mod counters;
pub mod notices;
pub mod quarantine;
pub mod quarantine_list;
pub mod reads;
pub mod user_erasure;
pub mod users;
