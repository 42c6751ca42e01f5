//! Sends the notices that are due: claim, send, record the outcome. Only the outbox ever repeats a send.

use crate::domain::billing::notices::{NoticeKind, NoticeState};
use crate::domain::values::send_outcome::SendOutcome;
use crate::domain::values::time::Timestamp;
use crate::mail::mailer::Mailer;
use crate::mail::render;
use crate::mail::render::Mail;
use crate::platform::clock::InvocationTime;
use crate::store::billing::notices::DueNotice;
use crate::store::billing::notices::StoredNotice;
use crate::store::{Error, Store};

/// Minutes after which a claim ends; the run that made it then counts as crashed.
const LEASE_MINUTES: i64 = 2;
/// Minutes to the next attempt, by attempts made; after the last one a notice is dead.
const BACKOFF_MINUTES: [i64; 8] = [5, 10, 30, 60, 120, 240, 480, 720];
/// Most notices that one drain sends.
const LIMIT: usize = 500;

/// Result of a drain; of a dry run, what a drain would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Notices that the provider accepted.
    pub sent: u64,
    /// Notices with a further attempt ahead.
    pub later: u64,
    /// Notices without a further attempt.
    pub dead: u64,
    /// Notices whose outcome is unknown.
    pub unclear: u64,
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

/// Next step for a due notice.
enum Plan {
    /// Its claim expired without an outcome: the run that claimed it may have sent it, and a customer gets no mail twice.
    Unknown,
    /// Its template cannot be filled.
    Dead(render::Error),
    /// Claim and send this mail.
    Send(Mail),
}

impl DrainReport {
    /// Number of notices that the drain handled.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sent + self.later + self.dead + self.unclear
    }

    fn add(&mut self, notice: &StoredNotice, outcome: NoticeState) {
        match outcome {
            NoticeState::Sent => self.sent += 1,
            NoticeState::Unclear => self.unclear += 1,
            NoticeState::Dead => self.dead += 1,
            NoticeState::Queued | NoticeState::Claimed => self.later += 1,
        }
        self.handled.push(Handled { id: notice.id.clone(), kind: notice.kind, outcome });
    }
}

/// Sends the notices that are due, for at most `seconds`. Without a due notice it costs one query.
///
/// # Errors
/// [`Error`] where the store failed; the outcome of every mail that was sent before is recorded.
pub async fn drain(store: &Store, mailer: &Mailer, moment: InvocationTime, seconds: u64) -> Result<DrainReport, Error> {
    let mut drain = DrainContext { store, mailer, moment, report: DrainReport::default() };
    let (mut count, mut cursor) = (0, None);
    loop {
        let page = store.billing.due_notices(moment.wall, cursor).await?;
        drain.report.oldest = drain.report.oldest.or(page.oldest);
        for notice in page.items {
            count += 1;
            if count > LIMIT || moment.stopwatch.elapsed().as_secs() >= seconds {
                return Ok(drain.report);
            }
            drain.handle(notice).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(drain.report);
        }
    }
}

/// One drain in progress.
struct DrainContext<'a> {
    store: &'a Store,
    mailer: &'a Mailer,
    moment: InvocationTime,
    report: DrainReport,
}

/// State of a notice after an attempt, with the detail that is stored and the time of the next attempt.
struct Settlement {
    state: NoticeState,
    detail: String,
    again_at: Option<Timestamp>,
}

impl DrainContext<'_> {
    async fn handle(&mut self, due: DueNotice) -> Result<(), Error> {
        let (state, detail) = match plan(&due.notice) {
            Plan::Send(_) if self.store.is_dry_run() => {
                self.report.add(&due.notice, NoticeState::Sent);
                return Ok(());
            }
            Plan::Send(mail) => return self.send(due, &mail).await,
            Plan::Unknown => (NoticeState::Unclear, "claimed without a recorded outcome".to_owned()),
            Plan::Dead(error) => (NoticeState::Dead, error.to_string()),
        };
        tracing::error!(notice = due.notice.id, outcome = state.name(), detail, "a mail is not sent");
        self.report.add(&due.notice, state);
        self.store.billing.record_notice_outcome(due, state, Some(detail), None).await.map(|_| ())
    }

    async fn send(&mut self, due: DueNotice, mail: &Mail) -> Result<(), Error> {
        // Read once: a lease that began before a slow claim ends earlier, which is safe.
        let wall = self.moment.wall_now();
        let lease_until = wall.plus_minutes(LEASE_MINUTES);
        let Some(claimed) = self.store.billing.claim_notice(due, lease_until).await? else { return Ok(()) };
        let outcome = self.mailer.send(&claimed.notice.to, mail).await;
        let Settlement { state, detail, again_at } = settlement(outcome, claimed.notice.attempts, wall);
        self.report.add(&claimed.notice, state);
        tracing::info!(
            notice = claimed.notice.id,
            kind = claimed.notice.kind.name(),
            outcome = state.name(),
            detail,
            "mail handled"
        );
        self.store.billing.record_notice_outcome(claimed, state, Some(detail), again_at).await.map(|_| ())
    }
}

fn plan(notice: &StoredNotice) -> Plan {
    if notice.state == NoticeState::Claimed {
        return Plan::Unknown;
    }
    match render::render(notice.kind, &notice.fields) {
        Ok(mail) => Plan::Send(mail),
        Err(error) => Plan::Dead(error),
    }
}

fn settlement(outcome: SendOutcome, attempts: u32, wall: Timestamp) -> Settlement {
    let (state, detail, again_at) = match outcome {
        SendOutcome::Sent { id, .. } => (NoticeState::Sent, id.unwrap_or_default(), None),
        SendOutcome::Refused { reason, .. } => (NoticeState::Dead, reason, None),
        SendOutcome::Unknown { reason } => (NoticeState::Unclear, reason, None),
        SendOutcome::NotSent { reason, .. } => {
            let made = usize::try_from(attempts).unwrap_or(usize::MAX).saturating_sub(1);
            match BACKOFF_MINUTES.get(made) {
                Some(minutes) => (NoticeState::Queued, reason, Some(wall.plus_minutes(*minutes))),
                None => (NoticeState::Dead, reason, None),
            }
        }
    };
    Settlement { state, detail, again_at }
}
