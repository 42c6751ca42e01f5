//! Validated values used by every area.

pub mod email;
pub mod ids;
pub mod lookup;
pub mod money;
pub mod retry_after;
pub mod send_outcome;
pub mod text;
pub mod time;
pub mod time_range;
