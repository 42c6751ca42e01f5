//! Lambda bootstrap of `maintenance-reminder`.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use maintenance_reminder::{Config, Reminders};
use shared::platform::clock::{InvocationTime, now};
use shared::platform::{aws, config, logging, metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(config::environment("LOG_LEVEL"));
    metrics::init(config::environment("STACK_NAME"));
    let Some(reminders) = logging::log_error(start().await, "not started") else { return ExitCode::FAILURE };
    let handler = |event: LambdaEvent<_>| async {
        let done = maintenance_reminder::run(&reminders, event.payload, InvocationTime::now()).await;
        // The runtime logs an error's Debug text, which contains AWS's whole response; so it is given the message only.
        done.inspect_err(|error| tracing::error!(error = logging::error_chain(error), "run failed"))
            .map_err(|error| error.to_string())
    };
    logging::log_error(run(service_fn(handler)).await, "ended").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

async fn start() -> Result<Reminders, Error> {
    let config = Config::parse(&config::environment)?;
    let sdk = aws::sdk_config().await;
    Ok(aws::while_connecting(&sdk, Reminders::start(&sdk, config, now())).await?)
}
