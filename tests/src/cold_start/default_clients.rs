//! The set-up that the libraries have of themselves.

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// AWS's clients.
pub(crate) async fn aws(_: impl Fn(&str) -> Option<String>, bounds: TimeoutConfig) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(bounds).load().await
}

/// Connections are opened when they are needed.
pub(crate) async fn connect(_: &SdkConfig, _: &str) {}

/// Clients of others.
#[cfg(feature = "http")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}
