//! Invocation of another Lambda function.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_types::SdkConfig;
use serde_json::Value;

use crate::http::response::{BUSY, Failure};

/// A Lambda function that this one may invoke.
pub(crate) struct Function {
    client: Client,
    name: String,
}

/// Builds a client that waits at most `patience` for the invoked function.
pub(crate) fn client(aws: &SdkConfig, patience: Duration) -> Client {
    // Of a limit that is not set here the client takes that of all clients of AWS, whose attempt ends after 3 s.
    let timeouts = TimeoutConfig::builder().operation_timeout(patience).operation_attempt_timeout(patience);
    // Without retries disabled the SDK would invoke the function up to three times if a response is lost.
    let config = aws_sdk_lambda::config::Builder::from(aws)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .build();
    Client::from_conf(config)
}

impl Function {
    pub(crate) const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Has Lambda invoke the function with `event`, and again where it fails.
    pub(crate) async fn start(&self, event: &Value) -> Result<(), Failure> {
        let invoke = self.client.invoke().function_name(&self.name).invocation_type(InvocationType::Event);
        let started = invoke.payload(Blob::new(event.to_string())).send().await;
        started.map(drop).map_err(|error| Failure::upstream(&error))
    }

    /// Invokes the function with `event`. Returns `None` if it is still running when the caller must be answered; it then
    /// continues on its own.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Option<Value>, Failure> {
        let payload = Blob::new(event.to_string());
        let answer = self.client.invoke().function_name(&self.name).payload(payload).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(SdkError::TimeoutError(_)) => return Ok(None),
            // The function's reserved concurrency is in use.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_too_many_requests_exception()) => {
                return Err(Failure::conflict(BUSY, "the function is busy; try again"));
            }
            Err(error) => return Err(Failure::upstream(&error)),
        };
        // An error or timeout inside the function: Lambda itself still answers 200.
        if let Some(kind) = answer.function_error() {
            tracing::error!(kind, function = self.name, "invoked function failed");
            return Err(Failure::unavailable("the run failed; see its log"));
        }
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        serde_json::from_slice(payload).map(Some).map_err(|error| Failure::upstream(&error))
    }
}
