//! What staff are told in Slack of institutions that are about to expire: the words, Slack's limits, names that would be
//! markup, and what Slack's answers make of a message.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod answers;
mod checker;
mod limits;
mod words;

/// So many inputs, always the same ones.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let rng_seed = proptest::test_runner::RngSeed::Fixed(7);
    proptest::test_runner::Config { cases, rng_seed, failure_persistence: None, ..Default::default() }
}
