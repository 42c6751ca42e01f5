//! Lambda's invocations: those under way, and the asynchronous ones that wait for them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::Notify;

/// Invocations of a function by itself in one chain, after which Lambda drops the next ("approximately 16 times", AWS
/// Lambda Developer Guide, "Use Lambda recursive loop detection").
const LONGEST_LOOP: u32 = 16;

/// The invocations of one world.
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    present: Vec<Present>,
    queue: VecDeque<Queued>,
    numbers: u64,
}

/// An invocation under way.
#[derive(Debug)]
struct Present {
    number: u64,
    function: String,
    chain: u32,
}

/// An asynchronous invocation that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    /// Function to invoke, by its logical name.
    pub(crate) function: String,
    /// Event of the invocation.
    pub(crate) event: Value,
    /// Number of times that the function has invoked itself in this chain.
    pub(crate) chain: u32,
    /// Time of the request.
    pub(crate) requested_at: DateTime<Utc>,
}

/// Mark of an invocation under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Mark<'a> {
    invocations: &'a Invocations,
    number: u64,
}

impl Invocations {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks an invocation as begun, the `chain`th of its function by itself.
    pub(crate) fn begin(&self, function: &str, chain: u32) -> Mark<'_> {
        let mut state = self.state();
        state.numbers += 1;
        let number = state.numbers;
        state.present.push(Present { number, function: function.to_owned(), chain });
        Mark { invocations: self, number }
    }

    /// Number in its chain of an invocation of `function` by `caller`. Of several that are under way the longest chain
    /// counts, because a request does not say which of them made it.
    pub(crate) fn next_in_chain(&self, function: &str, caller: &str) -> u32 {
        if caller != function {
            return 0;
        }
        let state = self.state();
        let chains = state.present.iter().filter(|present| present.function == function).map(|present| present.chain);
        chains.max().unwrap_or(0).saturating_add(1)
    }

    /// Queues an invocation. Returns `false` if Lambda's loop detection drops it, which the caller does not learn.
    pub(crate) fn queue(&self, queued: Queued, may_loop: bool) -> bool {
        let is_dropped = queued.chain > LONGEST_LOOP && !may_loop;
        if !is_dropped {
            self.state().queue.push_back(queued);
        }
        !is_dropped
    }

    /// Time at which the first queued invocation was requested.
    pub(crate) fn first_requested_at(&self) -> Option<DateTime<Utc>> {
        self.state().queue.front().map(|first| first.requested_at)
    }

    /// Takes the first queued invocation, once no other of its function is under way.
    pub(crate) async fn take(&self) -> Option<Queued> {
        loop {
            // Before the look, so that an end in between is not missed.
            let ended = self.ended.notified();
            {
                let mut state = self.state();
                let first = &state.queue.front()?.function;
                if !state.present.iter().any(|present| present.function == *first) {
                    return state.queue.pop_front();
                }
            }
            ended.await;
        }
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.invocations.state().present.retain(|present| present.number != self.number);
        self.invocations.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(chain: u32) -> Queued {
        let requested_at = "2026-01-05T10:00:00Z".parse().unwrap();
        Queued { function: "SubscriptionMaintenance".to_owned(), event: Value::Null, chain, requested_at }
    }

    #[test]
    fn a_loop_is_dropped_after_16_rounds_unless_the_function_may_loop() {
        let invocations = Invocations::default();
        assert!(invocations.queue(queued(16), false));
        assert!(!invocations.queue(queued(17), false));
        assert!(invocations.queue(queued(17), true));
    }

    #[test]
    fn only_invocations_by_the_function_itself_are_a_loop() {
        let invocations = Invocations::default();
        let _under_way = invocations.begin("SubscriptionMaintenance", 5);
        assert_eq!(invocations.next_in_chain("SubscriptionMaintenance", "SubscriptionMaintenance"), 6);
        assert_eq!(invocations.next_in_chain("SubscriptionMaintenance", "AdminApi"), 0);
        assert_eq!(invocations.next_in_chain("AdminApi", "AdminApi"), 1);
    }

    #[tokio::test]
    async fn a_queued_invocation_waits_for_the_end_of_the_one_under_way() {
        let invocations = Invocations::default();
        let under_way = invocations.begin("SubscriptionMaintenance", 0);
        invocations.queue(queued(1), false);
        let mut take = Box::pin(invocations.take());
        assert!(futures::poll!(&mut take).is_pending());
        drop(under_way);
        assert_eq!(take.await.unwrap().chain, 1);
        assert!(invocations.take().await.is_none());
    }
}
