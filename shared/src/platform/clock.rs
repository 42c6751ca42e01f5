//! The only reader of the clock, called by `main.rs`; all other code takes the time as an argument.

use std::time::{Duration, Instant};

use crate::domain::values::time::Timestamp;

/// Time of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct InvocationTime {
    /// Logical time, for decisions. For a scheduled run its scheduled time, which is past in a catch-up run.
    pub logical: Timestamp,
    /// Real time, for signatures, leases and caches.
    pub wall: Timestamp,
    /// Stopwatch since the start of the invocation.
    pub stopwatch: Stopwatch,
}

/// Measures durations, independent of the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Option<Instant>);

/// Returns the current time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
pub fn now() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

impl InvocationTime {
    /// Returns the real time now: [`Self::wall`] plus the time since. A run may take minutes, and ECPay accepts a TimeStamp for
    /// three.
    #[must_use]
    pub fn wall_now(&self) -> Timestamp {
        self.wall.plus_seconds(i64::try_from(self.stopwatch.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// An invocation whose logical and real time are `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { logical: at, wall: at, stopwatch: Stopwatch::start() }
    }
}

impl Stopwatch {
    /// A stopwatch that runs from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
    pub fn start() -> Self {
        Self(Some(Instant::now()))
    }

    /// A stopwatch that stays at zero, for a simulation whose result must not depend on the speed of the machine.
    #[must_use]
    pub const fn stopped() -> Self {
        Self(None)
    }

    /// Returns the time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the time since its start in milliseconds, to two decimals.
    #[must_use]
    pub fn elapsed_ms(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
    }
}
