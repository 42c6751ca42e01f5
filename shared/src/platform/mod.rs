//! The runtime environment: one module per external effect, and the only code that may use it.

pub(crate) mod aws;
pub mod clock;
pub mod config;
#[cfg(feature = "http")]
pub mod http;
pub mod logging;
pub mod metrics;
pub mod random;
pub mod secrets;
