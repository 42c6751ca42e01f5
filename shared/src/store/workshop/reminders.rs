//! Reminders: due vehicles, the claim before a message is sent, and its outcome.

use std::collections::HashSet;

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::values::time_range::TimeRange;
use crate::domain::workshop::message_kind::{ReminderKind, VisitDays};
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::reminders::{Reminder, ReminderState};
use crate::domain::workshop::vehicles::{Customer, Vehicle, ZONE};
use crate::platform::phone_keys::PhoneHasher;

use crate::store::error::Error;
use crate::store::table::Item;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::number;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::{Workshop, opt_outs};

/// Days for which reminders are kept after their outcome.
pub(in crate::store) const KEPT_DAYS: i64 = 400;
/// Most reminders of one message: each is up to three of the 100 actions of a transaction, with vehicle and customer.
pub const MOST_CLAIMS: usize = 20;
/// Maximum reminders that are listed for one run.
const LISTED: usize = 1_000;

/// Message about a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// Kind of the message.
    pub kind: ReminderKind,
    /// Date of the next visit.
    pub visit: LocalDate,
    /// Day of the reminder, where one is sent each day; none where one is sent for a visit.
    pub day: Option<LocalDate>,
}

/// Limit of the messages that are sent on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyCap {
    /// Day in Asia/Jakarta.
    pub day: LocalDate,
    /// Maximum messages of that day.
    pub limit: u32,
}

/// State of a vehicle just before its reminder is sent, read consistently.
#[derive(Clone, Debug)]
pub struct ReminderContext {
    /// Vehicle; none where it was deleted.
    pub vehicle: Option<Versioned<Vehicle>>,
    /// Customer that the vehicle had in the due index.
    pub customer: Option<Versioned<Customer>>,
    /// Reminder of the same occasion; none where none was claimed.
    pub reminder: Option<Versioned<Reminder>>,
    /// Reminder of the day before, where one is sent each day.
    pub day_before: Option<Reminder>,
    /// True if the customer's number is opted out.
    pub is_opted_out: bool,
}

/// A reminder to be claimed, with the state in which its vehicle was read.
#[derive(Clone, Debug)]
pub struct NewClaim<'a> {
    /// The reminder as claimed.
    pub reminder: Reminder,
    /// State just before.
    pub context: &'a ReminderContext,
}

/// A claimed reminder and its outcome.
#[derive(Clone, Debug)]
pub struct RecordedReminder {
    /// The reminder as claimed.
    pub claimed: Versioned<Reminder>,
    /// The reminder with the outcome of its message.
    pub outcome: Reminder,
}

/// Outcome of claiming the reminders of one message.
#[derive(Clone, Debug)]
pub enum ReminderClaim {
    /// The caller holds the claims and may send.
    Claimed(Vec<Versioned<Reminder>>),
    /// Another run claimed it first, or vehicle or customer have changed.
    Changed,
    /// The daily limit is reached.
    DailyCap,
}

impl Workshop {
    /// Returns a page of active vehicles whose next visit falls on one of the days. Items that cannot be
    /// read are contained as errors, so that they do not hide the others.
    pub async fn vehicles_due(
        &self,
        visits: VisitDays,
        after: Cursor,
    ) -> Result<Page<Result<Versioned<Vehicle>, Error>>, Error> {
        let range = TimeRange::inclusive(visits.first.start(ZONE), visits.last.start(ZONE));
        Ok(self.table.due(keys::VISIT_QUEUE, range, after).await?.map(versioned))
    }

    /// Reads vehicle, customer and reminder in one consistent call, then whether the customer's number is opted out.
    pub async fn reminder_context(
        &self,
        plate: &Plate,
        customer: &CustomerId,
        occasion: Occasion,
        hasher: &PhoneHasher,
    ) -> Result<ReminderContext, Error> {
        let reminder = occasion.key(plate);
        let day_before = occasion.day.map(|day| Occasion { day: Some(day.plus_days(-1)), ..occasion }.key(plate));
        let mut keys = vec![keys::vehicle(plate), keys::customer(customer), reminder];
        keys.extend(day_before);
        let mut found = self.table.get_many(&keys, "reading a vehicle before its reminder").await?;
        let mut found = keys.iter().map(|key| found.remove(key));
        let mut next = || found.next().flatten();
        let (vehicle, customer, reminder, day_before) = (next(), next(), next(), next());
        let customer: Option<Versioned<Customer>> = customer.map(versioned).transpose()?;
        let is_opted_out = match &customer {
            Some(customer) => self.opt_out(&customer.value.phone, hasher).await?.is_open(),
            None => false,
        };
        Ok(ReminderContext {
            vehicle: vehicle.map(versioned).transpose()?,
            customer,
            reminder: reminder.map(versioned).transpose()?,
            day_before: day_before.map(versioned).transpose()?.map(|reminder| reminder.value),
            is_opted_out,
        })
    }

    /// Claims the reminders of one message, all or none: where vehicles and customers are unchanged since they were read, the
    /// number has not been opted out, no other run has claimed one, and the day's limit of messages is not reached. At most
    /// [`MOST_CLAIMS`].
    pub async fn claim_reminders(
        &self,
        claims: Vec<NewClaim<'_>>,
        cap: DailyCap,
        hasher: &PhoneHasher,
    ) -> Result<ReminderClaim, Error> {
        let mut transaction = Transaction::default();
        let count = transaction.update(count_reminder(cap));
        let mut claimed = Vec::with_capacity(claims.len());
        let (mut customers, mut opt_outs) = (HashSet::new(), HashSet::new());
        for NewClaim { reminder, context } in claims {
            let expected = context.reminder.as_ref().map(|known| known.version);
            let record = Record::new(key_of(&reminder), &reminder).due(keys::REMINDER_CLAIM_QUEUE, reminder.claimed_at);
            transaction.put_if_version(record, expected)?;
            if let Some(vehicle) = &context.vehicle {
                transaction.check(keys::vehicle(&vehicle.value.plate), Condition::version_is(vehicle.version));
            }
            if let Some(customer) = &context.customer
                && customers.insert(&customer.value.id)
            {
                transaction.check(keys::customer(&customer.value.id), Condition::version_is(customer.version));
                opt_outs.extend(opt_outs::keys_of(&customer.value.phone, hasher));
            }
            let version = expected.unwrap_or(0).saturating_add(1);
            claimed.push(Versioned { value: reminder, version });
        }
        for key in opt_outs {
            transaction.check(key, opt_outs::is_not_open());
        }
        match self.table.transact(transaction, "claiming a reminder").await {
            Ok(None) => Ok(ReminderClaim::Claimed(claimed)),
            Ok(Some(refusal)) if refusal.is_only_at(count) => Ok(ReminderClaim::DailyCap),
            Ok(Some(_)) => Ok(ReminderClaim::Changed),
            // The response may have been lost although the claims were stored; one of them stands for all.
            Err(error) => {
                let Some(first) = claimed.first() else { return Err(error) };
                match self.table.get::<Reminder>(&key_of(&first.value), "reading a claim again").await {
                    Ok(Some(held)) if held.data == first.value => Ok(ReminderClaim::Claimed(claimed)),
                    Ok(_) | Err(_) => Err(error),
                }
            }
        }
    }

    /// Records the outcome of one message at each of its reminders, all at once unless one of the claims was changed in between.
    pub async fn record_message_outcome(&self, recorded: Vec<RecordedReminder>, wall: Timestamp) -> Result<(), Error> {
        if recorded.len() > 1 {
            let mut transaction = Transaction::default();
            for RecordedReminder { claimed, outcome } in &recorded {
                transaction.put_if_version(outcome_record(outcome, wall), Some(claimed.version))?;
            }
            if self.table.transact(transaction, "recording the outcome of a message").await?.is_none() {
                return Ok(());
            }
        }
        for RecordedReminder { claimed, outcome } in recorded {
            self.record_reminder_outcome(claimed, outcome, wall).await?;
        }
        Ok(())
    }

    /// Returns the number of reminders that were claimed on a day.
    pub async fn reminders_handed_out(&self, day: LocalDate) -> Result<u32, Error> {
        let item = self.table.get_item(&keys::reminder_count(day), "reading the day's reminders").await?;
        let count = item.as_ref().and_then(|item| item.get("count")).and_then(|count| count.as_n().ok());
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Records the outcome of a claimed reminder; `false` where the claim was changed in between.
    pub async fn record_reminder_outcome(
        &self,
        claimed: Versioned<Reminder>,
        outcome: Reminder,
        wall: Timestamp,
    ) -> Result<bool, Error> {
        let record = outcome_record(&outcome, wall);
        self.table.put_if_version(record, claimed.version, "recording the outcome of a reminder").await
    }

    /// Returns the claims without an outcome at `wall`. The caller must hold the job's lease; the claims were then left
    /// by crashed runs.
    pub async fn abandoned_reminders(&self, wall: Timestamp) -> Result<Vec<Versioned<Reminder>>, Error> {
        let (mut abandoned, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.table.due_records::<Reminder>(keys::REMINDER_CLAIM_QUEUE, wall, cursor).await?;
            let claimed = page.items.into_iter().filter(|record| record.data.state == ReminderState::Claimed);
            abandoned.extend(claimed.map(Record::into_versioned));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(abandoned);
            }
        }
    }

    /// Returns the reminders of which a run recorded the outcome, oldest first, at most 1,000.
    pub async fn reminders_of_run(&self, run: &str) -> Result<Vec<Reminder>, Error> {
        let query = Query::queue(keys::run_reminders_queue(run)).limit(LISTED);
        let page = self.table.query(query, "reading a run's reminders").await?;
        page.items.into_iter().map(|item| Ok(Record::from_item(item)?.data)).collect()
    }
}

impl Occasion {
    fn key(self, plate: &Plate) -> Key {
        match self.kind {
            ReminderKind::Reminder => keys::reminder(plate, self.visit, self.day),
            ReminderKind::FollowUp => {
                let sk = format!("{}follow-up#{}", prefix::REMINDER, self.visit);
                Key { pk: keys::vehicle_partition(plate), sk }
            }
        }
    }
}

fn key_of(reminder: &Reminder) -> Key {
    Occasion { kind: reminder.kind, visit: reminder.visit, day: reminder.day }.key(&reminder.plate)
}

/// A reminder with its outcome, in the list of its run.
fn outcome_record(outcome: &Reminder, wall: Timestamp) -> Record<&Reminder> {
    let queue = keys::run_reminders_queue(&outcome.run);
    Record::new(key_of(outcome), outcome).due(&queue, wall).expiring(wall.plus_days(KEPT_DAYS))
}

/// Counts one more message of the day, up to its limit.
fn count_reminder(cap: DailyCap) -> Update {
    Update::of(keys::reminder_count(cap.day))
        .add("count", 1)
        .set(keys::EXPIRES_AT, number(cap.day.plus_days(KEPT_DAYS).start(ZONE).unix()))
        .when(Condition::absent("count").or(Condition::number_below("count", cap.limit)))
}

fn versioned<T: serde::de::DeserializeOwned>(item: Item) -> Result<Versioned<T>, Error> {
    Record::from_item(item).map(Record::into_versioned)
}
