//! Notices in the outbox: enqueued, claimed, sent, and the outcome recorded. The item's key is the fact, so that a fact
//! is notified once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::billing::notices::{Notice, NoticeKind, NoticeState, Recipient};
use crate::domain::values::ids::{EmailAddress, NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;

/// A notice and the state of its sending.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredNotice {
    /// Notification id: subject and fact.
    pub id: String,
    /// Template of the mail.
    pub kind: NoticeKind,
    /// Customer's address, or staff.
    pub to: Recipient,
    /// Values of the template's variables.
    pub fields: BTreeMap<String, String>,
    /// Time of the decision that caused the notice (UTC).
    pub created_at: Timestamp,
    /// State of its sending.
    pub state: NoticeState,
    /// Number of claims, each of which may have sent the mail.
    pub attempts: u32,
    /// Time of the first attempt since the notice was enqueued, or enqueued again by staff (UTC).
    #[serde(default)]
    pub first_attempt_at: Option<Timestamp>,
    /// Time at which the state became sent, unclear or dead (UTC).
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Provider's answer or the reason for the state, without personal data.
    pub detail: Option<String>,
    /// Latest request of staff to send the notice again.
    #[serde(default)]
    pub resend: Option<ResendRequest>,
}

/// Request of staff to send a notice again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendRequest {
    /// Time of the request (UTC).
    pub at: Timestamp,
    /// Name of the token.
    pub by: String,
    /// Reason that staff gave.
    pub why: String,
}

/// State of a notice for decisions that depend on a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeOutcome {
    /// State of its sending.
    pub state: NoticeState,
    /// Logical time of the decision that caused the notice (UTC).
    pub queued_at: Timestamp,
    /// Time at which SES accepted the mail (UTC); none in every other state.
    pub sent_at: Option<Timestamp>,
    /// Time at which the state became sent, unclear or dead (UTC); none while an attempt is ahead.
    pub ended_at: Option<Timestamp>,
}

/// Result of an attempt to send a notice.
#[derive(Clone, Debug)]
pub struct NoticeAttempt {
    /// State after the attempt.
    pub state: NoticeState,
    /// Provider's answer or the reason for the state, without personal data.
    pub detail: String,
    /// Time of the attempt (UTC).
    pub at: Timestamp,
    /// Time of the next attempt; none where there is none.
    pub again_at: Option<Timestamp>,
}

/// A due notice and the version that the next write must name.
#[derive(Clone, Debug)]
pub struct DueNotice {
    /// Notice to be sent.
    pub notice: StoredNotice,
    pub(in crate::store) version: u64,
}

impl Billing {
    /// Enqueues a notice that belongs to no decision; `false` where it was enqueued before.
    pub async fn enqueue(&self, notice: &Notice) -> Result<bool, Error> {
        self.table.put_if_absent(queued(notice), "enqueueing a notice").await
    }

    /// Returns a page of notices that are due at `wall`, in the order in which they fell due.
    pub async fn due_notices(&self, wall: Timestamp, after: Cursor) -> Result<Page<DueNotice>, Error> {
        let page = self.table.due_records::<StoredNotice>(keys::MAIL_QUEUE, wall, after).await?;
        Ok(page.map(DueNotice::of))
    }

    /// Claims a notice at `wall` until `lease_until`; `None` where another run claimed it first.
    pub async fn claim_notice(
        &self,
        due: DueNotice,
        wall: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<DueNotice>, Error> {
        let notice = StoredNotice {
            state: NoticeState::Claimed,
            attempts: due.notice.attempts.saturating_add(1),
            first_attempt_at: due.notice.first_attempt_at.or(Some(wall)),
            ..due.notice
        };
        self.put_notice(DueNotice { notice, ..due }, lease_until).await
    }

    /// Records the result of an attempt to send a claimed notice. `None` where another run recorded one first.
    pub async fn record_notice_attempt(
        &self,
        claimed: DueNotice,
        attempt: NoticeAttempt,
    ) -> Result<Option<DueNotice>, Error> {
        let NoticeAttempt { state, detail, at, again_at } = attempt;
        let ended_at = if state.is_final() { Some(at) } else { None };
        let notice = StoredNotice { state, detail: Some(detail), ended_at, ..claimed.notice };
        self.put_notice(DueNotice { notice, ..claimed }, again_at.unwrap_or(at)).await
    }

    /// Returns the state of a notice; `None` where there is none of that id.
    pub async fn notice_outcome(&self, id: &NotificationId) -> Result<Option<NoticeOutcome>, Error> {
        Ok(self.notice(id).await?.map(|due| due.notice.outcome()))
    }

    /// Returns the notices about an order that wait to be sent to its customer, addressed to `recipient`. One that a run has
    /// claimed is on its way to the old address.
    pub(in crate::store) async fn waiting_for(
        &self,
        order: &SubscriptionId,
        recipient: &EmailAddress,
    ) -> Result<Vec<Record<StoredNotice>>, Error> {
        let mut waiting = self.notice_records(order).await?;
        waiting.retain(|record| {
            record.data.state == NoticeState::Queued && matches!(record.data.to, Recipient::Customer(_))
        });
        for record in &mut waiting {
            record.data.to = Recipient::Customer(recipient.clone());
        }
        Ok(waiting)
    }

    /// Reads the notices about an order consistently.
    pub(in crate::store) async fn notice_records(
        &self,
        order: &SubscriptionId,
    ) -> Result<Vec<Record<StoredNotice>>, Error> {
        let query = Query::partition(keys::subscription_partition(order)).prefix(prefix::NOTICE).consistent();
        let items = self.table.query_pages(query, usize::MAX, "reading notices").await?;
        items.into_iter().map(Record::from_item).collect()
    }

    /// Reads a notice consistently.
    pub(in crate::store) async fn notice(&self, id: &NotificationId) -> Result<Option<DueNotice>, Error> {
        let record = self.table.get::<StoredNotice>(&keys::notice(id), "reading a notice").await?;
        Ok(record.map(DueNotice::of))
    }

    /// Writes a notice over the version that was read, with `at` as its place in the queue of its state. `None` where it
    /// has changed since.
    pub(in crate::store) async fn put_notice(&self, due: DueNotice, at: Timestamp) -> Result<Option<DueNotice>, Error> {
        let record = placed(&due.notice, at)?;
        let written = self.table.put_if_version(record, due.version, "recording the state of a notice").await?;
        Ok(written.then(|| DueNotice { version: due.version.saturating_add(1), ..due }))
    }
}

impl DueNotice {
    fn of(record: Record<StoredNotice>) -> Self {
        Self { version: record.version.unwrap_or(0), notice: record.data }
    }
}

impl StoredNotice {
    fn outcome(&self) -> NoticeOutcome {
        // Notices of earlier versions have no time of their end; they were sent within minutes as a rule.
        let ended_at = if self.state.is_final() { Some(self.ended_at.unwrap_or(self.created_at)) } else { None };
        let sent_at = if self.state == NoticeState::Sent { ended_at } else { None };
        NoticeOutcome { state: self.state, queued_at: self.created_at, sent_at, ended_at }
    }
}

/// Queue of the notices of a state: those to be sent by the time of the next attempt, those that staff may resend by the
/// time of their end.
pub(in crate::store) const fn queue(state: NoticeState) -> Option<&'static str> {
    match state {
        NoticeState::Queued | NoticeState::Claimed => Some(keys::MAIL_QUEUE),
        NoticeState::Unclear => Some(keys::UNCLEAR_MAIL_QUEUE),
        NoticeState::Dead => Some(keys::DEAD_MAIL_QUEUE),
        NoticeState::Sent => None,
    }
}

/// A notice with `at` as its place in the queue of its state.
pub(in crate::store) fn placed(notice: &StoredNotice, at: Timestamp) -> Result<Record<StoredNotice>, Error> {
    let key = NotificationId::parse(&notice.id).map(|id| keys::notice(&id));
    let key =
        key.map_err(|error| Error::Unreadable { pk: String::new(), sk: notice.id.clone(), reason: error.to_string() })?;
    let record = Record::new(key, notice.clone());
    Ok(match queue(notice.state) {
        Some(queue) => record.due(queue, at),
        None => record,
    })
}

/// A notice as it is enqueued: due from the time of its decision.
pub(in crate::store) fn queued(notice: &Notice) -> Record<StoredNotice> {
    let stored = StoredNotice {
        id: notice.id.to_string(),
        kind: notice.kind,
        to: notice.to.clone(),
        fields: notice.fields.clone(),
        created_at: notice.created_at,
        state: NoticeState::Queued,
        attempts: 0,
        first_attempt_at: None,
        ended_at: None,
        detail: None,
        resend: None,
    };
    Record::new(keys::notice(&notice.id), stored).due(keys::MAIL_QUEUE, notice.created_at).at_version(1)
}
