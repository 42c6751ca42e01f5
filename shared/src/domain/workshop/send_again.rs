//! A further reminder of a visit, which staff allow after a correction of the number or of the owner.

use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::workshop::reminders::{Reminder, ReminderState, SentBefore};
use crate::domain::workshop::vehicles::{Vehicle, VehicleStatus};

/// Permission by staff to send one further message about a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Time of the permission (UTC).
    pub at: Timestamp,
    /// Caller who gives it.
    pub by: String,
    /// Reason of the caller.
    pub why: String,
}

/// Reason for which no further reminder is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendAgainRefusal {
    /// The vehicle is booked, sold or archived.
    #[error("The vehicle is not active, so its owner is not reminded.")]
    NotActive,
    /// The day of the visit is over.
    #[error("The day of the next visit is over. Record the visit, or set the date of the next one.")]
    VisitOver,
    /// A run is sending the reminder, or was cut off while it did.
    #[error("A run is sending the reminder at this moment. Repeat the request after the run.")]
    InProgress,
}

/// Returns the reminder that allows a further message about the next visit; `None` where the next run sends one anyway.
/// `reminder` is the latest of that visit, `today` the day in Jakarta.
///
/// # Errors
/// [`SendAgainRefusal`] where no run would send it, or one is sending it.
pub fn send_again(
    vehicle: &Vehicle,
    reminder: Option<&Reminder>,
    permission: Permission,
    today: LocalDate,
) -> Result<Option<Reminder>, SendAgainRefusal> {
    match vehicle.status {
        VehicleStatus::Active => {}
        VehicleStatus::Booked | VehicleStatus::Sold | VehicleStatus::Archived => {
            return Err(SendAgainRefusal::NotActive);
        }
    }
    if vehicle.next_visit() < today {
        return Err(SendAgainRefusal::VisitOver);
    }
    let Some(reminder) = reminder else { return Ok(None) };
    match reminder.state {
        ReminderState::Claimed => Err(SendAgainRefusal::InProgress),
        ReminderState::Failed => Ok(None),
        ReminderState::Sent | ReminderState::Unclear if reminder.send_again => Ok(None),
        ReminderState::Sent | ReminderState::Unclear => {
            let Permission { at, by, why } = permission;
            let mut allowed = Reminder { send_again: true, ..reminder.clone() };
            allowed.before.push(SentBefore {
                run: reminder.run.clone(),
                state: reminder.state,
                message_id: reminder.message_id.clone(),
                allowed_at: at,
                allowed_by: by,
                why,
            });
            Ok(Some(allowed))
        }
    }
}
