//! The sandbox from outside: its controls, its simulators and its files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod controls;
mod ecpay_controls;
mod invocations;
mod page;
mod persistence;
mod scheduler;
mod sign_in;
mod stream;
mod time;
mod whatsapp_simulators;
