//! How much is tried: a share in the gate, all of it by `DUEKEEPER_FULL=1`.

/// The gate tries one in so many.
const GATE: usize = 20;

/// Whether the full counts are asked for.
#[expect(clippy::disallowed_methods, reason = "the one place where the tests are told how much to try")]
pub fn is_full() -> bool {
    std::env::var("DUEKEEPER_FULL").is_ok_and(|value| value == "1")
}

/// So many of `full` cases.
pub fn count(full: usize) -> usize {
    if is_full() { full } else { full.div_ceil(GATE) }
}
