//! Vehicles that are due for a message, before and after they were decided about.

use shared::domain::values::time::Timestamp;
use shared::domain::workshop::message_kind::MessageKind;
use shared::domain::workshop::reminders::ReminderState;
use shared::domain::workshop::vehicles::{Customer, Vehicle};
use shared::store::workshop::reminders::ReminderContext;

/// A vehicle and the message that it is due for.
pub(crate) struct Due {
    pub(crate) vehicle: Vehicle,
    pub(crate) message: MessageKind,
}

/// A vehicle whose message is to be sent, as it was read just before.
pub(crate) struct Ready {
    pub(crate) due: Due,
    pub(crate) customer: Customer,
    pub(crate) context: ReminderContext,
}

/// Result of one attempt at a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Handled, with a row for each vehicle in the report.
    Handled,
    /// A vehicle or customer was changed after it was read.
    Changed,
}

/// Time of the latest attempt at the reminder, if it failed: of this occasion, or of the day before.
pub(crate) fn failed_at(context: &ReminderContext) -> Option<Timestamp> {
    let latest = context.reminder.as_ref().map(|reminder| &reminder.value).or(context.day_before.as_ref())?;
    (latest.state == ReminderState::Failed).then_some(latest.claimed_at)
}
