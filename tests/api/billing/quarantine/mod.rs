//! Quarantined reports: storage, list and replay.

mod console;
mod list;
mod replay;
mod store;
