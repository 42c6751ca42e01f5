//! Posts in flight, for all invocations of one instance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::values::time::Timestamp;

/// Most posts in flight to one endpoint, by one instance.
pub const IN_FLIGHT: usize = 8;
/// Minutes for which an endpoint counts as slow that did not answer in the time that the stream has.
const SLOW_MINUTES: i64 = 10;

/// Slots of the endpoints, by name.
#[derive(Default)]
pub(super) struct Slots(Mutex<BTreeMap<String, EndpointSlots>>);

struct EndpointSlots {
    free: Arc<Semaphore>,
    slow_until: Option<Timestamp>,
}

impl Slots {
    fn of<T>(&self, name: &str, read: impl FnOnce(&mut EndpointSlots) -> T) -> T {
        let mut slots: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || EndpointSlots { free: Arc::new(Semaphore::new(IN_FLIGHT)), slow_until: None };
        read(slots.entry(name.to_owned()).or_insert_with(new))
    }

    /// Takes a slot; `None` while all are in use.
    pub(super) fn take(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        self.of(name, |slots| Arc::clone(&slots.free).try_acquire_owned().ok())
    }

    /// Waits until a slot is free.
    pub(super) async fn until_free(&self, name: &str) {
        let free = self.of(name, |slots| Arc::clone(&slots.free));
        // It is given back at once: the caller takes it like any other.
        drop(free.acquire_owned().await);
    }

    /// Notes that a post took longer than the stream has time.
    pub(super) fn note_slow(&self, name: &str, wall: Timestamp) {
        self.of(name, |slots| slots.slow_until = Some(wall.plus_minutes(SLOW_MINUTES)));
    }

    /// Notes that a post was answered in the time that the stream has.
    pub(super) fn note_quick(&self, name: &str) {
        self.of(name, |slots| slots.slow_until = None);
    }

    /// True if a post took too long in the last minutes.
    pub(super) fn is_slow(&self, name: &str, wall: Timestamp) -> bool {
        self.of(name, |slots| slots.slow_until.is_some_and(|until| wall < until))
    }
}
