//! Log lines: JSON on standard output, one object a line, with queryable fields beside a readable message.

use tracing_subscriber::EnvFilter;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// The levels that a business may set, in lower case.
pub const LEVELS: [&str; 7] = ["critical", "error", "warning", "warn", "info", "debug", "trace"];

/// Starts logging. `level` is a filter such as `info`; what cannot be read counts as `info`, and `trace` as `debug`.
pub fn init(level: Option<String>) {
    // At trace the runtime prints whole events, tokens and mail addresses with them.
    let level = level.map(|level| level.to_ascii_lowercase().replace("trace", "debug"));
    // As Python names them: as a filter they would be the name of a target, and everything else silent.
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

/// What a step of `main` gave; where it failed, one line says so with all causes. An error that `main` returned would be
/// printed by Rust once more: its Debug, with all that AWS answered.
pub fn log_error<T>(done: Result<T, impl Into<Boxed>>, failed: &'static str) -> Option<T> {
    let error: Boxed = match done {
        Ok(done) => return Some(done),
        Err(error) => error.into(),
    };
    tracing::error!(error = error_chain(error.as_ref()), "{failed}");
    None
}

/// The chain of causes of an error in one line, for the edge that prints it.
#[must_use]
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
