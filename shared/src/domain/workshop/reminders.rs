//! Reminders of visits: the decision whether to send one, and its stored outcome.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::workshop::message_kind::{MessageKind, ReminderKind};
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Customer, Vehicle, VehicleStatus, ZONE};

/// Reminders per visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderFrequency {
    /// One reminder for each vehicle and visit.
    Once,
    /// One reminder on each day of the window.
    Daily,
}

/// Hours of the day in which the schedule sends reminders, in the customer's time zone: the first included, the second
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendHours {
    from: u32,
    until: u32,
}

/// Rejection of a text as hours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be two hours like 6-21, the first before the second, from 0 to 24")]
pub struct InvalidHours;

/// Message about one visit: the claim before it is sent, and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Kind of the message.
    #[serde(default, skip_serializing_if = "ReminderKind::is_default")]
    pub kind: ReminderKind,
    /// Number plate of the vehicle.
    pub plate: Plate,
    /// Date of the visit (Asia/Jakarta).
    pub visit: LocalDate,
    /// Date of the reminder, if one is sent each day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<LocalDate>,
    /// State of the sending.
    pub state: ReminderState,
    /// Run that sent it or tried last.
    pub run: String,
    /// Owner token of the attempt within that run.
    pub owner: String,
    /// Number of attempts, the current one included.
    pub attempts: u32,
    /// Time of the latest claim (UTC).
    pub claimed_at: Timestamp,
    /// Provider that accepted the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Provider's message id, if it returns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Provider's text or reason of the state, without phone numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// True if staff allowed a further message that no run has claimed yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_again: bool,
    /// Earlier messages about the same visit, each with the permission to send another one; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<SentBefore>,
}

/// Message after which staff allowed a further one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBefore {
    /// Run that sent it.
    pub run: String,
    /// State of its sending.
    pub state: ReminderState,
    /// Provider's message id, if it returned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Time of the permission (UTC).
    pub allowed_at: Timestamp,
    /// Caller who gave it.
    pub allowed_by: String,
    /// Reason of the caller.
    pub why: String,
}

/// State of a reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderState {
    /// Claimed by a run that is sending it.
    Claimed,
    /// Accepted by the provider.
    Sent,
    /// Not accepted; the next run tries again.
    Failed,
    /// Outcome unknown; not sent again.
    Unclear,
}

/// Stored data that the decision about a vehicle reads.
#[derive(Clone, Copy, Debug)]
pub struct ReminderInput<'a> {
    /// Message that is due.
    pub message: MessageKind,
    /// Vehicle in the window.
    pub vehicle: &'a Vehicle,
    /// Owner of the vehicle; `None` if not stored.
    pub customer: Option<&'a Customer>,
    /// True if the owner's number is opted out.
    pub is_opted_out: bool,
    /// Reminder of this visit, if one was claimed before.
    pub reminder: Option<&'a Reminder>,
}

/// Action for a vehicle in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderAction {
    /// Send a reminder now.
    Send,
    /// Already reminded of this visit.
    AlreadySent,
    /// Outcome of an earlier attempt unknown: no further attempt.
    Unclear,
    /// No reminder now.
    Skip(SkipReason),
}

/// Reason for which no reminder is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Visit outside the window: it was moved or took place.
    NotDue,
    /// Next visit already agreed.
    Booked,
    /// Vehicle sold.
    Sold,
    /// Vehicle kept for the record only.
    Archived,
    /// Owner not stored.
    NoCustomer,
    /// Number of the owner opted out.
    OptedOut,
    /// Outside the sending hours in the owner's time zone.
    Hours,
    /// Claimed by a run at this moment.
    InProgress,
    /// Daily limit of messages reached.
    DailyCap,
    /// Provider takes no message that far ahead; a later run sends it.
    Waiting,
    /// Batch stopped before this vehicle.
    Stopped,
    /// Vehicle or owner changed at this moment; the next run decides again.
    Changed,
}

impl SendHours {
    /// Reads hours such as `6-21`.
    ///
    /// # Errors
    /// [`InvalidHours`] unless both are 0 to 24 and the first is smaller.
    pub fn parse(text: &str) -> Result<Self, InvalidHours> {
        let (from, until) = text.split_once('-').ok_or(InvalidHours)?;
        let hour = |text: &str| text.trim().parse::<u32>().ok().filter(|hour| *hour <= 24);
        match (hour(from), hour(until)) {
            (Some(from), Some(until)) if from < until => Ok(Self { from, until }),
            _ => Err(InvalidHours),
        }
    }

    /// Seconds from the first hour to the second.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        (self.until - self.from) * 3_600
    }

    /// True if reminders are sent at that hour of the day.
    #[must_use]
    pub const fn contain(self, hour: u32) -> bool {
        self.from <= hour && hour < self.until
    }
}

/// Time of the run that goes on `delay` seconds after `wall`: a full minute, at least one ahead, because EventBridge Scheduler
/// keeps time by the minute. `None` where it would be on another day or outside the hours.
#[must_use]
pub fn continuation_at(wall: Timestamp, delay: u32, hours: SendHours) -> Option<Timestamp> {
    let at = wall.plus_seconds(i64::from(delay.max(60)));
    let at = at.plus_seconds((60 - at.unix().rem_euclid(60)).rem_euclid(60));
    (at.day(ZONE) == wall.day(ZONE) && hours.contain(at.hour(ZONE))).then_some(at)
}

impl std::fmt::Display for SendHours {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:02}:00-{:02}:00", self.from, self.until)
    }
}

impl ReminderFrequency {
    /// The date that distinguishes the reminders of one visit; `None` if there is one only.
    #[must_use]
    pub const fn day(self, today: LocalDate) -> Option<LocalDate> {
        match self {
            Self::Once => None,
            Self::Daily => Some(today),
        }
    }
}

impl ReminderState {
    /// The state's name in the API and in metrics.
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
    /// The reason as shown by the API.
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
            Self::Waiting => "waits for the next run: the provider takes no message that far ahead",
            Self::Stopped => "the batch was stopped",
            Self::Changed => "changed while it was being sent; the next run looks again",
        }
    }
}

/// Decides about a vehicle due on `today`, the run's date in Jakarta. `hours` is `None` for a run requested by staff. A
/// late run sends no reminder of a visit whose date is over at `wall`.
#[must_use]
pub fn plan(case: ReminderInput<'_>, today: LocalDate, hours: Option<SendHours>, wall: Timestamp) -> ReminderAction {
    // The stored reminder comes first: a repeated message is worse than a missed one.
    match case.reminder.filter(|reminder| !reminder.send_again).map(|reminder| reminder.state) {
        Some(ReminderState::Sent) => return ReminderAction::AlreadySent,
        Some(ReminderState::Unclear) => return ReminderAction::Unclear,
        Some(ReminderState::Claimed) => return ReminderAction::Skip(SkipReason::InProgress),
        Some(ReminderState::Failed) | None => {}
    }
    match case.vehicle.status {
        VehicleStatus::Active => {}
        VehicleStatus::Booked => return ReminderAction::Skip(SkipReason::Booked),
        VehicleStatus::Sold => return ReminderAction::Skip(SkipReason::Sold),
        VehicleStatus::Archived => return ReminderAction::Skip(SkipReason::Archived),
    }
    let visit = case.vehicle.next_visit();
    let is_due = match case.message {
        // A run made up for an earlier day must not announce a visit that is over.
        MessageKind::Reminder => visit >= wall.day(ZONE),
        MessageKind::FollowUp(_) => case.vehicle.last_visit < visit,
    };
    if !is_due || !case.message.visits(today).contain(visit) {
        return ReminderAction::Skip(SkipReason::NotDue);
    }
    match case.customer {
        None => ReminderAction::Skip(SkipReason::NoCustomer),
        Some(_) if case.is_opted_out => ReminderAction::Skip(SkipReason::OptedOut),
        Some(customer) if hours.is_some_and(|hours| !hours.contain(wall.hour(customer.zone))) => {
            ReminderAction::Skip(SkipReason::Hours)
        }
        Some(_) => ReminderAction::Send,
    }
}
