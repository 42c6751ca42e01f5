//! What staff do to a subscription, and what becomes of one that a task cannot be done for: every operation, refusal
//! and border, with instants and days worked out by hand from the calendar of `fixtures`.

mod cancel;
pub(crate) mod fixtures;
mod grace;
mod history;
mod keys;
mod paid;
mod pause;
mod resume;
mod sequences;
mod task_failures;
