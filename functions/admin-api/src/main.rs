//! The bootstrap of `admin-api`.

use std::convert::Infallible;

use admin_api::{AdminApi, Config, handle};
use lambda_http::{Error, run, service_fn};
use shared::clock::{Moment, now};
use shared::{config, metrics, telemetry};

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init(config::environment("LOG_LEVEL"));
    metrics::init();
    let api =
        start().await.inspect_err(|error| tracing::error!(error = telemetry::chain(error.as_ref()), "not started"))?;
    run(service_fn(|request| async { Ok::<_, Infallible>(handle(&api, request, Moment::at(now())).await) })).await
}

async fn start() -> Result<AdminApi, Error> {
    let config = Config::parse(&config::environment)?;
    Ok(AdminApi::start(&config::aws().await, config, now()).await?)
}
