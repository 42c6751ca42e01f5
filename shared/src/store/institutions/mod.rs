//! Tracked institutions and the messages of each day's digest in the table.

pub mod digests;
pub mod tracked;
