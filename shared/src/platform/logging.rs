//! Log lines: JSON on standard output, one object a line, with fields for queries beside a readable message.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// Levels that `LOG_LEVEL` may name, in lower case.
pub const LEVELS: [&str; 7] = ["critical", "error", "warning", "warn", "info", "debug", "trace"];

/// Starts logging. `level` is a level or a list of directives such as `info,hyper=warn`.
pub fn init(level: Option<String>) {
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    // Only the first call can succeed; a second one changes nothing.
    let _already_started = tracing_subscriber::registry().with(lines).with(filter(level.as_deref())).try_init();
}

/// Filter of a level or a list of directives; what cannot be read counts as `info`. No directive switches errors off, among
/// which is the line that says why a function does not start, and none goes beyond `debug`: at `trace` the runtime prints whole
/// events, with tokens and mail addresses.
fn filter(level: Option<&str>) -> Targets {
    let clamped = |level: LevelFilter| level.clamp(LevelFilter::ERROR, LevelFilter::DEBUG);
    // Python's names of levels. As a directive they would name a target.
    let level = level.map(|level| match level.trim().to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        _ => level.trim().to_owned(),
    });
    let read: Targets = level.and_then(|level| level.parse().ok()).unwrap_or_default();
    let default = read.default_level().unwrap_or(LevelFilter::INFO);
    let directives = read.iter().map(|(target, level)| (target.to_owned(), clamped(level)));
    Targets::new().with_targets(directives).with_default(clamped(default))
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn every_text_leaves_errors_on_and_whole_events_off() {
        let texts = [
            "",
            "off",
            "0",
            "5",
            "TRACE",
            "trace",
            "info",
            "DEBUG",
            "Warning",
            "critical",
            "info,lambda_runtime=5",
            "nonsense",
            "shared=off",
            "off,shared=off",
            "lambda_runtime=trace",
            "info,,=",
            "[span{field}]=trace",
            "lambda_runtime",
            "a=b=c",
        ];
        for text in texts.into_iter().map(Some).chain([None]) {
            let filter = filter(text);
            for target in ["shared::platform::logging", "lambda_runtime", "lambda_runtime::layers", "admin_api"] {
                assert!(filter.would_enable(target, &Level::ERROR), "{text:?} {target}");
                assert!(!filter.would_enable(target, &Level::TRACE), "{text:?} {target}");
            }
        }
    }

    #[test]
    fn a_level_is_that_of_all_lines_and_a_directive_that_of_its_target() {
        let shown = |text: Option<&str>, target: &str| {
            [Level::DEBUG, Level::INFO, Level::WARN].map(|level| filter(text).would_enable(target, &level))
        };
        for text in [None, Some("info"), Some("INFO"), Some("nonsense"), Some("3")] {
            assert_eq!(shown(text, "admin_api"), [false, true, true], "{text:?}");
        }
        assert_eq!(shown(Some("warning"), "admin_api"), [false, false, true]);
        assert_eq!(shown(Some("critical"), "admin_api"), [false, false, false]);
        assert_eq!(shown(Some("debug,hyper=warn"), "admin_api"), [true, true, true]);
        assert_eq!(shown(Some("debug,hyper=warn"), "hyper::client"), [false, false, true]);
    }
}
