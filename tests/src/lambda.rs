//! Lambda's part of a bootstrap's life: an environment, and an end.

use std::collections::BTreeMap;
use std::process::Child;

use sandbox::world::World;

/// Secret values of the environment, which must appear in no output.
pub const AWS_SECRETS: [&str; 2] = ["invented-secret-access-key", "invented-session-token"];

/// A process that ends with its owner.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; it may have ended by itself.
        let _ended_already = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A function's environment: the template's variables as the sandbox resolves them, and what Lambda adds.
///
/// # Panics
/// Where the template gives the function no variables.
#[must_use]
pub fn environment(world: &World, function: &str) -> BTreeMap<String, String> {
    let names = world.template.variable_names(function);
    let mut all: BTreeMap<_, _> =
        names.map(|name| (name.to_owned(), world.variable(function, name).unwrap_or_default())).collect();
    assert!(all.len() > 5, "{function} has variables in the template");
    let [secret, session] = AWS_SECRETS;
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/invented"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2025/01/01/[$LATEST]invented"),
        ("AWS_REGION", "ap-northeast-1"),
        // By which the sandbox knows whose role counts.
        ("AWS_ACCESS_KEY_ID", function),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_SESSION_TOKEN", session),
        ("AWS_ENDPOINT_URL", &world.aws_url),
        // Replaced where a runtime API is served.
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
    ] {
        all.insert(name.to_owned(), value.to_owned());
    }
    all
}
