//! Decisions of a dry run, kept in memory so that its later reads see them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::billing::decision::{Decision, Versioned};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::SubscriptionId;

/// Subscriptions as they would be stored. Clones share the same map.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct DryRunOverlay(Arc<Mutex<BTreeMap<SubscriptionId, Versioned<Subscription>>>>);

impl DryRunOverlay {
    pub(in crate::store) fn subscription(&self, id: &SubscriptionId) -> Option<Versioned<Subscription>> {
        self.subscriptions().get(id).cloned()
    }

    /// Records both subscriptions that a decision would store.
    pub(in crate::store) fn record(&self, decision: &Decision) {
        for write in std::iter::once(&decision.change).chain(&decision.replaced) {
            let after = Versioned { value: write.next.clone(), version: write.version() };
            self.subscriptions().insert(write.next.id.clone(), after);
        }
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<SubscriptionId, Versioned<Subscription>>> {
        // Every change is one insertion, so a panic of a holder leaves no partial change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
