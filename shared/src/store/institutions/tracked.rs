//! Institutions of MMS, each with its place in the queue of expiries. Runs write what MMS says and what was announced, staff
//! what they acknowledge: neither overwrites the other.

use std::collections::HashMap;

use crate::domain::billing::decision::Versioned;
use crate::domain::institutions::ZONE;
use crate::domain::institutions::tracked_institution::TrackedInstitution;
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::domain::values::time_range::TimeRange;

use crate::store::institutions::Institutions;
use crate::store::table::due_index::Page;
use crate::store::table::keys::{self, Key};
use crate::store::table::record::Record;
use crate::store::table::transaction::WriteOutcome;
use crate::store::{Error, Item, key_of, text};

/// What is remembered of an institution that MMS lists no more is kept for this many days.
const KEPT_DAYS: i64 = 400;
/// Items in one transaction.
const MOST_ACTIONS: usize = 100;
/// How often a write is begun anew because somebody else wrote first.
const ATTEMPTS: usize = 8;

/// An institution as a run leaves it.
#[derive(Clone, Debug)]
pub struct InstitutionWrite {
    /// What is known of it.
    pub watched: TrackedInstitution,
    /// The version that was read; none: it is new.
    pub expected: Option<u64>,
    /// Whether MMS lists it within the horizon.
    pub is_listed: bool,
}

/// Where a list of institutions goes on: after this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstitutionPosition {
    /// When it expires.
    pub expires: LocalDate,
    /// Which one.
    pub uid: InstitutionUid,
}

impl InstitutionPosition {
    fn cursor(&self) -> Item {
        let mut cursor = key_of(&keys::institution(&self.uid));
        cursor.insert(keys::QUEUE.to_owned(), text(keys::INSTITUTION_QUEUE));
        cursor.insert(keys::DUE_AT.to_owned(), text(self.expires.start(ZONE).to_string()));
        cursor
    }
}

/// The item of an institution. It waits for its expiry while it is listed, else for being forgotten.
pub(in crate::store) fn record(
    watched: &TrackedInstitution,
    is_listed: bool,
    wall: Timestamp,
) -> Record<&TrackedInstitution> {
    let record = Record::new(keys::institution(&watched.institution.uid), watched);
    if is_listed {
        record.due(keys::INSTITUTION_QUEUE, watched.institution.expires.start(ZONE))
    } else {
        record.expiring(wall.plus_days(KEPT_DAYS))
    }
}

/// What is remembered, as far as it can be read. What cannot is told, and does not hide the others.
fn read(item: Item) -> Option<Record<TrackedInstitution>> {
    let told = |error: &Error| {
        tracing::error!(error = crate::platform::logging::error_chain(error), "an institution cannot be read")
    };
    Record::from_item(item).inspect_err(told).ok()
}

impl Institutions {
    /// A page of the institutions that MMS listed last and that expire between two days, both included, soonest first,
    /// without those that cannot be read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn institutions_between(
        &self,
        first: LocalDate,
        last: LocalDate,
        after: Option<InstitutionPosition>,
    ) -> Result<Page<Versioned<TrackedInstitution>>, Error> {
        let range = TimeRange::inclusive(first.start(ZONE), last.start(ZONE));
        let after = after.map(|position| position.cursor());
        let Page { items, oldest, next } = self.table.between(keys::INSTITUTION_QUEUE, range, after).await?;
        let items = items.into_iter().filter_map(read).map(Record::into_versioned).collect();
        Ok(Page { items, oldest, next })
    }

    /// One institution; `None` unless the last scan listed it.
    ///
    /// # Errors
    /// [`Error`].
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

    /// What is known of these institutions, as far as it can be read: of one whose item is broken nothing is.
    ///
    /// # Errors
    /// [`Error`].
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

    /// Stores institutions as a run saw them; what was announced and acknowledged meanwhile stays.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_institutions(&self, kept: &[InstitutionWrite], wall: Timestamp) -> Result<(), Error> {
        for some in kept.chunks(MOST_ACTIONS) {
            let put = |kept: &InstitutionWrite| {
                self.table.put_if_version(record(&kept.watched, kept.is_listed, wall), kept.expected)
            };
            let actions = some.iter().map(put).collect::<Result<Vec<_>, _>>()?;
            if self.table.write(actions, "storing institutions").await?.is_some() {
                for one in some {
                    self.put_one(one, wall).await?;
                }
            }
        }
        Ok(())
    }

    async fn put_one(&self, kept: &InstitutionWrite, wall: Timestamp) -> Result<(), Error> {
        let mut kept = kept.clone();
        for _ in 0..ATTEMPTS {
            let actions = vec![self.table.put_if_version(record(&kept.watched, kept.is_listed, wall), kept.expected)?];
            if self.table.write(actions, "storing an institution").await?.is_none() {
                return Ok(());
            }
            let current = match self.institution(&kept.watched.institution.uid).await {
                // It stays as it is, told and without a memory, and the others are stored.
                Err(Error::Unreadable { .. }) => return Ok(()),
                current => current?,
            };
            kept.expected = current.as_ref().map(|current| current.version);
            let current = current.map(|current| current.value);
            kept.watched.announced = current.as_ref().and_then(|current| current.announced);
            kept.watched.acknowledged = current.and_then(|current| current.acknowledged);
        }
        Err(Error::Contended { doing: "storing an institution" })
    }

    /// Stores what staff say of a listed institution, over the one that was read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn acknowledge_institution(
        &self,
        known: &Versioned<TrackedInstitution>,
        wall: Timestamp,
    ) -> Result<WriteOutcome, Error> {
        let written = self.table.put_version(record(&known.value, true, wall), known.version, "acknowledging").await?;
        Ok(if written { WriteOutcome::Written } else { WriteOutcome::Conflict })
    }
}
