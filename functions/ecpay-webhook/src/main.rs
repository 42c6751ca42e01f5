//! Lambda bootstrap of `ecpay-webhook`.

use std::convert::Infallible;
use std::process::ExitCode;

use ecpay_webhook::{Config, Webhook, handle};
use lambda_http::{Error, run, service_fn};
use shared::platform::clock::{InvocationTime, now};
use shared::platform::{aws, config, logging, metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(config::environment("LOG_LEVEL"));
    metrics::init(config::environment("STACK_NAME"));
    let Some(webhook) = logging::log_error(start().await, "not started") else { return ExitCode::FAILURE };
    let served = run(service_fn(|request| async {
        Ok::<_, Infallible>(handle(&webhook, request, InvocationTime::now()).await)
    }))
    .await;
    logging::log_error(served, "ended").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

async fn start() -> Result<Webhook, Error> {
    let config = Config::parse(&config::environment)?;
    let sdk = aws::sdk_config().await;
    Ok(aws::while_connecting(&sdk, Webhook::start(&sdk, config, now())).await?)
}
