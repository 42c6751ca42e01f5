//! Checks of the repository itself: its code, its template and its documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod api_docs;
mod hygiene;
mod pipeline;
mod prose;
mod runbook;
mod structure;
mod template;
