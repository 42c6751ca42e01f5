//! The list of institutions as MMS serves it: the HTTP client, its pages, and the records in them.

pub(crate) mod client;
pub(crate) mod error;
mod expiry_day;
pub(crate) mod listing;
pub(crate) mod pages;
pub(crate) mod pass;
mod record;
