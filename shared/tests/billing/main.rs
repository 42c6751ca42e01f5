//! Billing: dunning against an oracle, operations of staff, the rules of the history, and the values that both use.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may stop at the first surprise"
)]

mod annual_charge;
mod charge_history;
mod credit;
mod dunning;
mod mail_feedback;
mod money_seen;
mod names;
mod operations;
mod plausibility;
mod prices;
mod receipts;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod truth;
mod user_plan;
