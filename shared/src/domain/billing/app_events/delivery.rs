//! Delivery of events to the endpoints of the business's app: when an attempt is repeated, and when an endpoint is switched off.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::domain::values::time::Timestamp;

/// Waits in seconds between the attempts of one delivery, the first of which follows at once: none, 5 and 30 minutes, then 2, 5, 10,
/// 14, 20 and 24 hours (Standard Webhooks, "Deliverability and reliability", recommends a schedule of days).
const WAITS: [i64; 9] = [0, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Days of failures without a success after which an endpoint is switched off.
const OFF_AFTER_DAYS: i64 = 3;
/// Hours between two failures beyond which the later one begins a new row of failures: more than the longest wait between two
/// attempts. A success whose record was lost so does not make an endpoint fail for ever.
const SAME_ROW_HOURS: i64 = 25;
/// Hours after which a further failure is recorded.
const RECORDED_HOURS: i64 = 1;
/// Seconds for which a delivery waits that was not attempted because its endpoint fails for others.
const PAUSE_SECONDS: i64 = 300;
/// Checks for waiting events after an endpoint was switched on, five minutes apart: the last one is later than the end of a run
/// that began before.
const RESUME_CHECKS: u8 = 3;

/// State of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantArray, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventState {
    /// Just stored, or requested again by staff.
    Queued,
    /// Claimed by a run that posts it.
    Claimed,
    /// Further attempt ahead.
    Waiting,
    /// Waits for an endpoint that is switched off.
    Held,
    /// Accepted by every endpoint that takes its type; also where none does.
    Delivered,
    /// Given up for at least one endpoint.
    Failed,
}

/// State of an event's delivery to one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, VariantArray, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryState {
    /// Attempt ahead.
    Waiting,
    /// Answered with a status from 200 to 299.
    Delivered,
    /// No attempt left.
    Failed,
}

/// Delivery of an event to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// State of the delivery.
    pub state: DeliveryState,
    /// Attempts so far, since the event was stored or requested again.
    pub attempts: usize,
    /// Time of the next attempt (UTC), or of the latest one where none follows.
    pub at: Timestamp,
    /// Status or failure of the latest attempt, without the address.
    pub detail: Option<String>,
}

/// Outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The endpoint answered with this status, from 200 to 299.
    Accepted(u16),
    /// Any other answer, or none.
    NotAccepted(String),
}

/// State of an endpoint as its posts show it: its failures, and if it is switched off. The secret has its address and keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointHealth {
    /// Time of the first failure since the latest success (UTC).
    pub failing_since: Option<Timestamp>,
    /// Time of a later failure, at most an hour before the latest (UTC).
    pub failed_at: Option<Timestamp>,
    /// Time at which it was switched off (UTC).
    pub off_since: Option<Timestamp>,
    /// Status or failure because of which it counts as failing.
    pub detail: Option<String>,
    /// Checks that are left since it was switched on, for events that wait for it. Several, because a run that began before may
    /// hold further ones.
    #[serde(default)]
    pub resume_checks: u8,
}

/// True if the text can be the name of an endpoint: 1 to 32 letters, digits, `-` and `_`.
#[must_use]
pub fn is_endpoint_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(is_allowed)
}

impl EventState {
    /// All states, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The state's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// State and due time of an event with these deliveries, while these endpoints are switched off.
    #[must_use]
    pub fn of(deliveries: &BTreeMap<String, Delivery>, off: &BTreeSet<String>) -> (Self, Option<Timestamp>) {
        let waiting = || deliveries.iter().filter(|(_, delivery)| delivery.state == DeliveryState::Waiting);
        let due = waiting().filter(|(name, _)| !off.contains(*name)).map(|(_, delivery)| delivery.at).min();
        let state = if due.is_some() {
            Self::Waiting
        } else if waiting().next().is_some() {
            Self::Held
        } else if deliveries.values().any(|delivery| delivery.state == DeliveryState::Failed) {
            Self::Failed
        } else {
            Self::Delivered
        };
        (state, due)
    }
}

impl DeliveryState {
    /// The state's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Delivery {
    /// A delivery that is due at `at`.
    #[must_use]
    pub const fn due(at: Timestamp) -> Self {
        Self { state: DeliveryState::Waiting, attempts: 0, at, detail: None }
    }

    /// True if an attempt is due.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == DeliveryState::Waiting && self.at <= now
    }

    /// The delivery after an attempt at `at`. A repetition that follows at once is due at `at`.
    #[must_use]
    pub fn after(&self, attempt: &Attempt, at: Timestamp) -> Self {
        let attempts = self.attempts.saturating_add(1);
        match attempt {
            Attempt::Accepted(status) => {
                Self { state: DeliveryState::Delivered, attempts, at, detail: Some(status.to_string()) }
            }
            Attempt::NotAccepted(reason) => {
                let wait = WAITS.get(attempts.saturating_sub(1));
                let state = if wait.is_some() { DeliveryState::Waiting } else { DeliveryState::Failed };
                let at = wait.map_or(at, |wait| at.plus_seconds(*wait));
                Self { state, attempts, at, detail: Some(reason.clone()) }
            }
        }
    }

    /// The delivery of an event that is not attempted now, because its endpoint fails for others.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Self {
        Self { at: now.plus_seconds(PAUSE_SECONDS), ..self.clone() }
    }

    /// The delivery to an endpoint that the secret does not name any more.
    #[must_use]
    pub fn dropped(&self, now: Timestamp) -> Self {
        let detail = Some("the secret has no endpoint of this name".to_owned());
        Self { state: DeliveryState::Failed, at: now, detail, ..self.clone() }
    }
}

impl EndpointHealth {
    /// The endpoint after a success.
    #[must_use]
    pub fn after_success(&self) -> Self {
        // One that is switched off stays so until staff switch it on.
        Self { failing_since: None, failed_at: None, ..self.clone() }
    }

    /// The endpoint after a failure at `at`. The same where nothing of it needs to be recorded.
    #[must_use]
    pub fn after_failure(&self, detail: &str, at: Timestamp) -> Self {
        let is_same_row = self.failed_at.is_some_and(|failed_at| at < failed_at.plus_hours(SAME_ROW_HOURS));
        let since = self.failing_since.filter(|_| is_same_row).unwrap_or(at);
        let is_over = at >= since.plus_days(OFF_AFTER_DAYS);
        let is_recorded = self.failing_since == Some(since)
            && self.failed_at.is_some_and(|failed_at| at < failed_at.plus_hours(RECORDED_HOURS));
        if is_recorded && (!is_over || self.off_since.is_some()) {
            return self.clone();
        }
        Self {
            failing_since: Some(since),
            failed_at: Some(at),
            off_since: self.off_since.or(is_over.then_some(at)),
            detail: Some(detail.to_owned()),
            ..self.clone()
        }
    }

    /// The endpoint after staff switched it on.
    #[must_use]
    pub fn enabled(&self) -> Self {
        Self { failing_since: None, failed_at: None, off_since: None, resume_checks: RESUME_CHECKS, ..self.clone() }
    }

    /// The endpoint after a check for events that waited for it, and the time of the next check.
    #[must_use]
    pub fn checked(&self, now: Timestamp) -> (Self, Option<Timestamp>) {
        let left = self.resume_checks.saturating_sub(1);
        let next = (left > 0).then(|| now.plus_seconds(PAUSE_SECONDS));
        (Self { resume_checks: left, ..self.clone() }, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn refused() -> Attempt {
        Attempt::NotAccepted("HTTP 500".to_owned())
    }

    #[test]
    fn a_delivery_is_repeated_at_once_and_then_eight_times_within_three_days_and_a_half() {
        let first = at("2025-01-15T02:00:00Z");
        let (mut delivery, mut minutes) = (Delivery::due(first), Vec::new());
        while delivery.state == DeliveryState::Waiting {
            minutes.push((delivery.at.unix() - first.unix()) / 60);
            delivery = delivery.after(&refused(), delivery.at);
        }
        assert_eq!(minutes, [0, 0, 5, 35, 155, 455, 1_055, 1_895, 3_095, 4_535]);
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 10));
        assert_eq!(Delivery::due(first).after(&Attempt::Accepted(204), first).state, DeliveryState::Delivered);
    }

    #[test]
    fn an_event_is_due_for_the_first_endpoint_that_is_on_and_held_where_none_is() {
        let (early, late) = (at("2025-01-15T02:00:00Z"), at("2025-01-15T03:00:00Z"));
        let delivered = Delivery::due(early).after(&Attempt::Accepted(200), early);
        let failed = Delivery::due(early).dropped(early);
        let state = |deliveries: &[(&str, &Delivery)], off: &[&str]| {
            let deliveries = deliveries.iter().map(|(name, delivery)| ((*name).to_owned(), (*delivery).clone()));
            EventState::of(&deliveries.collect(), &off.iter().map(|name| (*name).to_owned()).collect())
        };
        let (a, b) = (&Delivery::due(early), &Delivery::due(late));
        assert_eq!(state(&[("a", a), ("b", b)], &[]), (EventState::Waiting, Some(early)));
        assert_eq!(state(&[("a", a), ("b", b)], &["a"]), (EventState::Waiting, Some(late)));
        assert_eq!(state(&[("a", a), ("b", &delivered)], &["a"]), (EventState::Held, None));
        assert_eq!(state(&[("a", &failed), ("b", &delivered)], &[]), (EventState::Failed, None));
        assert_eq!(state(&[("b", &delivered)], &[]), (EventState::Delivered, None));
        assert_eq!(state(&[], &[]), (EventState::Delivered, None));
    }

    #[test]
    fn an_endpoint_is_switched_off_after_three_days_without_a_success() {
        let first = at("2025-01-15T02:00:00Z");
        let failing = (0..3)
            .fold(EndpointHealth::default(), |health, day| health.after_failure("HTTP 500", first.plus_days(day)));
        assert_eq!(failing.failing_since, Some(first));
        let late = first.plus_days(3).plus_seconds(-1);
        assert_eq!(failing.after_failure("HTTP 500", late).off_since, None);
        assert_eq!(failing.after_failure("HTTP 500", first.plus_days(3)).off_since, Some(first.plus_days(3)));
        let recovered = failing.after_success().after_failure("HTTP 500", first.plus_days(3));
        assert_eq!((recovered.failing_since, recovered.off_since), (Some(first.plus_days(3)), None));
    }

    #[test]
    fn a_failure_after_more_than_a_day_without_one_begins_a_new_row_and_one_within_an_hour_is_not_recorded() {
        let first = at("2025-01-15T02:00:00Z");
        let failing = EndpointHealth::default().after_failure("HTTP 500", first);
        let later = first.plus_hours(25);
        assert_eq!(failing.after_failure("HTTP 500", later).failing_since, Some(later));
        assert_eq!(failing.after_failure("HTTP 500", later.plus_seconds(-1)).failing_since, Some(first));
        assert_eq!(failing.after_failure("HTTP 503", first.plus_seconds(3_599)), failing);
        assert_eq!(failing.after_failure("HTTP 503", first.plus_hours(1)).failed_at, Some(first.plus_hours(1)));
    }
}
