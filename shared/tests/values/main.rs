//! The domain's words: what a text must be to stand for an id, an instant, a day, an amount or a price, what is said
//! in which words to whom, and the small questions that facts and decisions answer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod decisions;
mod facts;
mod ids;
mod instants;
mod names;
mod prices;
