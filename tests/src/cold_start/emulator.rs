//! One cold start under Lambda's runtime interface emulator, which the wheel of aws-sam-cli brings.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use shared::platform::clock::Stopwatch;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::builds::root;
use super::table::Start;
use crate::lambda::Process;

/// A function that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The runtime interface emulator, and the treatment of the page cache before a start.
pub(super) struct Emulator {
    program: PathBuf,
    evicts: bool,
    http: reqwest::Client,
}

impl Emulator {
    /// The emulator of the environment that `.ci/run` installs.
    pub(super) fn find(evicts: bool) -> Result<Self, String> {
        let version = pinned_version()?;
        let asked = Command::new(root().join(".ci/venv")).args(["sam", &version]).output();
        let asked = asked.map_err(|error| format!("running .ci/venv: {error}"))?;
        if !asked.status.success() {
            return Err(format!("installing {version}: {}", String::from_utf8_lossy(&asked.stderr)));
        }
        let venv = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
        let name = format!("aws-lambda-rie-{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" });
        let pythons = std::fs::read_dir(venv.join("lib")).map_err(|error| error.to_string())?;
        let places = pythons.filter_map(Result::ok);
        let program = places
            .map(|python| python.path().join("site-packages/samcli/local/rapid").join(&name))
            .find(|program| program.is_file())
            .ok_or_else(|| format!("no {name} in {}", venv.display()))?;
        let http = shared::platform::http::client(PATIENCE).map_err(|error| error.to_string())?;
        Ok(Self { program, evicts, http })
    }

    /// Starts a bootstrap, invokes it twice, and ends it.
    pub(super) async fn start(&self, binary: &Path, environment: &BTreeMap<String, String>, event: &str) -> Start {
        if self.evicts {
            evict(binary);
        }
        let [requests, api] = free_ports();
        let mut command = Command::new(&self.program);
        command.args(["--runtime-interface-emulator-address", &requests, "--runtime-api-address", &api]).arg(binary);
        command.env_clear().envs(environment).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process(command.spawn().expect("the emulator starts"));
        let (sender, mut log) = unbounded_channel();
        read(process.0.stdout.take().expect("a pipe"), sender.clone());
        read(process.0.stderr.take().expect("a pipe"), sender);
        self.listens(&requests).await;
        // The emulator starts the process at its first request.
        let stopwatch = Stopwatch::start();
        self.invoke(&requests, event).await;
        let wall = stopwatch.elapsed_ms();
        let bootstrap = child(process.0.id());
        let cpu = cpu(&bootstrap);
        self.invoke(&requests, event).await;
        let [init, first, second] = durations(&mut log).await;
        Start { init, first, second, wall, cpu, peak: peak(&bootstrap) }
    }

    async fn listens(&self, address: &str) {
        let mut turns = tokio::time::interval(Duration::from_millis(2));
        let connected = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                turns.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.expect("the emulator listens");
    }

    async fn invoke(&self, address: &str, event: &str) {
        let url = format!("http://{address}/2015-03-31/functions/function/invocations");
        let answer = self.http.post(url).body(event.to_owned()).send().await.expect("an answer");
        let body = answer.text().await.expect("an answer");
        assert!(!body.contains("\"errorType\""), "it failed: {body}");
    }
}

/// Version that `.ci/emulator` installs.
fn pinned_version() -> Result<String, String> {
    let gate = std::fs::read_to_string(root().join(".ci/run")).map_err(|error| format!(".ci/run: {error}"))?;
    let named = gate.split_whitespace().find(|word| word.starts_with("aws-sam-cli=="));
    named.map(|word| word.trim_end_matches(';').to_owned()).ok_or_else(|| ".ci/run names no aws-sam-cli".to_owned())
}

/// Puts a file out of the page cache.
fn evict(file: &Path) {
    let mut of = std::ffi::OsString::from("if=");
    of.push(file);
    let done = Command::new("dd").arg(of).args(["iflag=nocache", "count=0", "status=none"]).status();
    assert!(done.expect("dd runs").success(), "{} stays in the cache", file.display());
}

fn free_ports() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").to_string())
}

fn read(stream: impl Read + Send + 'static, sender: UnboundedSender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

/// Init and both invocations by the emulator's log. Its REPORT lines measure nothing.
async fn durations(log: &mut UnboundedReceiver<String>) -> [f64; 3] {
    let (mut init, mut invoked, mut said) = (None, Vec::new(), Vec::new());
    let all = async {
        while init.is_none() || invoked.len() < 2 {
            let line = log.recv().await.unwrap_or_else(|| panic!("it ended: {}", said.join("\n")));
            if line.contains("INIT REPORT(") {
                init = after(&line, "durationMs: ");
            } else if line.contains("INVOKE RTDONE(") {
                invoked.extend(after(&line, "duration: "));
            }
            said.push(line);
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the emulator logs what it measured");
    [init.expect("seen"), invoked[0], invoked[1]]
}

fn after(line: &str, word: &str) -> Option<f64> {
    let rest = line.split_once(word)?.1;
    rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse().ok()
}

/// Folder in `/proc` of the process that the emulator started.
fn child(emulator: u32) -> PathBuf {
    let parent = format!("PPid:\t{emulator}\n");
    let is_its = |process: &PathBuf| {
        std::fs::read_to_string(process.join("status")).is_ok_and(|status| status.contains(&parent))
    };
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(|entry| Some(entry.ok()?.path()));
    processes.into_iter().find(is_its).expect("the bootstrap lives on after its first answer")
}

/// Processor time of a process, in milliseconds.
fn cpu(process: &Path) -> f64 {
    let threads = std::fs::read_dir(process.join("task")).expect("threads");
    let times = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    times.filter_map(|of| after(&of, "")).sum::<f64>() / 1_000_000.0
}

/// The largest memory of a process, in megabytes.
fn peak(process: &Path) -> f64 {
    let status = std::fs::read_to_string(process.join("status")).expect("its status");
    let (_, rest) = status.split_once("VmHWM:").expect("its peak");
    after(rest.trim_start(), "").expect("a number") / 1024.0
}
