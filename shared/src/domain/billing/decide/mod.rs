//! Decisions: pure functions from a stored subscription and an event to everything that is written together.

pub mod erasure;
pub mod operation;
pub mod order;
pub mod payment;
pub mod retry;
pub mod task_failure;
