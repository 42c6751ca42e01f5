//! The only reader of the clock, called by `main.rs`; all other code takes the time as an argument.

use std::fmt::Debug;
use std::future::ready;
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::domain::values::time::Timestamp;

/// Time of one invocation.
#[derive(Clone, Copy, Debug)]
pub struct InvocationTime {
    /// Logical time, for decisions. For a scheduled run its scheduled time, which is past in a catch-up run.
    pub logical: Timestamp,
    /// Real time, for signatures, leases and caches.
    pub wall: Timestamp,
    /// Time from `wall`, which has whole seconds, to the start of the invocation.
    into_second: Duration,
    /// Stopwatch since the start of the invocation.
    pub stopwatch: Stopwatch,
}

/// Measures durations, independent of the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    timer: &'static dyn Timer,
    since: Duration,
}

/// Source of durations and waits. On AWS it is the system's timer; the sandbox has its own, which stands still while
/// anything works, so that a run of minutes takes seconds.
pub trait Timer: Debug + Send + Sync {
    /// Returns the time since a moment that is the same for every call.
    fn elapsed(&self) -> Duration;

    /// Waits until [`Self::elapsed`] is at least `until`.
    fn reach(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Timer of the operating system.
#[derive(Debug)]
struct SystemTimer;

/// Timer whose time never passes and whose waits end at once.
#[derive(Debug)]
struct StoppedTimer;

/// Returns the current time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
pub fn now() -> Timestamp {
    Timestamp::new(Utc::now())
}

impl InvocationTime {
    /// The same invocation with another logical time.
    #[must_use]
    pub const fn with_logical(self, logical: Timestamp) -> Self {
        Self { logical, ..self }
    }

    /// Returns the real time now: [`Self::wall`] plus the time since. A run may take minutes, and ECPay accepts a TimeStamp for
    /// three.
    #[must_use]
    pub fn wall_now(&self) -> Timestamp {
        self.wall.plus_seconds(i64::try_from(self.since_wall().as_secs()).unwrap_or(i64::MAX))
    }

    /// Returns the real time now in Unix milliseconds, the same for all instances.
    #[must_use]
    pub fn wall_millis(&self) -> u64 {
        let millis = u64::try_from(self.since_wall().as_millis()).unwrap_or(u64::MAX);
        u64::try_from(self.wall.unix()).unwrap_or(0).saturating_mul(1_000).saturating_add(millis)
    }

    fn since_wall(&self) -> Duration {
        self.stopwatch.elapsed().saturating_add(self.into_second)
    }

    /// Waits for `duration`, by the same timer that [`Self::stopwatch`] goes by.
    pub async fn sleep(&self, duration: Duration) {
        self.stopwatch.sleep(duration).await;
    }

    /// An invocation that begins now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
    pub fn now() -> Self {
        Self::beginning(Utc::now(), Stopwatch::start())
    }

    /// An invocation that begins at `now`, by the clock of `stopwatch`.
    #[must_use]
    pub fn beginning(now: DateTime<Utc>, stopwatch: Stopwatch) -> Self {
        let into_second = Duration::from_millis(u64::from(now.timestamp_subsec_millis()));
        let at = Timestamp::new(now);
        Self { logical: at, wall: at, into_second, stopwatch }
    }

    /// An invocation whose logical and real time are `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self::beginning(at.utc(), Stopwatch::start())
    }
}

impl Stopwatch {
    /// A stopwatch of the system's timer that runs from now.
    #[must_use]
    pub fn start() -> Self {
        Self::of(&SystemTimer)
    }

    /// A stopwatch of another timer that runs from now.
    #[must_use]
    pub fn of(timer: &'static dyn Timer) -> Self {
        Self { timer, since: timer.elapsed() }
    }

    /// A stopwatch that stays at zero and waits for nothing, for a simulation whose result must not depend on the speed of
    /// the machine.
    #[must_use]
    pub const fn stopped() -> Self {
        Self { timer: &StoppedTimer, since: Duration::ZERO }
    }

    /// Returns the time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.timer.elapsed().saturating_sub(self.since)
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        self.timer.reach(self.timer.elapsed().saturating_add(duration)).await;
    }

    /// Returns the time since its start in milliseconds, to two decimals.
    #[must_use]
    pub fn elapsed_ms(&self) -> f64 {
        (self.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
    }
}

impl Timer for SystemTimer {
    fn elapsed(&self) -> Duration {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(instant);
        instant().saturating_duration_since(*ORIGIN)
    }

    fn reach(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(until.saturating_sub(self.elapsed())))
    }
}

impl Timer for StoppedTimer {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn reach(&self, _until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_that_begins_within_a_second_has_taken_no_time_and_knows_the_millisecond() {
        let now: DateTime<Utc> = "2025-01-31T02:00:00.750Z".parse().unwrap();
        let time = InvocationTime::beginning(now, Stopwatch::stopped());
        assert_eq!((time.stopwatch.elapsed(), time.stopwatch.elapsed_ms()), (Duration::ZERO, 0.0));
        // 2025-01-31T02:00:00Z is 1,738,288,800 seconds after 1970.
        assert_eq!(time.wall_millis(), 1_738_288_800_750);
        assert_eq!(time.wall.to_string(), "2025-01-31T02:00:00Z");
    }
}
