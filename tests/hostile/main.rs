//! Hostile input: fuzzed parsers, changed callbacks, planted personal data, and CheckMacValue in another language.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod fuzz;
mod mac_mutations;
mod oracle;
mod pii_leaks;
