//! Share of the cases that tests try: all with `DUEKEEPER_FULL=1`, a small part without (in the gate).

use shared::platform::config::environment;

/// The gate tries one case in so many.
const GATE: usize = 20;

/// True if `DUEKEEPER_FULL=1` requests the full counts; any other value does not.
#[must_use]
pub fn is_full() -> bool {
    environment("DUEKEEPER_FULL").is_some_and(|value| value == "1")
}

/// Number of cases to try out of `full`.
#[must_use]
pub fn count(full: usize) -> usize {
    scaled(full, full.div_ceil(GATE))
}

/// Number of cases to try: `full`, or `gate` in the gate.
#[must_use]
pub fn scaled(full: usize, gate: usize) -> usize {
    if is_full() { full } else { gate }
}
