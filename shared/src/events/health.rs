//! Endpoints as one drain sees them: which are switched off, and which fail now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::billing::app_events::delivery::{Attempt, EndpointHealth};
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::values::time::Timestamp;
use crate::store::Error;
use crate::store::billing::Billing;

/// Failures in a row after which a drain posts nothing further to an endpoint: the other events would fare no better.
const SAME_FAILURES: usize = 3;

/// State of the endpoints during one drain.
pub(super) struct Health(Mutex<BTreeMap<String, EndpointNow>>);

#[derive(Clone, Default)]
struct EndpointNow {
    stored: EndpointHealth,
    failures_in_a_row: usize,
    in_flight: usize,
}

/// Answer to the question if an event may be posted to an endpoint now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Post.
    Open,
    /// One post at a time shows if an endpoint that failed works again: not now.
    Probing,
    /// It failed for three events in a row.
    Failing,
    /// Switched off.
    Off,
}

impl Health {
    /// Reads the state of these endpoints.
    pub(super) async fn read(billing: &Billing, names: impl Iterator<Item = &String>) -> Result<Self, Error> {
        let mut endpoints = BTreeMap::new();
        for name in names {
            let stored = billing.endpoint(name).await?;
            endpoints.insert(name.clone(), EndpointNow { stored, ..EndpointNow::default() });
        }
        Ok(Self(Mutex::new(endpoints)))
    }

    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<String, EndpointNow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn admission(&self, name: &str) -> Admission {
        let endpoints = self.endpoints();
        let Some(now) = endpoints.get(name) else { return Admission::Open };
        if now.stored.off_since.is_some() {
            Admission::Off
        } else if now.failures_in_a_row >= SAME_FAILURES {
            Admission::Failing
        } else if now.stored.failing_since.is_some() && now.in_flight > 0 {
            Admission::Probing
        } else {
            Admission::Open
        }
    }

    /// True if the endpoint has failed since its latest success.
    pub(super) fn is_failing(&self, name: &str) -> bool {
        self.endpoints().get(name).is_some_and(|now| now.stored.failing_since.is_some())
    }

    /// True while this drain posts to the endpoint.
    pub(super) fn is_posting(&self, name: &str) -> bool {
        self.endpoints().get(name).is_some_and(|now| now.in_flight > 0)
    }

    /// Names of the endpoints that are switched off.
    pub(super) fn off(&self) -> BTreeSet<String> {
        let endpoints = self.endpoints();
        let off = endpoints.iter().filter(|(_, now)| now.stored.off_since.is_some());
        off.map(|(name, _)| name.clone()).collect()
    }

    /// Counts a post that begins.
    pub(super) fn begin(&self, name: &str) {
        self.endpoints().entry(name.to_owned()).or_default().in_flight += 1;
    }

    /// Counts a post that ended, and stores what it changes: an endpoint that begins to fail, works again, or has failed for three
    /// days, of which staff are notified.
    pub(super) async fn end(
        &self,
        billing: &Billing,
        name: &str,
        attempt: &Attempt,
        at: Timestamp,
    ) -> Result<(), Error> {
        let changed = {
            let mut endpoints = self.endpoints();
            let now = endpoints.entry(name.to_owned()).or_default();
            now.in_flight = now.in_flight.saturating_sub(1);
            let after = match attempt {
                Attempt::Accepted(_) => {
                    now.failures_in_a_row = 0;
                    now.stored.after_success()
                }
                Attempt::NotAccepted(detail) => {
                    now.failures_in_a_row = now.failures_in_a_row.saturating_add(1);
                    now.stored.after_failure(detail, at)
                }
            };
            after != now.stored
        };
        if !changed {
            return Ok(());
        }
        let change = |before: &EndpointHealth| match attempt {
            Attempt::Accepted(_) => before.after_success(),
            Attempt::NotAccepted(detail) => before.after_failure(detail, at),
        };
        let stored = billing.change_endpoint(name, change, |before, after| switched_off(name, before, after)).await?;
        self.endpoints().entry(name.to_owned()).or_default().stored = stored;
        Ok(())
    }

    /// Counts a post of which the outcome is not known, since it was ended early.
    pub(super) fn abandon(&self, name: &str) {
        let mut endpoints = self.endpoints();
        let now = endpoints.entry(name.to_owned()).or_default();
        now.in_flight = now.in_flight.saturating_sub(1);
    }
}

/// The notice to staff that an endpoint was switched off.
fn switched_off(name: &str, before: &EndpointHealth, after: &EndpointHealth) -> Option<Notice> {
    let at = after.off_since.filter(|_| before.off_since.is_none())?;
    let notice = Notice::to_staff(NoticeKind::EndpointOff, &format!("{name}-{}", at.unix()), at).with("endpoint", name);
    let notice = notice.with("detail", after.detail.as_deref().unwrap_or_default());
    Some(match after.failing_since {
        Some(since) => notice.with_instant("since", since),
        None => notice,
    })
}
