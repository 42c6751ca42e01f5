//! Due vehicles of one run, one after the other: read, claim, send, record.

use shared::domain::billing::decision::Versioned;
use shared::domain::values::send_outcome::{RefusalScope, SendOutcome};
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::reminders::{Reminder, ReminderAction, ReminderInput, ReminderState, SkipReason, plan};
use shared::domain::workshop::vehicles::{Customer, Vehicle, ZONE};
use shared::exclusive_run::{ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::phone_keys::PhoneHasher;
use shared::store;
use shared::store::workshop::reminders::{DailyCap, Occasion, ReminderClaim, ReminderContext};
use shared::whatsapp;
use shared::whatsapp::Provider;

use crate::delivery::{Delivery, Sent};
use crate::providers::Message;
use crate::report::{Outcome, Report, Row};
use crate::{Error, Reminders};

/// Attempts per vehicle when it or its customer is changed at the same time.
const ATTEMPTS: usize = 4;
/// Detail of a claim without an outcome.
const ABANDONED: &str = "the run that was sending it ended before the outcome was known";

/// A run under way.
pub(crate) struct Batch<'a, 't> {
    reminders: &'a Reminders,
    job: &'a Job,
    run: &'t mut ExclusiveRun<'a>,
    /// Logical day of the run, Asia/Jakarta.
    today: LocalDate,
    time: InvocationTime,
    delivery: Delivery<'a>,
    hasher: PhoneHasher,
    failed_before: Vec<FailedBefore>,
    /// Messages of this run that a provider accepted, or may have; in a dry run those that would be sent.
    handed_out: u32,
    /// Messages of the day by earlier runs. Only a dry run reads them; otherwise the claim checks the daily cap.
    handed_out_before: u32,
    is_capped: bool,
    report: Report,
}

/// A vehicle whose reminder failed before. It comes last, so that it cannot keep others from their reminders.
struct FailedBefore {
    vehicle: Vehicle,
    /// Time of the latest attempt (UTC).
    at: Timestamp,
}

/// Place of a vehicle in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// In the order of the visits; put off where its reminder failed before.
    First,
    /// After all others, the one that was tried longest ago first.
    Last,
}

/// Result of one attempt at a vehicle.
enum Attempt {
    /// Handled, with its row of the report.
    Handled(Row),
    /// Vehicle or customer were changed after they were read.
    Changed,
}

impl<'a, 't> Batch<'a, 't> {
    pub(crate) fn new(
        reminders: &'a Reminders,
        job: &'a Job,
        run: &'t mut ExclusiveRun<'a>,
        time: InvocationTime,
        hasher: PhoneHasher,
    ) -> Self {
        Self {
            reminders,
            job,
            run,
            today: job.scheduled_at.day(ZONE),
            time,
            delivery: Delivery::new(&reminders.sender),
            hasher,
            failed_before: Vec::new(),
            handed_out: 0,
            handed_out_before: 0,
            is_capped: false,
            report: Report::default(),
        }
    }

    /// Handles all due vehicles.
    pub(crate) async fn perform(mut self) -> Result<Report, Error> {
        let workshop = &self.reminders.workshop;
        if self.job.dry_run {
            self.handed_out_before = workshop.reminders_handed_out(self.wall().day(ZONE)).await?;
        } else {
            // Also claims of vehicles that are no longer due and would not be met below.
            for claimed in workshop.abandoned_reminders(self.wall()).await? {
                self.record_abandoned(claimed).await?;
            }
        }
        let mut cursor = None;
        loop {
            let page = workshop.vehicles_due(self.today, cursor).await?;
            for vehicle in page.items {
                self.run.heartbeat().await?;
                let done = match vehicle {
                    Ok(vehicle) => self.handle_vehicle(vehicle.value, Turn::First).await,
                    Err(error) => self.skip_unreadable(error).await,
                };
                self.pass_over(done)?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut failed_before = std::mem::take(&mut self.failed_before);
        failed_before.sort_by_key(|failed| failed.at);
        for failed in failed_before {
            self.run.heartbeat().await?;
            let done = self.handle_vehicle(failed.vehicle, Turn::Last).await;
            self.pass_over(done)?;
        }
        self.report.disabled = self.delivery.disabled;
        self.report.stopped = self.delivery.stopped;
        self.report.handed_out = self.handed_out;
        Ok(self.report)
    }

    /// Counts a vehicle that cannot be handled, which does not block the others.
    fn pass_over(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(Error::Store(error)) if error.is_about_one_item() => {
                tracing::error!(error = error_chain(&error), "a vehicle could not be handled");
                self.report.add_unreadable();
                Ok(())
            }
            done => done,
        }
    }

    async fn skip_unreadable(&mut self, error: store::Error) -> Result<(), Error> {
        if !self.job.dry_run {
            self.reminders.workshop.move_to_unreadable(&error).await?;
        }
        self.report.add_unreadable();
        Ok(())
    }

    /// Records an abandoned claim as outcome unknown. Its run is over, because this one holds the job's lease, and whether
    /// it sent the message cannot be found out.
    async fn record_abandoned(&self, claimed: Versioned<Reminder>) -> Result<(), Error> {
        let recorded =
            Reminder { state: ReminderState::Unclear, detail: Some(ABANDONED.to_owned()), ..claimed.value.clone() };
        let run = recorded.run.clone();
        if self.reminders.workshop.record_reminder_outcome(claimed, recorded, self.wall()).await? {
            tracing::error!(run, "the outcome of a reminder is unknown");
        }
        Ok(())
    }

    async fn handle_vehicle(&mut self, due: Vehicle, turn: Turn) -> Result<(), Error> {
        let mut vehicle = due;
        for _ in 0..ATTEMPTS {
            let context = self.read_context(&vehicle).await?;
            // The due index may be behind the table; reminder and customer are found by what the vehicle holds now.
            if let Some(current) = context.vehicle.as_ref().map(|vehicle| &vehicle.value)
                && (current.next_visit() != vehicle.next_visit() || current.customer != vehicle.customer)
            {
                vehicle = current.clone();
                continue;
            }
            if turn == Turn::First
                && let Some(at) = failed_at(&context)
            {
                self.failed_before.push(FailedBefore { vehicle, at });
                return Ok(());
            }
            if let Attempt::Handled(row) = self.attempt(&vehicle, &context).await? {
                self.report.add(row);
                return Ok(());
            }
        }
        // The next run of the window finds it in its final state.
        self.report.add(Row::new(&vehicle, None, self.today, Outcome::Skipped).because(SkipReason::Changed.text()));
        Ok(())
    }

    /// Reads vehicle, customer and reminder in their present state. A claim among them was left by a crashed run, because
    /// this run holds the lease; a dry run holds none, and leaves the claim of a run that may be under way.
    async fn read_context(&self, vehicle: &Vehicle) -> Result<ReminderContext, Error> {
        let occasion = Occasion { visit: vehicle.next_visit(), day: self.reminders.rules.repeat.day(self.today) };
        let workshop = &self.reminders.workshop;
        let hasher = &self.hasher;
        let mut context = workshop.reminder_context(&vehicle.plate, &vehicle.customer, occasion, hasher).await?;
        let is_claimed = |reminder: &mut Versioned<Reminder>| reminder.value.state == ReminderState::Claimed;
        if !self.job.dry_run
            && let Some(claimed) = context.reminder.take_if(is_claimed)
        {
            self.record_abandoned(claimed).await?;
            context = workshop.reminder_context(&vehicle.plate, &vehicle.customer, occasion, hasher).await?;
        }
        Ok(context)
    }

    async fn attempt(&mut self, due: &Vehicle, context: &ReminderContext) -> Result<Attempt, Error> {
        let customer = context.customer.as_ref().map(|customer| &customer.value);
        let row = |status| Row::new(due, customer, self.today, status);
        let skipped = |skip: SkipReason| Ok(Attempt::Handled(row(Outcome::Skipped).because(skip.text())));
        let Some(vehicle) = context.vehicle.as_ref().map(|vehicle| &vehicle.value) else {
            return skipped(SkipReason::NotDue);
        };
        let reminder = context.reminder.as_ref().map(|reminder| &reminder.value);
        // Send hours bind the schedule only: staff who start a run decide the hour themselves.
        let hours = self.job.requested_by.is_none().then_some(self.reminders.rules.hours);
        // StarSender holds messages back, so the customer gets this one later than now.
        let received_at = self.wall().plus_seconds(self.delay().into());
        let input = ReminderInput { vehicle, customer, is_opted_out: context.is_opted_out, reminder };
        match (plan(input, self.today, hours, received_at), customer) {
            // Sent by an earlier attempt of this same run, whose report was lost.
            (ReminderAction::AlreadySent, _)
                if !self.job.dry_run && reminder.is_some_and(|reminder| reminder.run == self.job.id) =>
            {
                Ok(Attempt::Handled(row(Outcome::Sent)))
            }
            (ReminderAction::AlreadySent, _) => Ok(Attempt::Handled(row(Outcome::AlreadySent))),
            (ReminderAction::Unclear, _) => {
                let detail = reminder.and_then(|reminder| reminder.detail.clone());
                let reason = detail.unwrap_or_else(|| ABANDONED.to_owned());
                Ok(Attempt::Handled(row(Outcome::Unclear).because(reason)))
            }
            (ReminderAction::Skip(skip), _) => skipped(skip),
            (ReminderAction::Send, None) => skipped(SkipReason::NoCustomer),
            (ReminderAction::Send, Some(_)) if self.delivery.next_provider().is_none() => skipped(SkipReason::Stopped),
            (ReminderAction::Send, Some(_)) if self.is_capped() => skipped(SkipReason::DailyCap),
            (ReminderAction::Send, Some(customer)) => self.remind(vehicle, customer, context).await,
        }
    }

    fn is_capped(&self) -> bool {
        let handed_out = self.handed_out_before.saturating_add(self.handed_out);
        self.is_capped || (self.job.dry_run && handed_out >= self.reminders.rules.daily_cap)
    }

    /// Seconds for which StarSender is to hold the next message back. The Cloud API sends at once.
    fn delay(&self) -> u32 {
        match self.delivery.next_provider() {
            Some(Provider::StarSender) => self.handed_out.saturating_mul(self.reminders.rules.pace),
            Some(Provider::CloudApi) | None => 0,
        }
    }

    async fn remind(
        &mut self,
        vehicle: &Vehicle,
        customer: &Customer,
        context: &ReminderContext,
    ) -> Result<Attempt, Error> {
        let content = whatsapp::Reminder {
            name: &customer.name,
            salutation: customer.salutation,
            plate: &vehicle.plate,
            visit: vehicle.next_visit(),
        };
        let text = self.reminders.wording.text(&content);
        let today = self.today;
        let row = |status| Row::new(vehicle, Some(customer), today, status);
        if self.job.dry_run {
            self.handed_out += 1;
            return Ok(Attempt::Handled(row(Outcome::WouldSend).with_message(text, None)));
        }
        let workshop = &self.reminders.workshop;
        let claim = self.claim(vehicle, context);
        let cap = DailyCap { day: self.wall().day(ZONE), limit: self.reminders.rules.daily_cap };
        let claimed = match workshop.claim_reminder(claim, context, cap, &self.hasher).await? {
            ReminderClaim::Claimed(claimed) => claimed,
            ReminderClaim::Changed => return Ok(Attempt::Changed),
            ReminderClaim::DailyCap => {
                self.is_capped = true;
                return Ok(Attempt::Handled(row(Outcome::Skipped).because(SkipReason::DailyCap.text())));
            }
        };
        let message = Message { to: &customer.phone, text: &text, reminder: Some(content), delay: self.delay() };
        let sent = self.delivery.send(&message, self.time.wall_now()).await;
        match &sent.outcome {
            // An unknown outcome counts against the daily cap, because the message may have arrived.
            SendOutcome::Sent { .. } | SendOutcome::Unknown { .. } => self.handed_out += 1,
            SendOutcome::Refused { scope: RefusalScope::Message, .. } => self.report.personal_refusals += 1,
            SendOutcome::Refused { .. } | SendOutcome::NotSent { .. } => {}
        }
        let recorded = with_outcome(&claimed.value, &sent);
        tracing::info!(run = self.job.id, outcome = recorded.state.name(), "reminder handled");
        let row = row_of_outcome(row, &recorded, text);
        // The result is ignored: the message went out even if another run took the claim for abandoned.
        workshop.record_reminder_outcome(*claimed, recorded, self.wall()).await?;
        Ok(Attempt::Handled(row))
    }

    fn claim(&self, vehicle: &Vehicle, context: &ReminderContext) -> Reminder {
        let before = context.reminder.as_ref().map(|reminder| &reminder.value);
        let attempts = before.map_or(0, |reminder| reminder.attempts);
        Reminder {
            plate: vehicle.plate.clone(),
            visit: vehicle.next_visit(),
            day: self.reminders.rules.repeat.day(self.today),
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

    fn wall(&self) -> Timestamp {
        self.time.wall_now()
    }
}

/// Time of the latest attempt at the reminder, if it failed: of this occasion, or of the day before.
fn failed_at(context: &ReminderContext) -> Option<Timestamp> {
    let latest = context.reminder.as_ref().map(|reminder| &reminder.value).or(context.day_before.as_ref())?;
    (latest.state == ReminderState::Failed).then_some(latest.claimed_at)
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
