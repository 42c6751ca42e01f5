//! The AWS SDK's transport: no sockets. What the SDK does above it, signing, serialising and retrying, is real.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::{AsyncSleep, HttpClient, Region, RuntimeComponents, Sleep};
use aws_sdk_dynamodb::config::{SharedAsyncSleep, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::SdkConfig;

use super::call::{Call, Lost, Reply, Service};
use super::tasks::{Gate, Shared};

/// The SDK's longest pause between attempts. Anything longer is a timeout.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
/// Never dialled: it only has to be an address.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The retry quota is kept for the process under the region's name: a region for each instance keeps it the instance's.
static INSTANCES: AtomicU64 = AtomicU64::new(0);

/// The SDK's configuration of one instance, which is called at `here`.
pub(crate) fn config(shared: &Arc<Shared>, gate: &Arc<Gate>, here: &str) -> SdkConfig {
    let transport = Transport { shared: Arc::clone(shared), gate: Arc::clone(gate), here: here.to_owned() };
    sandbox::aws::config(NOWHERE)
        .into_builder()
        .region(Region::new(format!("simulated-{}", INSTANCES.fetch_add(1, Ordering::Relaxed))))
        .sleep_impl(SharedAsyncSleep::new(NoPause))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(SharedHttpClient::new(transport))
        .build()
}

/// Pauses before another attempt are over at once; a timeout never ends.
#[derive(Debug)]
struct NoPause;

impl AsyncSleep for NoPause {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration > LONGEST_BACKOFF { Sleep::new(pending()) } else { Sleep::new(ready(())) }
    }
}

#[derive(Clone)]
struct Transport {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    /// The instance's address, which stands in secrets.
    here: String,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transport")
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { shared, gate, here } = self.clone();
        HttpConnectorFuture::new(async move {
            match shared.pass(&gate, call(&request)).await {
                Ok(reply) => Ok(response(Reply { body: reply.body.replace("{sandbox}", &here), ..reply })),
                Err(Lost) => Err(ConnectorError::io("the connection broke".into())),
            }
        })
    }
}

fn call(request: &HttpRequest) -> Call {
    let body = request.body().bytes().expect("a body in memory").to_vec();
    let (service, action) = match request.headers().get("x-amz-target").and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", action)) => (Service::DynamoDb, action),
        Some(("secretsmanager", action)) => (Service::SecretsManager, action),
        Some((other, _)) => panic!("{other} is not simulated"),
        None if request.uri().ends_with("/v2/email/outbound-emails") => (Service::Ses, "SendEmail"),
        None if request.uri().ends_with("/functions/SubscriptionMaintenance/invocations") => {
            (Service::Lambda, "Invoke")
        }
        None if request.uri().ends_with("/functions/MaintenanceReminder/invocations") => (Service::Lambda, "Start"),
        None => panic!("{} is not simulated", request.uri()),
    };
    Call { service, action: action.to_owned(), body }
}

fn response(reply: Reply) -> HttpResponse {
    let mut response = HttpResponse::new(reply.status.try_into().expect("a status"), reply.body.into());
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    if reply.function_error {
        response.headers_mut().insert("x-amz-function-error", "Unhandled");
    }
    response
}
