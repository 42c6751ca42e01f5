//! Passing of time in the sandbox. Time stands still while anything works; when everything waits, it moves to the earliest
//! moment that something waits for. Waits of minutes so take milliseconds, and calls at one time take one latency together.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use shared::platform::clock::{Stopwatch, Timer};
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::sync::{Notify, oneshot};

/// Real time without work after which everything counts as waiting.
const QUIET: Duration = Duration::from_millis(1);
/// Real time after which time moves on although something works, so that a client that polls does not hold it up for ever.
const LONGEST_WORK: Duration = Duration::from_secs(1);
/// Part of [`QUIET`] that may be work, as a divisor: the look at the threads is some itself.
const WORK_ALLOWED: u32 = 4;

/// Timer of a world. It knows the time, and each moment that is waited for.
#[derive(Debug)]
pub(crate) struct WorldTimer {
    origin: DateTime<Utc>,
    state: Mutex<State>,
    is_awaited: Notify,
    requests: AtomicU64,
}

#[derive(Debug)]
struct State {
    now: DateTime<Utc>,
    waits: BTreeMap<WaitKey, oneshot::Sender<()>>,
    numbers: u64,
}

/// Waits in the order in which they end; those of one moment in the order in which they began.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct WaitKey {
    until: DateTime<Utc>,
    number: u64,
}

impl WorldTimer {
    /// Makes a timer for a world, which lasts as long as the process: invocations hold it by reference, as they hold the
    /// system's timer on AWS.
    pub(crate) fn leaked(now: DateTime<Utc>) -> &'static Self {
        let state = State { now, waits: BTreeMap::new(), numbers: 0 };
        Box::leak(Box::new(Self {
            origin: now,
            state: Mutex::new(state),
            is_awaited: Notify::new(),
            requests: AtomicU64::new(0),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Present time of the world.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    /// Sets the time, and ends the waits that it has reached.
    pub(crate) fn set(&self, now: DateTime<Utc>) {
        let mut state = self.state();
        state.now = now;
        while let Some(first) = state.waits.first_entry().filter(|first| first.key().until <= now) {
            // A wait that was given up has no receiver any more.
            let _given_up = first.remove().send(());
        }
    }

    /// Waits for a length of the world's time.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.reach(self.elapsed().saturating_add(duration)).await;
    }

    /// Notes that a request arrived, so that time stands still for now.
    pub(crate) fn note_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the earliest moment that is waited for, once everything waits.
    pub(crate) async fn next_moment(&self) -> DateTime<Utc> {
        loop {
            if self.earliest().is_none() {
                self.is_awaited.notified().await;
            }
            self.until_quiet().await;
            if let Some(earliest) = self.earliest() {
                return earliest;
            }
        }
    }

    fn earliest(&self) -> Option<DateTime<Utc>> {
        let mut state = self.state();
        state.waits.retain(|_, wait| !wait.is_closed());
        state.waits.first_key_value().map(|(first, _)| first.until)
    }

    /// Waits until no request arrives and no thread of the runtime works. Requests on their way are work too: everything is
    /// in this process, so that each of their steps wakes a thread at once.
    async fn until_quiet(&self) {
        let metrics = Handle::current().metrics();
        let begun = Stopwatch::start();
        while begun.elapsed() < LONGEST_WORK {
            let requests = self.requests.load(Ordering::Relaxed);
            let before = busy(&metrics);
            let look = Stopwatch::start();
            tokio::time::sleep(QUIET).await;
            let worked = busy(&metrics).saturating_sub(before);
            let is_quiet = self.requests.load(Ordering::Relaxed) == requests
                && only_this_thread_works(&metrics)
                && worked < look.elapsed() / WORK_ALLOWED;
            if is_quiet {
                return;
            }
        }
    }
}

/// Time for which the runtime's threads have worked so far, up to the last time that each of them had nothing to do.
fn busy(metrics: &RuntimeMetrics) -> Duration {
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
}

fn only_this_thread_works(metrics: &RuntimeMetrics) -> bool {
    // An even count is that of a thread that works, by tokio's documentation of `worker_park_unpark_count`.
    let works = |worker: &usize| metrics.worker_park_unpark_count(*worker).is_multiple_of(2);
    (0..metrics.num_workers()).filter(works).count() <= 1
}

impl Timer for WorldTimer {
    fn elapsed(&self) -> Duration {
        // Zero if a test moved the clock back.
        (self.state().now - self.origin).to_std().unwrap_or_default()
    }

    fn reach(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = TimeDelta::from_std(until).ok().and_then(|until| self.origin.checked_add_signed(until));
        let until = until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        Box::pin(async move {
            let ended = {
                let mut state = self.state();
                if until <= state.now {
                    return;
                }
                let (end, ended) = oneshot::channel();
                state.numbers += 1;
                let number = state.numbers;
                state.waits.insert(WaitKey { until, number }, end);
                ended
            };
            self.is_awaited.notify_one();
            // The sender stays in the map until the moment is reached.
            let _reached = ended.await;
        })
    }
}
