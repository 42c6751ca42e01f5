//! Library of the tests: harness, simulation and support; and the measurement of cold starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a simulation stops at the first surprise"
)]

pub mod cargo;
pub mod cold_start;
pub mod harness;
pub mod lambda;
pub mod simulation;
pub mod support;
pub mod tls;
