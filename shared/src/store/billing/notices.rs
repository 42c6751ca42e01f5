//! Notices on their way out: claimed, then settled. The item itself is the guard that a fact is told once.

use crate::domain::billing::notices::{Notice, NoticeState};
use crate::domain::values::ids::NotificationId;
use crate::domain::values::time::Timestamp;

use crate::store::Error;
use crate::store::billing::Billing;
use crate::store::table::due_index::{Cursor, Page};
use crate::store::table::keys;
use crate::store::table::record::{Record, StoredNotice};

/// A notice that may be sent, and the number its next writer must name.
#[derive(Clone, Debug)]
pub struct DueNotice {
    /// The notice.
    pub notice: StoredNotice,
    version: u64,
}

impl Billing {
    /// Puts a notice that belongs to no decision; `false` when it exists already.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn enqueue(&self, notice: &Notice) -> Result<bool, Error> {
        self.table.put_if_absent(queued(notice), "queueing a notice").await
    }

    /// A page of notices whose time has come, in that order.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn due_notices(&self, wall: Timestamp, after: Cursor) -> Result<Page<DueNotice>, Error> {
        let page = self.table.due_records::<StoredNotice>(keys::MAIL_QUEUE, wall, after).await?;
        let due =
            |record: Record<StoredNotice>| DueNotice { version: record.version.unwrap_or(0), notice: record.data };
        Ok(page.map(due))
    }

    /// Claims a notice until `lease_until`; `None` when somebody else was faster.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_notice(&self, due: DueNotice, lease_until: Timestamp) -> Result<Option<DueNotice>, Error> {
        let attempts = due.notice.attempts.saturating_add(1);
        let notice = StoredNotice { state: NoticeState::Claimed, attempts, ..due.notice };
        self.put_notice(DueNotice { notice, ..due }, Some(lease_until)).await
    }

    /// Settles a claimed notice: at rest, or due again at `again_at`. `None` when somebody else settled it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn settle_notice(
        &self,
        claimed: DueNotice,
        state: NoticeState,
        detail: Option<String>,
        again_at: Option<Timestamp>,
    ) -> Result<Option<DueNotice>, Error> {
        let notice = StoredNotice { state, detail, ..claimed.notice };
        self.put_notice(DueNotice { notice, ..claimed }, again_at).await
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
        let written = self.table.put_version(record, due.version, "settling a notice").await?;
        Ok(written.then(|| DueNotice { version: due.version.saturating_add(1), ..due }))
    }
}

/// A notice as it waits to be sent, from the moment it was decided.
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
