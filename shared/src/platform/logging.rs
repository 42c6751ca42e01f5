//! Log lines: JSON on standard output, one object a line, with fields for queries beside a readable message.

use tracing_subscriber::EnvFilter;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// Levels that `LOG_LEVEL` may name, in lower case.
pub const LEVELS: [&str; 7] = ["critical", "error", "warning", "warn", "info", "debug", "trace"];

/// Starts logging. `level` is a filter such as `info`; an unreadable one counts as `info`, and `trace` as `debug`.
pub fn init(level: Option<String>) {
    // At trace the runtime prints whole events, with tokens and mail addresses.
    let level = level.map(|level| level.to_ascii_lowercase().replace("trace", "debug"));
    // Python's names of levels. As a filter they would name a target, and all other lines would be lost.
    let level = level.map(|level| match level.as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        _ => level,
    });
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

/// Returns the value of a step of `main`; an error is logged in one line with its causes. An error that `main` returned would
/// be printed by Rust again, as its Debug with AWS's whole response.
pub fn log_error<T>(done: Result<T, impl Into<Boxed>>, failed: &'static str) -> Option<T> {
    let error: Boxed = match done {
        Ok(done) => return Some(done),
        Err(error) => error.into(),
    };
    tracing::error!(error = error_chain(error.as_ref()), "{failed}");
    None
}

/// Returns an error with its causes in one line.
#[must_use]
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
