//! Reminder as the API answers it, with the stage that its message reached.

use serde::Deserialize;
use shared::domain::workshop::deliveries::Delivery;
use shared::domain::workshop::reminders::Reminder;

use crate::billing::subscriptions::translations::Language;
use crate::console::words::workshop::{DeliveryWords, ReminderStateWords};

/// Reminder as it is stored, and what the provider reported of its message.
#[derive(Deserialize)]
pub(crate) struct DeliveredReminder {
    #[serde(flatten)]
    pub(crate) reminder: Reminder,
    #[serde(default)]
    pub(crate) delivery: Option<Delivery>,
}

impl DeliveredReminder {
    /// State of the reminder in words.
    pub(crate) fn state(&self, language: Language) -> &'static str {
        let state = self.reminder.state.name();
        ReminderStateWords::of(language).get(state).unwrap_or(state)
    }

    /// Stage of the message in words, with the provider's code of a failure; empty where nothing was reported.
    pub(crate) fn stage(&self, language: Language) -> String {
        let Some(delivery) = &self.delivery else { return String::new() };
        let stage = delivery.stage.name();
        let code = delivery.code.map(|code| format!(" ({code})")).unwrap_or_default();
        format!("{}{code}", DeliveryWords::of(language).get(stage).unwrap_or(stage))
    }
}
