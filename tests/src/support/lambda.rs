//! Lambda around a bootstrap: its build, its environment, the runtime API that it polls, and its process.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cargo::cargo;
use crate::lambda::Process;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use chrono::{DateTime, FixedOffset, Utc};
use sandbox::aws::lambda_events::api_gateway;
use sandbox::aws::template::Template;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Content type of ECPay's callbacks.
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A bootstrap that says nothing for so long hangs; Lambda itself would end it sooner.
const PATIENCE: Duration = Duration::from_secs(120);

/// Time that Lambda gives an instance after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// A bootstrap in a process of its own, which waits for its next event.
pub struct Bootstrap {
    process: Process,
    events: mpsc::UnboundedSender<(String, String)>,
    signs: mpsc::UnboundedReceiver<Sign>,
    stdout: oneshot::Receiver<String>,
    stderr: oneshot::Receiver<String>,
    invocations: u64,
}

/// Requests of a bootstrap to the runtime API.
enum Sign {
    Polls,
    Answers { id: String, kind: String, body: Value },
    CannotStart(String),
}

struct RuntimeApi {
    events: Mutex<mpsc::UnboundedReceiver<(String, String)>>,
    signs: mpsc::UnboundedSender<Sign>,
}

/// The path of a bootstrap. All are built once by each test process: `CARGO_BIN_EXE_…` exists in a binary's own
/// package only.
pub fn bootstrap(name: &str) -> PathBuf {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build)[name].clone()
}

fn build() -> BTreeMap<String, PathBuf> {
    let mut cargo = cargo();
    // With the tests among the targets cargo takes the crates that this test was built from, and builds none again.
    cargo.args(["build", "--workspace", "--bins", "--tests", "--locked", "--message-format=json"]);
    let built = cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    messages
        .filter_map(|message| {
            let path = message["executable"].as_str().filter(|_| message["profile"]["test"] == false)?;
            Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
        })
        .collect()
}

/// Starts a bootstrap that is expected to end by itself, and waits for that.
pub async fn run_to_its_end(name: &str, environment: BTreeMap<String, String>) -> Output {
    let mut command = Command::new(bootstrap(name));
    command.env_clear().envs(environment).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

impl Bootstrap {
    /// Starts a bootstrap; returns when it polls for its first event.
    pub async fn start(name: &str, environment: &BTreeMap<String, String>) -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let (sender, signs) = mpsc::unbounded_channel();
        let api = serve(RuntimeApi { events: Mutex::new(queue), signs: sender }).await;
        let mut command = Command::new(bootstrap(name));
        command.env_clear().envs(environment).env("AWS_LAMBDA_RUNTIME_API", api);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = Process(started.unwrap());
        let stdout = read_to_end(process.0.stdout.take().unwrap());
        let stderr = read_to_end(process.0.stderr.take().unwrap());
        let mut bootstrap = Self { process, events, signs, stdout, stderr, invocations: 0 };
        bootstrap.polls().await;
        bootstrap
    }

    /// Invokes the function; its answer, once it polls again.
    pub async fn invoke(&mut self, event: &Value) -> Value {
        let (kind, body) = self.invoke_in_vain(event).await;
        assert_eq!(kind, "response", "{body}");
        body
    }

    /// Invokes the function, which may fail: `response` or `error`, and its answer.
    pub async fn invoke_in_vain(&mut self, event: &Value) -> (String, Value) {
        let id = self.begin(event);
        let Sign::Answers { id: answered, kind, body } = self.sign().await else { panic!("it polls unanswered") };
        assert_eq!(answered, id);
        self.polls().await;
        (kind, body)
    }

    /// Hands it an event and does not wait; the invocation's id.
    pub fn begin(&mut self, event: &Value) -> String {
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.invocations);
        self.events.send((id.clone(), event.to_string())).unwrap();
        id
    }

    /// Invokes it with a request; the status, the headers and the body of the answer.
    pub async fn request(&mut self, event: &Value) -> (u64, Value, String) {
        let answer = self.invoke(event).await;
        (answer["statusCode"].as_u64().unwrap(), answer["headers"].clone(), body(&answer))
    }

    /// The most memory that the process has had so far, in kilobytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends the process and gives what it wrote, to standard output and to standard error.
    pub async fn stop(self) -> (String, String) {
        let Self { process, stdout, stderr, .. } = self;
        drop(process);
        (stdout.await.unwrap(), stderr.await.unwrap())
    }

    /// Sends it SIGTERM, and gives how it ended, in time, and what it wrote, as [`Self::stop`].
    pub async fn terminate(self) -> (ExitStatus, String, String) {
        let Self { mut process, stdout, stderr, .. } = self;
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &process.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let ended = tokio::task::spawn_blocking(move || process.0.wait().unwrap());
        let ended = tokio::time::timeout(GRACE, ended).await.expect("it does not end").unwrap();
        (ended, stdout.await.unwrap(), stderr.await.unwrap())
    }

    async fn polls(&mut self) {
        match self.sign().await {
            Sign::Polls => {}
            Sign::Answers { kind, body, .. } => panic!("nothing was asked, but it answers with {kind}: {body}"),
            Sign::CannotStart(why) => panic!("it cannot start: {why}"),
        }
    }

    async fn sign(&mut self) -> Sign {
        let sign = async {
            tokio::select! {
                sign = self.signs.recv() => sign.unwrap(),
                log = &mut self.stdout => panic!("it ended by itself: {}", log.unwrap()),
            }
        };
        tokio::time::timeout(PATIENCE, sign).await.expect("it neither polls nor answers nor ends")
    }
}

fn read_to_end(mut stream: impl Read + Send + 'static) -> oneshot::Receiver<String> {
    let (sender, read) = oneshot::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        // The receiver may be gone.
        let _receiver_is_gone = sender.send(String::from_utf8_lossy(&all).into_owned());
    });
    read
}

async fn serve(api: RuntimeApi) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(answered))
        .route("/2018-06-01/runtime/init/error", post(cannot_start))
        .with_state(Arc::new(api));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    if api.signs.send(Sign::Polls).is_err() {
        return StatusCode::GONE.into_response();
    }
    let Some((id, event)) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = (shared::platform::clock::now().unix() + 60) * 1_000;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:ap-northeast-1:000000000000:function:invented".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn answered(
    State(api): State<Arc<RuntimeApi>>,
    Path((id, kind)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    taken(api.signs.send(Sign::Answers { id, kind, body }))
}

async fn cannot_start(State(api): State<Arc<RuntimeApi>>, body: String) -> StatusCode {
    taken(api.signs.send(Sign::CannotStart(body)))
}

fn taken(sent: Result<(), mpsc::error::SendError<Sign>>) -> StatusCode {
    if sent.is_ok() { StatusCode::ACCEPTED } else { StatusCode::GONE }
}

/// The lines of a log, and those of the metrics among them. Each is a JSON object.
pub fn lines_and_metrics(log: &str) -> (Vec<Value>, Vec<Value>) {
    let parsed =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}")));
    parsed.partition(|line: &Value| line["_aws"].is_null())
}

/// An instant in ECPay's words.
pub fn ecpay_time(at: DateTime<Utc>) -> String {
    at.with_timezone(&FixedOffset::east_opt(8 * 3_600).unwrap()).format("%Y/%m/%d %H:%M:%S").to_string()
}

/// A callback to `ecpay-auth` or `ecpay-billing` as an event.
pub fn callback(address: &str, body: &[u8]) -> Value {
    http_event(&format!("POST /api/webhooks/{address}"), &[FORM], body)
}

/// An event of API Gateway's payload format 2.0 for a request line such as `GET /path?query`.
pub fn http_event(request_line: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let (method, target) = request_line.split_once(' ').unwrap();
    let mut request = axum::http::Request::builder().method(method).uri(target).header("host", "api.invented.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let route = Template::of_the_stack().unwrap().route(method, parts.uri.path());
    api_gateway(&parts, body, route, "2025-01-31T02:00:00Z".parse().unwrap())
}

/// The body of a function's answer, as API Gateway sends it on.
#[must_use]
pub fn body(answer: &Value) -> String {
    let body = answer["body"].as_str().unwrap();
    if answer["isBase64Encoded"] == false {
        return body.to_owned();
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    String::from_utf8(bytes).unwrap()
}
