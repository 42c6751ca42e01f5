//! The vehicles of one run, one after the other: look once more, claim, send, settle.

use shared::domain::billing::decision::Versioned;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::reminders::{Reminder, ReminderAction, ReminderInput, ReminderState, SkipReason, plan};
use shared::domain::workshop::vehicles::{Customer, Vehicle, ZONE};
use shared::exclusive_run::{ExclusiveRun, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store;
use shared::store::workshop::reminders::{ReminderClaim, ReminderContext};
use shared::whatsapp::{self, Delivery, Provider};

use crate::providers::Message;
use crate::report::{Outcome, Report, Row};
use crate::{Error, Reminders};

/// A gateway that says nothing clear so often in a row is not asked again in this run.
const SILENCES: u32 = 3;
/// How often a vehicle is looked at again because it or its owner was changed at that moment.
const LOOKS: usize = 4;
const ABANDONED: &str = "whoever was sending it stopped in between";

/// A run under way.
pub(crate) struct Batch<'a, 't> {
    reminders: &'a Reminders,
    job: &'a Job,
    turn: &'t mut ExclusiveRun<'a>,
    today: LocalDate,
    moment: InvocationTime,
    /// The gateways that still take messages, each with how often it said nothing clear, one message after the other.
    gateways: Vec<(Provider, u32)>,
    /// Messages that this run gave to a gateway, or may have.
    handed_out: u32,
    /// Messages of the day that others gave, where a dry run has to know.
    handed_out_before: u32,
    is_capped: bool,
    report: Report,
}

/// What became of a message, and at which gateway.
struct Sent {
    provider: Option<Provider>,
    delivery: Delivery,
}

/// What a look at a vehicle led to.
enum Attempt {
    Seen(Row),
    Changed,
}

impl<'a, 't> Batch<'a, 't> {
    pub(crate) fn new(
        reminders: &'a Reminders,
        job: &'a Job,
        turn: &'t mut ExclusiveRun<'a>,
        moment: InvocationTime,
    ) -> Self {
        Self {
            reminders,
            job,
            turn,
            today: job.scheduled_at.day(ZONE),
            moment,
            gateways: reminders.sender.providers().into_iter().map(|provider| (provider, 0)).collect(),
            handed_out: 0,
            handed_out_before: 0,
            is_capped: false,
            report: Report::default(),
        }
    }

    /// Goes through all that is due.
    pub(crate) async fn perform(mut self) -> Result<Report, Error> {
        let store = &self.reminders.store;
        if self.job.dry_run {
            self.handed_out_before = store.workshop.reminders_handed_out(self.wall().day(ZONE)).await?;
        } else {
            for claimed in store.workshop.abandoned_reminders(self.wall()).await? {
                self.settle_abandoned(claimed).await?;
            }
        }
        let mut cursor = None;
        loop {
            let page = store.workshop.vehicles_due(self.today, cursor).await?;
            for vehicle in page.items {
                self.turn.heartbeat().await?;
                let done = match vehicle {
                    Ok(vehicle) => self.one(vehicle.value).await,
                    Err(error) => self.park(error).await,
                };
                match done {
                    // One that cannot be handled does not keep the others waiting.
                    Err(Error::Store(error)) if error.is_about_one_item() => {
                        tracing::error!(error = error_chain(&error), "a vehicle could not be handled");
                        self.report.add_unreadable();
                    }
                    done => done?,
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(self.report);
            }
        }
    }

    async fn park(&mut self, error: store::Error) -> Result<(), Error> {
        if !self.job.dry_run {
            self.reminders.store.billing.park_unreadable(&error).await?;
        }
        self.report.add_unreadable();
        Ok(())
    }

    /// We hold the job's lease, so whoever made the claim is gone, and nobody knows whether it was sent.
    async fn settle_abandoned(&self, claimed: Versioned<Reminder>) -> Result<(), Error> {
        let settled =
            Reminder { state: ReminderState::Unclear, detail: Some(ABANDONED.to_owned()), ..claimed.value.clone() };
        let run = settled.run.clone();
        if self.reminders.store.workshop.settle_reminder(claimed, settled, self.wall()).await? {
            tracing::error!(run, "a reminder is unclear");
        }
        Ok(())
    }

    async fn one(&mut self, found: Vehicle) -> Result<(), Error> {
        let mut found = found;
        for _ in 0..LOOKS {
            let situation = self.look(&found).await?;
            // The index may be behind.
            if let Some(current) = situation.vehicle.as_ref().map(|vehicle| &vehicle.value)
                && (current.next_visit() != found.next_visit() || current.customer != found.customer)
            {
                found = current.clone();
                continue;
            }
            if let Attempt::Seen(row) = self.handle(&found, &situation).await? {
                self.report.add(row);
                return Ok(());
            }
        }
        self.report.add(Row::new(&found, None, self.today, Outcome::Skipped).because(SkipReason::Changed.text()));
        Ok(())
    }

    /// Vehicle, owner and reminder as they are now. A claim that stands is of somebody who is gone, for we hold the
    /// lease; in a dry run it may be of somebody at work.
    async fn look(&self, found: &Vehicle) -> Result<ReminderContext, Error> {
        let key = (found.next_visit(), self.reminders.rules.repeat.day(self.today));
        let store = &self.reminders.store;
        let mut situation = store.workshop.situation(&found.plate, &found.customer, key).await?;
        let is_abandoned = |held: &mut Versioned<Reminder>| held.value.state == ReminderState::Claimed;
        if !self.job.dry_run
            && let Some(claimed) = situation.reminder.take_if(is_abandoned)
        {
            self.settle_abandoned(claimed).await?;
            situation = store.workshop.situation(&found.plate, &found.customer, key).await?;
        }
        Ok(situation)
    }

    async fn handle(&mut self, found: &Vehicle, situation: &ReminderContext) -> Result<Attempt, Error> {
        let customer = situation.customer.as_ref().map(|customer| &customer.value);
        let row = |status| Row::new(found, customer, self.today, status);
        let skipped = |skip: SkipReason| Ok(Attempt::Seen(row(Outcome::Skipped).because(skip.text())));
        let Some(vehicle) = situation.vehicle.as_ref().map(|vehicle| &vehicle.value) else {
            return skipped(SkipReason::NotDue);
        };
        let known = situation.reminder.as_ref().map(|reminder| &reminder.value);
        // Whom staff ask for themselves is told at any hour.
        let hours = self.job.requested_by.is_none().then_some(self.reminders.rules.hours);
        let heard_at = self.wall().plus_seconds(self.delay().into());
        let case = ReminderInput { vehicle, customer, reminder: known };
        match (plan(case, self.today, hours, heard_at), customer) {
            // By an earlier attempt of this same run.
            (ReminderAction::AlreadySent, _) if known.is_some_and(|reminder| reminder.run == self.job.id) => {
                Ok(Attempt::Seen(row(Outcome::Sent)))
            }
            (ReminderAction::AlreadySent, _) => Ok(Attempt::Seen(row(Outcome::AlreadySent))),
            (ReminderAction::Unclear, _) => {
                let why = known.and_then(|reminder| reminder.detail.clone());
                Ok(Attempt::Seen(row(Outcome::Unclear).because(why.unwrap_or_else(|| ABANDONED.to_owned()))))
            }
            (ReminderAction::SkipReason(skip), _) => skipped(skip),
            (ReminderAction::Send, None) => skipped(SkipReason::NoCustomer),
            (ReminderAction::Send, Some(_)) if self.gateways.is_empty() => skipped(SkipReason::Stopped),
            (ReminderAction::Send, Some(_)) if self.is_capped() => skipped(SkipReason::DailyCap),
            (ReminderAction::Send, Some(customer)) => self.tell(vehicle, customer, situation).await,
        }
    }

    fn is_capped(&self) -> bool {
        let known = self.handed_out_before.saturating_add(self.handed_out);
        self.is_capped || (self.job.dry_run && known >= self.reminders.rules.daily_cap)
    }

    /// How long the gateway is to keep the next message back. Only StarSender does that.
    fn delay(&self) -> u32 {
        match self.gateways.first() {
            Some((Provider::StarSender, _)) => self.handed_out.saturating_mul(self.reminders.rules.pace),
            Some((Provider::CloudApi, _)) | None => 0,
        }
    }

    async fn tell(
        &mut self,
        vehicle: &Vehicle,
        customer: &Customer,
        situation: &ReminderContext,
    ) -> Result<Attempt, Error> {
        let content = whatsapp::Reminder { name: &customer.name, plate: &vehicle.plate, visit: vehicle.next_visit() };
        let text = self.reminders.wording.text(&content);
        let today = self.today;
        let row = |status| Row::new(vehicle, Some(customer), today, status);
        if self.job.dry_run {
            self.handed_out += 1;
            return Ok(Attempt::Seen(row(Outcome::Sent).with_message(text, None)));
        }
        let store = &self.reminders.store;
        let claim = self.claim(vehicle, situation);
        let cap = (self.wall().day(ZONE), self.reminders.rules.daily_cap);
        let claimed = match store.workshop.claim_reminder(claim, situation, cap).await? {
            ReminderClaim::Ours(claimed) => claimed,
            ReminderClaim::Changed => return Ok(Attempt::Changed),
            ReminderClaim::DailyCap => {
                self.is_capped = true;
                return Ok(Attempt::Seen(row(Outcome::Skipped).because(SkipReason::DailyCap.text())));
            }
        };
        let message = Message { to: &customer.phone, text: &text, reminder: content, delay: self.delay() };
        let sent = self.send(&message).await;
        let mut settled = settled(&claimed.value, &sent);
        // A gateway may repeat what it was given.
        settled.detail = settled.detail.map(|said| {
            [customer.name.as_str(), vehicle.plate.as_str()].iter().fold(said, |said, own| said.replace(own, "***"))
        });
        tracing::info!(run = self.job.id, outcome = settled.state.name(), "reminder handled");
        let row = told(row, &settled, text);
        store.workshop.settle_reminder(*claimed, settled, self.wall()).await?;
        Ok(Attempt::Seen(row))
    }

    fn claim(&self, vehicle: &Vehicle, situation: &ReminderContext) -> Reminder {
        let before = situation.reminder.as_ref().map_or(0, |reminder| reminder.value.attempts);
        Reminder {
            plate: vehicle.plate.clone(),
            visit: vehicle.next_visit(),
            day: self.reminders.rules.repeat.day(self.today),
            state: ReminderState::Claimed,
            run: self.job.id.clone(),
            owner: self.turn.owner.clone(),
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
        for (provider, _) in self.gateways.clone() {
            let delivery = self.reminders.sender.send(provider, message, self.wall()).await;
            match &delivery {
                Delivery::Sent { .. } | Delivery::Refused(_) => self.reset_failures(provider),
                Delivery::Unclear(reason) | Delivery::NotTaken(reason) => self.count_silence(provider, reason),
                Delivery::Stop(reason) | Delivery::Limited { reason, .. } => self.disable_provider(provider, reason),
            }
            match &delivery {
                Delivery::Sent { .. } | Delivery::Unclear(_) => self.handed_out += 1,
                Delivery::Refused(_) => {}
                Delivery::NotTaken(_) | Delivery::Stop(_) | Delivery::Limited { .. } => {
                    last = delivery;
                    continue;
                }
            }
            return Sent { provider: Some(provider), delivery };
        }
        Sent { provider: None, delivery: last }
    }

    fn reset_failures(&mut self, provider: Provider) {
        for (_, consecutive_timeouts) in self.gateways.iter_mut().filter(|(known, _)| *known == provider) {
            *consecutive_timeouts = 0;
        }
    }

    fn count_silence(&mut self, provider: Provider, reason: &str) {
        for (_, consecutive_timeouts) in self.gateways.iter_mut().filter(|(known, _)| *known == provider) {
            *consecutive_timeouts += 1;
        }
        if self
            .gateways
            .iter()
            .any(|(known, consecutive_timeouts)| *known == provider && *consecutive_timeouts >= SILENCES)
        {
            self.disable_provider(provider, reason);
        }
    }

    /// Asks a gateway no more in this run.
    fn disable_provider(&mut self, provider: Provider, reason: &str) {
        tracing::error!(provider = provider.name(), "no more is sent by this gateway in this run");
        self.gateways.retain(|(known, _)| *known != provider);
        if self.gateways.is_empty() {
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
