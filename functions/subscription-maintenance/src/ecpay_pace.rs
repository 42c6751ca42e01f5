//! Pace of this invocation's calls to ECPay: `ECPAY_CALLS_PER_SECOND` over all instances.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::platform::clock::InvocationTime;
use shared::store;
use shared::store::Store;
use tokio::sync::Mutex;

/// Calls that this invocation may make, which the instances share out among each other by an item of the table.
pub(crate) struct EcpayPace {
    per_second: usize,
    /// Callers without a call yet. As many calls are reserved at once, so that a run with many calls writes once a second.
    waiting: AtomicUsize,
    /// Times at which the reserved calls may start, in Unix milliseconds.
    starts: Mutex<VecDeque<u64>>,
}

impl EcpayPace {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let per_second = usize::try_from(per_second.get()).unwrap_or(1);
        Self { per_second, waiting: AtomicUsize::new(0), starts: Mutex::default() }
    }

    /// Takes the next call and waits for its time. Callers get their calls in the order in which they ask.
    ///
    /// # Errors
    /// Where the table is unavailable: without it the calls of other instances are not known.
    pub(crate) async fn wait(&self, store: &Store, time: InvocationTime) -> Result<(), store::Error> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let start = self.take(store, time).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let start = start?;
        time.sleep(Duration::from_millis(start.saturating_sub(time.wall_millis()))).await;
        Ok(())
    }

    async fn take(&self, store: &Store, time: InvocationTime) -> Result<u64, store::Error> {
        let mut starts = self.starts.lock().await;
        // A time that is over would be made up for by a burst.
        let now = time.wall_millis();
        starts.retain(|start| *start >= now);
        if let Some(start) = starts.pop_front() {
            return Ok(start);
        }
        let count = self.waiting.load(Ordering::Relaxed).clamp(1, self.per_second);
        *starts = store.runs.reserve_ecpay_calls(now, self.per_second, count).await?.into();
        Ok(starts.pop_front().unwrap_or(now))
    }
}
