//! The list of institutions as MMS serves it: the HTTP client, its pages, and the records in them.

pub(crate) mod client;
mod expiry_day;
pub(crate) mod pages;
pub(crate) mod record;
