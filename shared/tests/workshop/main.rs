//! Reminders of the workshop: recipients, times, wording, and the outcome that a provider's response leads to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod decisions;
mod opt_outs;
mod phone_notations;
mod phones;
mod plates;
mod provider_responses;
mod redaction;
mod salutations;
#[path = "../support/mod.rs"]
mod support;
mod visits;
mod wording;

/// Property tests with a fixed seed: the same inputs in every run.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
