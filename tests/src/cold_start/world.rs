//! What the functions find outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::world::{Options, World};

use super::Subject;
use super::builds::root;

/// What the functions are told of where they are.
pub(super) struct Place {
    /// AWS, by TLS.
    pub(super) aws: String,
    /// The authorities to trust, for those who read them.
    pub(super) authorities: String,
}

/// A world on real time, which is what bootstraps go by.
pub(super) async fn start() -> Arc<World> {
    let now = shared::clock::now();
    // Secrets were not changed lately: of those that were, two versions are read.
    let begin = now.plus_days(-30).utc();
    let options = Options { port: 0, data: None, now: begin, variables: BTreeMap::new() };
    let world = World::start(options).await.expect("a sandbox");
    world.leap(now.utc());
    world
}

/// A function's environment: the template's variables as the sandbox resolves them, and what Lambda adds.
pub(super) fn environment(world: &World, place: &Place, function: &str) -> BTreeMap<String, String> {
    let names = world.template.variable_names(function);
    let variables = names.map(|name| (name.to_owned(), world.variable(function, name).unwrap_or_default()));
    let of_lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "60"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/invented"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2025/01/01/[$LATEST]invented"),
        ("AWS_REGION", "ap-northeast-1"),
        // By which the sandbox knows whose role counts.
        ("AWS_ACCESS_KEY_ID", function),
        ("AWS_SECRET_ACCESS_KEY", "invented-secret-access-key"),
        ("AWS_SESSION_TOKEN", "invented-session-token"),
        ("AWS_ENDPOINT_URL", place.aws.as_str()),
        // In one file, as Amazon Linux has them. Debian has a directory of the same too, which would be read.
        ("SSL_CERT_FILE", place.authorities.as_str()),
    ];
    variables.chain(of_lambda.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// The text of a subject's sample event.
pub(super) fn event(subject: &Subject) -> String {
    let file = root().join("events").join(subject.package).join(subject.sample);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
