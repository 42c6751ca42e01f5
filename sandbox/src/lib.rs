//! The outside world on one machine: AWS as far as the product calls it, ECPay, MMS, mail, WhatsApp, Slack, a movable
//! clock, and the functions in this process. `cargo run` and the tests use it.

#![allow(clippy::wildcard_enum_match_arm, reason = "most enums matched here are other crates' and may grow")]

pub mod api_docs;
mod app;
pub mod aws;
pub mod demo;
pub mod ecpay;
mod http;
pub mod mms;
mod slack;
#[cfg(test)]
mod test_support;
pub mod token;
mod whatsapp;
pub mod world;

/// Errors of starting a sandbox, and of the demo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template cannot be used.
    #[error("reading the template")]
    Template(#[from] aws::template::Error),
    /// The data directory cannot be used.
    #[error("opening the data directory")]
    Data(#[from] world::state::Error),
    /// The table could not be made.
    #[error("making the table: {0}")]
    Table(String),
    /// A port could not be opened.
    #[error("opening a port")]
    Port(#[from] std::io::Error),
    /// The documents of the API could not be written.
    #[error("writing docs/openapi.json and docs/API.md")]
    Documents(#[source] std::io::Error),
    /// The token could not be made.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// The HTTP client failed.
    #[error("calling the sandbox")]
    Http(#[from] reqwest::Error),
    /// A function's configuration is wrong.
    #[error(transparent)]
    Config(#[from] shared::platform::config::Invalid),
    /// A function could not read its secrets.
    #[error("starting a function")]
    Secrets(#[from] shared::platform::secrets::Error),
    /// A function did not start.
    #[error("starting subscription-maintenance")]
    Maintenance(#[from] subscription_maintenance::Error),
    /// A function did not start.
    #[error("starting maintenance-reminder")]
    Reminders(#[from] maintenance_reminder::Error),
    /// A function did not start.
    #[error("starting mms-expiry-scan")]
    ExpiryScan(#[from] mms_expiry_scan::Error),
    /// The demo got another response than it expects.
    #[error("the demo: {0}")]
    Demo(String),
}
