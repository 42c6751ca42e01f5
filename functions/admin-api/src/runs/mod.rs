//! Routes of runs: run history and runs on demand.

pub(crate) mod exclusive_job;
pub(crate) mod history;
pub(crate) mod maintenance;
pub(crate) mod requests;
