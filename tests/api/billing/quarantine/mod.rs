//! Quarantined reports: storage, list and replay.

mod list;
mod replay;
mod store;
