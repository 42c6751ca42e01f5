//! Sends the notices that are due: claim, send, record the outcome. Only the outbox ever repeats a send.

use std::collections::BTreeMap;

use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::notices::feedback::Feedback;
use crate::domain::billing::notices::truth::{is_still_true, refreshed};
use crate::domain::billing::notices::{NoticeKind, NoticeState, Recipient};
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::{EmailAddress, NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;
use crate::mail::attempts::Attempted;
use crate::mail::customer_page::{PAGE_DAYS, TOKEN_LENGTH};
use crate::mail::mailer::Mailer;
use crate::mail::render;
use crate::mail::render::Mail;
use crate::platform::clock::InvocationTime;
use crate::platform::hash::sha256_hex;
use crate::platform::logging::error_chain;
use crate::platform::metrics::StopReason;
use crate::platform::pace::Pace;
use crate::platform::random;
use crate::store::billing::notices::{DueNotice, NoticeAttempt, StoredNotice};
use crate::store::billing::pages::{CustomerPage, recipient_hash};
use crate::store::table_failures::TableFailures;
use crate::store::{Error, Store};

/// Minutes after which a claim ends; the run that made it then counts as crashed.
const LEASE_MINUTES: i64 = 2;
/// Most notices that one drain sends.
pub const LIMIT: usize = 500;
/// Mails in a row that fail for one reason before the drain stops: the others would fare no better.
const SAME_FAILURES: usize = 3;

/// Result of a drain; of a dry run, what a drain would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Notices that the provider accepted.
    pub sent: u64,
    /// Notices with a further attempt ahead.
    pub later: u64,
    /// Notices without a further attempt.
    pub dead: u64,
    /// Notices that are not sent, because their address takes no mail.
    pub undeliverable: u64,
    /// Notices that are not sent, because they are no longer true.
    pub obsolete: u64,
    /// Notices whose outcome is unknown.
    pub unclear: u64,
    /// Notices for which the table failed: still queued, or claimed and unclear later.
    pub failed: u64,
    /// Notices that SES refused for a reason that is not theirs, or has not accepted for an hour.
    pub held_back: u64,
    /// Reason for a stop before the last due notice.
    pub stopped: Option<StopReason>,
    /// Due time of the oldest notice; `None` where no notice was due.
    pub oldest: Option<Timestamp>,
    /// Every notice with its new state.
    pub handled: Vec<Handled>,
}

/// One notice that was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Id of the notice.
    pub id: String,
    /// Subject matter of the notice.
    pub kind: NoticeKind,
    /// State after this drain.
    pub outcome: NoticeState,
}

/// Notices for one drain.
#[derive(Debug)]
pub struct DueNotices {
    /// In the order in which they fell due; what is beyond [`LIMIT`] is left to the next run.
    pub notices: Vec<DueNotice>,
    /// Seconds of the invocation after which no further one is begun.
    pub seconds: u64,
}

/// Next step for a due notice.
enum Plan {
    /// Its claim expired without an outcome: the run that claimed it may have sent it, and a customer gets no mail twice.
    Unknown,
    /// Its template cannot be filled.
    Dead(render::Error),
    /// Its address takes no mail, since this report.
    Undeliverable(Feedback),
    /// It says something that does not hold any more.
    Obsolete,
    /// Claim and send this mail, made of these fields.
    Send(Mail, BTreeMap<String, String>),
}

impl DrainReport {
    /// Number of notices that the drain handled.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sent + self.later + self.dead + self.undeliverable + self.obsolete + self.unclear + self.failed
    }

    fn add(&mut self, handled: Handled) {
        match handled.outcome {
            NoticeState::Sent => self.sent += 1,
            NoticeState::Unclear => self.unclear += 1,
            NoticeState::Dead => self.dead += 1,
            NoticeState::Undeliverable => self.undeliverable += 1,
            NoticeState::Obsolete => self.obsolete += 1,
            NoticeState::Queued | NoticeState::Claimed => self.later += 1,
        }
        self.handled.push(handled);
    }
}

impl Handled {
    fn new(notice: &StoredNotice, outcome: NoticeState) -> Self {
        Self { id: notice.id.clone(), kind: notice.kind, outcome }
    }
}

/// Sends notices that are due, in their order, until their seconds are over.
///
/// # Errors
/// [`Error`] where the store failed for several notices in a row. A mail that was sent and whose outcome could not be stored
/// becomes unclear when its claim ends.
pub async fn drain(
    store: &Store,
    mailer: &Mailer,
    policy: &DunningPolicy,
    moment: InvocationTime,
    due: DueNotices,
) -> Result<DrainReport, Error> {
    let failures = FailuresInARow::default();
    let report = DrainReport { oldest: due.notices.first().and_then(|notice| notice.due_at), ..DrainReport::default() };
    let mut drain = DrainContext { store, mailer, policy, moment, pace: mailer.pace(), failures, report };
    let mut table_failures = TableFailures::default();
    for (count, notice) in due.notices.into_iter().enumerate() {
        if count >= LIMIT || moment.stopwatch.elapsed().as_secs() >= due.seconds {
            drain.report.stopped = Some(StopReason::Limit);
            return Ok(drain.report);
        }
        let id = notice.notice.id.clone();
        let handled = drain.handle(notice).await;
        table_failures.add(handled.as_ref().err());
        if let Err(error) = handled {
            if table_failures.is_table_down() {
                return Err(error);
            }
            tracing::error!(notice = id, error = error_chain(&error), "a notice could not be handled");
            drain.report.failed += 1;
        }
        if drain.failures.count >= SAME_FAILURES {
            tracing::error!(reason = drain.failures.reason, "mails fail for one reason; the next run continues");
            drain.report.stopped = Some(StopReason::MailProvider);
            return Ok(drain.report);
        }
    }
    Ok(drain.report)
}

/// One drain in progress.
struct DrainContext<'a> {
    store: &'a Store,
    mailer: &'a Mailer,
    policy: &'a DunningPolicy,
    moment: InvocationTime,
    pace: Pace,
    failures: FailuresInARow,
    report: DrainReport,
}

/// Latest attempts that failed for the same reason, without another one in between.
#[derive(Debug, Default)]
struct FailuresInARow {
    reason: String,
    count: usize,
}

impl FailuresInARow {
    fn add(&mut self, attempt: &NoticeAttempt) {
        if attempt.state == NoticeState::Sent {
            *self = Self::default();
        } else if attempt.detail == self.reason {
            self.count += 1;
        } else {
            *self = Self { reason: attempt.detail.clone(), count: 1 };
        }
    }
}

impl DrainContext<'_> {
    async fn handle(&mut self, mut due: DueNotice) -> Result<(), Error> {
        let (state, detail) = match self.plan(&due.notice).await? {
            Plan::Send(..) if self.store.is_dry_run() => {
                self.report.add(Handled::new(&due.notice, NoticeState::Sent));
                return Ok(());
            }
            Plan::Send(mail, fields) => {
                due.notice.fields = fields;
                return self.send(due, &mail).await;
            }
            Plan::Unknown => (NoticeState::Unclear, "claimed without a recorded outcome".to_owned()),
            Plan::Dead(error) => (NoticeState::Dead, error.to_string()),
            Plan::Undeliverable(feedback) => {
                self.notify_staff(&due.notice, &feedback).await?;
                (NoticeState::Undeliverable, feedback.to_string())
            }
            Plan::Obsolete => (NoticeState::Obsolete, "no longer true".to_owned()),
        };
        // Of an undeliverable one staff were notified, and there may be many; an obsolete one is no fault.
        if matches!(state, NoticeState::Undeliverable | NoticeState::Obsolete) {
            tracing::info!(notice = due.notice.id, outcome = state.name(), detail, "a mail is not sent");
        } else {
            tracing::error!(notice = due.notice.id, outcome = state.name(), detail, "a mail is not sent");
        }
        let handled = Handled::new(&due.notice, state);
        let attempt = NoticeAttempt { state, detail, at: self.moment.wall_now(), again_at: None };
        self.store.billing.record_notice_attempt(due, attempt).await?;
        self.report.add(handled);
        Ok(())
    }

    async fn plan(&self, notice: &StoredNotice) -> Result<Plan, Error> {
        if notice.state == NoticeState::Claimed {
            return Ok(Plan::Unknown);
        }
        if let Recipient::Customer(address) = &notice.to
            && let Some(block) = self.store.billing.address_block(address).await?
        {
            return Ok(Plan::Undeliverable(block));
        }
        let (mut fields, mut token) = (notice.fields.clone(), None);
        if let Recipient::Customer(address) = &notice.to
            && let Some(order) = self.store.billing.order_of(&notice.id).await?
        {
            let order = order.value;
            let is_true = is_still_true(notice.kind, &fields, &order, self.moment.wall_now());
            if !is_true || (notice.kind.says_free() && self.has_other_plan(&order).await?) {
                return Ok(Plan::Obsolete);
            }
            fields = refreshed(notice.kind, &fields, &order, self.policy);
            token = self.open_page(order.id, address).await?;
        }
        let mail = self.mailer.templates().render(notice.kind, &fields, token.as_deref());
        Ok(mail.map_or_else(Plan::Dead, |mail| Plan::Send(mail, fields)))
    }

    /// Opens a page for the customer of an order, and returns its token. Before the claim of the mail: a page without a mail
    /// does no harm.
    async fn open_page(&self, subscription: SubscriptionId, recipient: &EmailAddress) -> Result<Option<String>, Error> {
        if self.store.is_dry_run() {
            return Ok(None);
        }
        let token = match random::random_id(TOKEN_LENGTH) {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(error = error_chain(&error), "a mail leads to the business's page only");
                return Ok(None);
            }
        };
        let expires_at = self.moment.wall_now().plus_days(PAGE_DAYS);
        let recipient = Some(recipient_hash(&token, recipient));
        let page = CustomerPage { subscription, recipient, return_url: None, expires_at };
        self.store.billing.put_customer_page(&sha256_hex(&token), &page).await?;
        Ok(Some(token))
    }

    /// True if another order grants the customer a plan, so that no mail says FREE.
    async fn has_other_plan(&self, order: &Subscription) -> Result<bool, Error> {
        let live = self.store.billing.user(&order.user).await?.map(|user| user.live).unwrap_or_default();
        Ok(live.iter().any(|other| other.id != order.id && !other.plan.is_free()))
    }

    /// Notifies staff that the order of a notice has an address that takes no mail, once for each order and address.
    async fn notify_staff(&self, notice: &StoredNotice, feedback: &Feedback) -> Result<(), Error> {
        let order = NotificationId::parse(&notice.id).ok().and_then(|id| id.subscription().ok());
        if let Some(order) = order {
            self.store.billing.notify_undeliverable(&order, feedback, self.moment.wall_now()).await?;
        }
        Ok(())
    }

    async fn send(&mut self, due: DueNotice, mail: &Mail) -> Result<(), Error> {
        // Before the claim, so that its lease does not run while the mail waits.
        self.moment.sleep(self.pace.reserve(self.moment.stopwatch.elapsed())).await;
        // Read once: a lease that began before a slow claim ends earlier, which is safe.
        let at = self.moment.wall_now();
        let claimed = self.store.billing.claim_notice(due, at, at.plus_minutes(LEASE_MINUTES)).await?;
        let Some(claimed) = claimed else { return Ok(()) };
        let outcome = self.mailer.send(&claimed.notice, mail).await;
        let attempted = Attempted { first: claimed.notice.first_attempt_at.unwrap_or(at), at };
        if attempted.is_held_back(&outcome) {
            self.report.held_back += 1;
        }
        let attempt = attempted.result(outcome);
        let handled = Handled::new(&claimed.notice, attempt.state);
        self.failures.add(&attempt);
        tracing::info!(
            notice = claimed.notice.id,
            kind = claimed.notice.kind.name(),
            outcome = attempt.state.name(),
            detail = attempt.detail,
            "mail handled"
        );
        self.store.billing.record_notice_attempt(claimed, attempt).await?;
        self.report.add(handled);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_in_a_row_and_of_one_reason_only() {
        let mut failures = FailuresInARow::default();
        let mut count = |state: NoticeState, detail: &str| {
            let detail = detail.to_owned();
            failures.add(&NoticeAttempt { state, detail, at: Timestamp::EPOCH, again_at: None });
            failures.count
        };
        assert_eq!(count(NoticeState::Queued, "a"), 1);
        assert_eq!(count(NoticeState::Queued, "a"), 2);
        assert_eq!(count(NoticeState::Dead, "b"), 1);
        assert_eq!(count(NoticeState::Unclear, "b"), 2);
        assert_eq!(count(NoticeState::Sent, "b"), 0);
        assert_eq!(count(NoticeState::Queued, "b"), 1);
    }
}
