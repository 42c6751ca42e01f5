//! Lambda bootstrap of `mms-expiry-scan`.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, run, service_fn};
use mms_expiry_scan::{ExpiryScan, UncheckedConfig};
use shared::platform::clock::{InvocationTime, now};
use shared::platform::{aws, config, logging, metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(config::environment("LOG_LEVEL"));
    metrics::init(config::environment("STACK_NAME"));
    let draft = UncheckedConfig::read(&config::environment);
    let sdk = aws::sdk_config().await;
    let scan = aws::while_connecting(&sdk, ExpiryScan::start(&sdk, draft, now())).await;
    let Some(scan) = logging::log_error(scan, "not started") else { return ExitCode::FAILURE };
    let handler = |event: LambdaEvent<_>| async {
        let done = mms_expiry_scan::run(&scan, event.payload, InvocationTime::now()).await;
        // The runtime logs an error's Debug text, which contains AWS's whole response; so it is given the message only.
        done.inspect_err(|error| tracing::error!(error = logging::error_chain(error), "run failed"))
            .map_err(|error| error.to_string())
    };
    logging::log_error(run(service_fn(handler)).await, "ended").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
