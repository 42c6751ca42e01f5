//! The digests of institutions: composed once a day, then posted message by message. Each message is claimed before it is
//! posted and settled together with what it announced, so that a run that is cut off goes on where it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::billing::decision::Versioned;
use crate::domain::institutions::expiry_tier::ExpiryTier;
use crate::domain::institutions::tracked_institution::{Announced, TrackedInstitution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};

use crate::domain::billing::notices::NoticeState;
use crate::store::Error;
use crate::store::institutions::Institutions;
use crate::store::institutions::tracked::record as institution_record;
use crate::store::table::keys::{self, Key};
use crate::store::table::record::Record;
use crate::store::table::transaction::is_refused;

/// Digests of so many days back can be asked for.
pub const REPLAYED_DAYS: i64 = 14;
/// Digests name people, so they are kept for this many days only: longer than one can be asked for.
const KEPT_DAYS: i64 = REPLAYED_DAYS + 7;
/// How often settling is begun anew because somebody wrote an institution of the message.
const ATTEMPTS: usize = 8;
/// Place of the message in the transaction that settles it.
const MESSAGE: usize = 0;

/// A digest as it was composed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDigest {
    /// The run that composed it.
    pub run: String,
    /// When.
    pub composed_at: Timestamp,
    /// How many messages it has.
    pub messages: u32,
    /// How many institutions it shows, by the name of their stage.
    pub shown: BTreeMap<String, usize>,
    /// How many it leaves out because staff know.
    pub acknowledged: usize,
    /// How many records of MMS could not be read.
    pub unreadable_count: usize,
    /// The first of them: which one and its field.
    pub unreadable: Vec<String>,
    /// When its last message was settled.
    pub posted_at: Option<Timestamp>,
}

/// A message of a digest and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// What Slack is given, as JSON.
    pub payload: String,
    /// The institutions that it announces.
    pub announces: Vec<Announcement>,
    /// What became of it.
    pub state: NoticeState,
    /// How often it was posted, as far as it may have arrived.
    pub attempts: u32,
    /// Slack's word for the latest failure.
    pub detail: Option<String>,
    /// Until when Slack asks to be left alone.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
}

/// What a message says of an institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Which one.
    pub uid: InstitutionUid,
    /// When it expires.
    pub expires: LocalDate,
    /// In which stage it is shown.
    pub stage: ExpiryTier,
}

/// A message with its place and the number that its next writer must name.
#[derive(Clone, Debug)]
pub struct DigestMessage {
    key: Key,
    day: LocalDate,
    version: u64,
    /// The message.
    pub message: StoredMessage,
}

impl StoredMessage {
    /// A message that waits.
    #[must_use]
    pub fn new(payload: &Value, announces: Vec<Announcement>) -> Self {
        Self {
            payload: payload.to_string(),
            announces,
            state: NoticeState::Queued,
            attempts: 0,
            detail: None,
            not_before: None,
        }
    }

    /// Whether nothing is to be done about it any more.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.state, NoticeState::Sent | NoticeState::Unclear | NoticeState::Dead)
    }
}

impl Institutions {
    /// The digest of a day; `None` when it was not composed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn digest(&self, day: LocalDate) -> Result<Option<Versioned<StoredDigest>>, Error> {
        Ok(self.table.get(&keys::digest(day), "reading a digest").await?.map(Record::into_versioned))
    }

    /// Stores a digest with its messages. Until the digest itself is there its messages do not count. Only who holds the
    /// job's lease may call this. `None` where somebody else stored one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_digest(
        &self,
        day: LocalDate,
        digest: StoredDigest,
        messages: Vec<StoredMessage>,
    ) -> Result<Option<Versioned<StoredDigest>>, Error> {
        let expires_at = digest.composed_at.plus_days(KEPT_DAYS);
        for (number, message) in (1..).zip(messages) {
            let record = Record::new(keys::digest_message(day, number), message).expiring(expires_at).at_version(1);
            let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(record.into_item()?));
            put.send().await.map_err(|error| Error::unavailable("storing a message of a digest", error))?;
        }
        let record = Record::new(keys::digest(day), &digest).expiring(expires_at).at_version(1);
        if self.table.put_if_absent(record, "storing a digest").await? {
            return Ok(Some(Versioned { value: digest, version: 1 }));
        }
        // It is ours by a write whose answer was lost, or of somebody who took the lease over.
        Ok(self.digest(day).await?.filter(|stored| stored.value == digest))
    }

    /// Notes that all messages of a digest are settled.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn end_digest(
        &self,
        day: LocalDate,
        digest: Versioned<StoredDigest>,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let expires_at = digest.value.composed_at.plus_days(KEPT_DAYS);
        let ended = StoredDigest { posted_at: Some(wall), ..digest.value };
        let record = Record::new(keys::digest(day), ended).expiring(expires_at);
        self.table.put_version(record, digest.version, "ending a digest").await.map(|_| ())
    }

    /// A message of a digest, counted from 1.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn digest_message(&self, day: LocalDate, number: u32) -> Result<Option<DigestMessage>, Error> {
        self.message_at(keys::digest_message(day, number), day).await
    }

    /// The message that there is no digest of a day: the first one counts.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn digest_failure(
        &self,
        day: LocalDate,
        payload: &Value,
        wall: Timestamp,
    ) -> Result<Option<DigestMessage>, Error> {
        let key = keys::digest_failure(day);
        let message = StoredMessage::new(payload, Vec::new());
        let record = Record::new(key.clone(), message).expiring(wall.plus_days(KEPT_DAYS)).at_version(1);
        self.table.put_if_absent(record, "storing that there is no digest").await?;
        self.message_at(key, day).await
    }

    async fn message_at(&self, key: Key, day: LocalDate) -> Result<Option<DigestMessage>, Error> {
        let record = self.table.get::<StoredMessage>(&key, "reading a message of a digest").await?;
        Ok(record.map(|record| {
            let Versioned { value: message, version } = record.into_versioned();
            DigestMessage { key, day, version, message }
        }))
    }

    /// Claims a message: from now on it may have been posted. `None` when somebody else wrote it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_digest_message(
        &self,
        held: DigestMessage,
        wall: Timestamp,
    ) -> Result<Option<DigestMessage>, Error> {
        let attempts = held.message.attempts.saturating_add(1);
        let message = StoredMessage { state: NoticeState::Claimed, attempts, ..held.message };
        let record = Record::new(held.key.clone(), &message).expiring(wall.plus_days(KEPT_DAYS));
        let claimed = self.table.put_version(record, held.version, "claiming a message of a digest").await?;
        Ok(claimed.then(|| DigestMessage { message, version: held.version.saturating_add(1), ..held }))
    }

    /// Stores that a claimed message was not taken: it waits again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn return_digest_message(
        &self,
        claimed: DigestMessage,
        (is_certain, not_before): (bool, Option<Timestamp>),
        detail: String,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let attempts = claimed.message.attempts.saturating_sub(u32::from(is_certain));
        let (state, detail) = (NoticeState::Queued, Some(detail));
        let message = StoredMessage { state, attempts, detail, not_before, ..claimed.message };
        let record = Record::new(claimed.key, message).expiring(wall.plus_days(KEPT_DAYS));
        self.table.put_version(record, claimed.version, "returning a message of a digest").await.map(|_| ())
    }

    /// Stores that a message arrived, or that nobody will know, together with what it announced; `false` when somebody
    /// else wrote it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn settle_digest_message(
        &self,
        claimed: DigestMessage,
        state: NoticeState,
        detail: Option<String>,
        wall: Timestamp,
    ) -> Result<bool, Error> {
        let settled = StoredMessage { state, detail, ..claimed.message };
        for _ in 0..ATTEMPTS {
            let record = Record::new(claimed.key.clone(), &settled).expiring(wall.plus_days(KEPT_DAYS));
            let mut actions = vec![self.table.put_if_version(record, Some(claimed.version))?];
            // What nobody is sure to have read was not announced.
            let announces = if state == NoticeState::Sent { settled.announces.as_slice() } else { &[] };
            for (kept, is_listed) in self.announced(claimed.day, announces).await? {
                actions.push(
                    self.table.put_if_version(institution_record(&kept.value, is_listed, wall), Some(kept.version))?,
                );
            }
            match self.table.write(actions, "settling a message of a digest").await? {
                None => return Ok(true),
                Some(reasons) if is_refused(&reasons, MESSAGE) => return Ok(false),
                Some(_) => {}
            }
        }
        Err(Error::Contended { doing: "settling a message of a digest" })
    }

    /// The institutions of a message with what it announced, where that is news, and whether they are listed.
    async fn announced(
        &self,
        day: LocalDate,
        announces: &[Announcement],
    ) -> Result<Vec<(Versioned<TrackedInstitution>, bool)>, Error> {
        let uids: Vec<InstitutionUid> = announces.iter().map(|announcement| announcement.uid.clone()).collect();
        let mut known = self.institution_records(&uids).await?;
        let changed = announces.iter().filter_map(|told| {
            let record = known.remove(&told.uid)?;
            let is_listed = record.queue.is_some();
            let mut kept = record.into_versioned();
            let told = Announced { expires: told.expires, stage: told.stage, on: day };
            kept.value.record_announcement(told).then_some((kept, is_listed))
        });
        Ok(changed.collect())
    }
}
