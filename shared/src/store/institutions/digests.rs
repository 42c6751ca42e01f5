//! Digests of institutions: composed once a day, then posted message by message. Each message is claimed before it is
//! posted, and its outcome is recorded together with what it announced, so that an interrupted run continues where it
//! ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::notices::NoticeState;
use crate::domain::institutions::expiry_tier::ExpiryTier;
use crate::domain::institutions::tracked_institution::{Announced, TrackedInstitution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};

use crate::store::error::Error;
use crate::store::institutions::Institutions;
use crate::store::institutions::tracked::record as institution_record;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;

/// Days back for which a digest can be requested.
pub const REPLAYED_DAYS: i64 = 14;
/// Days for which digests are kept: a week longer than they can be requested, and no longer, since they name people.
const KEPT_DAYS: i64 = REPLAYED_DAYS + 7;

/// A digest as it was composed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDigest {
    /// Id of the run that composed it.
    pub run: String,
    /// Time of the composition (UTC).
    pub composed_at: Timestamp,
    /// Number of its messages.
    pub messages: u32,
    /// Numbers of the listed institutions, by the name of their tier.
    pub shown: BTreeMap<String, usize>,
    /// Number of institutions left out because staff acknowledged them.
    pub acknowledged: usize,
    /// Number of MMS records that could not be read.
    pub unreadable_count: usize,
    /// The first of those records, each with its uid and the field at fault.
    pub unreadable: Vec<String>,
    /// The first of the institutions that MMS lists with several expiry dates, each with its uid and the dates.
    #[serde(default)]
    pub contradictory: Vec<String>,
    /// Time at which the outcome of its last message was recorded (UTC).
    pub posted_at: Option<Timestamp>,
}

/// A message of a digest and the state of its posting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// Slack payload, as JSON.
    pub payload: String,
    /// Institutions that it announces.
    pub announces: Vec<Announcement>,
    /// State of its posting.
    pub state: NoticeState,
    /// Number of posts that may have arrived.
    pub attempts: u32,
    /// Slack's error code of the latest failure.
    pub detail: Option<String>,
    /// Earliest time of the next post, by Slack's `Retry-After` (UTC).
    #[serde(default)]
    pub not_before: Option<Timestamp>,
}

/// An institution as a message announces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Uid of the institution in MMS.
    pub uid: InstitutionUid,
    /// Expiry date of its account.
    pub expires: LocalDate,
    /// Tier in which it is listed.
    pub tier: ExpiryTier,
}

/// Reason for which a claimed message goes back to the queue.
#[derive(Clone, Debug)]
pub struct NotPosted {
    /// True if Slack certainly did not take it, so that the attempt does not count.
    pub is_certain: bool,
    /// Earliest time of the next post, by Slack's `Retry-After` (UTC).
    pub not_before: Option<Timestamp>,
    /// Slack's error code.
    pub detail: String,
}

/// A message with its place and the version that the next write must name.
#[derive(Clone, Debug)]
pub struct DigestMessage {
    key: Key,
    day: LocalDate,
    version: u64,
    /// Message as it is stored.
    pub message: StoredMessage,
}

impl StoredMessage {
    /// A message that is not posted yet.
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

    /// True if its outcome is recorded and no later run posts it.
    #[must_use]
    pub const fn has_outcome(&self) -> bool {
        matches!(self.state, NoticeState::Sent | NoticeState::Unclear | NoticeState::Dead)
    }
}

impl Institutions {
    /// Returns the digest of a day.
    pub async fn digest(&self, day: LocalDate) -> Result<Option<Versioned<StoredDigest>>, Error> {
        Ok(self.table.get(&keys::digest(day), "reading a digest").await?.map(Record::into_versioned))
    }

    /// Stores a digest after its messages, which have no effect until the digest exists. The caller must hold the job's
    /// lease. Returns `None` where another run stored a digest first.
    pub async fn put_digest(
        &self,
        day: LocalDate,
        digest: StoredDigest,
        messages: Vec<StoredMessage>,
    ) -> Result<Option<Versioned<StoredDigest>>, Error> {
        let expires_at = digest.composed_at.plus_days(KEPT_DAYS);
        for (number, message) in (1..).zip(messages) {
            let record = Record::new(keys::digest_message(day, number), message).expiring(expires_at).at_version(1);
            self.table.put(record, "storing a message of a digest").await?;
        }
        let record = Record::new(keys::digest(day), &digest).expiring(expires_at).at_version(1);
        if self.table.put_if_absent(record, "storing a digest").await? {
            return Ok(Some(Versioned { value: digest, version: 1 }));
        }
        // Either this run's own write, whose response was lost, or one of a run that took over the lease.
        let stored = self.digest(day).await?;
        Ok(stored.filter(|stored| stored.value == digest))
    }

    /// Records that all messages of a digest have an outcome.
    pub async fn finish_digest(
        &self,
        day: LocalDate,
        digest: Versioned<StoredDigest>,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let expires_at = digest.value.composed_at.plus_days(KEPT_DAYS);
        let finished = StoredDigest { posted_at: Some(wall), ..digest.value };
        let record = Record::new(keys::digest(day), finished).expiring(expires_at);
        self.table.put_if_version(record, digest.version, "finishing a digest").await.map(|_| ())
    }

    /// Returns a message of a digest; `number` counts from 1.
    pub async fn digest_message(&self, day: LocalDate, number: u32) -> Result<Option<DigestMessage>, Error> {
        self.message_at(keys::digest_message(day, number), day).await
    }

    /// Stores the message that a day has no digest, unless one is stored already, and returns the stored one.
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

    /// Claims a message before it is posted. Returns `None` where another run wrote it first.
    pub async fn claim_digest_message(
        &self,
        held: DigestMessage,
        wall: Timestamp,
    ) -> Result<Option<DigestMessage>, Error> {
        let attempts = held.message.attempts.saturating_add(1);
        let message = StoredMessage { state: NoticeState::Claimed, attempts, ..held.message };
        let record = Record::new(held.key.clone(), &message).expiring(wall.plus_days(KEPT_DAYS));
        let claimed = self.table.put_if_version(record, held.version, "claiming a message of a digest").await?;
        Ok(claimed.then(|| DigestMessage { message, version: held.version.saturating_add(1), ..held }))
    }

    /// Returns a claimed message that Slack did not take to the queue.
    pub async fn requeue_digest_message(
        &self,
        claimed: DigestMessage,
        reason: NotPosted,
        wall: Timestamp,
    ) -> Result<(), Error> {
        let attempts = claimed.message.attempts.saturating_sub(u32::from(reason.is_certain));
        let message = StoredMessage {
            state: NoticeState::Queued,
            attempts,
            detail: Some(reason.detail),
            not_before: reason.not_before,
            ..claimed.message
        };
        let record = Record::new(claimed.key, message).expiring(wall.plus_days(KEPT_DAYS));
        self.table.put_if_version(record, claimed.version, "requeueing a message of a digest").await.map(|_| ())
    }

    /// Records the outcome of a claimed message, together with what it announced where it was sent. Returns `false`
    /// where another run wrote the message first.
    pub async fn record_digest_message_outcome(
        &self,
        claimed: DigestMessage,
        state: NoticeState,
        detail: Option<String>,
        wall: Timestamp,
    ) -> Result<bool, Error> {
        let doing = "recording the outcome of a message of a digest";
        let message = &StoredMessage { state, detail, ..claimed.message };
        let key = &claimed.key;
        retry_on_conflict(doing, (), |()| async move {
            let record = Record::new(key.clone(), message).expiring(wall.plus_days(KEPT_DAYS));
            let mut transaction = Transaction::default();
            let place = transaction.put_if_version(record, Some(claimed.version))?;
            // A message whose arrival is unknown announced nothing: the next digest marks its institutions as new
            // again.
            let announces = if state == NoticeState::Sent { message.announces.as_slice() } else { &[] };
            for (tracked, is_listed) in self.announced(claimed.day, announces).await? {
                let record = institution_record(&tracked.value, is_listed, wall);
                transaction.put_if_version(record, Some(tracked.version))?;
            }
            Ok(match self.table.transact(transaction, doing).await? {
                None => Attempt::Done(true),
                Some(refusal) if refusal.is_at(place) => Attempt::Done(false),
                // An institution was written in between: read the institutions again.
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }

    /// Returns the announced institutions as they are to be stored, each with its presence in the last list of MMS.
    /// Those for which the announcement is not new are left out.
    async fn announced(
        &self,
        day: LocalDate,
        announces: &[Announcement],
    ) -> Result<Vec<(Versioned<TrackedInstitution>, bool)>, Error> {
        let uids: Vec<InstitutionUid> = announces.iter().map(|announcement| announcement.uid.clone()).collect();
        let mut known = self.institution_records(&uids).await?;
        let changed = announces.iter().filter_map(|announcement| {
            let record = known.remove(&announcement.uid)?;
            let is_listed = record.queue.is_some();
            let mut tracked = record.into_versioned();
            let announced = Announced { expires: announcement.expires, tier: announcement.tier, on: day };
            tracked.value.record_announcement(announced).then_some((tracked, is_listed))
        });
        Ok(changed.collect())
    }
}
