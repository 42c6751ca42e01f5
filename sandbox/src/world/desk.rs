//! Memory of the page for developers, which the process loses when it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Outcome of a form, as the page shows it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Sentence about the whole.
    pub(crate) title: String,
    /// Events in their order, a line each.
    pub(crate) lines: Vec<String>,
    /// True for a form that changed nothing.
    pub(crate) is_refusal: bool,
}

/// Latest outcome, and addresses that the API gives out once.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    latest: Option<Outcome>,
    checkouts: BTreeMap<String, String>,
}

impl Desk {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the outcome of a form in place of the one before.
    pub(crate) fn note(&self, outcome: Outcome) {
        self.notes().latest = Some(outcome);
    }

    /// Outcome of the latest form.
    pub(crate) fn latest(&self) -> Option<Outcome> {
        self.notes().latest.clone()
    }

    /// Keeps the address of an order's checkout page: the table has only the hash of its token.
    pub(crate) fn keep_checkout(&self, order: &str, url: &str) {
        self.notes().checkouts.insert(order.to_owned(), url.to_owned());
    }

    /// Address of an order's checkout page, where the page for developers made the order.
    pub(crate) fn checkout(&self, order: &str) -> Option<String> {
        self.notes().checkouts.get(order).cloned()
    }
}
