//! The latest reminder of a visit, and the permission to send a further one.

use std::collections::BTreeMap;

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::operations::KeyReceipt;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::reminders::Reminder;
use crate::domain::workshop::vehicles::{Vehicle, WINDOW_DAYS};

use crate::store::billing::key_receipts;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::listing::readable;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::workshop::Workshop;
use crate::store::workshop::reminders::KEPT_DAYS;

/// A reminder of which a further message is allowed.
#[derive(Clone, Copy, Debug)]
pub struct FurtherReminder<'a> {
    /// The reminder with the permission.
    pub allowed: &'a Reminder,
    /// Version that was read.
    pub version: u64,
    /// Receipt of the request's key.
    pub receipt: Option<&'a KeyReceipt>,
}

/// Reminders of one visit: one for each day of the window.
const MOST: usize = 100;

impl Workshop {
    /// Returns the latest reminder of the next visit of each vehicle, by the plates. Vehicles without one are missing.
    pub async fn reminders_of_next_visits(&self, vehicles: &[Vehicle]) -> Result<BTreeMap<Plate, Reminder>, Error> {
        let of_vehicle = |vehicle: &Vehicle| {
            let visit = vehicle.next_visit();
            // Without a day where one is sent for a visit, with it where one is sent on each day of the window.
            let days = (0..WINDOW_DAYS).map(|days| Some(visit.plus_days(-days)));
            days.chain([None]).map(|day| keys::reminder(&vehicle.plate, visit, day)).collect::<Vec<_>>()
        };
        let keys: Vec<Key> = vehicles.iter().flat_map(of_vehicle).collect();
        let found = self.table.get_many(&keys, "reading the reminders of visits").await?;
        let mut latest: BTreeMap<Plate, Reminder> = BTreeMap::new();
        for reminder in found.into_values().filter_map(readable::<Reminder>) {
            let known = latest.get(&reminder.plate);
            if known.is_none_or(|known| known.claimed_at < reminder.claimed_at) {
                latest.insert(reminder.plate.clone(), reminder);
            }
        }
        Ok(latest)
    }

    /// Returns the latest reminder of a visit.
    pub async fn latest_reminder(&self, plate: &Plate, visit: LocalDate) -> Result<Option<Versioned<Reminder>>, Error> {
        let first = keys::reminder(plate, visit, None);
        let query = Query::partition(first.pk).prefix(&first.sk).consistent().limit(MOST);
        let mut items = self.table.query_pages(query, MOST, "reading the reminders of a visit").await?;
        items.pop().map(|item| Record::from_item(item).map(Record::into_versioned)).transpose()
    }

    /// Stores a reminder of which a further message is allowed, with the receipt of the request; `false` where the reminder was
    /// changed or the key used in between.
    pub async fn allow_further_reminder(&self, further: FurtherReminder<'_>, wall: Timestamp) -> Result<bool, Error> {
        let FurtherReminder { allowed, version, receipt } = further;
        let key = keys::reminder(&allowed.plate, allowed.visit, allowed.day);
        let queue = keys::run_reminders_queue(&allowed.run);
        let record = Record::new(key, allowed).due(&queue, wall).expiring(wall.plus_days(KEPT_DAYS));
        let mut transaction = Transaction::default();
        transaction.put_if_version(record, Some(version))?;
        if let Some(receipt) = receipt {
            transaction.put_if_absent(key_receipts::record(receipt))?;
        }
        Ok(self.table.transact(transaction, "allowing a further reminder").await?.is_none())
    }
}
