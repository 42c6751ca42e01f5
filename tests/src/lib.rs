//! What tests share: a deterministic simulation of the whole product.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation stops at the first surprise"
)]

pub mod harness;
pub mod simulation;
