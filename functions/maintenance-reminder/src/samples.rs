//! Samples of the reminder with an invented customer: shown to staff, or sent to one number of theirs.

use std::sync::Mutex;

use serde_json::{Value, json};
use shared::domain::values::send_outcome::SendOutcome;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::message_kind::MessageKind;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::{PersonName, WINDOW_DAYS, ZONE};
use shared::platform::clock::InvocationTime;
use shared::whatsapp::{self, GroupReminder, VehicleVisit};

use crate::delivery::Delivery;
use crate::providers::{Content, Message};
use crate::{Error, Reminders};

/// Samples that one instance sends within an hour.
const MOST_SENT: usize = 5;
/// Beginning of a sample's text.
const MARK: &str = "[CONTOH] ";

/// Times at which an instance sent samples.
#[derive(Default)]
pub(crate) struct SentSamples(Mutex<Vec<Timestamp>>);

/// Invented customer of a sample.
struct Invented {
    name: PersonName,
    /// Name that says that the message is a sample, for a template whose text is at Meta.
    marked_name: PersonName,
    plate: Plate,
    other_plate: Plate,
    visit: LocalDate,
}

impl SentSamples {
    /// Counts a sample; `false` where too many were sent within the hour.
    fn count(&self, wall: Timestamp) -> bool {
        let Ok(mut sent) = self.0.lock() else { return false };
        sent.retain(|at| wall < at.plus_hours(1));
        let is_allowed = sent.len() < MOST_SENT;
        if is_allowed {
            sent.push(wall);
        }
        is_allowed
    }
}

impl Invented {
    fn customer(today: LocalDate) -> Option<Self> {
        Some(Self {
            name: PersonName::parse("Budi Santoso").ok()?,
            marked_name: PersonName::parse("Budi Santoso (contoh)").ok()?,
            plate: Plate::parse("B 1234 ABC").ok()?,
            other_plate: Plate::parse("B 5678 XYZ").ok()?,
            visit: today.plus_days(WINDOW_DAYS - 1),
        })
    }

    const fn reminder<'a>(&'a self, name: &'a PersonName) -> whatsapp::Reminder<'a> {
        whatsapp::Reminder { name, salutation: Salutation::Bapak, plate: &self.plate, visit: self.visit }
    }
}

/// Answers with the text of each message that runs send, filled with an invented customer. The Cloud API sends the text of
/// its template instead, which is at Meta.
pub(crate) fn show(reminders: &Reminders, time: InvocationTime) -> Value {
    let rules = &reminders.rules;
    let mut texts = Vec::new();
    if let Some(invented) = Invented::customer(time.logical.day(ZONE)) {
        for message in rules.messages() {
            let kind = match message {
                MessageKind::Reminder => "reminder",
                MessageKind::FollowUp(_) => "follow_up",
            };
            let text = rules.wording(message).text(&invented.reminder(&invented.name));
            texts.push(json!({ "kind": kind, "text": text }));
        }
        if let Some(wording) = &rules.group {
            let plates = [&invented.plate, &invented.other_plate];
            let vehicles = plates.map(|plate| VehicleVisit { plate, visit: invented.visit });
            let group =
                GroupReminder { name: &invented.name, salutation: Salutation::Bapak, vehicles: vehicles.to_vec() };
            texts.push(json!({ "kind": "group", "text": wording.text(&group) }));
        }
    }
    let providers: Vec<&str> = reminders.sender.providers().into_iter().map(whatsapp::Provider::name).collect();
    json!({ "texts": texts, "providers": providers })
}

/// Sends one sample to a number, unless it is opted out, and answers with the outcome.
pub(crate) async fn send(reminders: &Reminders, phone: &Phone, time: InvocationTime) -> Result<Value, Error> {
    let refused = |reason: &str| Ok(json!({ "state": "refused", "reason": reason }));
    let hasher = reminders.phone_keys.get(time.wall).await?;
    if reminders.workshop.opt_out(phone, &hasher).await?.is_open() {
        return refused("opted_out");
    }
    if !reminders.samples.count(time.wall_now()) {
        return refused("too_often");
    }
    let Some(invented) = Invented::customer(time.logical.day(ZONE)) else { return refused("no_sample") };
    let text = reminders.rules.wording(MessageKind::Reminder).text(&invented.reminder(&invented.name));
    let text = format!("{MARK}{text}");
    let content = Content::Reminder(invented.reminder(&invented.marked_name));
    let message = Message { to: phone, text: &text, content, delay: 0 };
    let sent = Delivery::new(&reminders.sender).send(&message, time.wall_now()).await;
    let (state, detail) = match &sent.outcome {
        SendOutcome::Sent { reply, .. } => ("sent", reply),
        SendOutcome::Unknown { reason } => ("unclear", reason),
        SendOutcome::Refused { reason, .. } | SendOutcome::NotSent { reason, .. } => ("failed", reason),
    };
    tracing::info!(state, "sample of the reminder handled");
    Ok(json!({ "state": state, "provider": sent.provider.map(whatsapp::Provider::name), "detail": detail }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_sends_five_samples_within_an_hour() {
        let samples = SentSamples::default();
        let at = Timestamp::parse("2025-12-16T02:00:00Z").unwrap();
        let sent: Vec<bool> = (0..7).map(|minute| samples.count(at.plus_minutes(minute))).collect();
        assert_eq!(sent, [true, true, true, true, true, false, false]);
        assert!(samples.count(at.plus_hours(1)));
        assert!(!samples.count(at.plus_hours(1)));
    }
}
