//! Digest of expiring institutions in Slack: wording, Slack's limits, escaping of names, and the outcome that a response
//! of Slack leads to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod checker;
mod limits;
mod responses;
#[path = "../support/mod.rs"]
mod support;
mod wording;

/// Property tests with a fixed seed: the same inputs in every run.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
