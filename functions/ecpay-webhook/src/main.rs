//! The bootstrap of `ecpay-webhook`.

use std::convert::Infallible;
use std::process::ExitCode;

use ecpay_webhook::{Config, Webhook, handle};
use lambda_http::{Error, run, service_fn};
use shared::clock::{Moment, now};
use shared::{config, metrics, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init(config::environment("LOG_LEVEL"));
    metrics::init();
    let Some(webhook) = telemetry::logged(start().await, "not started") else { return ExitCode::FAILURE };
    let served =
        run(service_fn(|request| async { Ok::<_, Infallible>(handle(&webhook, request, Moment::at(now())).await) }))
            .await;
    telemetry::logged(served, "ended").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

async fn start() -> Result<Webhook, Error> {
    let config = Config::parse(&config::environment)?;
    let aws = config::aws().await;
    Ok(config::while_connecting(&aws, Webhook::start(&aws, config, now())).await?)
}
