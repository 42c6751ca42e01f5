//! What staff do to a subscription, and what becomes of one that a task cannot be done for: every operation, refusal
//! and border, with instants and days worked out by hand from the calendar of `fixtures`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod cancel;
mod fixtures;
mod grace;
mod history;
mod keys;
mod paid;
mod pause;
mod resume;
mod sequences;
mod stuck;
