//! The bootstrap of `ecpay-webhook`.

use std::convert::Infallible;

use ecpay_webhook::{Config, Webhook, handle};
use lambda_http::{Error, run, service_fn};
use shared::clock::{Moment, now};
use shared::{config, metrics, telemetry};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init(config::environment("LOG_LEVEL"));
    metrics::init();
    let webhook =
        start().await.inspect_err(|error| tracing::error!(error = telemetry::chain(error.as_ref()), "not started"))?;
    run(service_fn(|request| async { Ok::<_, Infallible>(handle(&webhook, request, Moment::at(now())).await) })).await
}

async fn start() -> Result<Webhook, Error> {
    let config = Config::parse(&config::environment)?;
    Ok(Webhook::start(&config::aws().await, config, now()).await?)
}
