//! Kinds of messages about a visit, and the visits that each is due for.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::LocalDate;
use crate::domain::workshop::vehicles::WINDOW_DAYS;

/// Longest time from a missed visit to its follow-up, in days.
const MOST_DAYS: u32 = 60;
/// Days on which a follow-up may be sent, so that a run makes up for a day without one.
const FOLLOW_UP_WINDOW_DAYS: i64 = 3;

/// Kind of a message as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderKind {
    /// Reminder of a visit ahead.
    #[default]
    Reminder,
    /// Message after a visit that did not take place.
    FollowUp,
}

/// Days from a missed visit to its follow-up: 1 to 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowUpDays(u32);

/// Rejection of a text as [`FollowUpDays`].
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to {MOST_DAYS} days, or empty")]
pub struct InvalidFollowUpDays;

/// Message about a visit with the rule of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Reminder of a visit ahead.
    Reminder,
    /// Message that many days after a visit that did not take place.
    FollowUp(FollowUpDays),
}

/// Days of visits, both included (Asia/Jakarta).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitDays {
    /// First day.
    pub first: LocalDate,
    /// Last day.
    pub last: LocalDate,
}

impl FollowUpDays {
    /// Reads a number of days.
    ///
    /// # Errors
    /// [`InvalidFollowUpDays`] unless it is 1 to 60.
    pub fn parse(text: &str) -> Result<Self, InvalidFollowUpDays> {
        let days = text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        days.map(Self).ok_or(InvalidFollowUpDays)
    }
}

impl ReminderKind {
    /// True for a reminder, with which an item is stored without its kind.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl MessageKind {
    /// The kind as it is stored.
    #[must_use]
    pub const fn kind(self) -> ReminderKind {
        match self {
            Self::Reminder => ReminderKind::Reminder,
            Self::FollowUp(_) => ReminderKind::FollowUp,
        }
    }

    /// The visits for which the message is sent on `today`. A follow-up has an end, so that none is sent about visits missed
    /// long before it was switched on.
    #[must_use]
    pub fn visits(self, today: LocalDate) -> VisitDays {
        match self {
            Self::Reminder => VisitDays { first: today, last: today.plus_days(WINDOW_DAYS - 1) },
            Self::FollowUp(FollowUpDays(days)) => {
                let last = today.plus_days(-i64::from(days));
                VisitDays { first: last.plus_days(1 - FOLLOW_UP_WINDOW_DAYS), last }
            }
        }
    }
}

impl VisitDays {
    /// True for one of the days.
    #[must_use]
    pub fn contain(self, day: LocalDate) -> bool {
        self.first <= day && day <= self.last
    }
}
