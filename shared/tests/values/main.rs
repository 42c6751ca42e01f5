//! Values of every area: accepted and rejected texts for ids, instants and dates.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod ids;
mod instants;
#[path = "../support/mod.rs"]
mod support;
mod texts;
