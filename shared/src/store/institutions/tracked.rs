//! Institutions of MMS, each with its place in the queue of expiries. Runs write the data of MMS and what was
//! announced, staff write acknowledgements; neither overwrites the other.

use std::collections::HashMap;

use crate::domain::billing::decision::Versioned;
use crate::domain::institutions::ZONE;
use crate::domain::institutions::tracked_institution::TrackedInstitution;
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::values::time_range::TimeRange;
use crate::platform::logging::error_chain;

use crate::store::error::Error;
use crate::store::institutions::Institutions;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::Item;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::text;
use crate::store::table::transaction::{MAX_ACTIONS, Transaction};

/// Days for which an institution is kept after MMS listed it last.
const KEPT_DAYS: i64 = 400;
const DOING: &str = "storing institutions";

/// An institution to be stored after a scan.
#[derive(Clone, Debug)]
pub struct InstitutionWrite {
    /// Institution with what was announced and acknowledged.
    pub watched: TrackedInstitution,
    /// Version that was read; none: it is new.
    pub expected: Option<u64>,
    /// True if MMS lists it within the horizon.
    pub is_listed: bool,
}

/// End of a page of institutions: the last one in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstitutionPosition {
    /// Expiry date of the last institution.
    pub expires: LocalDate,
    /// Uid of the last institution.
    pub uid: InstitutionUid,
}

impl InstitutionPosition {
    fn cursor(&self) -> Cursor {
        let key = keys::institution(&self.uid);
        let names = [keys::PK, keys::SK, keys::QUEUE, keys::DUE_AT].map(str::to_owned);
        let due_at = self.expires.start(ZONE).to_string();
        let values = [key.pk, key.sk, keys::INSTITUTION_QUEUE.to_owned(), due_at].map(text);
        Some(names.into_iter().zip(values).collect())
    }
}

/// The item of an institution: in the queue of expiries while MMS lists it, otherwise with an expiry of its own.
pub(in crate::store) fn record(
    tracked: &TrackedInstitution,
    is_listed: bool,
    wall: Timestamp,
) -> Record<&TrackedInstitution> {
    let record = Record::new(keys::institution(&tracked.institution.uid), tracked);
    if is_listed {
        record.due(keys::INSTITUTION_QUEUE, tracked.institution.expires.start(ZONE))
    } else {
        record.expiring(wall.plus_days(KEPT_DAYS))
    }
}

/// Reads an item; one that cannot be read is logged and does not hide the others.
fn read(item: Item) -> Option<Record<TrackedInstitution>> {
    let log = |error: &Error| tracing::error!(error = error_chain(error), "an institution cannot be read");
    Record::from_item(item).inspect_err(log).ok()
}

impl Institutions {
    /// Returns a page of the institutions that MMS listed last and that expire from `first` to `last`, soonest first.
    /// Institutions that cannot be read are logged and left out.
    pub async fn institutions_between(
        &self,
        first: LocalDate,
        last: LocalDate,
        after: Option<InstitutionPosition>,
    ) -> Result<Page<Versioned<TrackedInstitution>>, Error> {
        let range = TimeRange::inclusive(first.start(ZONE), last.start(ZONE));
        let after = after.and_then(|position| position.cursor());
        let Page { items, oldest, next } = self.table.due(keys::INSTITUTION_QUEUE, range, after).await?;
        let items = items.into_iter().filter_map(read).map(Record::into_versioned).collect();
        Ok(Page { items, oldest, next })
    }

    /// Returns an institution that the last scan listed.
    pub async fn listed_institution(
        &self,
        uid: &InstitutionUid,
    ) -> Result<Option<Versioned<TrackedInstitution>>, Error> {
        let record = self.table.get(&keys::institution(uid), "reading an institution").await?;
        Ok(record.filter(|record: &Record<TrackedInstitution>| record.queue.is_some()).map(Record::into_versioned))
    }

    async fn institution(&self, uid: &InstitutionUid) -> Result<Option<Versioned<TrackedInstitution>>, Error> {
        Ok(self.table.get(&keys::institution(uid), "reading an institution").await?.map(Record::into_versioned))
    }

    /// Returns the stored institutions among `uids`. Those that cannot be read are logged and left out.
    pub async fn institutions(
        &self,
        uids: &[InstitutionUid],
    ) -> Result<HashMap<InstitutionUid, Versioned<TrackedInstitution>>, Error> {
        let records = self.institution_records(uids).await?;
        Ok(records.into_iter().map(|(uid, record)| (uid, record.into_versioned())).collect())
    }

    pub(in crate::store) async fn institution_records(
        &self,
        uids: &[InstitutionUid],
    ) -> Result<HashMap<InstitutionUid, Record<TrackedInstitution>>, Error> {
        let keys: Vec<Key> = uids.iter().map(keys::institution).collect();
        let found = self.table.get_many(&keys, "reading institutions").await?;
        let records = found.into_values().filter_map(read);
        Ok(records.map(|record| (record.data.institution.uid.clone(), record)).collect())
    }

    /// Stores institutions after a scan; announcements and acknowledgements that were stored in between are kept.
    pub async fn put_institutions(&self, writes: &[InstitutionWrite], wall: Timestamp) -> Result<(), Error> {
        for chunk in writes.chunks(MAX_ACTIONS) {
            let mut transaction = Transaction::default();
            for write in chunk {
                transaction.put_if_version(record(&write.watched, write.is_listed, wall), write.expected)?;
            }
            if self.table.transact(transaction, DOING).await?.is_some() {
                for write in chunk {
                    self.put_institution(write, wall).await?;
                }
            }
        }
        Ok(())
    }

    async fn put_institution(&self, write: &InstitutionWrite, wall: Timestamp) -> Result<(), Error> {
        retry_on_conflict(DOING, write.clone(), |mut write| async move {
            let mut transaction = Transaction::default();
            transaction.put_if_version(record(&write.watched, write.is_listed, wall), write.expected)?;
            if self.table.transact(transaction, DOING).await?.is_none() {
                return Ok(Attempt::Done(()));
            }
            let current = match self.institution(&write.watched.institution.uid).await {
                // An unreadable item stays as it is: each read logs it, and the others are stored.
                Err(Error::Unreadable { .. }) => return Ok(Attempt::Done(())),
                current => current?,
            };
            write.expected = current.as_ref().map(|current| current.version);
            let current = current.map(|current| current.value);
            write.watched.announced = current.as_ref().and_then(|current| current.announced);
            write.watched.acknowledged = current.and_then(|current| current.acknowledged);
            Ok(Attempt::Conflict(write))
        })
        .await
    }

    /// Stores an acknowledgement over the institution that was read; `false` where another write came first.
    pub async fn acknowledge_institution(
        &self,
        known: &Versioned<TrackedInstitution>,
        wall: Timestamp,
    ) -> Result<bool, Error> {
        self.table.put_if_version(record(&known.value, true, wall), known.version, "acknowledging").await
    }
}
