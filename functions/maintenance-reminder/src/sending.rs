//! Messages of a run: claimed, sent, and recorded at each of their vehicles.

use shared::domain::values::send_outcome::{RefusalScope, SendOutcome};
use shared::domain::workshop::message_kind::ReminderKind;
use shared::domain::workshop::reminders::{Reminder, ReminderState, SkipReason};
use shared::domain::workshop::vehicles::ZONE;
use shared::store::workshop::reminders::{DailyCap, MOST_CLAIMS, NewClaim, RecordedReminder, ReminderClaim};
use shared::whatsapp::{self, GroupReminder, VehicleVisit};

use crate::Error;
use crate::delivery::Sent;
use crate::due::{Attempt, Ready};
use crate::providers::{Content, Message};
use crate::report::{Outcome, Row};
use crate::vehicles::Batch;

impl Batch<'_, '_> {
    /// Sends each owner one message about the vehicles that are due, or several where the vehicles are more than fit into one.
    pub(crate) async fn send_to_owners(&mut self) -> Result<(), Error> {
        for mut vehicles in std::mem::take(&mut self.owners).in_order() {
            while !vehicles.is_empty() {
                let rest = vehicles.split_off(vehicles.len().min(MOST_CLAIMS));
                self.run.heartbeat().await?;
                // They were read before those of other owners were reminded.
                let present = self.considered_again(vehicles).await?;
                let count = present.len();
                let done = self.send(present).await;
                let has_failed = done.is_err();
                self.pass_over(done)?;
                // One of them is counted with the error.
                for _ in 1..count {
                    if has_failed {
                        self.report.add_unreadable();
                    }
                }
                vehicles = rest;
            }
        }
        Ok(())
    }

    /// Sends one message about vehicles of one owner.
    pub(crate) async fn remind(&mut self, vehicles: &[Ready]) -> Result<Attempt, Error> {
        let Some(first) = vehicles.first() else { return Ok(Attempt::Handled) };
        let (content, text) = self.content(first, vehicles);
        if self.job.dry_run {
            self.handed_out += 1;
            for ready in vehicles {
                let row = self.row(ready, Outcome::WouldSend).with_message(text.clone(), None);
                self.report.add(row);
            }
            return Ok(Attempt::Handled);
        }
        let workshop = &self.reminders.workshop;
        let claims = vehicles.iter().map(|ready| NewClaim { reminder: self.claim(ready), context: &ready.context });
        let cap = DailyCap { day: self.wall().day(ZONE), limit: self.reminders.rules.daily_cap };
        let claimed = match workshop.claim_reminders(claims.collect(), cap, &self.hasher).await? {
            ReminderClaim::Claimed(claimed) => claimed,
            ReminderClaim::Changed => return Ok(Attempt::Changed),
            ReminderClaim::DailyCap => {
                self.is_capped = true;
                for ready in vehicles {
                    let row = self.row(ready, Outcome::Skipped).because(SkipReason::DailyCap.text());
                    self.report.add(row);
                }
                return Ok(Attempt::Handled);
            }
        };
        let message = Message { to: &first.customer.phone, text: &text, content, delay: self.delay() };
        let sent = self.delivery.send(&message, self.time.wall_now()).await;
        match &sent.outcome {
            // An unknown outcome counts against the daily cap, because the message may have arrived.
            SendOutcome::Sent { .. } | SendOutcome::Unknown { .. } => self.handed_out += 1,
            SendOutcome::Refused { scope: RefusalScope::Message, .. } => {
                self.report.personal_refusals += u64::try_from(vehicles.len()).unwrap_or(u64::MAX);
            }
            SendOutcome::Refused { .. } | SendOutcome::NotSent { .. } => {}
        }
        let mut recorded = Vec::with_capacity(claimed.len());
        let mut rows = Vec::with_capacity(claimed.len());
        for (ready, claimed) in vehicles.iter().zip(claimed) {
            let outcome = with_outcome(&claimed.value, &sent);
            tracing::info!(run = self.job.id, outcome = outcome.state.name(), "reminder handled");
            rows.push(row_of_outcome(|status| self.row(ready, status), &outcome, text.clone()));
            recorded.push(RecordedReminder { claimed, outcome });
        }
        // A claim that another run took for abandoned is left to it: the message went out.
        workshop.record_message_outcome(recorded, self.wall()).await?;
        for row in rows {
            self.report.add(row);
        }
        Ok(Attempt::Handled)
    }

    /// Content of a message for either provider, and its text.
    fn content<'v>(&self, first: &'v Ready, vehicles: &'v [Ready]) -> (Content<'v>, String) {
        let rules = &self.reminders.rules;
        let (name, salutation) = (&first.customer.name, first.customer.salutation);
        if let (Some(wording), [_, _, ..]) = (&rules.group, vehicles) {
            let visits = vehicles.iter().map(|Ready { due, .. }| &due.vehicle);
            let visits = visits.map(|vehicle| VehicleVisit { plate: &vehicle.plate, visit: vehicle.next_visit() });
            let group = GroupReminder { name, salutation, vehicles: visits.collect() };
            let text = wording.text(&group);
            return (Content::Group(group), text);
        }
        let vehicle = &first.due.vehicle;
        let reminder = whatsapp::Reminder { name, salutation, plate: &vehicle.plate, visit: vehicle.next_visit() };
        let text = rules.wording(first.due.message).text(&reminder);
        let content = match first.due.message.kind() {
            ReminderKind::Reminder => Content::Reminder(reminder),
            ReminderKind::FollowUp => Content::FollowUp(reminder),
        };
        (content, text)
    }

    fn row(&self, ready: &Ready, status: Outcome) -> Row {
        let row = Row::new(&ready.due.vehicle, Some(&ready.customer), self.today, status);
        row.of_kind(ready.due.message.kind())
    }

    fn claim(&self, Ready { due, context, .. }: &Ready) -> Reminder {
        let before = context.reminder.as_ref().map(|reminder| &reminder.value);
        let attempts = before.map_or(0, |reminder| reminder.attempts);
        let kind = due.message.kind();
        Reminder {
            kind,
            plate: due.vehicle.plate.clone(),
            visit: due.vehicle.next_visit(),
            day: self.day_of(kind),
            state: ReminderState::Claimed,
            run: self.job.id.clone(),
            owner: self.run.owner.clone(),
            attempts: attempts.saturating_add(1),
            claimed_at: self.wall(),
            provider: None,
            message_id: None,
            detail: None,
            send_again: false,
            before: before.map(|reminder| reminder.before.clone()).unwrap_or_default(),
        }
    }
}

/// Returns the claimed reminder with the outcome of its message.
fn with_outcome(claimed: &Reminder, sent: &Sent) -> Reminder {
    let (state, detail, message_id) = match &sent.outcome {
        SendOutcome::Sent { id, reply } => (ReminderState::Sent, reply, id.clone()),
        SendOutcome::Unknown { reason } => (ReminderState::Unclear, reason, None),
        SendOutcome::Refused { reason, .. } | SendOutcome::NotSent { reason, .. } => {
            (ReminderState::Failed, reason, None)
        }
    };
    Reminder {
        state,
        provider: sent.provider.map(|provider| provider.name().to_owned()),
        message_id,
        detail: Some(detail.clone()),
        ..claimed.clone()
    }
}

fn row_of_outcome(row: impl Fn(Outcome) -> Row, recorded: &Reminder, text: String) -> Row {
    let detail = recorded.detail.clone();
    match recorded.state {
        ReminderState::Sent => row(Outcome::Sent).with_message(text, detail),
        ReminderState::Unclear | ReminderState::Claimed => row(Outcome::Unclear).because(detail.unwrap_or_default()),
        ReminderState::Failed => row(Outcome::Failed).because(detail.unwrap_or_default()),
    }
}
