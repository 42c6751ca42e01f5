//! What a dry run has decided so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::billing::decision::{Decision, Versioned};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::SubscriptionId;

/// Subscriptions as they would be stored.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct DryRunOverlay(Arc<Mutex<BTreeMap<SubscriptionId, Versioned<Subscription>>>>);

impl DryRunOverlay {
    pub(in crate::store) fn subscription(&self, id: &SubscriptionId) -> Option<Versioned<Subscription>> {
        self.kept().get(id).cloned()
    }

    /// Keeps what a decision would store.
    pub(in crate::store) fn keep(&self, decision: &Decision) {
        for change in std::iter::once(&decision.change).chain(&decision.replaced) {
            let after = Versioned { value: change.next.clone(), version: change.version() };
            self.kept().insert(change.next.id.clone(), after);
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<SubscriptionId, Versioned<Subscription>>> {
        // Every change is one insertion, so a holder that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
