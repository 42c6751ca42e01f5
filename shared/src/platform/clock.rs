//! The only reader of the clock, called by `main.rs`; all other code takes the time as an argument.

use std::fmt::Debug;
use std::future::ready;
use std::pin::Pin;
use std::sync::LazyLock;
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
    Timestamp::new(chrono::Utc::now())
}

impl InvocationTime {
    /// Returns the real time now: [`Self::wall`] plus the time since. A run may take minutes, and ECPay accepts a TimeStamp for
    /// three.
    #[must_use]
    pub fn wall_now(&self) -> Timestamp {
        self.wall.plus_seconds(i64::try_from(self.stopwatch.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// Returns the real time now in Unix milliseconds.
    #[must_use]
    pub fn wall_millis(&self) -> u64 {
        let millis = u64::try_from(self.stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
        u64::try_from(self.wall.unix()).unwrap_or(0).saturating_mul(1_000).saturating_add(millis)
    }

    /// Waits for `duration`, by the same timer that [`Self::stopwatch`] goes by.
    pub async fn sleep(&self, duration: Duration) {
        self.stopwatch.sleep(duration).await;
    }

    /// An invocation that begins now. Its stopwatch counts from the start of the second, so that [`Self::wall_millis`] of
    /// several instances agree.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only reader of the clock")]
    pub fn now() -> Self {
        let now = chrono::Utc::now();
        let into_second = Duration::from_millis(u64::from(now.timestamp_subsec_millis()));
        let at = Timestamp::new(now);
        Self { logical: at, wall: at, stopwatch: Stopwatch::started_before(into_second) }
    }

    /// An invocation whose logical and real time are `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { logical: at, wall: at, stopwatch: Stopwatch::start() }
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

    /// A stopwatch of the system's timer that has run for `elapsed`.
    fn started_before(elapsed: Duration) -> Self {
        let timer: &'static dyn Timer = &SystemTimer;
        // The timer may have been used for the first time just now.
        Self { timer, since: timer.elapsed().saturating_sub(elapsed) }
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
        // A second before the first use, so that a stopwatch can begin earlier than that.
        static ORIGIN: LazyLock<Instant> = LazyLock::new(|| {
            let now = instant();
            now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
        });
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
