//! Reminders: due vehicles, the claim before a message is sent, and its outcome.

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::values::time_range::TimeRange;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::reminders::{Reminder, ReminderState};
use crate::domain::workshop::vehicles::{Customer, Vehicle, WINDOW_DAYS, ZONE};
use crate::platform::phone_keys::PhoneHasher;

use crate::store::error::Error;
use crate::store::table::Item;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::expression::{Condition, Update};
use crate::store::table::keys;
use crate::store::table::number;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::{Workshop, opt_outs};

/// Days for which reminders are kept after their outcome.
pub(in crate::store) const KEPT_DAYS: i64 = 400;
/// Maximum reminders that are listed for one run.
const LISTED: usize = 1_000;

/// Visit for which a vehicle is reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// Date of the next visit.
    pub visit: LocalDate,
    /// Day of the reminder, where one is sent each day; none where one is sent for a visit.
    pub day: Option<LocalDate>,
}

/// Limit of the reminders that are sent on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyCap {
    /// Day in Asia/Jakarta.
    pub day: LocalDate,
    /// Maximum reminders of that day.
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

/// Outcome of claiming a reminder.
#[derive(Clone, Debug)]
pub enum ReminderClaim {
    /// The caller holds the claim and may send.
    Claimed(Box<Versioned<Reminder>>),
    /// Another run claimed it first, or vehicle or customer have changed.
    Changed,
    /// The daily limit is reached.
    DailyCap,
}

impl Workshop {
    /// Returns a page of vehicles whose next visit falls in the window that starts on `today`. Items that cannot be
    /// read are contained as errors, so that they do not hide the others.
    pub async fn vehicles_due(
        &self,
        today: LocalDate,
        after: Cursor,
    ) -> Result<Page<Result<Versioned<Vehicle>, Error>>, Error> {
        let last = today.plus_days(WINDOW_DAYS - 1).start(ZONE);
        let range = TimeRange::inclusive(today.start(ZONE), last);
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
        let reminder = keys::reminder(plate, occasion.visit, occasion.day);
        let day_before = occasion.day.map(|day| keys::reminder(plate, occasion.visit, Some(day.plus_days(-1))));
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

    /// Claims a reminder where vehicle and customer are unchanged since `context` was read, the customer's number has not been
    /// opted out, no other run has claimed it, and the day's limit is not reached.
    pub async fn claim_reminder(
        &self,
        claim: Reminder,
        context: &ReminderContext,
        cap: DailyCap,
        hasher: &PhoneHasher,
    ) -> Result<ReminderClaim, Error> {
        let key = keys::reminder(&claim.plate, claim.visit, claim.day);
        let expected = context.reminder.as_ref().map(|reminder| reminder.version);
        let record = Record::new(key.clone(), &claim).due(keys::REMINDER_CLAIM_QUEUE, claim.claimed_at);
        let mut transaction = Transaction::default();
        let count = transaction.update(count_reminder(cap));
        transaction.put_if_version(record, expected)?;
        if let Some(vehicle) = &context.vehicle {
            transaction.check(keys::vehicle(&vehicle.value.plate), Condition::version_is(vehicle.version));
        }
        if let Some(customer) = &context.customer {
            transaction.check(keys::customer(&customer.value.id), Condition::version_is(customer.version));
            for key in opt_outs::keys_of(&customer.value.phone, hasher) {
                transaction.check(key, opt_outs::is_not_open());
            }
        }
        let version = expected.unwrap_or(0).saturating_add(1);
        match self.table.transact(transaction, "claiming a reminder").await {
            Ok(None) => Ok(ReminderClaim::Claimed(Box::new(Versioned { value: claim, version }))),
            Ok(Some(refusal)) if refusal.is_only_at(count) => Ok(ReminderClaim::DailyCap),
            Ok(Some(_)) => Ok(ReminderClaim::Changed),
            // The response may have been lost although the claim was stored.
            Err(error) => match self.table.get::<Reminder>(&key, "reading a claim again").await {
                Ok(Some(held)) if held.data == claim => {
                    Ok(ReminderClaim::Claimed(Box::new(Versioned { value: held.data, version })))
                }
                Ok(_) | Err(_) => Err(error),
            },
        }
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
        let key = keys::reminder(&outcome.plate, outcome.visit, outcome.day);
        let queue = keys::run_reminders_queue(&outcome.run);
        let record = Record::new(key, outcome).due(&queue, wall).expiring(wall.plus_days(KEPT_DAYS));
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

/// Counts one more reminder of the day, up to its limit.
fn count_reminder(cap: DailyCap) -> Update {
    Update::of(keys::reminder_count(cap.day))
        .add("count", 1)
        .set(keys::EXPIRES_AT, number(cap.day.plus_days(KEPT_DAYS).start(ZONE).unix()))
        .when(Condition::absent("count").or(Condition::number_below("count", cap.limit)))
}

fn versioned<T: serde::de::DeserializeOwned>(item: Item) -> Result<Versioned<T>, Error> {
    Record::from_item(item).map(Record::into_versioned)
}
