//! Reminders: what is due, the claim before one is sent, and what came of it.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use crate::domain::billing::decision::Versioned;
use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::values::time_range::TimeRange;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::reminders::{Reminder, ReminderState};
use crate::domain::workshop::vehicles::{Customer, Vehicle, WINDOW_DAYS, ZONE};

use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::record::Record;
use crate::store::table::transaction::is_refused;
use crate::store::workshop::Workshop;
use crate::store::{Error, Item, key_of, number, text};

/// Reminders are kept for this many days after they were settled.
const KEPT_DAYS: i64 = 400;
/// Reminders of one run that are listed.
const LISTED: i32 = 1_000;

/// What is known of a vehicle just before its owner is told, read consistently.
#[derive(Clone, Debug)]
pub struct ReminderContext {
    /// The vehicle; none where it was deleted.
    pub vehicle: Option<Versioned<Vehicle>>,
    /// The customer that was asked for.
    pub customer: Option<Versioned<Customer>>,
    /// The reminder that was asked for.
    pub reminder: Option<Versioned<Reminder>>,
}

/// What came of claiming a reminder.
#[derive(Clone, Debug)]
pub enum ReminderClaim {
    /// It may be sent, by us alone.
    Ours(Box<Versioned<Reminder>>),
    /// Somebody else was faster, or vehicle or customer were changed meanwhile.
    Changed,
    /// So many are handed out on one day, and not one more.
    DailyCap,
}

impl Workshop {
    /// A page of vehicles whose next visit falls in the window that begins on `today`.
    ///
    /// # Errors
    /// [`Error`] when the page itself cannot be read.
    pub async fn vehicles_due(
        &self,
        today: LocalDate,
        after: Cursor,
    ) -> Result<Page<Result<Versioned<Vehicle>, Error>>, Error> {
        let last = today.plus_days(WINDOW_DAYS - 1).start(ZONE);
        let page = self.table.between(keys::VISIT_QUEUE, TimeRange::inclusive(today.start(ZONE), last), after).await?;
        Ok(page.map(versioned))
    }

    /// Vehicle, customer and reminder in one consistent read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn situation(
        &self,
        plate: &Plate,
        customer: &CustomerId,
        (visit, day): (LocalDate, Option<LocalDate>),
    ) -> Result<ReminderContext, Error> {
        let keys = [keys::vehicle(plate), keys::customer(customer), keys::reminder(plate, visit, day)];
        let mut found = self.table.get_many(&keys, "reading what is known before a reminder").await?;
        let [vehicle, customer, reminder] = keys.map(|key| found.remove(&key));
        Ok(ReminderContext {
            vehicle: vehicle.map(versioned).transpose()?,
            customer: customer.map(versioned).transpose()?,
            reminder: reminder.map(versioned).transpose()?,
        })
    }

    /// Claims a reminder: stored as claimed, if vehicle and customer are still as they were read, nobody else has it,
    /// and fewer than `cap` were handed out on `today`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_reminder(
        &self,
        claim: Reminder,
        situation: &ReminderContext,
        (today, cap): (LocalDate, u32),
    ) -> Result<ReminderClaim, Error> {
        let key = keys::reminder(&claim.plate, claim.visit, claim.day);
        let expected = situation.reminder.as_ref().map(|reminder| reminder.version);
        let record = Record::new(key.clone(), &claim).due(keys::REMINDER_CLAIM_QUEUE, claim.claimed_at);
        let mut actions = vec![self.hand_out(today, cap)?, self.table.put_if_version(record, expected)?];
        if let Some(vehicle) = &situation.vehicle {
            actions.push(self.table.check_version(&keys::vehicle(&vehicle.value.plate), vehicle.version)?);
        }
        if let Some(customer) = &situation.customer {
            actions.push(self.table.check_version(&keys::customer(&customer.value.id), customer.version)?);
        }
        let version = expected.unwrap_or(0).saturating_add(1);
        match self.table.write(actions, "claiming a reminder").await {
            Ok(None) => Ok(ReminderClaim::Ours(Box::new(Versioned { value: claim, version }))),
            Ok(Some(reasons)) => {
                let only_the_cap = (0..reasons.len()).all(|place| is_refused(&reasons, place) == (place == 0));
                Ok(if only_the_cap && !reasons.is_empty() { ReminderClaim::DailyCap } else { ReminderClaim::Changed })
            }
            // The answer may be lost, and the claim be ours.
            Err(error) => match self.table.get::<Reminder>(&key, "reading a claim again").await {
                Ok(Some(held)) if held.data == claim => {
                    Ok(ReminderClaim::Ours(Box::new(Versioned { value: held.data, version })))
                }
                Ok(_) | Err(_) => Err(error),
            },
        }
    }

    /// How many reminders were handed out on a day.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders_handed_out(&self, day: LocalDate) -> Result<u32, Error> {
        let key = key_of(&keys::reminder_count(day));
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key)).consistent_read(true);
        let answer = get.send().await.map_err(|error| Error::unavailable("reading the day's reminders", error))?;
        let count = answer.item.as_ref().and_then(|item| item.get("count")).and_then(|count| count.as_n().ok());
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Counts one more reminder of a day, up to `cap`.
    fn hand_out(&self, today: LocalDate, cap: u32) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table.name)
            .set_key(Some(key_of(&keys::reminder_count(today))))
            .update_expression("ADD #count :one SET #expires = :expires")
            .condition_expression("attribute_not_exists(#count) OR #count < :cap")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#expires", keys::EXPIRES_AT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cap", number(cap))
            .expression_attribute_values(":expires", number(today.plus_days(KEPT_DAYS).start(ZONE).unix()));
        let update = update.build().map_err(|error| Error::unavailable("claiming a reminder", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Stores what came of a claimed reminder; `false` when it is no longer there as it was claimed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn settle_reminder(
        &self,
        claimed: Versioned<Reminder>,
        settled: Reminder,
        wall: Timestamp,
    ) -> Result<bool, Error> {
        let key = keys::reminder(&settled.plate, settled.visit, settled.day);
        let queue = keys::run_reminders_queue(&settled.run);
        let record = Record::new(key, settled).due(&queue, wall).expiring(wall.plus_days(KEPT_DAYS));
        self.table.put_version(record, claimed.version, "settling a reminder").await
    }

    /// Claims that were never settled, whenever they were made: whoever holds the lease of the job and calls this knows
    /// that their makers are gone.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn abandoned_reminders(&self, wall: Timestamp) -> Result<Vec<Versioned<Reminder>>, Error> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.table.due_records::<Reminder>(keys::REMINDER_CLAIM_QUEUE, wall, cursor).await?;
            let claimed = page.items.into_iter().filter(|record| record.data.state == ReminderState::Claimed);
            all.extend(claimed.map(Record::into_versioned));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The reminders that a run has settled, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders_of_run(&self, run: &str) -> Result<Vec<Reminder>, Error> {
        let query = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#queue = :queue")
            .expression_attribute_names("#queue", keys::QUEUE)
            .expression_attribute_values(":queue", text(keys::run_reminders_queue(run)))
            .limit(LISTED);
        let answer = query.send().await.map_err(|error| Error::unavailable("reading a run's reminders", error))?;
        answer.items.unwrap_or_default().into_iter().map(|item| Ok(Record::from_item(item)?.data)).collect()
    }
}

fn versioned<T: serde::de::DeserializeOwned>(item: Item) -> Result<Versioned<T>, Error> {
    Record::from_item(item).map(Record::into_versioned)
}
