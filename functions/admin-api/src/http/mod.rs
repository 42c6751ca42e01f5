//! Requests and responses of every route: parsing, errors, cursors and dates.

pub(crate) mod assets;
pub(crate) mod context;
pub(crate) mod cursor;
pub(crate) mod dates;
pub(crate) mod fields;
pub(crate) mod given;
pub(crate) mod idempotency;
pub(crate) mod page;
pub(crate) mod path;
pub(crate) mod reason;
pub(crate) mod refusals;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod routes;
pub(crate) mod search_query;
