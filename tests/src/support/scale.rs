//! Number of cases that tests try: few, so that `cargo test` is quick, or with `DUEKEEPER_CASES` as many as the gate tries
//! (`many`) or all of them (`all`).

use shared::platform::config::environment;

/// Share of all cases that [`count`] takes by default.
const SHARE: usize = 20;

/// How many cases tests try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Amount {
    Few,
    Many,
    All,
}

/// Numbers of cases of a test.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// By default.
    pub few: usize,
    /// In the gate.
    pub many: usize,
    /// In the full run.
    pub all: usize,
}

impl Scale {
    /// The number to try now.
    #[must_use]
    pub fn count(self) -> usize {
        match amount() {
            Amount::Few => self.few,
            Amount::Many => self.many,
            Amount::All => self.all,
        }
    }
}

/// Number of cases to try of so many: a twentieth, or all.
#[must_use]
pub fn count(all: usize) -> usize {
    let share = all.div_ceil(SHARE);
    Scale { few: share, many: share, all }.count()
}

/// True if all cases are requested.
#[must_use]
pub fn is_full() -> bool {
    amount() == Amount::All
}

/// True if as many cases as the gate tries are requested, or all.
#[must_use]
pub fn is_thorough() -> bool {
    amount() != Amount::Few
}

/// # Panics
/// For another value of the variable, which would go unnoticed.
fn amount() -> Amount {
    match environment("DUEKEEPER_CASES").as_deref() {
        None | Some("few") => Amount::Few,
        Some("many") => Amount::Many,
        Some("all") => Amount::All,
        Some(other) => panic!("DUEKEEPER_CASES is few, many or all, not {other}"),
    }
}
