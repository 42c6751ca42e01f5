//! Decisions: pure functions from a stored subscription and an event to the changes that are written together.

pub mod adopt;
pub mod announce;
pub mod cancel;
mod charge_notices;
pub mod contact;
pub mod downgrade;
pub mod erasure;
pub mod operation;
pub mod order;
pub mod payment;
pub mod proof;
pub mod query;
pub mod retry;
mod supersede;
pub mod task_failure;
