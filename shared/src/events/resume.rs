//! Events that waited for an endpoint which was switched on are made due.

use std::time::Duration;

use crate::domain::billing::app_events::delivery::{Delivery, DeliveryState, EventState};
use crate::domain::values::time::Timestamp;
use crate::events::drain::EventDrain;
use crate::store::Error;
use crate::store::billing::events::DueEvent;

/// Hours within which an event is due that also waits for another endpoint: longer than the longest wait between two attempts.
const LONGEST_WAIT_HOURS: i64 = 25;

impl EventDrain<'_> {
    /// Makes the events due that wait for an endpoint, for at most `until` of the invocation; the next run goes on.
    ///
    /// # Errors
    /// [`Error`] of the table; the next run goes on.
    pub async fn resume(&self, name: &str, until: Duration) -> Result<(), Error> {
        let now = self.time.wall_now();
        let mut cursor = None;
        loop {
            let page = self.billing.held_events(now, cursor).await?;
            for due in page.items {
                self.make_due(due, name, now).await?;
            }
            cursor = page.next;
            if self.time.stopwatch.elapsed() >= until {
                return Ok(());
            }
            if cursor.is_none() {
                break;
            }
        }
        // Those that also wait for another endpoint are in the queue, at the time of its next attempt.
        loop {
            let page = self.billing.waiting_events(now, now.plus_hours(LONGEST_WAIT_HOURS), cursor).await?;
            for due in page.items {
                self.make_due(due, name, now).await?;
            }
            cursor = page.next;
            if self.time.stopwatch.elapsed() >= until {
                return Ok(());
            }
            if cursor.is_none() {
                return self.billing.checked_endpoint(name, now).await;
            }
        }
    }

    async fn make_due(&self, mut due: DueEvent, name: &str, now: Timestamp) -> Result<(), Error> {
        let waits = |delivery: &&mut Delivery| delivery.state == DeliveryState::Waiting;
        let Some(delivery) = due.event.deliveries.get_mut(name).filter(waits) else { return Ok(()) };
        // With all attempts ahead: those before it was switched off say nothing about it now.
        *delivery = Delivery::due(now);
        due.event.state = EventState::Waiting;
        self.billing.put_event(due, now).await.map(|_| ())
    }
}
