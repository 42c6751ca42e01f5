//! Lists of notices by state, and notices that staff have sent again.

use crate::domain::billing::notices::{NoticeState, ResendRefusal, resend_refusal};
use crate::domain::values::ids::NotificationId;
use crate::domain::values::time::Timestamp;
use crate::platform::logging::error_chain;

use crate::store::billing::Billing;
use crate::store::billing::notices::{DueNotice, ResendRequest, StoredNotice, queue};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::{Item, keys, text_in};

/// End of a page: the last notice and its time in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticePosition {
    /// Time of the next attempt, or of the end of the notice (UTC).
    pub at: Timestamp,
    /// Id of the last notice of the page.
    pub id: NotificationId,
}

/// Notices of one page.
#[derive(Debug, Default)]
pub struct NoticePage {
    /// Notices, latest first.
    pub notices: Vec<ListedNotice>,
    /// Position of the next page; none: it was the last one.
    pub next: Option<NoticePosition>,
}

/// A notice in a list.
#[derive(Debug)]
pub struct ListedNotice {
    /// Notice as it is stored.
    pub notice: StoredNotice,
    /// Time of the next attempt, or of the end of the notice (UTC).
    pub at: Timestamp,
}

/// Result of a request to send a notice again.
#[derive(Debug)]
pub enum Resend {
    /// The notice is due now.
    Queued(Box<StoredNotice>),
    /// The notice does not allow it.
    Refused(ResendRefusal),
    /// No notice has this id.
    Unknown,
}

impl Billing {
    /// Returns at most `limit` notices of a state after a position, latest first. Sent notices are in no list.
    pub async fn notices_in(
        &self,
        state: NoticeState,
        after: Option<&NoticePosition>,
        limit: usize,
    ) -> Result<NoticePage, Error> {
        let Some(queue) = queue(state) else { return Ok(NoticePage::default()) };
        let mut query = Query::queue(queue).descending().limit(limit);
        if let Some(position) = after {
            query = query.after_due(position.at, keys::notice(&position.id));
        }
        let page = self.table.query(query, "listing notices").await?;
        // From the index keys, which exist even where the rest of the item cannot be read.
        let last = page.items.last().and_then(position);
        let next = if page.next.is_some() { last } else { None };
        Ok(NoticePage { notices: page.items.into_iter().filter_map(listed).collect(), next })
    }

    /// Makes a notice due at once, on a request of staff, with three more days for its attempts. It keeps its id, and each
    /// attempt begins with a claim, so that concurrent requests and runs send it once.
    pub async fn resend_notice(&self, id: &NotificationId, request: &ResendRequest) -> Result<Resend, Error> {
        retry_on_conflict("resending a notice", (), |()| async move {
            let Some(found) = self.notice(id).await? else { return Ok(Attempt::Done(Resend::Unknown)) };
            if let Some(refusal) = resend_refusal(found.notice.state, &found.notice.to) {
                return Ok(Attempt::Done(Resend::Refused(refusal)));
            }
            let notice = StoredNotice {
                state: NoticeState::Queued,
                first_attempt_at: None,
                ended_at: None,
                resend: Some(request.clone()),
                ..found.notice
            };
            Ok(match self.put_notice(DueNotice { notice, ..found }, request.at).await? {
                Some(due) => Attempt::Done(Resend::Queued(Box::new(due.notice))),
                None => Attempt::Conflict(()),
            })
        })
        .await
    }
}

fn position(item: &Item) -> Option<NoticePosition> {
    let at = Timestamp::parse(text_in(item, keys::DUE_AT)?).ok()?;
    let id = NotificationId::parse(text_in(item, keys::SK)?.strip_prefix(prefix::NOTICE)?).ok()?;
    Some(NoticePosition { at, id })
}

fn listed(item: Item) -> Option<ListedNotice> {
    let NoticePosition { at, .. } = position(&item)?;
    match Record::from_item(item) {
        Ok(record) => Some(ListedNotice { notice: record.data, at }),
        Err(error) => {
            tracing::error!(error = error_chain(&error), "a notice cannot be read");
            None
        }
    }
}
