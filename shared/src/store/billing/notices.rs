//! Notices in the outbox: enqueued, claimed, sent, and the outcome recorded. The item's key is the fact, so that a fact
//! is notified once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::billing::notices::{Notice, NoticeKind, NoticeState, Recipient};
use crate::domain::values::ids::NotificationId;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
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
    /// Provider's answer or the reason for the state, without personal data.
    pub detail: Option<String>,
}

/// A due notice and the version that the next write must name.
#[derive(Clone, Debug)]
pub struct DueNotice {
    /// Notice to be sent.
    pub notice: StoredNotice,
    version: u64,
}

impl Billing {
    /// Enqueues a notice that belongs to no decision; `false` where it was enqueued before.
    pub async fn enqueue(&self, notice: &Notice) -> Result<bool, Error> {
        self.table.put_if_absent(queued(notice), "enqueueing a notice").await
    }

    /// Returns a page of notices that are due at `wall`, in the order in which they fell due.
    pub async fn due_notices(&self, wall: Timestamp, after: Cursor) -> Result<Page<DueNotice>, Error> {
        let page = self.table.due_records::<StoredNotice>(keys::MAIL_QUEUE, wall, after).await?;
        let due =
            |record: Record<StoredNotice>| DueNotice { version: record.version.unwrap_or(0), notice: record.data };
        Ok(page.map(due))
    }

    /// Claims a notice until `lease_until`; `None` where another run claimed it first.
    pub async fn claim_notice(&self, due: DueNotice, lease_until: Timestamp) -> Result<Option<DueNotice>, Error> {
        let attempts = due.notice.attempts.saturating_add(1);
        let notice = StoredNotice { state: NoticeState::Claimed, attempts, ..due.notice };
        self.put_notice(DueNotice { notice, ..due }, Some(lease_until)).await
    }

    /// Records the outcome of a claimed notice, which is due again at `retry_at` or never. `None` where another run
    /// recorded one first.
    pub async fn record_notice_outcome(
        &self,
        claimed: DueNotice,
        state: NoticeState,
        detail: Option<String>,
        retry_at: Option<Timestamp>,
    ) -> Result<Option<DueNotice>, Error> {
        let notice = StoredNotice { state, detail, ..claimed.notice };
        self.put_notice(DueNotice { notice, ..claimed }, retry_at).await
    }

    async fn put_notice(&self, due: DueNotice, due_at: Option<Timestamp>) -> Result<Option<DueNotice>, Error> {
        let key = NotificationId::parse(&due.notice.id).map(|id| keys::notice(&id));
        let key = key.map_err(|error| Error::Unreadable {
            pk: String::new(),
            sk: due.notice.id.clone(),
            reason: error.to_string(),
        })?;
        let mut record = Record::new(key, due.notice.clone());
        if let Some(at) = due_at {
            record = record.due(keys::MAIL_QUEUE, at);
        }
        let written = self.table.put_if_version(record, due.version, "recording the state of a notice").await?;
        Ok(written.then(|| DueNotice { version: due.version.saturating_add(1), ..due }))
    }
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
        detail: None,
    };
    Record::new(keys::notice(&notice.id), stored).due(keys::MAIL_QUEUE, notice.created_at).at_version(1)
}
