//! Callback counters: one write after the decision, which cannot fail the reply.
//!
//! A stranger can post any number of forgeries, and a buyer of repetitions, so callbacks that are not stored cost at most one
//! write per second and instance. Counts that are not written yet go with the next write.

use std::sync::{Mutex, PoisonError};

use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::time::Timestamp;
use shared::platform::logging::error_chain;
use shared::store::billing::Billing;
use shared::store::billing::counters::{CallbackFate, Counts};

/// Counts of this instance that are not written yet.
#[derive(Default)]
pub(crate) struct CallbackCounters(Mutex<CounterState>);

#[derive(Default)]
struct CounterState {
    pending: Counts,
    last_unstored_write: Option<Timestamp>,
}

/// Counts of one processed callback and the business events that it caused.
pub(crate) fn applied(kind: CallbackKind, events: &[BusinessEvent]) -> Counts {
    let mut counts = Counts::default();
    counts.count_callback(kind, CallbackFate::Applied);
    events.iter().for_each(|event| counts.count_event(event));
    counts
}

/// Counts of one quarantined callback.
pub(crate) fn quarantined(kind: CallbackKind) -> Counts {
    let mut counts = Counts::default();
    counts.count_callback(kind, CallbackFate::Quarantined);
    counts
}

impl CallbackCounters {
    /// Writes `counts` with those pending; `shard_key` spreads the writes over the counter items.
    pub(crate) async fn write(&self, billing: &Billing, counts: Counts, shard_key: &str, wall: Timestamp) {
        let mut all = std::mem::take(&mut self.state().pending);
        all.merge(counts);
        self.write_all(billing, all, shard_key, wall).await;
    }

    /// Counts a callback that was not stored, in memory only if another one was written within this second.
    pub(crate) async fn unstored(&self, billing: &Billing, kind: CallbackKind, fate: CallbackFate, wall: Timestamp) {
        // The lock is released before the write: it must not be held across an await.
        let due = {
            let mut state = self.state();
            state.pending.count_callback(kind, fate);
            let written_this_second = state.last_unstored_write.replace(wall) == Some(wall);
            (!written_this_second).then(|| std::mem::take(&mut state.pending))
        };
        if let Some(counts) = due {
            self.write_all(billing, counts, "", wall).await;
        }
    }

    async fn write_all(&self, billing: &Billing, counts: Counts, shard_key: &str, wall: Timestamp) {
        if let Err(error) = billing.count(&counts, wall, shard_key).await {
            tracing::warn!(error = error_chain(&error), "callbacks not counted yet");
            self.state().pending.merge(counts);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, CounterState> {
        // A poisoned lock is used on: every change is one step, so no panic leaves half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
