//! Faults, concurrency and time: every cut, lost response and interleaving of calls, seeded histories, and load.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod burst;
mod cut_points;
mod dry_run;
mod events;
mod harness;
mod interleavings;
mod linearizability;
mod lost_responses;
mod no_callbacks;
mod one_order;
mod replies;
mod scale;
mod secrets_outage;
mod simulation;
mod workshop;
