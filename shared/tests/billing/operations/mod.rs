//! Operations of staff, and orders with failing tasks: every operation, refusal and boundary, with instants and dates
//! derived by hand from the calendar of `fixtures`.

mod cancel;
mod cancel_timing;
mod contact;
pub(crate) mod fixtures;
mod grace;
mod history;
mod keys;
mod paid;
mod pause;
mod resume;
mod sequences;
mod task_failures;
