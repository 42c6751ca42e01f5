//! Environment of the measured functions: a sandbox with TLS in front of AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::world::{Options, World};

use super::Subject;
use super::builds::root;
use crate::lambda;

/// Addresses and authorities of the measured functions' environment.
pub(super) struct Place {
    /// URL of AWS behind TLS.
    pub(super) aws: String,
    /// The authorities to trust, for those who read them.
    pub(super) authorities: String,
}

/// A world on real time, which is what bootstraps go by.
pub(super) async fn start() -> Arc<World> {
    let now = shared::platform::clock::now();
    // Secrets were not changed lately: of those that were, two versions are read.
    let begin = now.plus_days(-30).utc();
    let options = Options { port: 0, data: None, now: begin, variables: BTreeMap::new(), stream: false };
    let world = World::start(options).await.expect("a sandbox");
    world.leap(now.utc());
    world
}

/// A function's environment under the emulator, which says itself where the runtime API is.
pub(super) fn environment(world: &World, place: &Place, function: &str) -> BTreeMap<String, String> {
    let mut all = lambda::environment(world, function);
    all.remove("AWS_LAMBDA_RUNTIME_API");
    let here = [
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "60"),
        ("AWS_ENDPOINT_URL", place.aws.as_str()),
        // In one file, as Amazon Linux has them. Debian has a directory of the same too, which would be read.
        ("SSL_CERT_FILE", place.authorities.as_str()),
    ];
    all.extend(here.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

/// The text of a subject's sample event.
pub(super) fn event(subject: &Subject) -> String {
    let file = root().join("events").join(subject.package).join(subject.sample);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
