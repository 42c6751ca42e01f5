//! Business rules, without I/O, clock or randomness: every function is total and returns the same result for the same
//! arguments.

pub mod billing;
pub mod institutions;
pub mod values;
pub mod workshop;
