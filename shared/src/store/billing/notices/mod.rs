//! Notices in the outbox: enqueued, claimed, sent, and the outcome recorded. The item's key is the fact, so that a fact
//! is notified once.

pub mod list;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::billing::decision::Versioned;
use crate::domain::billing::notices::{Notice, NoticeKind, NoticeState, Recipient};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;
use crate::platform::logging::error_chain;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Item, keys};

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
    /// Time at which the state became sent, unclear, dead, undeliverable or obsolete (UTC).
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
    /// Time at which the state became sent, unclear, dead, undeliverable or obsolete (UTC); none while an attempt is ahead.
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
    /// Time for which it was due when it was read (UTC).
    pub due_at: Option<Timestamp>,
    pub(in crate::store) version: u64,
}

impl Billing {
    /// Enqueues a notice that belongs to no decision; `false` where it was enqueued before.
    pub async fn enqueue(&self, notice: &Notice) -> Result<bool, Error> {
        self.table.put_if_absent(queued(notice), "enqueueing a notice").await
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

    /// Records the result of an attempt to send a claimed notice; one that is queued again goes to the address that the order
    /// has by then. `None` where another run recorded a result first.
    pub async fn record_notice_attempt(
        &self,
        claimed: DueNotice,
        attempt: NoticeAttempt,
    ) -> Result<Option<DueNotice>, Error> {
        let NoticeAttempt { state, detail, at, again_at } = attempt;
        let ended_at = if state.is_final() { Some(at) } else { None };
        let notice = StoredNotice { state, detail: Some(detail), ended_at, ..claimed.notice };
        let (due, at) = (DueNotice { notice, ..claimed }, again_at.unwrap_or(at));
        match (state, &due.notice.to) {
            (NoticeState::Queued, Recipient::Customer(_)) => self.queue_again(due, at).await,
            (NoticeState::Queued, Recipient::Staff)
            | (
                NoticeState::Claimed
                | NoticeState::Sent
                | NoticeState::Unclear
                | NoticeState::Dead
                | NoticeState::Undeliverable
                | NoticeState::Obsolete,
                _,
            ) => self.put_notice(due, at).await,
        }
    }

    /// Queues a claimed notice to a customer again, addressed as its order is now: a change of address left it as it was while
    /// it was claimed. `None` where it has changed since.
    async fn queue_again(&self, due: DueNotice, at: Timestamp) -> Result<Option<DueNotice>, Error> {
        let doing = "queueing a notice again";
        retry_on_conflict(doing, due, |mut due| async move {
            let mut transaction = Transaction::default();
            // The notices of an erased order keep their address until the erasure reaches them, which finds them by it.
            if let Some(order) = self.order_of(&due.notice.id).await?.filter(|order| order.value.erased.is_none()) {
                // A change of address that comes first refuses this write.
                transaction.check(keys::subscription(&order.value.id), Condition::version_is(order.version));
                due.notice.to = Recipient::Customer(order.value.email);
            }
            let place = transaction.put_if_version(placed(&due.notice, at)?, Some(due.version))?;
            Ok(match self.table.transact(transaction, doing).await? {
                None => Attempt::Done(Some(DueNotice { version: due.version.saturating_add(1), ..due })),
                Some(refusal) if refusal.is_at(place) => Attempt::Done(None),
                Some(_) => Attempt::Conflict(due),
            })
        })
        .await
    }

    /// Reads the order that a notice to a customer is about.
    pub async fn order_of(&self, notice: &str) -> Result<Option<Versioned<Subscription>>, Error> {
        match NotificationId::parse(notice).ok().and_then(|id| id.subscription().ok()) {
            Some(order) => self.subscription(&order).await,
            None => Ok(None),
        }
    }

    /// Returns the state of a notice; `None` where there is none of that id.
    pub async fn notice_outcome(&self, id: &NotificationId) -> Result<Option<NoticeOutcome>, Error> {
        Ok(self.notice(id).await?.map(|due| due.notice.outcome()))
    }

    /// Reads the notices about an order consistently.
    pub(in crate::store) async fn notice_items(&self, order: &SubscriptionId) -> Result<Vec<Item>, Error> {
        let query = Query::partition(keys::subscription_partition(order)).prefix(prefix::NOTICE).consistent();
        self.table.query_pages(query, usize::MAX, "reading notices").await
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
    pub(in crate::store) fn of(record: Record<StoredNotice>) -> Self {
        Self { version: record.version.unwrap_or(0), due_at: record.due_at, notice: record.data }
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

/// The notice of an item; one that cannot be read is logged.
pub(in crate::store) fn readable(item: Item) -> Result<Record<StoredNotice>, Error> {
    Record::from_item(item).inspect_err(|error| {
        tracing::error!(error = error_chain(error), "a notice cannot be read");
    })
}

/// Queue of the notices of a state: those to be sent by the time of the next attempt, those that staff may resend by the
/// time of their end.
pub(in crate::store) const fn queue(state: NoticeState) -> Option<&'static str> {
    match state {
        NoticeState::Queued | NoticeState::Claimed => Some(keys::MAIL_QUEUE),
        NoticeState::Unclear => Some(keys::UNCLEAR_MAIL_QUEUE),
        NoticeState::Dead => Some(keys::DEAD_MAIL_QUEUE),
        NoticeState::Undeliverable => Some(keys::UNDELIVERABLE_MAIL_QUEUE),
        NoticeState::Sent | NoticeState::Obsolete => None,
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

/// A notice that waits again, with all attempts ahead.
pub(in crate::store) fn queued_again(notice: StoredNotice, to: Recipient) -> StoredNotice {
    StoredNotice { to, state: NoticeState::Queued, first_attempt_at: None, ended_at: None, ..notice }
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
