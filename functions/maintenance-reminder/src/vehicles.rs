//! Due vehicles of one run: read and decided about, one after the other.

use shared::domain::billing::decision::Versioned;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::message_kind::{MessageKind, ReminderKind};
use shared::domain::workshop::reminders::{Reminder, ReminderAction, ReminderInput, ReminderState, SkipReason, plan};
use shared::domain::workshop::vehicles::ZONE;
use shared::exclusive_run::{ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::phone_keys::PhoneHasher;
use shared::store;
use shared::store::workshop::reminders::{Occasion, ReminderContext};
use shared::whatsapp::{Provider, STARSENDER_LONGEST_DELAY};

use crate::delivery::Delivery;
use crate::due::{Attempt, Due, Ready, failed_at};
use crate::owners::Owners;
use crate::report::{Outcome, Report, Row};
use crate::{Error, Reminders};

/// Attempts per vehicle when it or its customer is changed at the same time.
const ATTEMPTS: usize = 4;
/// Detail of a claim without an outcome.
const ABANDONED: &str = "the run that was sending it ended before the outcome was known";

/// A run under way.
pub(crate) struct Batch<'a, 't> {
    pub(crate) reminders: &'a Reminders,
    pub(crate) job: &'a Job,
    pub(crate) run: &'t mut ExclusiveRun<'a>,
    /// Logical day of the run, Asia/Jakarta.
    pub(crate) today: LocalDate,
    pub(crate) time: InvocationTime,
    pub(crate) delivery: Delivery<'a>,
    pub(crate) hasher: PhoneHasher,
    failed_before: Vec<FailedBefore>,
    /// Vehicles that wait for one message to their owner.
    pub(crate) owners: Owners,
    /// Messages of this run that a provider accepted, or may have; in a dry run those that would be sent.
    pub(crate) handed_out: u32,
    /// Messages of the day by earlier runs. Only a dry run reads them; otherwise the claim checks the daily cap.
    handed_out_before: u32,
    pub(crate) is_capped: bool,
    pub(crate) report: Report,
}

/// Decision about a vehicle.
enum Considered {
    /// No message, with the row of the report.
    Row(Box<Row>),
    Ready(Box<Ready>),
}

/// A vehicle whose message failed before. It comes last, so that it cannot keep others from theirs.
struct FailedBefore {
    due: Due,
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
            owners: Owners::default(),
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
        for message in self.reminders.rules.messages() {
            self.handle_due(message).await?;
            // Before the follow-ups: theirs are the day's limit and StarSender's hour.
            self.send_to_owners().await?;
        }
        let mut failed_before = std::mem::take(&mut self.failed_before);
        failed_before.sort_by_key(|failed| failed.at);
        for failed in failed_before {
            self.run.heartbeat().await?;
            let done = self.handle_vehicle(failed.due, Turn::Last).await;
            self.pass_over(done)?;
        }
        if self.report.waiting > 0 && !self.job.dry_run {
            let Reminders { continuations, rules, .. } = self.reminders;
            let continuation = continuations.schedule(self.job, rules, self.wall(), self.delay()).await;
            self.report.continuation = Some(continuation);
        }
        self.report.disabled = self.delivery.disabled;
        self.report.stopped = self.delivery.stopped;
        self.report.handed_out = self.handed_out;
        Ok(self.report)
    }

    /// Handles the vehicles that are due for a message.
    async fn handle_due(&mut self, message: MessageKind) -> Result<(), Error> {
        let mut cursor = None;
        loop {
            let page = self.reminders.workshop.vehicles_due(message.visits(self.today), cursor).await?;
            for vehicle in page.items {
                self.run.heartbeat().await?;
                let done = match vehicle {
                    Ok(vehicle) => self.handle_vehicle(Due { vehicle: vehicle.value, message }, Turn::First).await,
                    Err(error) => self.skip_unreadable(error).await,
                };
                self.pass_over(done)?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Counts a vehicle that cannot be handled, which does not block the others.
    pub(crate) fn pass_over(&mut self, done: Result<(), Error>) -> Result<(), Error> {
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

    async fn handle_vehicle(&mut self, due: Due, turn: Turn) -> Result<(), Error> {
        let ready = match self.consider(due).await? {
            Considered::Row(row) => {
                self.report.add(*row);
                return Ok(());
            }
            Considered::Ready(ready) => *ready,
        };
        let failed_at = failed_at(&ready.context);
        if self.reminders.rules.group.is_some() && ready.due.message == MessageKind::Reminder {
            self.owners.add(ready, failed_at);
            return Ok(());
        }
        match failed_at {
            Some(at) if turn == Turn::First => self.failed_before.push(FailedBefore { due: ready.due, at }),
            Some(_) | None => self.send(vec![ready]).await?,
        }
        Ok(())
    }

    /// Sends one message about vehicles of one owner. Where one of them was changed in between, all are read again.
    pub(crate) async fn send(&mut self, mut vehicles: Vec<Ready>) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if vehicles.is_empty() || self.remind(&vehicles).await? == Attempt::Handled {
                return Ok(());
            }
            vehicles = self.considered_again(vehicles).await?;
        }
        for ready in vehicles {
            let row = self.changed(&ready.due);
            self.report.add(row);
        }
        Ok(())
    }

    /// Reads vehicles again that are about to be in one message, and returns those that still are.
    pub(crate) async fn considered_again(&mut self, vehicles: Vec<Ready>) -> Result<Vec<Ready>, Error> {
        let mut again: Vec<Ready> = Vec::with_capacity(vehicles.len());
        for Ready { due, .. } in vehicles {
            match self.consider(due).await {
                Ok(Considered::Row(row)) => self.report.add(*row),
                Ok(Considered::Ready(ready))
                    if again.first().is_none_or(|first| first.customer.phone == ready.customer.phone) =>
                {
                    again.push(*ready);
                }
                Ok(Considered::Ready(ready)) => {
                    let row = self.changed(&ready.due);
                    self.report.add(row);
                }
                Err(error) => self.pass_over(Err(error))?,
            }
        }
        Ok(again)
    }

    /// Row of a vehicle that keeps changing; the next run of the window finds it in its final state.
    fn changed(&self, due: &Due) -> Row {
        let row = Row::new(&due.vehicle, None, self.today, Outcome::Skipped).of_kind(due.message.kind());
        row.because(SkipReason::Changed.text())
    }

    async fn consider(&mut self, mut due: Due) -> Result<Considered, Error> {
        for _ in 0..ATTEMPTS {
            let context = self.read_context(&due).await?;
            // The due index may be behind the table; reminder and customer are found by what the vehicle holds now.
            if let Some(current) = context.vehicle.as_ref().map(|vehicle| &vehicle.value)
                && (current.next_visit() != due.vehicle.next_visit() || current.customer != due.vehicle.customer)
            {
                due.vehicle = current.clone();
                continue;
            }
            return Ok(self.decide(due, context));
        }
        Ok(Considered::Row(Box::new(self.changed(&due))))
    }

    /// Reads vehicle, customer and reminder in their present state. A claim among them was left by a crashed run, because
    /// this run holds the lease; a dry run holds none, and leaves the claim of a run that may be under way.
    async fn read_context(&self, due: &Due) -> Result<ReminderContext, Error> {
        let (vehicle, kind) = (&due.vehicle, due.message.kind());
        let occasion = Occasion { kind, visit: vehicle.next_visit(), day: self.day_of(kind) };
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

    /// Day that distinguishes the messages of one kind about one visit.
    pub(crate) fn day_of(&self, kind: ReminderKind) -> Option<LocalDate> {
        match kind {
            ReminderKind::Reminder => self.reminders.rules.repeat.day(self.today),
            ReminderKind::FollowUp => None,
        }
    }

    fn decide(&self, due: Due, context: ReminderContext) -> Considered {
        let customer = context.customer.as_ref().map(|customer| &customer.value);
        let kind = due.message.kind();
        let row = |status| Row::new(&due.vehicle, customer, self.today, status).of_kind(kind);
        let done = |row: Row| Considered::Row(Box::new(row));
        let skipped = |skip: SkipReason| done(row(Outcome::Skipped).because(skip.text()));
        let Some(vehicle) = context.vehicle.as_ref().map(|vehicle| &vehicle.value) else {
            return skipped(SkipReason::NotDue);
        };
        let reminder = context.reminder.as_ref().map(|reminder| &reminder.value);
        // Send hours bind the schedule only: staff who start a run decide the hour themselves.
        let hours = self.job.requested_by.is_none().then_some(self.reminders.rules.hours);
        // StarSender holds messages back, so the customer gets this one later than now.
        let received_at = self.wall().plus_seconds(self.delay().into());
        let input =
            ReminderInput { message: due.message, vehicle, customer, is_opted_out: context.is_opted_out, reminder };
        match (plan(input, self.today, hours, received_at), customer) {
            // Sent by an earlier attempt of this same run, whose report was lost.
            (ReminderAction::AlreadySent, _)
                if !self.job.dry_run && reminder.is_some_and(|reminder| reminder.run == self.job.id) =>
            {
                done(row(Outcome::Sent))
            }
            (ReminderAction::AlreadySent, _) => done(row(Outcome::AlreadySent)),
            (ReminderAction::Unclear, _) => {
                let detail = reminder.and_then(|reminder| reminder.detail.clone());
                let reason = detail.unwrap_or_else(|| ABANDONED.to_owned());
                done(row(Outcome::Unclear).because(reason))
            }
            (ReminderAction::Skip(skip), _) => skipped(skip),
            (ReminderAction::Send, None) => skipped(SkipReason::NoCustomer),
            (ReminderAction::Send, Some(_)) if self.delivery.next_provider().is_none() => skipped(SkipReason::Stopped),
            // Beyond it each message would be refused, which is no fault of the customer.
            (ReminderAction::Send, Some(_)) if self.delay() > STARSENDER_LONGEST_DELAY => skipped(SkipReason::Waiting),
            (ReminderAction::Send, Some(_)) if self.is_capped() => skipped(SkipReason::DailyCap),
            (ReminderAction::Send, Some(customer)) => {
                let customer = customer.clone();
                Considered::Ready(Box::new(Ready { due, customer, context }))
            }
        }
    }

    fn is_capped(&self) -> bool {
        let handed_out = self.handed_out_before.saturating_add(self.handed_out);
        self.is_capped || (self.job.dry_run && handed_out >= self.reminders.rules.daily_cap)
    }

    /// Seconds for which StarSender is to hold the next message back. The Cloud API sends at once.
    pub(crate) fn delay(&self) -> u32 {
        match self.delivery.next_provider() {
            Some(Provider::StarSender) => self.handed_out.saturating_mul(self.reminders.rules.pace),
            Some(Provider::CloudApi) | None => 0,
        }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.time.wall_now()
    }
}
