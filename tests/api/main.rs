//! Every function from outside: a sandbox for each test, real HTTP, a real DynamoDB engine, and bodies signed by an
//! implementation of CheckMacValue that is not the product's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod billing;
mod find;
mod institutions;
mod platform;
mod workshop;
