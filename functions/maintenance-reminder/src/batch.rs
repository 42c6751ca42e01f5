//! The vehicles of one run, one after the other: look once more, claim, send, settle.

use shared::clock::Moment;
use shared::domain::decision::Versioned;
use shared::domain::maintenance::{Customer, Vehicle};
use shared::domain::reminder::{Case, Plan, Reminder, ReminderState, Skip, plan};
use shared::domain::time::{LocalDate, Timestamp};
use shared::store::reminders::{ReminderClaim, Situation};
use shared::whatsapp::{self, Delivery, Provider};

use crate::job::Job;
use crate::report::{Outcome, Report, Row};
use crate::sender::Message;
use crate::{Error, Reminders};

/// No new vehicle is taken up after this many seconds, so that the last one is settled before the function's timeout; a
/// repetition of the run goes on.
const RUN_SECONDS: u64 = 660;
/// A gateway that says nothing clear so often in a row is not asked again in this run.
const SILENCES: u32 = 3;
const ABANDONED: &str = "whoever was sending it stopped in between";

/// A run under way.
pub(crate) struct Batch<'a> {
    reminders: &'a Reminders,
    job: &'a Job,
    claimant: &'a str,
    today: LocalDate,
    moment: Moment,
    /// The gateways that still take messages.
    providers: Vec<Provider>,
    /// How often the first of them said nothing clear, one message after the other.
    silences: u32,
    handed_out: u32,
    is_capped: bool,
    report: Report,
}

/// What became of a message, and at which gateway.
struct Sent {
    provider: Option<Provider>,
    delivery: Delivery,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(reminders: &'a Reminders, (job, claimant): (&'a Job, &'a str), moment: Moment) -> Self {
        Self {
            reminders,
            job,
            claimant,
            today: job.today(),
            moment,
            providers: reminders.sender.providers(),
            silences: 0,
            handed_out: 0,
            is_capped: false,
            report: Report::default(),
        }
    }

    /// Goes through all that is due.
    pub(crate) async fn perform(mut self) -> Result<Report, Error> {
        let store = &self.reminders.store;
        if !self.job.dry_run {
            for claimed in store.abandoned_reminders(self.moment.wall_now()).await? {
                self.settle_abandoned(claimed).await?;
            }
        }
        let mut cursor = None;
        loop {
            let page = store.vehicles_due(self.today, cursor).await?;
            for vehicle in page.items {
                if self.moment.stopwatch.elapsed().as_secs() >= RUN_SECONDS {
                    return Err(Error::CutOff);
                }
                match vehicle {
                    Ok(vehicle) => self.one(&vehicle.value).await?,
                    Err(error) => {
                        if !self.job.dry_run {
                            store.park_unreadable(&error).await?;
                        }
                        self.report.add_unreadable();
                    }
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(self.report);
            }
        }
    }

    /// We hold the job's lease, so whoever made the claim is gone, and nobody knows whether it was sent.
    async fn settle_abandoned(&self, claimed: Versioned<Reminder>) -> Result<(), Error> {
        let settled =
            Reminder { state: ReminderState::Unclear, detail: Some(ABANDONED.to_owned()), ..claimed.value.clone() };
        tracing::error!(run = settled.run, "a reminder is unclear");
        self.reminders.store.settle_reminder(claimed, settled, self.moment.wall_now()).await?;
        Ok(())
    }

    async fn one(&mut self, found: &Vehicle) -> Result<(), Error> {
        let key = (found.next_visit(), self.reminders.rules.repeat.day(self.today));
        let store = &self.reminders.store;
        let mut situation = store.situation(&found.plate, &found.customer, key).await?;
        if let Some(vehicle) = situation.vehicle.as_ref().filter(|vehicle| vehicle.value.customer != found.customer) {
            let owner = vehicle.value.customer.clone();
            situation = store.situation(&found.plate, &owner, key).await?;
        }
        if let Some(claimed) = situation.reminder.take_if(|held| held.value.state == ReminderState::Claimed) {
            if !self.job.dry_run {
                self.settle_abandoned(claimed.clone()).await?;
            }
            let value = Reminder { state: ReminderState::Unclear, ..claimed.value };
            situation.reminder = Some(Versioned { value, version: claimed.version });
        }
        let row = self.handle(found, &situation).await?;
        self.report.add(row);
        Ok(())
    }

    async fn handle(&mut self, found: &Vehicle, situation: &Situation) -> Result<Row, Error> {
        let customer = situation.customer.as_ref().map(|customer| &customer.value);
        let row = |status| Row::new(found, customer, self.today, status);
        let current = situation.vehicle.as_ref().map(|vehicle| &vehicle.value);
        let Some(vehicle) = current.filter(|vehicle| vehicle.next_visit() == found.next_visit()) else {
            return Ok(row(Outcome::Skipped).because(Skip::NotDue.text()));
        };
        let known = situation.reminder.as_ref().map(|reminder| &reminder.value);
        // Whom staff ask for themselves is told at any hour.
        let hours = self.job.requested_by.is_none().then_some(self.reminders.rules.hours);
        let heard_at = self.moment.wall_now().plus_seconds(self.delay().into());
        let case = Case { vehicle, customer, reminder: known };
        let skip = match (plan(case, self.today, hours, heard_at), customer) {
            (Plan::AlreadySent, _) if known.is_some_and(|reminder| reminder.run == self.job.id) => {
                // By an earlier attempt of this same run.
                return Ok(row(Outcome::Sent));
            }
            (Plan::AlreadySent, _) => return Ok(row(Outcome::AlreadySent)),
            (Plan::Unclear, _) => {
                let why = known.and_then(|reminder| reminder.detail.clone());
                return Ok(row(Outcome::Unclear).because(why.unwrap_or_else(|| ABANDONED.to_owned())));
            }
            (Plan::Skip(skip), _) => skip,
            (Plan::Send, None) => Skip::NoCustomer,
            (Plan::Send, Some(_)) if self.providers.is_empty() => Skip::Stopped,
            (Plan::Send, Some(_)) if self.is_capped => Skip::DailyCap,
            (Plan::Send, Some(customer)) => return self.tell(vehicle, customer, situation).await,
        };
        Ok(row(Outcome::Skipped).because(skip.text()))
    }

    fn delay(&self) -> u32 {
        self.handed_out.saturating_mul(self.reminders.rules.pace)
    }

    async fn tell(&mut self, vehicle: &Vehicle, customer: &Customer, situation: &Situation) -> Result<Row, Error> {
        let content = whatsapp::Reminder { name: &customer.name, plate: &vehicle.plate, visit: vehicle.next_visit() };
        let text = self.reminders.wording.text(&content);
        let today = self.today;
        let row = |status| Row::new(vehicle, Some(customer), today, status);
        if self.job.dry_run {
            return Ok(row(Outcome::Sent).with_message(text, None));
        }
        let store = &self.reminders.store;
        let claim = self.claim(vehicle, situation);
        let cap = (self.moment.wall.day(shared::domain::maintenance::ZONE), self.reminders.rules.daily_cap);
        let claimed = match store.claim_reminder(claim, situation, cap).await? {
            ReminderClaim::Ours(claimed) => claimed,
            ReminderClaim::Changed => return Ok(row(Outcome::Skipped).because(Skip::Changed.text())),
            ReminderClaim::DailyCap => {
                self.is_capped = true;
                return Ok(row(Outcome::Skipped).because(Skip::DailyCap.text()));
            }
        };
        let message = Message { to: &customer.phone, text: &text, reminder: content, delay: self.delay() };
        let sent = self.send(&message).await;
        let settled = settled(&claimed.value, &sent);
        let wall = self.moment.wall_now();
        tracing::info!(run = self.job.id, outcome = settled.state.name(), detail = settled.detail, "reminder handled");
        let row = told(row, &settled, text);
        store.settle_reminder(*claimed, settled, wall).await?;
        Ok(row)
    }

    fn claim(&self, vehicle: &Vehicle, situation: &Situation) -> Reminder {
        let before = situation.reminder.as_ref().map_or(0, |reminder| reminder.value.attempts);
        Reminder {
            plate: vehicle.plate.clone(),
            customer: vehicle.customer.clone(),
            visit: vehicle.next_visit(),
            day: self.reminders.rules.repeat.day(self.today),
            state: ReminderState::Claimed,
            run: self.job.id.clone(),
            claimant: self.claimant.to_owned(),
            attempts: before.saturating_add(1),
            claimed_at: self.wall(),
            provider: None,
            message_id: None,
            detail: None,
        }
    }

    fn wall(&self) -> Timestamp {
        self.moment.wall_now()
    }

    /// Hands a message to the first gateway that takes it. The next one is tried only where the one before certainly did
    /// not take it.
    async fn send(&mut self, message: &Message<'_>) -> Sent {
        let mut last = Delivery::NotTaken("no gateway is left".to_owned());
        for provider in self.providers.clone() {
            let delivery = self.reminders.sender.send(provider, message, self.wall()).await;
            match &delivery {
                Delivery::Sent { .. } => {
                    self.silences = 0;
                    self.handed_out += 1;
                    return Sent { provider: Some(provider), delivery };
                }
                Delivery::Refused(_) => {
                    self.silences = 0;
                    return Sent { provider: Some(provider), delivery };
                }
                Delivery::Unclear(reason) => {
                    self.count_silence(provider, reason);
                    return Sent { provider: Some(provider), delivery };
                }
                Delivery::NotTaken(reason) => self.count_silence(provider, reason),
                Delivery::Stop(reason) | Delivery::Limited { reason, .. } => self.leave(provider, reason),
            }
            last = delivery;
        }
        Sent { provider: None, delivery: last }
    }

    fn count_silence(&mut self, provider: Provider, reason: &str) {
        self.silences += 1;
        if self.silences >= SILENCES {
            self.leave(provider, reason);
        }
    }

    /// Asks a gateway no more in this run.
    fn leave(&mut self, provider: Provider, reason: &str) {
        tracing::error!(provider = provider.name(), reason, "no more is sent by this gateway in this run");
        self.providers.retain(|known| *known != provider);
        self.silences = 0;
        if self.providers.is_empty() {
            self.report.stopped = Some(reason.to_owned());
        }
    }
}

fn settled(claimed: &Reminder, sent: &Sent) -> Reminder {
    let (state, detail) = match &sent.delivery {
        Delivery::Sent { said, .. } => (ReminderState::Sent, said),
        Delivery::Unclear(reason) => (ReminderState::Unclear, reason),
        Delivery::Refused(reason)
        | Delivery::Stop(reason)
        | Delivery::NotTaken(reason)
        | Delivery::Limited { reason, .. } => (ReminderState::Failed, reason),
    };
    let message_id = if let Delivery::Sent { id, .. } = &sent.delivery { id.clone() } else { None };
    Reminder {
        state,
        provider: sent.provider.map(|provider| provider.name().to_owned()),
        message_id,
        detail: Some(detail.clone()),
        ..claimed.clone()
    }
}

fn told(row: impl Fn(Outcome) -> Row, settled: &Reminder, text: String) -> Row {
    let said = settled.detail.clone();
    match settled.state {
        ReminderState::Sent => row(Outcome::Sent).with_message(text, said),
        ReminderState::Unclear | ReminderState::Claimed => row(Outcome::Unclear).because(said.unwrap_or_default()),
        ReminderState::Failed => row(Outcome::Failed).because(said.unwrap_or_default()),
    }
}
