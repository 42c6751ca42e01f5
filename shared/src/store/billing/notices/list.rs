//! Lists of notices by state, and notices that staff have sent again.

use std::cmp::Reverse;

use crate::domain::billing::notices::feedback::AddressFacts;
use crate::domain::billing::notices::{NoticeState, Recipient, ResendRefusal, resend_refusal};
use crate::domain::values::ids::{NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::billing::mail_feedback::OrderFeedback;
use crate::store::billing::notices::{ResendRequest, StoredNotice, placed, queue, queued_again, readable};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
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

    /// Returns at most `limit` notices about an order after a position, latest decision first. The time of each is that of its
    /// next attempt, of its end where it is dead or unclear, and of its decision where it is sent. One that cannot be read is
    /// logged and left out.
    pub async fn messages(
        &self,
        order: &SubscriptionId,
        after: Option<&NoticePosition>,
        limit: usize,
    ) -> Result<NoticePage, Error> {
        let items = self.notice_items(order).await?.into_iter();
        let mut records: Vec<_> = items.filter_map(|item| readable(item).ok()).collect();
        records.sort_by(|one, other| place(&other.data).cmp(&place(&one.data)));
        if let Some(after) = after {
            records.retain(|record| place(&record.data) < (after.at, after.id.as_str()));
        }
        let is_last = records.len() <= limit;
        records.truncate(limit);
        let end = records.last().filter(|_| !is_last);
        let next = end.and_then(|record| {
            let id = NotificationId::parse(&record.data.id).ok()?;
            Some(NoticePosition { at: record.data.created_at, id })
        });
        let listed = |record: Record<StoredNotice>| ListedNotice {
            at: record.due_at.unwrap_or(record.data.created_at),
            notice: record.data,
        };
        Ok(NoticePage { notices: records.into_iter().map(listed).collect(), next })
    }

    /// Returns the notices to the customer of an order that did not arrive as far as is known: first those that are queued, then
    /// those whose address takes no mail, then the others, latest first. One that cannot be read is left out, unless it waits in
    /// the queue of mails.
    pub(in crate::store) async fn unsent(&self, order: &SubscriptionId) -> Result<Vec<Record<StoredNotice>>, Error> {
        let (mut unsent, feedback) = (Vec::new(), self.order_feedback(order).await?);
        for item in self.notice_items(order).await? {
            let waits = text_in(&item, keys::QUEUE) == Some(keys::MAIL_QUEUE);
            match readable(item) {
                Ok(record) if has_not_arrived(&record.data, &feedback) => unsent.push(record),
                Ok(_) => {}
                // A later version could send it.
                Err(error) if waits => return Err(error),
                Err(_) => {}
            }
        }
        let order = |state| [NoticeState::Queued, NoticeState::Undeliverable].iter().position(|first| *first == state);
        unsent.sort_by_key(|record| (order(record.data.state).unwrap_or(usize::MAX), Reverse(record.data.created_at)));
        Ok(unsent)
    }

    /// Makes a notice due at once, on a request of staff, with three more days for its attempts. It keeps its id, and each
    /// attempt begins with a claim, so that concurrent requests and runs send it once. It goes to the address that the order
    /// has now.
    pub async fn resend_notice(&self, id: &NotificationId, request: &ResendRequest) -> Result<Resend, Error> {
        retry_on_conflict("resending a notice", (), |()| async move {
            let Some(found) = self.notice(id).await? else { return Ok(Attempt::Done(Resend::Unknown)) };
            let StoredNotice { state, attempts, to, .. } = &found.notice;
            let order = self.order_of(id.as_str()).await?;
            let facts = match &order {
                Some(order) => self.address_facts(&order.value, &found.notice).await?,
                None => AddressFacts::default(),
            };
            if let Some(refusal) = resend_refusal(*state, *attempts, to, facts) {
                return Ok(Attempt::Done(Resend::Refused(refusal)));
            }
            let mut transaction = Transaction::default();
            let to = match to {
                Recipient::Staff => Recipient::Staff,
                Recipient::Customer(address) => match order {
                    Some(order) if order.value.erased.is_some() => {
                        return Ok(Attempt::Done(Resend::Refused(ResendRefusal::Erased)));
                    }
                    Some(order) => {
                        // A change of address that comes first refuses this one, and one that comes later finds it changed.
                        transaction.check(keys::subscription(&order.value.id), Condition::version_is(order.version));
                        Recipient::Customer(order.value.email)
                    }
                    None => Recipient::Customer(address.clone()),
                },
            };
            let notice = StoredNotice { resend: Some(request.clone()), ..queued_again(found.notice, to) };
            transaction.put_if_version(placed(&notice, request.at)?, Some(found.version))?;
            Ok(match self.table.transact(transaction, "resending a notice").await? {
                None => Attempt::Done(Resend::Queued(Box::new(notice))),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }
}

/// True for a notice to a customer that SES has not accepted, or that bounced afterwards, as far as is known.
fn has_not_arrived(notice: &StoredNotice, feedback: &OrderFeedback) -> bool {
    let is_unsent = match notice.state {
        NoticeState::Sent => feedback.did_bounce(notice),
        NoticeState::Obsolete => false,
        NoticeState::Queued
        | NoticeState::Claimed
        | NoticeState::Unclear
        | NoticeState::Dead
        | NoticeState::Undeliverable => true,
    };
    is_unsent && matches!(notice.to, Recipient::Customer(_))
}

/// Place of a notice among those about its order.
fn place(notice: &StoredNotice) -> (Timestamp, &str) {
    (notice.created_at, &notice.id)
}

fn position(item: &Item) -> Option<NoticePosition> {
    let at = Timestamp::parse(text_in(item, keys::DUE_AT)?).ok()?;
    let id = NotificationId::parse(text_in(item, keys::SK)?.strip_prefix(prefix::NOTICE)?).ok()?;
    Some(NoticePosition { at, id })
}

fn listed(item: Item) -> Option<ListedNotice> {
    let NoticePosition { at, .. } = position(&item)?;
    let record = readable(item).ok()?;
    Some(ListedNotice { notice: record.data, at })
}
