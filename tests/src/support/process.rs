//! `sandbox serve` in a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::lambda;
use reqwest::{Client, Method};
use sandbox::world::LONGEST_CALL;
use serde_json::Value;

use super::lambda::bootstrap;

/// A sandbox in a process of its own.
pub struct Process {
    _ends_with_it: lambda::Process,
    /// Base URL of the process, `http://127.0.0.1:PORT`.
    pub base: String,
    token: String,
    /// Client of all requests.
    pub http: Client,
}

/// Starts `sandbox serve` on a directory.
pub fn serve(data: &Path) -> Child {
    let mut command = Command::new(bootstrap("sandbox"));
    command.args(["serve", "--port", "0", "--now", "2025-01-15T10:00:00+08:00", "--data"]).arg(data);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

impl Process {
    /// Starts it; returns when it serves.
    pub async fn start(data: &Path) -> Self {
        let mut child = lambda::Process(serve(data));
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let serving = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("Serving ").map(str::to_owned));
        let base = serving.expect("the sandbox says where it serves");
        let http = shared::platform::http::client(LONGEST_CALL).unwrap();
        let mut process = Self { _ends_with_it: child, base, token: String::new(), http };
        process.token =
            process.call(Method::GET, "/sandbox/credentials", None).await["admin_token"].as_str().unwrap().to_owned();
        process
    }

    /// Any request with the admin token; the answer as JSON.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }
}
