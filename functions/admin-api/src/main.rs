//! Lambda bootstrap of `admin-api`.

use std::convert::Infallible;
use std::process::ExitCode;

use admin_api::{AdminApi, Config, handle};
use lambda_http::{Error, run, service_fn};
use shared::platform::clock::{InvocationTime, now};
use shared::platform::{aws, config, logging, metrics};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init(config::environment("LOG_LEVEL"));
    metrics::init(config::environment("STACK_NAME"));
    let Some(api) = logging::log_error(start().await, "not started") else { return ExitCode::FAILURE };
    let served =
        run(service_fn(|request| async { Ok::<_, Infallible>(handle(&api, request, InvocationTime::now()).await) }))
            .await;
    logging::log_error(served, "ended").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

async fn start() -> Result<AdminApi, Error> {
    let config = Config::parse(&config::environment)?;
    let sdk = aws::sdk_config().await;
    Ok(aws::while_connecting(&sdk, AdminApi::start(&sdk, config, now())).await?)
}
