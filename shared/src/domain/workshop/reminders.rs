//! Whether an owner is reminded of a visit now, and what became of it.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Customer, Vehicle, VehicleStatus, ZONE, is_in_window};

/// How often a visit is reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderFrequency {
    /// Once for each vehicle and visit.
    Once,
    /// Once on each day of the window.
    Daily,
}

/// The hours of the day in which people are written to by schedule, on their own clocks: from the first, before the
/// second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendHours {
    from: u32,
    until: u32,
}

/// Why hours cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be two hours like 6-21, the first before the second, from 0 to 24")]
pub struct InvalidHours;

/// The reminder of one visit: the claim before it is sent, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The vehicle.
    pub plate: Plate,
    /// The day of the visit.
    pub visit: LocalDate,
    /// The day on which it was sent, where one is sent a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<LocalDate>,
    /// What became of it.
    pub state: ReminderState,
    /// The run that sent it, or tried last.
    pub run: String,
    /// The attempt of that run.
    pub owner: String,
    /// How often sending was begun.
    pub attempts: u32,
    /// When sending was begun last.
    pub claimed_at: Timestamp,
    /// Which gateway took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The gateway's id of the message, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The gateway's words or the reason of the state, without numbers of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderState {
    /// Somebody is sending it.
    Claimed,
    /// The gateway took it.
    Sent,
    /// It was certainly not taken; the next run tries again.
    Failed,
    /// Nobody knows whether it was sent; it is not sent again.
    Unclear,
}

/// What is known just before sending.
#[derive(Clone, Copy, Debug)]
pub struct ReminderInput<'a> {
    /// The vehicle.
    pub vehicle: &'a Vehicle,
    /// Its owner, if known.
    pub customer: Option<&'a Customer>,
    /// The reminder of this visit, if there is one.
    pub reminder: Option<&'a Reminder>,
}

/// What is done about a vehicle in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderAction {
    /// Its owner is told now.
    Send,
    /// They were told before.
    AlreadySent,
    /// Whoever was telling them stopped in between: nobody knows.
    Unclear,
    /// They are not told now.
    SkipReason(SkipReason),
}

/// Why somebody is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The visit is not in the window: it was moved, or the vehicle was here.
    NotDue,
    /// The next visit is agreed.
    Booked,
    /// The vehicle was sold.
    Sold,
    /// The vehicle is kept for the record.
    Archived,
    /// The owner is not known.
    NoCustomer,
    /// The owner does not want it.
    OptedOut,
    /// It is too early or too late where they live.
    Hours,
    /// A run is telling them at this moment.
    InProgress,
    /// Enough for one day.
    DailyCap,
    /// The run stopped before.
    Stopped,
    /// The vehicle or its owner was changed at that moment; the next run looks again.
    Changed,
}

impl SendHours {
    /// Reads `6-21`.
    ///
    /// # Errors
    /// [`InvalidHours`].
    pub fn parse(text: &str) -> Result<Self, InvalidHours> {
        let (from, until) = text.split_once('-').ok_or(InvalidHours)?;
        let hour = |text: &str| text.trim().parse::<u32>().ok().filter(|hour| *hour <= 24);
        match (hour(from), hour(until)) {
            (Some(from), Some(until)) if from < until => Ok(Self { from, until }),
            _ => Err(InvalidHours),
        }
    }

    /// Whether people whose clocks show that hour are written to.
    #[must_use]
    pub const fn contain(self, hour: u32) -> bool {
        self.from <= hour && hour < self.until
    }
}

impl std::fmt::Display for SendHours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:02}:00-{:02}:00", self.from, self.until)
    }
}

impl ReminderFrequency {
    /// The day that tells the reminders of one visit apart; none where there is only one.
    #[must_use]
    pub const fn day(self, today: LocalDate) -> Option<LocalDate> {
        match self {
            Self::Once => None,
            Self::Daily => Some(today),
        }
    }
}

impl ReminderState {
    /// The name in the API and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unclear => "unclear",
        }
    }
}

impl SkipReason {
    /// The reason for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotDue => "the visit is no longer due",
            Self::Booked => "already booked",
            Self::Sold => "sold",
            Self::Archived => "archived",
            Self::NoCustomer => "the customer is not known",
            Self::OptedOut => "opted out",
            Self::Hours => "outside the hours in which the customer may be written to",
            Self::InProgress => "a run is sending it at this moment",
            Self::DailyCap => "the daily cap is reached",
            Self::Stopped => "the batch was stopped",
            Self::Changed => "changed while it was being sent; the next run looks again",
        }
    }
}

/// What is done about a vehicle that was found due on `today`, the run's day in Jakarta. `hours` is none where staff ask
/// for the run themselves. A run that comes late does not announce a visit whose day is over at `wall`.
#[must_use]
pub fn plan(case: ReminderInput<'_>, today: LocalDate, hours: Option<SendHours>, wall: Timestamp) -> ReminderAction {
    match case.reminder.map(|reminder| reminder.state) {
        Some(ReminderState::Sent) => return ReminderAction::AlreadySent,
        Some(ReminderState::Unclear) => return ReminderAction::Unclear,
        Some(ReminderState::Claimed) => return ReminderAction::SkipReason(SkipReason::InProgress),
        Some(ReminderState::Failed) | None => {}
    }
    match case.vehicle.status {
        VehicleStatus::Active => {}
        VehicleStatus::Booked => return ReminderAction::SkipReason(SkipReason::Booked),
        VehicleStatus::Sold => return ReminderAction::SkipReason(SkipReason::Sold),
        VehicleStatus::Archived => return ReminderAction::SkipReason(SkipReason::Archived),
    }
    let visit = case.vehicle.next_visit();
    if !is_in_window(today.days_until(visit)) || visit < wall.day(ZONE) {
        return ReminderAction::SkipReason(SkipReason::NotDue);
    }
    match case.customer {
        None => ReminderAction::SkipReason(SkipReason::NoCustomer),
        Some(customer) if customer.opted_out => ReminderAction::SkipReason(SkipReason::OptedOut),
        Some(customer) if hours.is_some_and(|hours| !hours.contain(wall.hour(customer.zone))) => {
            ReminderAction::SkipReason(SkipReason::Hours)
        }
        Some(_) => ReminderAction::Send,
    }
}
