//! Clients as the libraries set them up by default: replaces `shared/src/platform/aws.rs` for the measurement.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// AWS's clients with the timeouts of the product.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(7))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// Connections are opened by the first call.
pub async fn while_connecting<T>(_: &SdkConfig, start: impl Future<Output = T>) -> T {
    start.await
}

/// Clients of other services.
#[cfg(feature = "http")]
pub(crate) fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}
