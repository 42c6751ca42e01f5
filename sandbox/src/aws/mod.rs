//! AWS on one loopback port: DynamoDB (dynoxide behind it), Secrets Manager, SES v2, Lambda Invoke and EventBridge
//! Scheduler, each call counted; EventBridge's bus, to which SES publishes; and the table's stream. A function says who it is by its access key, and may do what its role allows.

pub(crate) mod event_bus;
pub mod event_rule;
pub mod iam;
pub(crate) mod invocations;
pub mod lambda_events;
pub mod route;
pub mod schedule_definition;
pub mod schedule_expression;
pub mod scheduler;
pub mod ses;
pub(crate) mod ses_events;
pub mod stream;
pub mod template;
pub(crate) mod write_limit;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Error;
use crate::aws::invocations::Queued;
use crate::aws::stream::gateway;
use crate::world::clock;
use crate::world::credentials;
use crate::world::faults::{Fault, Service, lost_response};
use crate::world::state::Secret;
use crate::world::{NotDone, World};

/// The longest body that is taken: DynamoDB's own limit is 16 MB.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

#[derive(Clone)]
struct Endpoint {
    world: Arc<World>,
    dynamodb: String,
}

/// Serves AWS to the functions.
pub(crate) async fn serve(world: Arc<World>, listener: TcpListener) -> Result<(), Error> {
    let dynamodb = TcpListener::bind(("127.0.0.1", 0)).await?;
    let dynamodb_url = format!("http://{}", dynamodb.local_addr()?);
    let database = world.database.clone();
    tokio::spawn(
        async move { dynoxide::server::serve_with_shutdown(dynamodb, database, std::future::pending()).await },
    );
    let router = Router::new().fallback(answer).with_state(Endpoint { world, dynamodb: dynamodb_url });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

/// The SDK's configuration for that address: invented credentials, real calls.
#[must_use]
pub fn config(url: &str) -> SdkConfig {
    config_of("sandbox", url)
}

/// The same for a function, named as in the template.
#[must_use]
pub fn config_of(function: &str, url: &str) -> SdkConfig {
    let credentials = Credentials::new(function, "sandbox", None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("ap-northeast-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(TokioSleep::new())
        // A simulated outage ends only by a control, so waiting between two attempts would gain nothing.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build()
}

async fn answer(State(endpoint): State<Endpoint>, request: Request) -> Response {
    endpoint.world.timer.note_request();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let caller = caller(&parts.headers);
    let needs = iam::needs(target, &parts.method, parts.uri.path(), &body);
    if let Some(why) = endpoint.world.refusal(caller, &needs) {
        return aws_error(StatusCode::BAD_REQUEST, "AccessDeniedException", &why);
    }
    if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") {
        endpoint.world.count(caller, "dynamodb", operation);
        if endpoint.world.write_limit.is_exceeded(operation, &body) {
            let why = "Throughput exceeds the current capacity of your table or index.";
            return aws_error(StatusCode::BAD_REQUEST, "ThrottlingException", why);
        }
        return dynamodb(endpoint.clone(), operation, parts.headers.clone(), body).await;
    }
    if target == "secretsmanager.GetSecretValue" {
        endpoint.world.count(caller, "secretsmanager", "GetSecretValue");
        return secret(&endpoint.world, &body).await;
    }
    let segments: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["v2", "email", "outbound-emails"] => {
            endpoint.world.count(caller, "ses", "SendEmail");
            ses::send_email(&endpoint.world, &body).await
        }
        ["2015-03-31", "functions", name, "invocations"] => {
            endpoint.world.count(caller, "lambda", "Invoke");
            let event = serde_json::from_slice(&body).unwrap_or_default();
            match parts.headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok()) {
                Some("Event") => queue(&endpoint.world, name, event, caller),
                _ => invoke(&endpoint.world, name, event).await,
            }
        }
        ["schedules", name] => {
            let operation = if parts.method == Method::GET { "GetSchedule" } else { "UpdateSchedule" };
            endpoint.world.count(caller, "scheduler", operation);
            let query = parts.uri.query().unwrap_or_default();
            scheduler::answer(&endpoint.world, &parts.method, name, query, &body).unwrap_or_else(unknown)
        }
        _ => unknown(),
    }
}

/// The access key that a request was signed with.
fn caller(headers: &HeaderMap) -> &str {
    let signature = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = signature.split_once("Credential=").map(|(_, credential)| credential);
    credential.and_then(|credential| credential.split('/').next()).unwrap_or_default()
}

fn unknown() -> Response {
    aws_error(StatusCode::BAD_REQUEST, "UnknownOperationException", "not simulated here")
}

/// Performs a call of DynamoDB; of a write that the stream may want, with its records.
async fn dynamodb(endpoint: Endpoint, operation: &str, headers: HeaderMap, body: Bytes) -> Response {
    let keys = gateway::wanted_keys(&endpoint.world, operation, &body);
    if keys.is_empty() {
        return forward(&endpoint, &headers, body).await;
    }
    let world = Arc::clone(&endpoint.world);
    let write = async move { forward(&endpoint, &headers, body).await };
    // A write has its records also where its caller no longer listens.
    let recorded = tokio::spawn(gateway::recorded(world, keys, write)).await;
    recorded.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

async fn forward(endpoint: &Endpoint, headers: &HeaderMap, body: Bytes) -> Response {
    let mut forwarded = HeaderMap::new();
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            forwarded.insert(name, value.clone());
        }
    }
    let sent = endpoint.world.http.post(&endpoint.dynamodb).headers(forwarded).body(body).send().await;
    match sent {
        Ok(answer) => {
            let status = answer.status();
            let headers = answer.headers().clone();
            let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
            endpoint.world.items_read.fetch_add(items_read(&body), Ordering::Relaxed);
            let mut response = (status, body).into_response();
            for name in ["content-type", "x-amzn-requestid", "x-amz-crc32"] {
                if let Some(value) = headers.get(name) {
                    response.headers_mut().insert(http::HeaderName::from_static(name), value.clone());
                }
            }
            response
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Number of items that a response says were read: `ScannedCount` of a query, or 1 for a GetItem that found one.
fn items_read(answer: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        scanned_count: Option<u64>,
        item: Option<serde::de::IgnoredAny>,
    }
    let answer: Option<Answer> = serde_json::from_slice(answer).ok();
    answer.map_or(0, |answer| answer.scanned_count.unwrap_or(u64::from(answer.item.is_some())))
}

async fn secret(world: &World, body: &[u8]) -> Response {
    let fault = world.meet_fault(|state| state.next_fault(Service::SecretsManager)).await;
    match fault {
        Fault::Down => return aws_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", "down"),
        Fault::Refuse => return aws_error(StatusCode::BAD_REQUEST, "AccessDeniedException", "not authorized"),
        Fault::AnswerLost => return lost_response(),
        _ => {}
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let stage = text("VersionStage").unwrap_or("AWSCURRENT");
    let state = world.state();
    let found = text("SecretId").and_then(|id| state.secrets.get_key_value(id));
    let version = |secret: &Secret| match stage {
        "AWSCURRENT" => Some(secret.current.clone()),
        "AWSPREVIOUS" => secret.previous.clone(),
        _ => None,
    };
    match found.and_then(|(id, secret)| Some((id, version(secret)?, secret.created))) {
        Some((id, value, created)) => aws_json(&json!({
            "ARN": format!("arn:aws:secretsmanager:ap-northeast-1:000000000000:secret:{id}-abc123"),
            "Name": id, "VersionId": "00000000-0000-0000-0000-000000000001", "VersionStages": [stage],
            "SecretString": credentials::located(&value, &world.base_url), "CreatedDate": created.timestamp(),
        })),
        None => aws_error(
            StatusCode::BAD_REQUEST,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        ),
    }
}

/// Accepts an asynchronous invocation.
fn queue(world: &Arc<World>, name: &str, event: Value, caller: &str) -> Response {
    if !World::takes_events(name) {
        return aws_error(StatusCode::NOT_FOUND, "ResourceNotFoundException", "no such function");
    }
    invoke_later(world, name, event, caller);
    StatusCode::ACCEPTED.into_response()
}

/// Queues an asynchronous invocation. It runs after those of its function that are under way.
pub(crate) fn invoke_later(world: &Arc<World>, name: &str, event: Value, caller: &str) {
    let chain = world.invocations.next_in_chain(name, caller);
    let queued = Queued { function: name.to_owned(), event, chain, requested_at: world.now() };
    if !world.invocations.queue(queued, world.template.may_loop(name)) {
        tracing::warn!(function = name, chain, "an invocation was dropped by Lambda's loop detection");
    }
    tokio::spawn(clock::run_queue(Arc::clone(world)));
}

async fn invoke(world: &Arc<World>, name: &str, event: Value) -> Response {
    let (world, name) = (Arc::clone(world), name.to_owned());
    // The function goes on when its caller no longer listens.
    let Ok(done) = tokio::spawn(async move { world.invoke(&name, event).await }).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match done {
        Ok(answer) => aws_json(&answer),
        Err(NotDone::NoSuchFunction) => {
            aws_error(StatusCode::NOT_FOUND, "ResourceNotFoundException", "no such function")
        }
        Err(error) => {
            let failed = json!({ "errorType": "Error", "errorMessage": error.to_string() });
            let mut response = aws_json(&failed);
            response.headers_mut().insert("x-amz-function-error", http::HeaderValue::from_static("Unhandled"));
            response
        }
    }
}

fn aws_json(body: &Value) -> Response {
    ([(http::header::CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}

fn aws_error(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "__type": kind, "message": message }).to_string();
    (status, [("x-amzn-errortype", kind), ("content-type", "application/x-amz-json-1.1")], body).into_response()
}
