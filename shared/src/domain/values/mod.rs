//! Validated values that every area uses.

pub mod ids;
pub mod money;
pub mod retry_after;
pub(crate) mod text;
pub mod time;
