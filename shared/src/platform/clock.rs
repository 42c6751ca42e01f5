//! The one room that reads the clock. Called by `main.rs` only; everything else takes the time as an argument.

use std::time::{Duration, Instant};

use crate::domain::values::time::Timestamp;

/// The time of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct InvocationTime {
    /// Logical time: what decisions are made by. For a scheduled run the time it was scheduled for.
    pub logical: Timestamp,
    /// Real time: signatures, leases and caches.
    pub wall: Timestamp,
    /// Running since the invocation began.
    pub stopwatch: Stopwatch,
}

/// Measures how long something takes; tells nothing of the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Option<Instant>);

/// The current time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the room")]
pub fn now() -> Timestamp {
    Timestamp::new(chrono::Utc::now())
}

impl InvocationTime {
    /// Real time by now: later than [`Self::wall`] by what the invocation has taken. A run may take minutes, and ECPay
    /// takes a signature for three.
    #[must_use]
    pub fn wall_now(&self) -> Timestamp {
        self.wall.plus_seconds(i64::try_from(self.stopwatch.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// An invocation that happens at `at` in both senses.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { logical: at, wall: at, stopwatch: Stopwatch::start() }
    }
}

impl Stopwatch {
    /// Starts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room")]
    pub fn start() -> Self {
        Self(Some(Instant::now()))
    }

    /// Stands still, for a simulation whose clock does too: what it finds must not depend on how fast it runs.
    #[must_use]
    pub const fn stopped() -> Self {
        Self(None)
    }

    /// How long it has been running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The same in milliseconds, to two decimals.
    #[must_use]
    pub fn elapsed_ms(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
    }
}
