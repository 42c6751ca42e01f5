//! Routes of runs: the run history and runs on demand.

pub(crate) mod exclusive_job;
pub(crate) mod invoke;
pub(crate) mod requests;
