//! Values of every area: accepted and rejected texts for ids, instants and dates.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod emails;
mod ids;
mod instants;
#[path = "../support/mod.rs"]
mod support;
mod texts;

/// Property tests with a fixed seed: the same inputs in every run.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
