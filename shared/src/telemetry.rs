//! Log lines: JSON on standard output, one object a line, with queryable fields beside a readable message.

use tracing_subscriber::EnvFilter;

/// Starts logging. `level` is a filter such as `info`; what cannot be read counts as `info`, and `trace` as `debug`.
pub fn init(level: Option<String>) {
    // At trace the runtime prints whole events, tokens and mail addresses with them.
    let level = level.map(|level| level.to_ascii_lowercase().replace("trace", "debug"));
    let filter = level.and_then(|level| EnvFilter::try_new(level).ok()).unwrap_or_else(|| EnvFilter::new("info"));
    // Only the first call can succeed; a second one changes nothing.
    let _already_started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}

/// The chain of causes of an error in one line, for the edge that prints it.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
