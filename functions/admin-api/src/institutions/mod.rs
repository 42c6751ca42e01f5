//! Routes of institution accounts about to expire.

pub(crate) mod expiring;
pub(crate) mod institution_answer;
pub(crate) mod presses;
