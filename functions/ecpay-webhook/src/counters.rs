//! Counting callbacks beside the answer: one update that cannot fail it. Forgeries cost at most one write a second
//! and instance; what is not written at once goes with the next write.

use std::sync::{Mutex, PoisonError};

use shared::domain::billing::business_events::BusinessEvent;
use shared::domain::values::time::Timestamp;
use shared::platform::logging::error_chain;
use shared::store::Store;
use shared::store::billing::counters::Counts;
use shared::store::table::record::WebhookType;

#[derive(Default)]
pub(crate) struct CallbackCounters(Mutex<Held>);

#[derive(Default)]
struct Held {
    pending: Counts,
    last_forgery_write: Option<Timestamp>,
}

impl CallbackCounters {
    /// Counts a callback that was applied, and what followed from it.
    pub(crate) async fn applied(
        &self,
        store: &Store,
        (kind, happened): (WebhookType, &[BusinessEvent]),
        spread: &str,
        wall: Timestamp,
    ) {
        let mut tally = std::mem::take(&mut self.held().pending);
        tally.callback(kind, true);
        happened.iter().for_each(|happening| tally.happened(happening));
        self.write(store, tally, spread, wall).await;
    }

    /// Counts a callback that was set aside.
    pub(crate) async fn set_aside(&self, store: &Store, kind: WebhookType, spread: &str, wall: Timestamp) {
        let mut tally = std::mem::take(&mut self.held().pending);
        tally.callback(kind, false);
        self.write(store, tally, spread, wall).await;
    }

    /// Counts a callback that was refused.
    pub(crate) async fn refused(&self, store: &Store, kind: WebhookType, wall: Timestamp) {
        let due = {
            let mut held = self.held();
            held.pending.callback(kind, false);
            let written_now = held.last_forgery_write.replace(wall) == Some(wall);
            (!written_now).then(|| std::mem::take(&mut held.pending))
        };
        if let Some(tally) = due {
            self.write(store, tally, "", wall).await;
        }
    }

    async fn write(&self, store: &Store, tally: Counts, spread: &str, wall: Timestamp) {
        if let Err(error) = store.billing.count(&tally, wall, spread).await {
            tracing::warn!(error = error_chain(&error), "callbacks not counted yet");
            self.held().pending.merge(tally);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        // Counts stay right even if a holder panicked: every change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
