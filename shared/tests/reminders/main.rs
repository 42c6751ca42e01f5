//! Whom a reminder reaches, when, in which words, and what the provider's answer makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod phones;
mod plans;
mod plates;
mod shown;
mod verdicts;
mod visits;
mod words;

/// So many inputs, always the same ones.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
