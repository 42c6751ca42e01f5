//! Continuation of a run that reached its limit: the function invokes itself.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_types::SdkConfig;
use serde_json::{Value, json};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;

use crate::event::Tasks;

/// Rounds of one chain: at 240 seconds each, more than half a day. A longer chain has a defect.
const LONGEST_CHAIN: u32 = 200;

/// Invokes this function again.
pub(crate) struct Continuation {
    client: Client,
    /// Name of this function, as Lambda gives it; `None` outside Lambda.
    function: Option<String>,
}

impl Continuation {
    pub(crate) fn new(aws: &SdkConfig, function: Option<String>) -> Self {
        // Without this the SDK would start several chains if a response is lost.
        let config = aws_sdk_lambda::config::Builder::from(aws).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), function }
    }

    /// Requests the next round of a run. Returns `false` where none follows; the next scheduled run then continues.
    pub(crate) async fn request(&self, tasks: &Tasks, time: InvocationTime) -> bool {
        let round = tasks.round.saturating_add(1);
        if round > LONGEST_CHAIN {
            tracing::error!(run = tasks.run.id, rounds = tasks.round, "the run is not continued: too many rounds");
            return false;
        }
        let Some(function) = &self.function else {
            tracing::warn!(run = tasks.run.id, "the run is not continued: the function's name is not known");
            return false;
        };
        let names: Vec<_> = tasks.tasks.iter().map(|task| task.as_str()).collect();
        let run_id = format!("{}.{round}", names.join("."));
        let event = json!({
            "task": names, "scheduled_at": time.wall_now(), "run_id": run_id, "round": round, "early": tasks.early,
        });
        match self.invoke(function, &event).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(run = tasks.run.id, error = error_chain(&error), "the run could not be continued");
                false
            }
        }
    }

    /// Invokes the function with `event`, to go on with work that is stored. Returns `false` where it was not invoked.
    pub(crate) async fn go_on(&self, event: &Value) -> bool {
        let Some(function) = &self.function else { return false };
        match self.invoke(function, event).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(error = error_chain(&error), "stored work could not be continued");
                false
            }
        }
    }

    async fn invoke(&self, function: &str, event: &Value) -> Result<(), aws_sdk_lambda::Error> {
        let invoke = self.client.invoke().function_name(function).invocation_type(InvocationType::Event);
        invoke.payload(Blob::new(event.to_string())).send().await?;
        Ok(())
    }
}
